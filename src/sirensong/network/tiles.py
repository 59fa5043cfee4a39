"""Any size of picture: a grid of small functions, each of which answers for its tile of it.

One network for a whole picture must grow as the picture does, so that its cost grows with the
square of the pixels; a grid's cost grows with the pixels. A tile reaches a little into its
neighbours, and there the two fade into each other, so that no seam shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError
from sirensong.pictures.image import LARGEST_SIDE

OVERLAP = 1 / 40  # how far a tile reaches into a neighbour, in tiles: 0.8 of 32 pixels
LARGEST_GRID = 1024  # tiles a side
LARGEST_TILE = 512 * 512  # pixels of a picture for each tile

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Patch:
    """The part of a picture that a tile answers for.

    Args:
        rows: pixel rows of the picture that it covers.
        columns: pixel columns of the picture that it covers.
        x: (columns,), the pixel centres as the tile's function takes them. The tile itself is
            [-1, 1]; beyond is what it shares with its neighbours.
        y: (rows,), the same downwards.
        across: (columns,), the tile's share of each column, in [0, 1].
        down: (rows,), the tile's share of each row. The share of a pixel is the product of its
            column's and its row's; those of all tiles add up to 1.
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
        """Return some rows of the patch, counted from its own first."""
        y = self.y[rows]
        top = self.rows.start + range(len(self.y))[rows].start
        return replace(self, rows=slice(top, top + len(y)), y=y, down=self.down[rows])

    def between(self, rows: slice) -> Patch:
        """Return the rows of the patch that are among some pixel rows of the picture."""
        top = max(rows.start - self.rows.start, 0)
        bottom = max(rows.stop - self.rows.start, 0)
        return self if top == 0 and bottom >= len(self.y) else self.part(slice(top, bottom))

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
    """Tiles in rows and columns, counted row by row, over a picture of any size.

    Args:
        rows: tiles one above the other, 1 to 1,024.
        columns: tiles side by side, 1 to 1,024.

    Raises:
        SettingError: a number of tiles is out of its range.

    Example:
        >>> import sirensong as ss
        >>> ss.Grid(2, 3).tiles
        6
        >>> ss.Grid(2, 3).patch(0, (20, 30)).size
        (10, 10)
        >>> ss.Grid(2, 3).check((1, 30))
        Traceback (most recent call last):
        ...
        sirensong.errors.SettingError: a picture of 30x1 pixels is too small for 3x2 tiles
    """

    rows: int = 1
    columns: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.rows <= LARGEST_GRID and 1 <= self.columns <= LARGEST_GRID):
            raise SettingError(
                f"a grid has 1 to {LARGEST_GRID} tiles a side, got {self.columns}x{self.rows}"
            )

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.rows * self.columns

    def check(self, size: tuple[int, int]) -> None:
        """Check that a picture has a pixel for each row and column of tiles, and not too many.

        Args:
            size: (height, width) of the picture, in pixels.

        Raises:
            SettingError: a side is not in 1 to 65,535 pixels, the picture is smaller than the
                grid, or it has more than 512x512 pixels for each tile. So what a carrier costs to
                render is in proportion to its file.
        """
        height, width = size
        if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
            raise SettingError(
                f"a picture's sides must be 1 to {LARGEST_SIDE} pixels, got {width}x{height}"
            )
        picture = f"a picture of {width}x{height} pixels"
        tiles = f"{self.columns}x{self.rows} tiles"
        if height < self.rows or width < self.columns:
            raise SettingError(
                f"{picture} is too small for {tiles}", hint="larger tiles are fewer: --tile-size"
            )
        if height * width > LARGEST_TILE * self.tiles:
            raise SettingError(
                f"{picture} is too large for {tiles} of at most 512x512",
                hint="make it smaller with --size or --secret-size, or tiles more with --tile-size",
            )

    def patch(self, tile: int, size: tuple[int, int]) -> Patch:
        """Return a tile's part of a picture.

        Args:
            tile: its index, counted row by row.
            size: (height, width) of the picture, in pixels.

        Returns:
            The part; it has no pixels where the picture is smaller than the grid.
        """
        row, column = divmod(tile, self.columns)
        rows, y, down = _span(size[0], self.rows, row)
        columns, x, across = _span(size[1], self.columns, column)
        return Patch(rows, columns, x, y, across, down)


@lru_cache(maxsize=2 * LARGEST_GRID)
def _span(pixels: int, tiles: int, tile: int) -> tuple[slice, Array, Array]:
    """One axis of a patch: its pixels, their coordinates in the tile, the tile's share of them.

    A pixel's centre is (2i + 1) / n - 1 where a tile covers the whole axis, so that every size
    samples the same picture without a shift.
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
    for array in (own, blend):  # kept for the next tile of this row or column
        array.flags.writeable = False
    return span, own, blend


def grid_for(height: int, width: int, side: int) -> Grid:
    """Choose the tiles of a picture: as many as make them nearest to a size.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        side: of a tile, in pixels.

    Returns:
        The grid, of one tile at least.
    """
    return Grid(max(1, round(height / side)), max(1, round(width / side)))


def grid_within(height: int, width: int, side: float) -> Grid:
    """Choose the tiles of a picture: as few as are no larger than a size.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        side: of a tile, in pixels.

    Returns:
        The grid.
    """
    return Grid(math.ceil(height / side), math.ceil(width / side))
