"""What a training tells the page: how far it is, and the cover's render as it sharpens."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from typing import Any

from sirensong.carrier.mapped import empty_weights
from sirensong.hide import put_weights
from sirensong.network.rendering import Function, render_uint8
from sirensong.network.siren import Architecture, Layer, Weights
from sirensong.network.tiles import Grid
from sirensong.pictures.image import fit_within, to_pil
from sirensong.training.options import Progress

Tell = Callable[[dict[str, Any]], None]
"""Takes an event, which JSON can hold but for bytes of pictures."""

SIDE = 256
"""Pixels of the longer side of the picture that is shown."""

_SHARE = 0.02  # of the training's time that pictures may take
_LEAST = 0.7  # seconds between two pictures


class Live:
    """Turns what a training reports into events.

    Args:
        size: (height, width) of the cover, in pixels.
        grid: of its tiles.
        architecture: of each tile's function.
        shown: how many pictures have a name: the cover and the secrets, but no decoys.
        tell: takes the events.
    """

    def __init__(
        self,
        size: tuple[int, int],
        grid: Grid,
        architecture: Architecture,
        shown: int,
        tell: Tell,
    ) -> None:
        self._function = _Growing(grid, empty_weights(architecture, grid))
        self._size = fit_within(size, (SIDE, SIDE))
        self._shown, self._tell = shown, tell
        self._due, self._last = 0.0, False
        self._group: tuple[int, float] | None = None

    def on_progress(self, event: Progress) -> None:
        """Tell how far the training is."""
        self._last = event.stage == "joint" and event.step >= event.steps
        self._tell(
            {
                "event": "progress",
                "stage": event.stage,
                "step": event.step,
                "steps": event.steps,
                "psnr": [round(value, 2) for value in event.psnr[: self._shown]],
                "tiles_done": event.tiles_done,
                "tiles_at_once": event.tiles_at_once,
                "tiles": event.tiles,
                "seconds_left": self._seconds_left(event),
            }
        )

    def on_step(self, _: int, tiles: range, weights: Callable[[], Weights]) -> None:
        """Show the render, if it is time for it again: now and then, or some tiles are done."""
        begun = time.monotonic()
        if begun < self._due and not self._last:
            return
        self._last = False
        put_weights(self._function.weights, tiles, weights())
        self._tell({"event": "picture", "png": png_of(self._function, self._size)})
        now = time.monotonic()
        self._due = now + max(_LEAST, (now - begun) / _SHARE)

    def _seconds_left(self, event: Progress) -> float | None:
        """To the end of all tiles, from the time that these take; None while it is not known."""
        now = time.monotonic()
        if self._group is None or self._group[0] != event.tiles_done:
            self._group = event.tiles_done, now
        if event.stage != "joint" or event.seconds_left is None:
            return None
        own = now - self._group[1] + event.seconds_left
        waiting = max(0, event.tiles - event.tiles_done - event.tiles_at_once)
        return round(event.seconds_left + own * waiting / event.tiles_at_once, 1)


def png_of(function: Function, size: tuple[int, int]) -> bytes:
    """Render a function as a PNG file."""
    buffer = io.BytesIO()
    to_pil(render_uint8(function, size)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


class _Growing:
    """A function of which some tiles are trained; the others are grey."""

    def __init__(self, grid: Grid, weights: Weights) -> None:
        self.grid, self.weights = grid, weights

    def tiles(self, indices: Sequence[int]) -> Weights:
        chosen = list(indices)
        return tuple(Layer(weight[chosen], bias[chosen]) for weight, bias in self.weights)
