"""From a function back to a picture of any size (Eq. 12), on NumPy alone: no torch, no decoder.

A picture is made in bands of pixel rows, so that what is needed on the way stays small for every
size of picture and every grid.
"""

from __future__ import annotations

import io
import operator
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import groupby
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from sirensong.errors import SettingError
from sirensong.network.siren import Array, Weights
from sirensong.network.tiles import Grid, Patch
from sirensong.pictures.image import LARGEST_SIDE, RGB, Pixels, fit_within, to_pil, to_uint8

LARGEST_RENDER = 200_000_000  # pixels
_PREVIEW = 512  # pixels a side
# Numbers in a layer that are evaluated at a time: more leave the cache, fewer wait for Python.
_ACTIVATIONS = 2**19
# Pixels that a thread takes at a time, of one large tile or of several small ones.
_GROUP = 2**15
# Tiles that a thread takes at a time, however few their pixels: their weights are copied.
_TILES = 64
# Pixels that are blended together, about: as many rows of tiles as have these.
_BAND = 2**20
# Pixels that are blended together at most: a single row of tiles that has more is cut.
_TALLEST = 2**22

Size = tuple[int, int]
"""(height, width) in pixels."""

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


class Function(Protocol):
    """What can be rendered: a SIREN for each tile of a grid."""

    @property
    def grid(self) -> Grid:
        """Where the tiles are."""

    def tiles(self, indices: Sequence[int]) -> Weights:
        """Return the SIRENs of some tiles, layer by layer; called by several threads at once."""


def render(function: Function, size: Size) -> Pixels:
    """Evaluate a function at the pixel centres of a picture of any size (Eq. 12).

    Tiles are blended where they meet.

    Args:
        function: a StegoFunction or a SecretFunction.
        size: (height, width) of the picture, in pixels.

    Returns:
        (height, width, 3), float32, colours in [0, 1].

    Raises:
        SettingError: `size` is not two whole numbers, a side is not in 1 to 65,535, or there are
            more than 200,000,000 pixels.

    Example:
        >>> import numpy as np
        >>> import sirensong as ss
        >>> from sirensong.network.siren import Layer
        >>> small = ss.Architecture(hidden_features=1, hidden_layers=2)
        >>> zeros = tuple(
        ...     Layer(np.zeros((1, *shape), np.float32), np.zeros((1, shape[0]), np.float32))
        ...     for shape in small.shapes
        ... )
        >>> grey = ss.StegoFunction(
        ...     small, ss.Grid(), zeros, (0.5,) * 6, 6, 9, bytes(32), bytes(1024)
        ... )
        >>> ss.render(grey, (12, 18)).shape
        (12, 18, 3)
        >>> ss.render(grey, (1, 1)).tolist()
        [[[0.5, 0.5, 0.5]]]
    """
    size = _checked(size)
    pixels = np.empty((*size, 3), np.float32)
    for rows, band in _bands(function, size):
        pixels[rows] = band
    return pixels


def render_uint8(function: Function, size: Size) -> RGB:
    """Like `render`, but returns an 8-bit image, which takes a quarter of the memory.

    Args:
        function: a StegoFunction or a SecretFunction.
        size: (height, width) of the picture, in pixels.

    Returns:
        (height, width, 3), uint8.

    Raises:
        SettingError: `size` is not two whole numbers, a side is not in 1 to 65,535, or there are
            more than 200,000,000 pixels.

    Example:
        >>> import numpy as np
        >>> import sirensong as ss
        >>> from sirensong.network.siren import Layer
        >>> small = ss.Architecture(hidden_features=1, hidden_layers=2)
        >>> zeros = tuple(
        ...     Layer(np.zeros((1, *shape), np.float32), np.zeros((1, shape[0]), np.float32))
        ...     for shape in small.shapes
        ... )
        >>> grey = ss.StegoFunction(
        ...     small, ss.Grid(), zeros, (0.5,) * 6, 6, 9, bytes(32), bytes(1024)
        ... )
        >>> ss.render_uint8(grey, (1, 1)).tolist()
        [[[128, 128, 128]]]
    """
    size = _checked(size)
    image = np.empty((*size, 3), np.uint8)
    for rows, band in _bands(function, size):
        image[rows] = to_uint8(band)
    return image


