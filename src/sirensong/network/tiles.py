"""Any size of picture: a grid of small functions, each answering for its tile of it, blended where two of them meet.

One network for a whole picture must grow as the picture does, so that its cost grows with the square of the pixels; a grid's cost
grows with the pixels. A tile reaches a little into its neighbours, and there the two fade into each other, so that no seam shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError

OVERLAP = 1 / 40  # how far a tile reaches into a neighbour, in tiles: 0.8 of 32 pixels
LARGEST_GRID = 1024  # tiles a side

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Patch:
    """The part of a picture that a tile answers for.

    rows, columns: where it is, in pixels. x, y: of each column's and row's pixel centres, as the tile's function takes them; the
    tile itself is [-1, 1] on both axes, and beyond is what it shares with its neighbours. across, down: the tile's share of each
    column and row, in [0, 1]; that of a pixel is their product, and those of all tiles add up to 1.
    """

    rows: slice
    columns: slice
    x: Array
    y: Array
    across: Array
    down: Array

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return len(self.y), len(self.x)

    def part(self, rows: slice) -> Patch:
        """Some of its rows, counted from its own first."""
        y = self.y[rows]
        top = self.rows.start + range(len(self.y))[rows].start
        return replace(self, rows=slice(top, top + len(y)), y=y, down=self.down[rows])

    @property
    def coords(self) -> Array:
        """X and y of each pixel's centre, row by row: (pixels, 2)."""
        return np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)

    @property
    def blend(self) -> Array:
        """The tile's share of each pixel: (rows, columns)."""
        return np.outer(self.down, self.across)


@dataclass(frozen=True)
class Grid:
    """Tiles in rows and columns, counted row by row, over a picture of any size. Raises SettingError beyond 1024 a side."""

    rows: int = 1
    columns: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.rows <= LARGEST_GRID and 1 <= self.columns <= LARGEST_GRID):
            raise SettingError(
                f"a grid has 1 to {LARGEST_GRID} tiles a side, got {self.columns}x{self.rows}"
            )

    @property
    def tiles(self) -> int:
        """How many."""
        return self.rows * self.columns

    def patch(self, tile: int, size: tuple[int, int]) -> Patch:
        """A tile's part of a picture of this (height, width): without pixels if the picture is smaller than the grid."""
        row, column = divmod(tile, self.columns)
        rows, y, down = _span(size[0], self.rows, row)
        columns, x, across = _span(size[1], self.columns, column)
        return Patch(rows, columns, x, y, across, down)


@lru_cache(maxsize=2 * LARGEST_GRID)
def _span(pixels: int, tiles: int, tile: int) -> tuple[slice, Array, Array]:
    """One axis of a patch: which pixels, their coordinates in the tile, and the tile's share of them.

    A pixel's centre is (2i + 1) / n - 1 where a tile covers the whole axis, so that every size samples the same picture without
    a shift.
    """
    coords = (2 * np.arange(pixels) + 1) * tiles / pixels - (2 * tile + 1)
    share = np.ones(pixels)
    if tile > 0:
        share = np.minimum(share, (coords + 1) / (4 * OVERLAP) + 0.5)
    if tile < tiles - 1:
        share = np.minimum(share, (1 - coords) / (4 * OVERLAP) + 0.5)
    inside = np.flatnonzero(share > 0)
    span = slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)
    own, blend = coords[span].astype(np.float32), share[span].astype(np.float32)
    own.flags.writeable = blend.flags.writeable = (
        False  # they are kept for the next tile of this row or column
    )
    return span, own, blend


def grid_for(height: int, width: int, side: int | None) -> Grid:
    """Tiles for a picture: as many as make them nearest to `side` pixels on each axis; one if side is None."""
    if side is None:
        return Grid()
    return Grid(max(1, round(height / side)), max(1, round(width / side)))
