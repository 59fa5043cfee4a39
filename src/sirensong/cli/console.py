"""What the command prints: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from sirensong.keys.pair import IDENTITY_PREFIX
from sirensong.keys.secret import PREFIX
from sirensong.verify import Measured, ReadBack

LINE_EVERY = 10.0
"""Seconds between two lines of progress where no terminal shows a bar."""

out = Console(highlight=False, soft_wrap=True)
err = Console(highlight=False, soft_wrap=True, stderr=True)
_notes = Console(highlight=False, soft_wrap=True, stderr=True)

_KEY_TEXT = re.compile(f"({PREFIX}|{IDENTITY_PREFIX})[a-z0-9]+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Advance = Callable[[str, int, int], None]
"""Called with (what is counted, how many are done, how many there are)."""


def set_quiet(quiet: bool) -> bool:
    """Print no notes and no progress from now on, or do again. Returns what was given."""
    _notes.quiet = quiet
    return quiet


def shows_bars() -> bool:
    """Whether progress is shown as bars: on a terminal, unless the user wants it quiet."""
    return err.is_terminal and not _notes.quiet


def print_error(message: str, hint: str | None) -> None:
    """Print a line that says what is wrong, and one that says what to do.

    Args:
        message: may quote what the user typed or a file says; the text of a key is never shown.
        hint: None for none.
    """
    shown = _KEY_TEXT.sub(r"\1...", message)
    err.print(f"sirensong: error: {_in_one_line(shown)}", markup=False)
    if hint:
        err.print(f"hint: {_in_one_line(hint)}", markup=False)


def print_note(message: str) -> None:
    """Print a line for the user that is neither result nor error."""
    _notes.print(f"note: {_in_one_line(message)}", markup=False)


def _in_one_line(text: str) -> str:
    """With control characters as escapes: a file that is quoted cannot steer the terminal."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def print_json(value: Any) -> None:
    """Print a result for machines, on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def print_facts(title: str, facts: dict[str, Any], *, json: bool) -> None:
    """Print numbers with their names, as a table or as JSON."""
    if json:
        print_json(facts)
        return
    table = Table(
        show_header=False, box=None, title=escape(title), title_justify="left", title_style="bold"
    )
    for name, value in facts.items():
        text = f"{value:,}" if isinstance(value, int) and value > 9999 else str(value)
        table.add_row(name.replace("_", " "), text)
    out.print(table)


def quality_table(measured: Sequence[Measured | ReadBack], title: str) -> None:
    """Print PSNR, SSIM, RMSE and MAE, a row a picture; two where it was made smaller; and files."""
    pictures = [one for one in measured if isinstance(one, Measured)]
    table = Table(title=escape(title), title_justify="left", title_style="bold")
    table.add_column("picture", overflow="fold")
    for column in ("PSNR dB", "SSIM", "RMSE", "MAE"):
        table.add_column(column, justify="right")
    for picture in pictures:
        rows = [(picture.name, picture.quality)]
        if picture.original is not None:
            rows.append(("  against the original, enlarged back", picture.original))
        for name, quality in rows:
            ssim = "-" if math.isnan(quality.ssim) else f"{quality.ssim:.4f}"
            numbers = (f"{value:.2f}" for value in (quality.rmse, quality.mae))
            table.add_row(escape(name), f"{quality.psnr:.2f}", ssim, *numbers)
    if pictures:
        out.print(table)
    for file in measured:
        if isinstance(file, ReadBack):
            out.print(
                f"{file.name}: {file.size} bytes, read back exactly; "
                f"{file.mended} of {file.coded} bytes of its code were mended",
                markup=False,
            )


_Thing = TypeVar("_Thing")


def tracked(things: Sequence[_Thing], what: str) -> Iterator[_Thing]:
    """Yield the same things, and show how many are done."""
    with counting() as advance:
        for index, thing in enumerate(things):
            advance(what, index, len(things))
            yield thing


@contextmanager
def counting() -> Iterator[Advance]:
    """Show how far some long loops are: bars on a terminal, a line every 10 seconds elsewhere.

    Yields:
        What is to be called whenever something is done.
    """
    if not shows_bars():
        lines = Lines()
        yield lambda what, done, total: lines.show(f"{what}: {done} of {total}")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[detail]}"))
    with Progress(*columns, console=err, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(escape(what), detail="")
            bar.update(tasks[what], completed=done, total=total, detail=f"{done}/{total}")

        yield advance


class Lines:
    """Prints a note where the last one is 10 seconds old."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, line: str) -> None:
        """Print the line if it is time for one."""
        if time.monotonic() - self._last >= LINE_EVERY:
            self._last = time.monotonic()
            _notes.print(line, markup=False)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {rest:02} s"
    return f"{rest} s"
