"""Contact sheets: pictures in a grid, with what each row and column is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sirensong.pictures.image import Pixels, from_uint8, resize, to_pil, to_uint8

CELL = 224
_GAP, _HEAD, _FONT = 12, 30, 15
_INK, _PAPER = (40, 40, 40), (250, 250, 248)


@dataclass(frozen=True)
class Row:
    """A row of a sheet.

    Attributes:
        caption: what the row shows.
        pictures: one a column, (height, width, 3) in [0, 1], or None for an empty place.
    """

    caption: str
    pictures: Sequence[Pixels | None]


def difference(original: Pixels, render: Pixels, magnified: float) -> Pixels:
    """Show how two pictures differ.

    Args:
        original: colours in [0, 1].
        render: colours of the same shape.
        magnified: factor by which the difference is multiplied.

    Returns:
        The absolute difference, magnified, and clipped to white.
    """
    result: Pixels = np.clip(np.abs(original - render) * np.float32(magnified), 0, 1)
    return result


def contact_sheet(columns: Sequence[str], rows: Sequence[Row], cell: int = CELL) -> Pixels:
    """Draw a sheet.

    Args:
        columns: Names of the columns.
        rows: its rows, top to bottom.
        cell: side of the square that each picture is fitted into, in pixels.

    Returns:
        (height, width, 3) in [0, 1].
    """
    size = len(columns) * (cell + _GAP) + _GAP, _HEAD + len(rows) * (cell + _HEAD + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT)
    for column, name in enumerate(columns):
        draw.text((_GAP + column * (cell + _GAP), _GAP), name, _INK, font)
    for index, row in enumerate(rows):
        top = _HEAD + index * (cell + _HEAD + _GAP)
        draw.text((_GAP, top + _HEAD / 4), row.caption, _INK, font)
        for column, pixels in enumerate(row.pictures):
            if pixels is not None:
                sheet.paste(_thumbnail(pixels, cell), (_GAP + column * (cell + _GAP), top + _HEAD))
    return from_uint8(np.asarray(sheet))


def _thumbnail(pixels: Pixels, side: int) -> Image.Image:
    """A picture in a square cell, its pixels kept visible when it is enlarged."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    fitted = resize(to_uint8(pixels), *size) if scale < 1 else pixels
    image = to_pil(fitted).resize(size[::-1], Image.Resampling.NEAREST)
    cell = Image.new("RGB", (side, side), _PAPER)
    cell.paste(image, ((side - size[1]) // 2, (side - size[0]) // 2))
    return cell