def preview(function: Function, size: Size) -> bytes:
    """Render a picture at no more than 512 pixels a side, for notebooks.

    Args:
        function: a StegoFunction or a SecretFunction.
        size: (height, width) of the whole picture, whose shape is kept.

    Returns:
        A PNG file.
    """
    buffer = io.BytesIO()
    small = render_uint8(function, fit_within(size, (_PREVIEW, _PREVIEW)))
    to_pil(small).save(buffer, "PNG")
    return buffer.getvalue()


def _checked(size: Any) -> Size:
    """Return a size whose numbers are whole and within bounds, or raise SettingError."""
    try:
        height, width = map(operator.index, size)
    except (TypeError, ValueError):
        raise SettingError(
            f"a size is two whole numbers, (height, width), got {type(size).__name__}"
        ) from None
    sides_fit = 1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE
    if not (sides_fit and height * width <= LARGEST_RENDER):
        raise SettingError(
            f"cannot render {width}x{height}: sides are 1 to {LARGEST_SIDE} pixels,"
            f" {LARGEST_RENDER} in all at most"
        )
    return height, width


class _Band(NamedTuple):
    """Pixel rows that are evaluated together, for some rows of tiles.

    rows: the pixel rows. tile_rows: the rows of tiles. complete: up to which pixel row the picture
    is finished then; rows from there on wait for the next tiles, which reach into them.
    """

    rows: slice
    tile_rows: Sequence[int]
    complete: int


class _Group(NamedTuple):
    """Tiles whose patches have one size, and the patches."""

    tiles: list[int]
    patches: list[Patch]


def _bands(function: Function, size: Size) -> Iterator[tuple[slice, Pixels]]:
    """Yield finished rows of a picture, from top to bottom."""
    width = size[1]
    done, begun = 0, np.zeros((3, 0, width), np.float32)
    for band, outputs in groupby(_outputs(function, size), key=lambda output: output[0]):
        sums = np.zeros((3, band.rows.stop - done, width), np.float32)
        sums[:, : begun.shape[1]] = begun
        for _, part, output in outputs:
            sums[:, part.rows.start - done : part.rows.stop - done, part.columns] += output
        finished = np.moveaxis(sums[:, : band.complete - done], 0, 2)
        yield slice(done, band.complete), colours(finished.copy())
        done, begun = band.complete, sums[:, band.complete - done :].copy()


