"""From a function back to a picture of any size (Eq. 12), on NumPy alone: no torch, no trained decoder."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from sirensong.errors import SettingError
from sirensong.image import LARGEST_SIDE, Levels, Pixels, to_uint8
from sirensong.siren import Array, Weights, evaluate, stack
from sirensong.tiles import Grid, Patch

LARGEST_RENDER = 200_000_000  # pixels
_ACTIVATIONS = 2**18  # numbers in a layer that a thread evaluates at a time, so that they stay in its core's cache
_GROUP = 2**13  # pixels of small tiles that are evaluated together
_BAND = 2**20  # pixels that are blended together, about

Size = tuple[int, int]
"""(height, width) in pixels."""

_Group = list[tuple[int, Patch]]


class Function(Protocol):
    """What can be rendered: a SIREN for each tile of a grid."""

    @property
    def grid(self) -> Grid:
        """Where the tiles are."""

    def tile(self, index: int) -> Weights:
        """The SIREN of one tile."""


def render(function: Function, size: Size) -> Pixels:
    """Evaluate a function at the pixel centres of a picture of any size (Eq. 12), blending tiles where they meet.

    size: (height, width). Returns (height, width, 3) in [0, 1]. Raises SettingError for a size below 1 or too large.
    """
    _check(size)
    pixels = np.empty((*size, 3), np.float32)
    for rows, band in _bands(function, size):
        pixels[rows] = band
    return pixels


def render_levels(function: Function, size: Size) -> Levels:
    """The same in 8 bits, as files have it, in a quarter of the memory."""
    _check(size)
    levels = np.empty((*size, 3), np.uint8)
    for rows, band in _bands(function, size):
        levels[rows] = to_uint8(band)
    return levels


def _check(size: Size) -> None:
    height, width = size
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE and height * width <= LARGEST_RENDER):
        raise SettingError(f"cannot render {width}x{height}: sides are 1 to {LARGEST_SIDE} pixels, {LARGEST_RENDER} in all at most")


def _bands(function: Function, size: Size) -> Iterator[tuple[slice, Pixels]]:
    """Finished rows of a picture from top to bottom, some rows of tiles at a time."""
    grid, (height, width) = function.grid, size
    tops = _tops(grid, size)
    at_once = max(1, _BAND * grid.rows // (height * width))
    done, begun = 0, np.zeros((0, width, 3), np.float32)
    for first in range(0, grid.rows, at_once):
        last = min(first + at_once, grid.rows)
        tiles = range(first * grid.columns, last * grid.columns)
        below = max([done + len(begun), *(grid.patch(row * grid.columns, size).rows.stop for row in range(first, last))])
        band = np.zeros((below - done, width, 3), np.float32)
        band[: len(begun)] = begun
        for patch, output in _outputs(function, size, tiles):
            rows = slice(patch.rows.start - done, patch.rows.stop - done)
            band[rows, patch.columns] += output.reshape(*patch.size, 3) * patch.blend[..., None]
        finished = tops[last] - done
        yield slice(done, tops[last]), colours(band[:finished])
        done, begun = tops[last], band[finished:]  # rows that the next tiles reach into


def _tops(grid: Grid, size: Size) -> list[int]:
    """The first row of pixels of each row of tiles, and the height at the end; a row without pixels begins with the next."""
    tops = [size[0]]
    for row in reversed(range(grid.rows)):
        rows = grid.patch(row * grid.columns, size).rows
        tops.append(rows.start if rows.stop else tops[-1])
    return tops[::-1]


def _outputs(function: Function, size: Size, tiles: range) -> Iterator[tuple[Patch, Array]]:
    """Each tile's patch and output, made on all cores: a thread a chunk, and one core for each thread's products."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(cores) as pool:

        def begin(group: _Group) -> tuple[_Group, Iterator[Array]]:
            weights = stack([function.tile(tile) for tile, _ in group])
            coords = np.stack([patch.coords for _, patch in group])
            tiles, features, _ = weights[0].weight.shape
            points = max(1, _ACTIVATIONS // (tiles * features))
            chunks = (coords[:, start : start + points] for start in range(0, coords.shape[1], points))
            return group, pool.map(lambda chunk: evaluate(weights, chunk), chunks)

        begun = map(begin, _groups(function.grid, size, tiles))
        ahead = deque(islice(begun, 1))
        while ahead:
            ahead.extend(islice(begun, 1))  # no core waits while the next tiles' weights are made
            group, outputs = ahead.popleft()
            for (_, patch), output in zip(group, np.concatenate(list(outputs), axis=1), strict=True):
                yield patch, output


def _groups(grid: Grid, size: Size, tiles: range) -> Iterator[_Group]:
    """Tiles with patches of one size, a few together: small ones alone would spend their time between NumPy's calls."""
    waiting: dict[Size, _Group] = {}
    for tile in tiles:
        patch = grid.patch(tile, size)
        group = waiting.setdefault(patch.size, [])
        group.append((tile, patch))
        if len(patch.coords) * (len(group) + 1) > _GROUP:
            yield waiting.pop(patch.size)
    yield from (group for (height, width), group in waiting.items() if height and width)


def colours(output: Array) -> Array:
    """A function's output, where -1 is no light and 1 full light, as colours in [0, 1], in place. What lies outside is clipped."""
    output += 1
    output /= 2
    return np.clip(output, 0, 1, out=output)
