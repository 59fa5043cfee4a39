"""A training that the user may stop, and its result on disk, checked."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from sirensong.cli.arguments import open_carrier
from sirensong.cli.console import print_note
from sirensong.cli.outputs import Files
from sirensong.cli.planning import Request, note_quality
from sirensong.cli.progress import training_bar
from sirensong.cli.reporting import report
from sirensong.errors import FormatError, SirensongError, StoppedError
from sirensong.hide import Hidden, discard_checkpoint
from sirensong.hide import hide as train
from sirensong.network.mask import Mask, read_mask
from sirensong.training.options import Progress
from sirensong.verify import measure_all, shortfalls

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def make(request: Request, files: Files, started: float, *, json: bool) -> None:
    """Train, write, read back, measure, and tell.

    Args:
        request: what is to be made.
        files: where it is written.
        started: when the command began (time.monotonic).
        json: print the measurements as JSON.

    Raises:
        StoppedError: the user stopped it.
        SirensongError: a picture is much worse than training reported.
    """
    hidden = _train(request, files)
    mask = _save(hidden, files)
    stego = open_carrier(files.output)
    keys = [None, *hidden.keys]
    pairs = zip(request.expected, keys, strict=True)
    bound = [replace(picture, key=key) for picture, key in pairs]
    try:
        measured = measure_all(stego, bound, mask)
    except FormatError as error:
        files.output.unlink()
        discard_checkpoint(files.checkpoint)
        raise SirensongError(
            f"{error.message}: {files.output} was not kept",
            hint="a higher --quality, more --steps or a larger cover holds the file",
        ) from None
    report(
        request.command,
        files.output,
        stego,
        measured,
        json=json,
        seconds=time.monotonic() - started,
    )
    note_quality(request, measured)
    lost = shortfalls(measured, hidden.psnr)
    if lost:
        kept = f"{files.output} and {files.checkpoint} are kept"
        raise SirensongError("; ".join(lost), hint=f"this is a defect, please report it: {kept}")
    discard_checkpoint(files.checkpoint)


def _train(request: Request, files: Files) -> Hidden:
    last: Progress | None = None
    try:
        with training_bar(len(request.secrets)) as show, stoppable() as stopped:

            def on_progress(event: Progress) -> bool:
                nonlocal last
                last = event
                show(event)
                return not stopped()

            options = replace(request.options, on_progress=on_progress)
            return train(**request.arguments(), options=options)
    except (StoppedError, KeyboardInterrupt):
        raise _interrupted(files, last) from None


def _interrupted(files: Files, last: Progress | None) -> StoppedError:
    """Say what is kept of a run that the user has stopped."""
    if not files.checkpoint.exists():
        return StoppedError("interrupted: nothing is kept")
    kept = f"kept in {files.checkpoint}"
    if last is not None:
        under_way = min(last.tiles_at_once, last.tiles - last.tiles_done)
        tiles = f"{last.tiles_done} of {last.tiles} tiles are done and {under_way} under way"
        kept = f"{tiles}, {kept}"
    return StoppedError(
        f"interrupted: {kept}", hint="the same command with --resume goes on from here"
    )


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Take the first Ctrl-C or SIGTERM as a wish, and the second as an order.

    Yields:
        Whether the wish was heard.

    Raises:
        KeyboardInterrupt: at the second signal.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        for number in heard:
            signal.signal(number, before[number])


def _save(hidden: Hidden, files: Files) -> Mask | None:
    """Write the carrier. Returns its mask, read back as a receiver would, if it has one."""
    written = hidden.save(files.output, overwrite=files.overwrite)
    if written is None:
        return None
    dense = hidden.stego.grid.tiles * hidden.stego.architecture.matrix_entries // 8
    print_note(
        f"{written}: {written.stat().st_size} bytes (the dense mask is {dense}); "
        "whoever has it sees outlines of the secrets"
    )
    return read_mask(written)