def _plan(grid: Grid, size: Size) -> Iterator[_Band]:
    """Cut a picture into bands. Rows of tiles without pixels are in none."""
    height, width = size
    spans = {row: grid.patch(row * grid.columns, size).rows for row in range(grid.rows)}
    filled = [row for row, span in spans.items() if span.stop > span.start]
    at_once = max(1, _BAND * len(filled) // (height * width))
    tallest = max(1, _TALLEST // width)
    for first in range(0, len(filled), at_once):
        tile_rows, below = filled[first : first + at_once], filled[first + at_once :]
        end = spans[tile_rows[-1]].stop
        shared = spans[below[0]].start if below else height  # with the next row of tiles
        for top in range(spans[tile_rows[0]].start, end, tallest):
            bottom = min(top + tallest, end)
            yield _Band(slice(top, bottom), tile_rows, min(bottom, shared))


def _outputs(function: Function, size: Size) -> Iterator[tuple[_Band, Patch, Array]]:
    """Yield parts of patches, their blended outputs (3, rows, columns), and the band of each.

    Made on all cores, with one for each thread's products, band after band without a pause.
    """
    grid = function.grid
    cores = _cores()
    groups = ((band, group) for band in _plan(grid, size) for group in _groups(grid, size, band))

    def weigh(job: tuple[_Band, _Group]) -> tuple[_Band, list[Patch], list[Array]]:
        band, group = job
        return band, group.patches, _joined(function.tiles(group.tiles))

    def blend(
        job: tuple[_Band, list[Patch], list[Array]],
    ) -> tuple[_Band, list[Patch], list[Array]]:
        band, parts, matrices = job
        return band, parts, _blended(parts, matrices)

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(cores) as pool:
        weighed = _ahead(pool, weigh, groups, cores)
        jobs = (
            (band, parts, matrices)
            for band, patches, matrices in weighed
            for parts in _parts(patches)
        )
        for band, parts, outputs in _ahead(pool, blend, jobs, 2 * cores):
            yield from ((band, part, output) for part, output in zip(parts, outputs, strict=True))


def _cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ahead(
    pool: Executor, call: Callable[[_Job], _Result], jobs: Iterable[_Job], ahead: int
) -> Iterator[_Result]:
    """Yield results in the order of the jobs; `ahead` jobs are begun before they are needed."""
    begun: deque[Future[_Result]] = deque()
    for job in jobs:
        begun.append(pool.submit(call, job))
        if len(begun) > ahead:
            yield begun.popleft().result()
    yield from (future.result() for future in begun)


def _groups(grid: Grid, size: Size, band: _Band) -> Iterator[_Group]:
    """Yield a band's tiles, those with patches of one size a few together.

    Small ones alone would spend their time between NumPy's calls.
    """
    waiting: dict[Size, _Group] = {}
    for row in band.tile_rows:
        for tile in range(row * grid.columns, (row + 1) * grid.columns):
            patch = grid.patch(tile, size).between(band.rows)
            height, width = patch.size
            if not height * width:
                continue
            group = waiting.setdefault(patch.size, _Group([], []))
            group.tiles.append(tile)
            group.patches.append(patch)
            count = len(group.tiles)
            if height * width * (count + 1) > _GROUP or count == _TILES:
                yield waiting.pop(patch.size)
    yield from waiting.values()


def _parts(patches: Sequence[Patch]) -> Iterator[list[Patch]]:
    """Cut patches of one size into as many of their rows as a thread takes at a time."""
    height, width = patches[0].size
    step = max(1, _GROUP // (len(patches) * width))
    for top in range(0, height, step):
        yield [patch.part(slice(top, top + step)) for patch in patches]


def _blended(patches: Sequence[Patch], matrices: Sequence[Array]) -> list[Array]:
    """Evaluate tiles, weighted by their shares: (3, rows, columns) of each patch."""
    x = np.stack([patch.x for patch in patches])
    y = np.stack([patch.y for patch in patches])
    coords = np.ones((len(patches), 3, y.shape[1], x.shape[1]), np.float32)
    coords[:, 0], coords[:, 1] = x[:, None, :], y[:, :, None]
    output = _evaluate(matrices, coords.reshape(len(patches), 3, -1)).reshape(coords.shape)
    return [own * patch.blend for own, patch in zip(output, patches, strict=True)]


def _joined(weights: Weights) -> list[Array]:
    """Make each layer one matrix, (tiles, out, in + 1): its last column, the bias, meets a 1."""
    return [np.concatenate([layer.weight, layer.bias[..., None]], axis=2) for layer in weights]


def _evaluate(matrices: Sequence[Array], coords: Array) -> Array:
    """Do what `siren.evaluate` does, faster: a point is a column with a 1 below it.

    So a product adds the bias. matrices: from `_joined`. coords: (tiles, 3, points). Returns
    (tiles, 3, points).
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
    """Turn a function's output into colours, in place.

    Args:
        output: any shape; -1 is no light and 1 is full light.

    Returns:
        The same array, in [0, 1]; what lay outside is clipped.
    """
    output += 1
    output /= 2
    return np.clip(output, 0, 1, out=output)
