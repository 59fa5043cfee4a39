"""From a function back to a picture of any size (Eq. 12), on NumPy alone: no torch, no trained decoder."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import accumulate, groupby, pairwise
from typing import Protocol, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from sirensong.errors import SettingError
from sirensong.network.siren import Array, Weights
from sirensong.network.tiles import Grid, Patch
from sirensong.pictures.image import LARGEST_SIDE, RGB, Pixels, to_uint8

LARGEST_RENDER = 200_000_000  # pixels
_ACTIVATIONS = (
    2**19
)  # numbers in a layer that are evaluated at a time: more leave the cache, fewer wait for Python
_GROUP = 2**15  # pixels that a thread takes at a time, of one large tile or of several small ones
_BAND = 2**20  # pixels that are blended together, about

Size = tuple[int, int]
"""(height, width) in pixels."""

_Group = list[tuple[int, Patch]]
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


class Function(Protocol):
    """What can be rendered: a SIREN for each tile of a grid."""

    @property
    def grid(self) -> Grid:
        """Where the tiles are."""

    def tiles(self, indices: Sequence[int]) -> Weights:
        """The SIRENs of some tiles, layer by layer; asked for by several threads at once."""


def render(function: Function, size: Size) -> Pixels:
    """Evaluate a function at the pixel centres of a picture of any size (Eq. 12), blending tiles where they meet.

    size: (height, width). Returns (height, width, 3) in [0, 1]. Raises SettingError for a size below 1 or too large.
    """
    _check(size)
    pixels = np.empty((*size, 3), np.float32)
    for rows, band in _bands(function, size):
        pixels[rows] = band
    return pixels


def render_uint8(function: Function, size: Size) -> RGB:
    """Like `render`, but returns an 8-bit image, made band by band in a quarter of the memory."""
    _check(size)
    levels = np.empty((*size, 3), np.uint8)
    for rows, band in _bands(function, size):
        levels[rows] = to_uint8(band)
    return levels


def _check(size: Size) -> None:
    height, width = size
    if not (
        1 <= height <= LARGEST_SIDE
        and 1 <= width <= LARGEST_SIDE
        and height * width <= LARGEST_RENDER
    ):
        raise SettingError(
            f"cannot render {width}x{height}: sides are 1 to {LARGEST_SIDE} pixels, {LARGEST_RENDER} in all at most"
        )


def _bands(function: Function, size: Size) -> Iterator[tuple[slice, Pixels]]:
    """Finished rows of a picture from top to bottom, some rows of tiles at a time."""
    grid, (height, width) = function.grid, size
    spans = [
        grid.patch(row * grid.columns, size).rows for row in range(grid.rows)
    ]  # empty at 0 where a row of tiles has no pixels
    bottoms = list(accumulate((span.stop for span in spans), max))
    tops = list(
        accumulate(
            (span.start if span.stop else height for span in reversed(spans)), min, initial=height
        )
    )[::-1]
    at_once = max(1, _BAND * grid.rows // (height * width))
    ends = [*range(at_once, grid.rows, at_once), grid.rows]
    done, begun = 0, np.zeros((3, 0, width), np.float32)
    for end, outputs in groupby(_outputs(function, size, ends), key=lambda output: output[0]):
        band = np.zeros((3, bottoms[end - 1] - done, width), np.float32)
        band[:, : begun.shape[1]] = begun
        for _, part, output in outputs:
            band[:, part.rows.start - done : part.rows.stop - done, part.columns] += output
        finished = tops[end] - done
        yield slice(done, tops[end]), colours(np.moveaxis(band[:, :finished], 0, 2).copy())
        done, begun = tops[end], band[:, finished:]  # rows that the next tiles reach into


def _outputs(
    function: Function, size: Size, ends: Sequence[int]
) -> Iterator[tuple[int, Patch, Array]]:
    """Parts of tiles' patches and their blended outputs, (3, rows, columns), each with the end of the rows of tiles that it is of.

    Made on all cores, with one for each thread's products, band after band without a pause.
    """
    grid = function.grid
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    groups = (
        (end, group)
        for begin, end in pairwise([0, *ends])
        for group in _groups(grid, size, range(begin * grid.columns, end * grid.columns))
    )

    def weigh(job: tuple[int, _Group]) -> tuple[int, list[Patch], list[Array]]:
        end, group = job
        return (
            end,
            [patch for _, patch in group],
            _joined(function.tiles([tile for tile, _ in group])),
        )

    def blend(job: tuple[int, list[Patch], list[Array]]) -> tuple[int, list[Patch], list[Array]]:
        end, parts, matrices = job
        return end, parts, _blended(parts, matrices)

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(cores) as pool:
        weighed = _ahead(pool, weigh, groups, cores)
        jobs = (
            (end, parts, matrices)
            for end, patches, matrices in weighed
            for parts in _parts(patches)
        )
        for end, parts, outputs in _ahead(pool, blend, jobs, 2 * cores):
            yield from ((end, part, output) for part, output in zip(parts, outputs, strict=True))


def _ahead(
    pool: Executor, call: Callable[[_Job], _Result], jobs: Iterable[_Job], ahead: int
) -> Iterator[_Result]:
    """Results in the order of the jobs, of which so many are begun before they are asked for."""
    begun: deque[Future[_Result]] = deque()
    for job in jobs:
        begun.append(pool.submit(call, job))
        if len(begun) > ahead:
            yield begun.popleft().result()
    yield from (future.result() for future in begun)


def _groups(grid: Grid, size: Size, tiles: range) -> Iterator[_Group]:
    """Tiles with patches of one size, a few together: small ones alone would spend their time between NumPy's calls."""
    waiting: dict[Size, _Group] = {}
    for tile in tiles:
        patch = grid.patch(tile, size)
        group = waiting.setdefault(patch.size, [])
        group.append((tile, patch))
        if math.prod(patch.size) * (len(group) + 1) > _GROUP:
            yield waiting.pop(patch.size)
    yield from (group for (height, width), group in waiting.items() if height and width)


