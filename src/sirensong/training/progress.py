"""What training tells whoever listens: a terminal, a page, a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sirensong.network.siren import Weights


@dataclass(frozen=True)
class Progress:
    """How far training is.

    stage: "cover" or "joint". step, steps: within the stage. psnr: dB of each function on the batches since the last report, stego
    function first and decoys last; a batch is a sample of the pixels, so these are estimates. seconds_left: to the end of the
    stage, None if unknown. tiles_done, tiles_at_once, tiles: tiles whose training is over, those that are trained together now,
    and all there are.
    """

    stage: str
    step: int
    steps: int
    psnr: tuple[float, ...]
    seconds_left: float | None
    tiles_done: int = 0
    tiles_at_once: int = 1
    tiles: int = 1


Listener = Callable[[Progress], None]


def of_tiles(listener: Listener | None, tiles: range, all_tiles: int) -> Listener | None:
    """A listener that hears which tiles the progress is of."""
    if listener is None:
        return None
    return lambda progress: listener(
        replace(progress, tiles_done=tiles.start, tiles_at_once=len(tiles), tiles=all_tiles)
    )


Watcher = Callable[[int, range, Callable[[], list[Weights]]], None]
"""Sees joint steps: how many are done, of which tiles, and a function that copies these tiles' stego functions as they are then."""
