"""sirensong reproduce: the paper's experiments, each by its name, and all of them with a report."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sirensong.cli.arguments import Quiet
from sirensong.cli.batching import Cluster, Workers, check_workers
from sirensong.cli.console import counting, err, out
from sirensong.errors import FileError, SettingError
from sirensong.files import file_errors
from sirensong.lab.reproduce import ablations, attacks, random_keys, siastegnet, sizes, visual
from sirensong.lab.reproduce.report import markdown_table, write_report
from sirensong.lab.reproduce.study import RECIPES, Experiment, Shown, Study, Table, run_items
from sirensong.training.recipe import find_recipe

_QUICK = 2  # sets of pictures
_MODULES = (visual, sizes, ablations, attacks, siastegnet, random_keys)


def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help="table1, table2, table3, fig6, fig7, fig8, fig9, fig10, fig11, fig12a, fig12b, "
            "fig13, fig14, or all",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="folder for results and report")
    ] = Path("results"),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="a folder with celebahq, coco and div2k",
            show_default="scikit-image's photographs",
        ),
    ] = None,
    images: Annotated[
        int, typer.Option("--images", help="N: sets of pictures for each number")
    ] = 10,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="fast|paper", help="how to train; wrong keys are not")
    ] = "fast",
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="small N, so that all of them take minutes; the report says so"
        ),
    ] = False,
    workers: Workers = None,
    cluster: Cluster = None,
    quiet: Quiet = False,  # noqa: ARG001
) -> None:
    """Repeat an experiment of the paper, and report it beside the paper's numbers.

    Results are in NAME.jsonl; what is finished is not done again.
    """
    started = time.monotonic()
    chosen = _experiments(name)
    study = _study(output, data, _QUICK if quick else images, recipe)
    check_workers(workers)
    sections: list[tuple[str, list[Shown]]] = []
    with counting() as advance:
        for experiment in chosen:
            tell = partial(advance, experiment.name)
            results = run_items(experiment, study, workers=workers, cluster=cluster, advance=tell)
            sections.append((experiment.name, list(experiment.show(results))))
    scale = f"N = {study.images}"
    if quick:
        scale = f"quick: {scale}, too small to conclude from"
    source = "own data" if data else "scikit-image"
    heading = f"Sirensong: the paper's experiments ({scale}; recipe {recipe}; {source})"
    report = write_report(output, heading, sections)
    for _, shown in sections:
        for table in shown:
            if isinstance(table, Table):
                out.print(f"{table.title}\n\n{markdown_table(table)}\n", markup=False)
    page, seconds = report.with_suffix(".html").name, time.monotonic() - started
    err.print(f"{report}, {page} ({seconds:.0f} s)", markup=False)


def _experiments(name: str) -> list[Experiment[Study]]:
    """The experiments of a name, in the paper's order."""
    every = [experiment for module in _MODULES for experiment in module.EXPERIMENTS]
    every.sort(key=lambda experiment: experiment.place)
    known = {experiment.name: experiment for experiment in every}
    if name == "all":
        return every
    if name not in known:
        raise SettingError(f"experiments are {', '.join(known)} and all, got {name!r}")
    return [known[name]]


def _study(output: Path, data: Path | None, images: int, recipe: str) -> Study:
    """Settings as the user gave them, and a folder for results."""
    chosen = RECIPES.get(recipe) or find_recipe(recipe)
    study = Study(data, images, chosen, output)
    if images < 1:
        raise SettingError(f"images must be at least 1, got {images}")
    if data is not None and not data.is_dir():
        raise FileError(f"no folder {data}")
    with file_errors("make", output):
        output.mkdir(parents=True, exist_ok=True)
    return study
