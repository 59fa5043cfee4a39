"""Pictures to train for when there is no secret: so that every function has been trained as if it had some.

What a function was trained for can be read from its weights, secrets or not. If unused places are filled with other pictures,
under keys that nobody keeps, a function with secrets is trained like one without.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError
from sirensong.pictures.image import RGB, resize, to_uint8
from sirensong.pictures.photographs import NAMES, photograph

_LEAVES = 600  # a picture has few gaps left after these, which a last layer of the ground fills
_SMALLEST, _LARGEST = 0.02, 0.6  # radii of leaves, in picture sides


def transformed_cover(cover: RGB, rng: np.random.Generator) -> RGB:
    """The cover turned, mirrored, its colours exchanged and perhaps inverted. cover: (height, width, 3). Returns the same shape."""
    height, width = cover.shape[:2]
    turned = np.rot90(
        np.asarray(cover), int(rng.integers(4)) if height == width else 2 * int(rng.integers(2))
    )
    mirrored = turned[:, ::-1] if rng.random() < 0.5 else turned
    exchanged = mirrored[..., rng.permutation(3)]
    return np.ascontiguousarray(255 - exchanged if rng.random() < 0.5 else exchanged)


def other_photographs(cover: RGB, rng: np.random.Generator) -> RGB:
    """A part of one of scikit-image's photographs, mirrored and its colours exchanged by chance. Returns the cover's shape.

    Raises MissingDependencyError without scikit-image.
    """
    picture = photograph(NAMES[rng.integers(len(NAMES))])
    height, width = cover.shape[:2]
    largest = min(picture.shape[0] / height, picture.shape[1] / width)
    scale = largest * rng.uniform(0.4, 1)
    high, wide = max(1, int(height * scale)), max(1, int(width * scale))
    top, left = (
        int(rng.integers(whole - part + 1))
        for whole, part in zip(picture.shape, (high, wide), strict=False)
    )
    part = picture[top : top + high, left : left + wide]
    mirrored = part[:, ::-1] if rng.random() < 0.5 else part
    return resize(mirrored[..., rng.permutation(3)], height, width)


def dead_leaves(cover: RGB, rng: np.random.Generator) -> RGB:
    """Discs over discs, of all sizes, each of one colour with some texture: edges and spectrum are like a photograph's.

    Lee, Mumford and Huang's model (2001) with radii whose density falls as their cube. Returns the cover's shape.
    """
    height, width = cover.shape[:2]
    side = max(height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32) / side
    texture = _spectrum(cover, rng) - 0.5
    picture = np.full((height, width, 3), rng.random(3), np.float32)
    shades = rng.normal(rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.25), (_LEAVES, 1)) + rng.normal(
        0, 0.08, (_LEAVES, 3)
    )
    radii = 1 / np.sqrt(rng.uniform(_LARGEST**-2, _SMALLEST**-2, _LEAVES))
    for radius, shade, strength in zip(radii, shades, rng.uniform(0, 0.5, _LEAVES), strict=True):
        middle_y, middle_x = rng.uniform(0, height / side), rng.uniform(0, width / side)
        inside = (y - middle_y) ** 2 + (x - middle_x) ** 2 < radius**2
        picture[inside] = shade + strength * texture[inside]
    return to_uint8(picture)


def spectral_noise(cover: RGB, rng: np.random.Generator) -> RGB:
    """Coloured noise whose amplitudes fall as one over the frequency, as those of photographs do. Returns the cover's shape."""
    return to_uint8(_spectrum(cover, rng))


KINDS: dict[str, Callable[[RGB, np.random.Generator], RGB]] = {
    "photographs": other_photographs,
    "cover": transformed_cover,
    "leaves": dead_leaves,
    "noise": spectral_noise,
}


def decoy(kind: str, cover: RGB, rng: np.random.Generator) -> RGB:
    """A picture as large as the cover. kind: "photographs", "cover", "leaves" or "noise". Raises SettingError for another."""
    if kind not in KINDS:
        raise SettingError(f"decoys are {', '.join(KINDS)}, got {kind}")
    return KINDS[kind](cover, rng)


def _spectrum(cover: RGB, rng: np.random.Generator) -> npt.NDArray[np.floating]:
    height, width = cover.shape[:2]
    frequency = np.hypot(
        np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None, :] * width
    )
    frequency[0, 0] = 1
    planes = np.stack(
        [
            np.fft.irfft2(
                np.fft.rfft2(rng.normal(size=(height, width))) / frequency, (height, width)
            )
            for _ in range(3)
        ]
    )
    grey, colour = planes[:1], planes - planes.mean(0)
    mixed = np.moveaxis(grey + 0.4 * colour, 0, -1)
    spectrum: npt.NDArray[np.floating] = np.clip(
        0.5 + 0.18 * mixed / max(float(mixed.std()), 1e-9), 0, 1
    )
    return spectrum
