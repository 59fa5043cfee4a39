"""New pictures of parts of scikit-image's photographs, with the statistics of others made smaller.

Parts of up to three photographs are laid over each other. Then the picture's octaves of detail, its
tone and its saturation are given the strengths that they have in some photograph.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from sirensong.pictures.image import RGB, Pixels, from_uint8, resize, to_uint8
from sirensong.pictures.photographs import COLOURED, GREY, photograph

_OCTAVES = 5  # of the table
_MEAN = (-2.94, -2.77, -2.65, -2.51, -2.32, -1.83, 0.46, -2.61)
_SPREAD = (
    (0.33, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    (0.26, 0.13, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    (0.17, 0.18, 0.11, 0.00, 0.00, 0.00, 0.00, 0.00),
    (0.13, 0.22, 0.10, 0.12, 0.00, 0.00, 0.00, 0.00),
    (0.09, 0.23, 0.14, 0.08, 0.21, 0.00, 0.00, 0.00),
    (-0.02, 0.07, 0.07, 0.12, 0.05, 0.43, 0.00, 0.00),
    (0.01, 0.02, 0.00, 0.02, 0.00, 0.01, 0.10, 0.00),
    (-0.08, 0.10, -0.05, -0.06, 0.04, -0.20, -0.07, 0.45),
)
"""A photograph's statistics: their means, and the Cholesky factor of their covariances.

These are the logarithms of the standard deviations of the grey picture's five octaves, finest
first, and of the four rows or more that are left; the mean; and the logarithm of the colours' root
mean square distance from grey. They were fitted to 60 photographs at 128x128, 40 of COCO and 20 of
DIV2K; `_limited` takes some strength, and 0.14 to 0.26 were added to the first six means for it.
"""

_FINER = 0.17  # logarithm: each octave finer than the table's is weaker by this, as at 256x256
_CAST = (0.022, -0.003, -0.030)  # those photographs' mean colour, less its grey
_PARTS = (0.4, 0.4, 0.2)  # shares of pictures of one part, two and three
_GREY = 0.25  # share of parts of grey photographs
_SMALLER = (1.5, 6.0)  # a part is made smaller by a factor between these
_MOST = 3.0  # an octave is made stronger or weaker by this factor at most
_APART = (0.12, 0.6, 0.2)  # colour apart from light: its share, that one's spread, loss an octave
_KNEE = 0.2  # how far from black and white samples begin to be held back
_TURNED = 0.75  # share of parts with rows for columns: scikit-image's have too many upright edges
_ALONG = np.array([(1, -1, 0), (1, 1, -2)]) / np.sqrt([[2], [6]])  # axes of colours without grey


def montage(height: int, width: int, rng: np.random.Generator) -> RGB:
    """Make a picture of parts of scikit-image's photographs.

    Args:
        height: its rows.
        width: its columns.
        rng: source of all that is left to chance.

    Returns:
        (height, width, 3).

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    picture = _coloured(_part(height, width, rng), rng)
    for _ in range(rng.choice(len(_PARTS), p=_PARTS)):
        other = _coloured(_part(height, width, rng), rng)
        picture += _region(height, width, rng) * (other - picture)
    return to_uint8(_graded(picture, rng))


