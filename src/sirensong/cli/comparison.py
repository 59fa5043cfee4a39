"""sirensong compare: every scheme on the same pictures."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sirensong.cli.arguments import Quiet
from sirensong.cli.console import counting, err, out
from sirensong.errors import FileError, SettingError
from sirensong.files import file_errors
from sirensong.lab.compare.contenders import Absence, prepare
from sirensong.lab.compare.contest import Contest
from sirensong.lab.compare.entries import choose
from sirensong.lab.compare.processes import Processes
from sirensong.lab.compare.running import comparison, write_comparison
from sirensong.lab.reproduce.study import run_items

_LONG = "takes hours or days a set; --methods {scheme}:{variant}:{secrets} runs it"
_WEIGHTS = Path("benchmarks/weights")
_SMALLEST, _LARGEST = 16, 4096


def compare(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="folder for results and report")
    ] = Path("comparison"),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="a folder of pictures, or one with coco and div2k",
            show_default="scikit-image's photographs",
        ),
    ] = None,
    sets: Annotated[int, typer.Option("--sets", help="N: sets of pictures of each data set")] = 10,
    size: Annotated[int, typer.Option("--size", help="side of the pictures in pixels")] = 256,
    methods: Annotated[
        str,
        typer.Option(
            "--methods",
            metavar="all|METHOD,METHOD:VARIANT,METHOD:VARIANT:SECRETS,...",
            help="what to run; all leaves out what takes hours",
        ),
    ] = "all",
    weights: Annotated[
        Path,
        typer.Option("--weights", help="folder with METHOD-VARIANT-SECRETS.safetensors files"),
    ] = _WEIGHTS,
    detect: Annotated[
        int,
        typer.Option(
            "--detect",
            min=0,
            help="pairs of a cover and its stego picture from which a detector learns to tell "
            "them, a second or two each; 0 for none",
        ),
    ] = 0,
    detect_functions: Annotated[
        int,
        typer.Option(
            "--detect-functions",
            min=0,
            help="the same for schemes whose file is a function: pairs of one with secrets and one "
            "without, a minute of training a pair at 64x64 and many at 256x256; 0 for none",
        ),
    ] = 0,
    quiet: Quiet = False,  # noqa: ARG001
) -> None:
    """Let every scheme hide the same pictures, and report all of them side by side.

    Results are in compare.jsonl; what is finished is not done again.
    """
    started = time.monotonic()
    contest = _contest(data, sets, size, output)
    chosen, left = choose(methods)
    if weights != _WEIGHTS and not weights.is_dir():
        raise FileError(f"no folder {weights}")
    contenders, absent = prepare(chosen, weights, size)
    absent += [Absence(entry, _LONG.format(**vars(entry))) for entry in left]
    with counting() as advance, Processes() as processes:
        experiment = comparison(contenders, absent, processes, detect, detect_functions)
        results = run_items(experiment, contest, advance=partial(advance, experiment.name))
    names = ", ".join(contest.data_sets())
    heading = f"Sirensong: schemes compared (N = {sets} of {names}; {size}x{size})"
    report, table = write_comparison(results, heading, experiment.show(results))
    out.print(f"{report}, {report.with_suffix('.html').name}, {table.name}", markup=False)
    missing = f"{len(absent)} rows were not run, the report says why; " if absent else ""
    err.print(f"{missing}{time.monotonic() - started:.0f} s", markup=False)


def _contest(data: Path | None, sets: int, size: int, output: Path) -> Contest:
    """Settings as the user gave them, and a folder for results."""
    if sets < 1:
        raise SettingError(f"sets must be at least 1, got {sets}")
    if not _SMALLEST <= size <= _LARGEST:
        raise SettingError(f"the size must be {_SMALLEST} to {_LARGEST} pixels, got {size}")
    contest = Contest(data, sets, size, output)
    contest.data_sets()  # before anything is made
    with file_errors("make", output):
        output.mkdir(parents=True, exist_ok=True)
    return contest
