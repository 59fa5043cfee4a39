"""Pictures to train for where there is no secret: every function is trained as if it had some.

What a function was trained for can be read from its weights, secrets or not. Unused places are
filled with other pictures under keys that nobody keeps, so a function with secrets is trained like
one without.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError
from sirensong.pictures.image import RGB, size_of, to_uint8
from sirensong.pictures.montage import montage

_LEAVES = 600  # they leave few gaps
_SMALLEST, _LARGEST = 0.02, 0.6  # radii of leaves, in picture sides


def transformed_cover(cover: RGB, rng: np.random.Generator) -> RGB:
    """Turn and mirror the cover, exchange its colours, and perhaps invert them.

    Args:
        cover: (height, width, 3).
        rng: source of the choices.

    Returns:
        A picture of the cover's shape.
    """
    height, width = cover.shape[:2]
    turns = int(rng.integers(4)) if height == width else 2 * int(rng.integers(2))
    turned = np.rot90(np.asarray(cover), turns)
    mirrored = turned[:, ::-1] if rng.random() < 0.5 else turned
    exchanged = mirrored[..., rng.permutation(3)]
    return np.ascontiguousarray(255 - exchanged if rng.random() < 0.5 else exchanged)


def other_photographs(cover: RGB, rng: np.random.Generator) -> RGB:
    """Lay parts of scikit-image's photographs together, as strong in detail as photographs are.

    Args:
        cover: (height, width, 3).
        rng: source of the choices.

    Returns:
        A picture of the cover's shape.

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    return montage(*size_of(cover), rng)


def dead_leaves(cover: RGB, rng: np.random.Generator) -> RGB:
    """Lay textured discs of all sizes over each other.

    Edges and spectrum are like a photograph's: Lee, Mumford and Huang's model (2001), with radii
    whose density falls as their cube.

    Args:
        cover: (height, width, 3).
        rng: source of the discs.

    Returns:
        A picture of the cover's shape.
    """
    height, width = cover.shape[:2]
    side = max(height, width)
    y = np.arange(height, dtype=np.float32)[:, None] / side
    x = np.arange(width, dtype=np.float32)[None, :] / side
    texture = _spectrum(cover, rng) - 0.5
    picture = np.full((height, width, 3), rng.random(3), np.float32)
    greys = rng.normal(rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.25), (_LEAVES, 1))
    shades = greys + rng.normal(0, 0.08, (_LEAVES, 3))
    radii = 1 / np.sqrt(rng.uniform(_LARGEST**-2, _SMALLEST**-2, _LEAVES))
    strengths = rng.uniform(0, 0.5, _LEAVES)
    for radius, shade, strength in zip(radii, shades, strengths, strict=True):
        middle_y, middle_x = rng.uniform(0, height / side), rng.uniform(0, width / side)
        rows, columns = _around(middle_y, radius, side), _around(middle_x, radius, side)
        inside = (y[rows] - middle_y) ** 2 + (x[:, columns] - middle_x) ** 2 < radius**2
        picture[rows, columns][inside] = shade + strength * texture[rows, columns][inside]
    return to_uint8(picture)


def _around(middle: float, radius: float, side: int) -> slice:
    """Rows or columns that a disc can touch, and one more on each side for rounding."""
    first = math.floor((middle - radius) * side) - 1
    stop = math.ceil((middle + radius) * side) + 1
    return slice(max(0, first), stop)


def spectral_noise(cover: RGB, rng: np.random.Generator) -> RGB:
    """Make coloured noise whose amplitudes fall as one over the frequency, as photographs' do.

    Args:
        cover: (height, width, 3).
        rng: source of the noise.

    Returns:
        A picture of the cover's shape.
    """
    return to_uint8(_spectrum(cover, rng))


KINDS: dict[str, Callable[[RGB, np.random.Generator], RGB]] = {
    "photographs": other_photographs,
    "cover": transformed_cover,
    "leaves": dead_leaves,
    "noise": spectral_noise,
}
"""The kinds of decoys, by name."""


def decoy(kind: str, cover: RGB, rng: np.random.Generator) -> RGB:
    """Make a picture as large as the cover.

    Args:
        kind: "photographs", "cover", "leaves" or "noise".
        cover: (height, width, 3).
        rng: source of all that is left to chance.

    Returns:
        A picture of the cover's shape.

    Raises:
        SettingError: there is no such kind.
        MissingDependencyError: photographs are asked for, and scikit-image is not installed.
    """
    if kind not in KINDS:
        raise SettingError(f"decoys are {', '.join(KINDS)}, got {kind}")
    return KINDS[kind](cover, rng)


def _spectrum(cover: RGB, rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Noise with a photograph's spectrum, grey for the most part, (height, width, 3) in [0, 1]."""
    height, width = cover.shape[:2]
    rows = np.fft.fftfreq(height)[:, None] * height
    columns = np.fft.rfftfreq(width)[None, :] * width
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = 1
    planes = np.empty((3, height, width))
    for plane in planes:
        waves = np.fft.rfft2(rng.normal(size=(height, width))) / frequency
        plane[:] = np.fft.irfft2(waves, (height, width))
    grey, colour = planes[:1], planes - planes.mean(0)
    mixed = np.moveaxis(grey + 0.4 * colour, 0, -1)
    spread = max(float(mixed.std()), 1e-9)
    spectrum: npt.NDArray[np.floating] = np.clip(0.5 + 0.18 * mixed / spread, 0, 1)
    return spectrum