def _part(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """A part of a photograph made smaller, continued by its mirror image where it ends."""
    names = GREY if rng.random() < _GREY else COLOURED
    whole = photograph(names[rng.integers(len(names))])
    factor = np.exp(rng.uniform(*np.log(_SMALLER)))
    smaller = resize(whole, *(round(side / factor) for side in whole.shape[:2]))
    if rng.random() < 0.5:
        smaller = smaller[:, ::-1]
    if rng.random() < 0.25:
        smaller = smaller[::-1]
    if rng.random() < _TURNED:
        smaller = smaller.swapaxes(0, 1)
    rows, columns = (
        _mirrored(own, asked, rng)
        for own, asked in zip(smaller.shape[:2], (height, width), strict=True)
    )
    return from_uint8(smaller[rows[:, None], columns])


def _mirrored(own: int, asked: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Places of a run of pixels: inside if it fits, else reflected at both ends."""
    first = rng.integers(own - asked + 1) if asked <= own else rng.integers(2 * own)
    places = (first + np.arange(asked)) % (2 * own)
    mirrored: npt.NDArray[np.intp] = np.minimum(places, 2 * own - 1 - places)
    return mirrored


def _coloured(part: Pixels, rng: np.random.Generator) -> Pixels:
    """Turn the hues, and let light and dark differ in colour: grey parts get theirs so."""
    grey = part.mean(2, keepdims=True)
    angle = rng.normal(0, 0.4)
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    colours = (part - grey) @ np.float32(_ALONG.T @ turn @ _ALONG)
    coloured: Pixels = grey + colours + (grey - grey.mean()) * np.float32(_tint(0.3, rng))
    return coloured


def _tint(warmth: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A colour without grey, between orange and blue for the most part."""
    warm, green = rng.normal(0, (warmth, warmth / 4))
    return np.array((warm - green / 2, green, -warm - green / 2))


def _region(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """A mask with a winding border, more often level than upright, of one to ten pixels."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    angle = rng.normal(0, 0.5)
    distance = y * np.cos(angle) + x * np.sin(angle) + rng.uniform(-0.6, 0.6)
    for knots, most in ((5, 0.6), (17, 0.15)):
        winding = rng.normal(size=(knots, knots, 1)).astype(np.float32)
        distance += rng.uniform(0, most) * _scaled(winding, height, width)[..., 0]
    softness = np.exp(rng.uniform(*np.log((0.4, 4)))) * 2 / max(height, width)
    mask: Pixels = 1 / (1 + np.exp(np.clip(-distance / softness, -30, 30)))
    return mask[..., None]


def _graded(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Give a picture the strengths that its octaves, tone and colours have in some photograph."""
    drawn = _MEAN + _SPREAD @ rng.normal(size=len(_MEAN))
    octaves, left = _octaves(picture)
    for place, octave in enumerate(octaves):
        listed = place + _OCTAVES - len(octaves)
        octaves[place] = _strong(octave, drawn[max(listed, 0)] + _FINER * min(listed, 0))
    colour = left.mean((0, 1))
    left = _strong(left - 0.7 * colour - 0.3 * colour.mean(), drawn[_OCTAVES])
    graded = _together(octaves, left)
    grey = graded.mean(2, keepdims=True)
    colours = graded - grey
    saturation = np.exp(drawn[-1]) / max(float(np.sqrt((colours**2).mean())), 1e-3)
    tone = np.clip(drawn[-2], 0.1, 0.9) + _CAST + _tint(0.03, rng)
    toned: Pixels = grey + colours * np.float32(min(saturation, 4)) + np.float32(tone)
    return _limited(toned + _apart(grey, rng))


def _apart(grey: Pixels, rng: np.random.Generator) -> Pixels:
    """Colours that do not go with the light, fine and coarse: each tile of a photograph has some.

    They are the light's own octaves a few pixels away, so that they are strong where it is. Parts
    of grey photographs, and colours that are turned, would have one colour to a tile, or two.
    """
    share, spread, loss = _APART
    share *= np.exp(rng.normal(0, spread))
    octaves, left = _octaves(grey)
    for place, octave in enumerate(octaves):
        one, other = (np.roll(octave, shift, (0, 1)) for shift in ((3, -5), (-4, 2)))
        first, second = (share * np.exp(-loss * place) * _ALONG).astype(np.float32)
        octaves[place] = one * first + other * second
    return _together(octaves, np.zeros((*left.shape[:2], 3), np.float32))


def _limited(picture: Pixels) -> Pixels:
    """Let light and dark run out gently, as cameras do: clipped samples would tell a montage."""
    inside = picture.clip(_KNEE, 1 - _KNEE)
    limited: Pixels = inside + np.float32(_KNEE) * np.tanh((picture - inside) / np.float32(_KNEE))
    return limited


def _strong(octave: Pixels, strength: float) -> Pixels:
    """Scale an octave to the logarithm of a standard deviation of its grey, within bounds."""
    factor = np.exp(strength) / max(float(octave.mean(2).std()), 1e-6)
    return octave * np.float32(np.clip(factor, 1 / _MOST, _MOST))


def _octaves(picture: Pixels) -> tuple[list[Pixels], Pixels]:
    """The Laplacian pyramid of a picture, finest first, and the few pixels that are left."""
    octaves: list[Pixels] = []
    while min(picture.shape[:2]) >= 8:
        height, width = picture.shape[:2]
        half = _scaled(picture, -(-height // 2), -(-width // 2), Image.Resampling.BOX)
        octaves.append(picture - _scaled(half, height, width))
        picture = half
    return octaves, picture


def _together(octaves: list[Pixels], left: Pixels) -> Pixels:
    """The picture of a Laplacian pyramid."""
    for octave in reversed(octaves):
        left = octave + _scaled(left, *octave.shape[:2])
    return left


def _scaled(
    picture: Pixels,
    height: int,
    width: int,
    how: Image.Resampling = Image.Resampling.BICUBIC,
) -> Pixels:
    """Resample each plane in floating point."""
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), how))
        for plane in np.moveaxis(picture, -1, 0)
    ]
    return np.stack(planes, axis=-1)
