"""sirensong hide --batch: a folder's worth of carriers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from sirensong.batch import Order, Outcome, read_jobs, run_jobs
from sirensong.cli.console import err, out, print_json, print_note
from sirensong.errors import FileError, SettingError, SirensongError

Workers = Annotated[
    int | None, typer.Option("--workers", help="processes that work at once  [default: one a core]")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler whose workers do it"
    ),
]


def check_workers(workers: int | None) -> None:
    """Raise SettingError for a number of workers that cannot be."""
    if workers is not None and workers < 1:
        raise SettingError(f"workers must be at least 1, got {workers}")


def refuse_single(*given: object) -> None:
    """Raise SettingError if an option that makes sense for a single carrier only is given with --batch."""
    if any(given):
        raise SettingError(
            "--batch takes cover and secrets from its list",
            hint="--seconds, --psnr, --checkpoint, --resume, --dry-run and --overwrite do not go with it either",
        )


def run_batch(
    path: Path, folder: Path, order: Order, *, workers: int | None, cluster: str | None, json: bool
) -> None:
    """Do all jobs of a list. What is finished is not done again; a job that fails is told of at the end, and the rest are done.

    Raises SirensongError after the report if any job failed.
    """
    check_workers(workers)
    if not folder.is_dir():
        raise FileError(f"no folder {folder}", hint="make it first; -o is a folder with --batch")
    jobs, outcomes = read_jobs(path, folder)
    total = len(jobs) + len(outcomes)
    with _bar(len(jobs)) as advance:
        for outcome in run_jobs(jobs, order, workers=workers, cluster=cluster):
            outcomes.append(outcome)
            advance(outcome)
            for note in outcome.notes:
                print_note(note)
    _report(sorted(outcomes, key=lambda outcome: outcome.output), json=json)
    failed = sum(outcome.error is not None for outcome in outcomes)
    if failed:
        raise SirensongError(
            f"{failed} of {total} jobs failed", hint="the same command does what is left again"
        )


@contextmanager
def _bar(jobs: int) -> Iterator[Callable[[Outcome], None]]:
    """A bar of jobs on a terminal, nothing elsewhere. Yields what is to be called with each outcome."""
    if not err.is_terminal:
        yield lambda _: None
        return
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("carriers", total=jobs)
        yield lambda outcome: bar.update(task, advance=1, description=outcome.output)


def _report(outcomes: list[Outcome], *, json: bool) -> None:
    if json:
        print_json({"jobs": [vars(outcome) for outcome in outcomes]})
        return
    for outcome in outcomes:
        if outcome.error is not None:
            err.print(f"{outcome.output}: failed: {outcome.error}", markup=False)
        elif outcome.psnr is None:
            out.print(f"{outcome.output}: done before", markup=False)
        else:
            out.print(
                f"{outcome.output}: PSNR {' / '.join(f'{value:.2f}' for value in outcome.psnr)} dB",
                markup=False,
            )
