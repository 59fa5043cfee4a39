"""What the command prints: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, track
from rich.table import Table

from sirensong.pictures.metrics import Quality
from sirensong.training.options import OnProgress
from sirensong.training.options import Progress as TrainingProgress

out = Console(highlight=False, soft_wrap=True)
err = Console(highlight=False, soft_wrap=True, stderr=True)


def print_error(message: str, hint: str | None) -> None:
    """One line that says what is wrong, and one that says what to do."""
    err.print(f"sirensong: error: {message}", markup=False)
    if hint:
        err.print(f"hint: {hint}", markup=False)


def print_note(message: str) -> None:
    """A line for the user that is neither result nor error."""
    err.print(f"note: {message}", markup=False)


def print_json(value: Any) -> None:
    """A result for machines, on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def print_facts(title: str, facts: dict[str, Any], *, json: bool) -> None:
    """Numbers with their names, as a table or as JSON."""
    if json:
        print_json(facts)
        return
    table = Table(
        show_header=False, box=None, title=escape(title), title_justify="left", title_style="bold"
    )
    for name, value in facts.items():
        table.add_row(
            name.replace("_", " "),
            f"{value:,}" if isinstance(value, int) and value > 9999 else str(value),
        )
    out.print(table)


def quality_table(rows: Iterable[tuple[str, Quality]], title: str) -> None:
    """A table of PSNR, SSIM, RMSE and MAE, a row a picture."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("picture", overflow="fold")
    for column in ("PSNR dB", "SSIM", "RMSE", "MAE"):
        table.add_column(column, justify="right")
    for name, quality in rows:
        ssim = "-" if math.isnan(quality.ssim) else f"{quality.ssim:.4f}"
        table.add_row(
            escape(name), f"{quality.psnr:.2f}", ssim, f"{quality.rmse:.2f}", f"{quality.mae:.2f}"
        )
    out.print(table)


_Thing = TypeVar("_Thing")


def tracked(things: Sequence[_Thing], what: str) -> Iterable[_Thing]:
    """The same things, with a bar of how many are done on a terminal."""
    return track(things, what, console=err, transient=True, disable=not err.is_terminal)


_STAGES = {"cover": "cover function", "joint": "all functions"}


@contextmanager
def training_bar(secrets: int) -> Iterator[OnProgress | None]:
    """A live display of training on a terminal: stage, step, PSNR of each picture, time left. Quiet elsewhere.

    secrets: how many secret pictures there are. Yields what training is to call.
    """
    if not err.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        tasks: dict[str, TaskID] = {}
        first = [0.0, 0.0]  # tiles that were done when the display began, and when that was

        def show_tiles(event: TrainingProgress) -> None:
            if "tiles" not in tasks:
                tasks["tiles"] = bar.add_task(
                    "all tiles", detail="", total=event.tiles, completed=event.tiles_done
                )
                first[:] = [event.tiles_done, time.monotonic()]
            before, started = first
            done = event.tiles_done - before
            left = (
                (time.monotonic() - started) / done * (event.tiles - event.tiles_done)
                if done
                else None
            )
            detail = f"{event.tiles_done}/{event.tiles}{_left(left)}"
            bar.update(tasks["tiles"], completed=event.tiles_done, detail=detail)

        def show(event: TrainingProgress) -> None:
            if event.tiles_at_once < event.tiles:
                show_tiles(event)
            if event.stage not in tasks:
                tasks[event.stage] = bar.add_task(_STAGES[event.stage], detail="")
            names = [
                "stego" if secrets else "cover",
                *(f"secret {index}" for index in range(1, secrets + 1)),
            ]
            psnr = "  ".join(
                f"{name} {value:.1f}" for name, value in zip(names, event.psnr, strict=False)
            )
            detail = f"step {event.step}/{event.steps}  {psnr} dB{_left(event.seconds_left)}"
            bar.update(
                tasks[event.stage], total=max(event.steps, 1), completed=event.step, detail=detail
            )

        yield show


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"  {duration(seconds)} left"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02} min"
        if hours
        else f"{minutes} min {rest:02} s"
        if minutes
        else f"{rest} s"
    )
