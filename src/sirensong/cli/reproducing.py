"""sirensong reproduce: the paper's experiments, each by its name, and all of them with a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from sirensong.cli.batching import Cluster, Workers, check_workers
from sirensong.cli.console import err, out
from sirensong.errors import FileError, SettingError
from sirensong.files import told
from sirensong.training.recipe import RECIPES

_QUICK = 2  # sets of pictures


def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help="table1, table2, table3, fig6, fig7, fig8, fig9, fig10, fig11, fig12a, fig12b, fig13, fig14, or all",
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
            help="a folder with celebahq, coco and div2k  [default: scikit-image's photographs]",
        ),
    ] = None,
    images: Annotated[
        int, typer.Option("--images", help="N: sets of pictures for each number")
    ] = 10,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="fast|paper", help="how to train")
    ] = "fast",
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="small N, so that all of them take minutes; the report says so"
        ),
    ] = False,
    workers: Workers = None,
    cluster: Cluster = None,
) -> None:
    """Repeat an experiment of the paper, and report it beside the paper's numbers. What is finished is not done again."""
    from sirensong.lab.reproduce import ablations, attacks, random_keys, siastegnet, sizes, visual
    from sirensong.lab.reproduce.report import write_report
    from sirensong.lab.reproduce.study import Study, run_items

    modules = (visual, sizes, ablations, attacks, siastegnet, random_keys)
    every = [experiment for module in modules for experiment in module.EXPERIMENTS]
    known = {
        experiment.name: experiment
        for experiment in sorted(every, key=lambda experiment: experiment.place)
    }
    if name != "all" and name not in known:
        raise SettingError(f"experiments are {', '.join(known)} and all, got {name}")
    if recipe not in RECIPES:
        raise SettingError(f"recipe is {' or '.join(RECIPES)}, got {recipe}")
    if images < 1:
        raise SettingError(f"images must be at least 1, got {images}")
    check_workers(workers)
    if data is not None and not data.is_dir():
        raise FileError(f"no folder {data}")
    with told("make", output):
        output.mkdir(parents=True, exist_ok=True)
    study = Study(data, _QUICK if quick else images, RECIPES[recipe], output)
    parts, begun = [], time.monotonic()
    with _bar() as advance:
        for experiment in known.values() if name == "all" else [known[name]]:
            rows = run_items(
                experiment,
                study,
                workers=workers,
                cluster=cluster,
                advance=partial(advance, experiment.name),
            )
            parts.append((experiment.name, experiment.show(rows)))
    scale = (
        f"quick: N = {study.images}, too small to conclude from" if quick else f"N = {study.images}"
    )
    heading = f"Sirensong: the paper's experiments ({scale}; recipe {recipe}; {'own data' if data else 'scikit-image'})"
    report = write_report(output, heading, parts)
    out.print(
        f"{report}, {report.with_suffix('.html').name} ({time.monotonic() - begun:.0f} s)",
        markup=False,
    )


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A live display of each experiment's items on a terminal; quiet elsewhere."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        console=err,
    ) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, visible=err.is_terminal)
            bar.update(tasks[name], completed=done, total=total)

        yield advance
