"""Contact sheets: a row a function, with original, render and difference x10 side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sirensong.image import Pixels, from_uint8, resize, to_pil

MAGNIFIED = 10
_CELL, _GAP, _HEAD = 224, 12, 30
_INK, _PAPER = (40, 40, 40), (250, 250, 248)


@dataclass(frozen=True)
class Row:
    """One picture on a sheet. caption: what it is. original, render: (height, width, 3) in [0, 1], of one shape."""

    caption: str
    original: Pixels
    render: Pixels


def difference(original: Pixels, render: Pixels) -> Pixels:
    """Absolute difference, ten times magnified and clipped to white."""
    magnified: Pixels = np.clip(np.abs(original - render) * MAGNIFIED, 0, 1)
    return magnified


def contact_sheet(rows: Sequence[Row], extra: tuple[str, Pixels]) -> Pixels:
    """Draw the sheet. extra: caption and picture of the last row, which has no original. Returns (height, width, 3) in [0, 1]."""
    height = (len(rows) + 1) * (_CELL + _HEAD + _GAP) + _GAP
    sheet = Image.new("RGB", (3 * (_CELL + _GAP) + _GAP, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for index, row in enumerate(rows):
        top = _GAP + index * (_CELL + _HEAD + _GAP)
        draw.text((_GAP, top + 5), row.caption, _INK, font)
        for column, pixels in enumerate((row.original, row.render, difference(row.original, row.render))):
            sheet.paste(_thumbnail(pixels), (_GAP + column * (_CELL + _GAP), top + _HEAD))
    top = _GAP + len(rows) * (_CELL + _HEAD + _GAP)
    draw.text((_GAP, top + 5), extra[0], _INK, font)
    sheet.paste(_thumbnail(extra[1]), (_GAP + _CELL + _GAP, top + _HEAD))
    return from_uint8(np.asarray(sheet))


def _thumbnail(pixels: Pixels) -> Image.Image:
    """A picture in a square cell, its pixels kept visible when it is enlarged."""
    height, width = pixels.shape[:2]
    scale = _CELL / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    image = to_pil(resize(pixels, *size) if scale < 1 else pixels).resize(size[::-1], Image.Resampling.NEAREST)
    cell = Image.new("RGB", (_CELL, _CELL), _PAPER)
    cell.paste(image, ((_CELL - size[1]) // 2, (_CELL - size[0]) // 2))
    return cell
