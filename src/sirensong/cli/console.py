"""What the command prints: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from sirensong.metrics import Quality
from sirensong.training.progress import Listener
from sirensong.training.progress import Progress as TrainingProgress

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


def quality_table(rows: Iterable[tuple[str, Quality]], title: str) -> None:
    """A table of PSNR, SSIM, RMSE and MAE, a row a picture."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("picture", overflow="fold")
    for column in ("PSNR dB", "SSIM", "RMSE", "MAE"):
        table.add_column(column, justify="right")
    for name, quality in rows:
        ssim = "-" if math.isnan(quality.ssim) else f"{quality.ssim:.4f}"
        table.add_row(escape(name), f"{quality.psnr:.2f}", ssim, f"{quality.rmse:.2f}", f"{quality.mae:.2f}")
    out.print(table)


_STAGES = {"cover": "cover function", "joint": "all functions"}


@contextmanager
def training_bar(secrets: int) -> Iterator[Listener | None]:
    """A live display of training on a terminal: stage, step, PSNR of each picture, time left. Quiet elsewhere.

    secrets: how many secret pictures there are. Yields what training is to call.
    """
    if not err.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[detail]}"))
    with Progress(*columns, console=err, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(event: TrainingProgress) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = bar.add_task(_STAGES[event.stage], detail="")
            names = ["stego" if secrets else "cover", *(f"secret {index}" for index in range(1, secrets + 1))]
            psnr = "  ".join(f"{name} {value:.1f}" for name, value in zip(names, event.psnr, strict=False))
            left = "" if event.seconds_left is None else f"  {_duration(event.seconds_left)} left"
            tiles = "" if event.tiles == 1 else f"tile {event.tiles_done + 1} of {event.tiles}  "
            detail = f"{tiles}step {event.step}/{event.steps}  {psnr} dB{left}"
            bar.update(tasks[event.stage], total=max(event.steps, 1), completed=event.step, detail=detail)

        yield show


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