def _parts(patches: Sequence[Patch]) -> Iterator[list[Patch]]:
    """Rows of some patches of one size, as many as a thread takes at a time."""
    height, width = patches[0].size
    rows = max(1, _GROUP // (len(patches) * width))
    return (
        [patch.part(slice(top, top + rows)) for patch in patches] for top in range(0, height, rows)
    )


def _blended(patches: Sequence[Patch], matrices: Sequence[Array]) -> list[Array]:
    """What tiles add to a picture: (3, rows, columns) of each. matrices: as `_joined` has them."""
    x, y = np.stack([patch.x for patch in patches]), np.stack([patch.y for patch in patches])
    coords = np.ones((len(patches), 3, y.shape[1], x.shape[1]), np.float32)
    coords[:, 0], coords[:, 1] = x[:, None, :], y[:, :, None]
    output = _evaluate(matrices, coords.reshape(len(patches), 3, -1)).reshape(coords.shape)
    return [own * patch.blend for own, patch in zip(output, patches, strict=True)]


def _joined(weights: Weights) -> list[Array]:
    """Each layer as one matrix, whose last column is the bias and meets a constant 1: (tiles, out, in + 1)."""
    return [np.concatenate([layer.weight, layer.bias[..., None]], axis=2) for layer in weights]


def _evaluate(matrices: Sequence[Array], coords: Array) -> Array:
    """What `siren.evaluate` gives, faster: a point is a column, with a 1 below it, so that a product adds the bias.

    matrices: as `_joined` has them. coords: (tiles, 3, points). Returns (tiles, 3, points).
    """
    *hidden, last = matrices
    (tiles, features, _), points = hidden[0].shape, coords.shape[2]
    output = np.empty((tiles, 3, points), np.float32)
    step = min(points, max(1, _ACTIVATIONS // (tiles * features)))
    phases, sines = (np.empty((tiles, rows, step), np.float32) for rows in (features, features + 1))
    sines[:, -1] = 1
    for start in range(0, points, step):
        activation = coords[:, :, start : start + step]
        count = activation.shape[2]
        phase, sine = (buffer[..., :count] for buffer in (phases, sines))
        for matrix in hidden:
            np.matmul(matrix, activation, out=phase)
            np.sin(phase, out=sine[:, :-1])
            activation = sine
        np.matmul(last, activation, out=output[..., start : start + step])
    return output


def colours(output: Array) -> Array:
    """A function's output, where -1 is no light and 1 full light, as colours in [0, 1], in place. What lies outside is clipped."""
    output += 1
    output /= 2
    return np.clip(output, 0, 1, out=output)
