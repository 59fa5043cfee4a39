"""sirensong hide --batch: a folder's worth of carriers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sirensong.batch import Order, Outcome, read_jobs, run_jobs
from sirensong.carrier.file import load
from sirensong.cli.arguments import RUNNING
from sirensong.cli.console import counting, err, out, print_note
from sirensong.cli.keys import WHAT
from sirensong.cli.reporting import carrier_facts, print_result
from sirensong.errors import FileError, SettingError, SirensongError
from sirensong.verify import Measured, ReadBack

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        help="processes that work at once",
        show_default="one a core",
        rich_help_panel=RUNNING,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="tcp://HOST:PORT",
        help="a Dask scheduler whose workers do it",
        show_default="this machine",
        rich_help_panel=RUNNING,
    ),
]


@dataclass(frozen=True)
class BatchOptions:
    """Many carriers from one list."""

    batch: Annotated[
        Path | None,
        typer.Option(
            "--batch",
            help="a CSV list of jobs, output,cover,secrets; -o is then a folder",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None
    workers: Workers = None
    cluster: Cluster = None


def check_workers(workers: int | None) -> None:
    """Refuse a number of workers that cannot be.

    Raises:
        SettingError: there is less than one.
    """
    if workers is not None and workers < 1:
        raise SettingError(f"workers must be at least 1, got {workers}")


def refuse_single(*given: object) -> None:
    """Refuse options that make sense for a single carrier only.

    Args:
        given: what each of them is; false in a boolean context if it was not given.

    Raises:
        SettingError: one was given.
    """
    if any(given):
        raise SettingError(
            "--batch takes cover and secrets from its list",
            hint="--seconds, --psnr, --bytes, --checkpoint, --resume, --dry-run, --overwrite and "
            "--passphrase-memory do not go with it either",
        )


def run_batch(options: BatchOptions, folder: Path, order: Order, *, json: bool) -> None:
    """Do all jobs of a list, and tell what became of each.

    What is finished is not done again. A job that fails is told of at the end, the rest are done.

    Args:
        options: the list, and who works on it.
        folder: for the carriers.
        order: how each is made.
        json: print the outcomes as JSON.

    Raises:
        FileError: there is no such list or folder.
        FormatError: the list is not one.
        SettingError: there are no workers.
        SirensongError: a job failed; after all others are done.
    """
    started = time.monotonic()
    check_workers(options.workers)
    if options.batch is None or not folder.is_dir():
        raise FileError(f"no folder {folder}", hint="make it first; -o is a folder with --batch")
    jobs, outcomes = read_jobs(options.batch, folder)
    total = len(jobs) + len(outcomes)
    with counting() as advance:
        advance("carriers", 0, len(jobs))
        running = run_jobs(jobs, order, workers=options.workers, cluster=options.cluster)
        for done, outcome in enumerate(running, start=1):
            outcomes.append(outcome)
            advance("carriers", done, len(jobs))
            for note in outcome.notes:
                print_note(note)
    outcomes.sort(key=lambda outcome: outcome.output)
    if json:
        jobs_done = [_as_json(folder, outcome) for outcome in outcomes]
        print_result("hide", {"seconds": time.monotonic() - started, "jobs": jobs_done})
    else:
        _print(outcomes)
    failed = sum(outcome.error is not None for outcome in outcomes)
    if failed:
        raise SirensongError(
            f"{failed} of {total} jobs failed", hint="run the same command again for what is left"
        )


def _as_json(folder: Path, outcome: Outcome) -> dict[str, Any]:
    path = folder / outcome.output
    facts: dict[str, Any] = {"file": str(path), "error": outcome.error}
    if outcome.error is None:
        facts |= carrier_facts(path, load(path))
    return facts | {
        "done_before": outcome.done_before,
        "seconds": outcome.seconds,
        "pictures": [picture.as_json() for picture in outcome.pictures],
    }


def _print(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.error is not None:
            err.print(f"{outcome.output}: failed: {outcome.error}", markup=False)
        elif outcome.done_before:
            out.print(f"{outcome.output}: done before", markup=False)
        else:
            psnr = " / ".join(map(_short, outcome.pictures))
            out.print(f"{outcome.output}: PSNR {psnr} dB", markup=False)


def _short(found: Measured | ReadBack) -> str:
    """PSNR of a picture; of a file that it came back."""
    return f"{found.quality.psnr:.2f}" if isinstance(found, Measured) else "exact"
