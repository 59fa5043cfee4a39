"""What kind of picture a picture is, guessed from a few statistics of its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sirensong.errors import SettingError
from sirensong.pictures.image import RGB

PICTURE_KINDS = ("photograph", "document", "drawing", "noise")
"""Kinds of pictures: a document may be a screenshot; noise is what has no neighbours alike."""

PAYLOAD = "payload"
"""The kind of a hidden file, which is no picture that anybody has: its samples are made."""

DECOY_KINDS = (*PICTURE_KINDS, PAYLOAD)
"""Kinds of what is hidden, and of decoys."""

_SIDE = 512  # pixels in the middle that are looked at, a side
_FLAT = 2  # levels between neighbours of one area
_FINE = 8  # values a channel when colours are counted


@dataclass(frozen=True)
class Look:
    """Statistics by which kinds are told apart.

    Args:
        flat: share of pixels that are like their right and their lower neighbour.
        common: share of the eight most common colours, of 512.
        background: share of the most common colour.
        grey: share of pixels with little colour.
        roughness: mean difference between neighbours, in standard deviations; about 1.13 for
            independent pixels.
    """

    flat: float
    common: float
    background: float
    grey: float
    roughness: float


def look_at(rgb: RGB) -> Look:
    """Measure a picture's statistics, on its middle at full size.

    Args:
        rgb: (height, width, 3).
    """
    middle = _middle(rgb).astype(np.int16)
    down, right = np.diff(middle[:, :-1], axis=0), np.diff(middle[:-1], axis=1)
    same = np.maximum(np.abs(down), np.abs(right)).max(axis=2, initial=0) <= _FLAT
    cells = (middle // (256 // _FINE)) @ np.array([_FINE**2, _FINE, 1])
    counts = np.sort(np.bincount(cells.ravel(), minlength=_FINE**3))[::-1] / cells.size
    spread = max(float(middle.std()), 1e-9)
    return Look(
        flat=float(same.mean()) if same.size else 1.0,
        common=float(counts[:8].sum()),
        background=float(counts[0]),
        grey=float((np.ptp(middle, axis=2) < 24).mean()),
        roughness=float(np.abs(right).mean()) / spread if right.size else 0.0,
    )


def guess_kind(rgb: RGB) -> str:
    """Guess a picture's kind.

    Args:
        rgb: (height, width, 3).

    Returns:
        One of `PICTURE_KINDS`. docs/decoys.md has the rates of error.
    """
    look = look_at(rgb)
    if look.roughness > 0.6:
        return "noise"
    ink_on_paper = look.background > 0.45 and look.grey > 0.9
    if ink_on_paper and look.roughness > 0.18:
        return "document"  # a noisy scan too
    if look.flat < 0.5 or look.common < 0.55:
        return "photograph"
    if look.background > 0.4 and look.grey > 0.7:
        return "document"
    return "drawing"


def check_kind(kind: str, kinds: Sequence[str] = PICTURE_KINDS) -> str:
    """Take a kind by its name.

    Args:
        kind: the name.
        kinds: those that there are.

    Raises:
        SettingError: there is no such kind.
    """
    if kind not in kinds:
        raise SettingError(f"kinds are {', '.join(kinds)}, got {kind!r}")
    return kind


def _middle(rgb: RGB) -> RGB:
    height, width = rgb.shape[:2]
    top, left = max(0, height - _SIDE) // 2, max(0, width - _SIDE) // 2
    return rgb[top : top + _SIDE, left : left + _SIDE]
