"""What the command shows of a training: bars on a terminal, a line every 10 seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from sirensong.cli import console
from sirensong.training.options import OnProgress
from sirensong.training.options import Progress as TrainingProgress

_STAGES = {"cover": "cover function", "joint": "all functions"}


@contextmanager
def training_bar(secrets: int) -> Iterator[OnProgress]:
    """Show training: stage, step, PSNR of each picture, time left.

    Live on a terminal, as a line every 10 seconds elsewhere.

    Args:
        secrets: how many secret pictures there are.

    Yields:
        What training is to call.
    """
    names = ["stego" if secrets else "cover", *(f"secret {n}" for n in range(1, secrets + 1))]
    if not console.shows_bars():
        yield _line_by_line(names)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console.err, transient=True) as bar:
        yield _on_bar(bar, names)


class _AllTiles:
    """Guesses when all tiles will be done, from those that were done since it first looked."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def text(self, event: TrainingProgress) -> str:
        """Tiles that are done of all, and the time left."""
        now = time.monotonic()
        if self._first is None:
            self._first = event.tiles_done, now
        before, started = self._first
        done = event.tiles_done - before
        left = None
        if done:
            left = (now - started) / done * (event.tiles - event.tiles_done)
        return f"{event.tiles_done} of {event.tiles}{_left(left)}"


def _line_by_line(names: list[str]) -> OnProgress:
    lines, all_tiles = console.Lines(), _AllTiles()

    def show(event: TrainingProgress) -> None:
        line = f"{_STAGES[event.stage]}: {_detail(event, names)}"
        if event.tiles_at_once < event.tiles:
            line = f"tiles {all_tiles.text(event)}; {line}"
        lines.show(line)

    return show


def _on_bar(bar: Progress, names: list[str]) -> OnProgress:
    tasks: dict[str, TaskID] = {}
    all_tiles = _AllTiles()

    def update(name: str, done: int, total: int, detail: str) -> None:
        if name not in tasks:
            tasks[name] = bar.add_task(name, detail="")
        bar.update(tasks[name], completed=done, total=max(total, 1), detail=detail)

    def show(event: TrainingProgress) -> None:
        if event.tiles_at_once < event.tiles:
            update("all tiles", event.tiles_done, event.tiles, all_tiles.text(event))
        update(_STAGES[event.stage], event.step, event.steps, _detail(event, names))

    return show


def _detail(event: TrainingProgress, names: list[str]) -> str:
    """Step and quality of the stage under way; decoys, which have no name, are left out."""
    pairs = zip(names, event.psnr, strict=False)
    psnr = ", ".join(f"{name} {value:.1f}" for name, value in pairs)
    return f"step {event.step} of {event.steps}, {psnr} dB{_left(event.seconds_left)}"


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f", about {console.duration(seconds)} left"
