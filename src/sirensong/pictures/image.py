"""An image's pixels: 8-bit and floating-point colours, their sizes, and nothing of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.float32]
"""Colours of a picture: (height, width, 3), RGB in [0, 1]."""

RGB = npt.NDArray[np.uint8]
"""An 8-bit image: (height, width, 3), red, green, blue."""

LARGEST_SIDE = 65_535  # a slot of the carrier keeps each side in 16 bits
_BAND = 2**20  # pixels that are worked on together, about


def size_of(rgb: npt.NDArray[Any]) -> tuple[int, int]:
    """(height, width) of an array of pixels."""
    return rgb.shape[0], rgb.shape[1]


def size_text(size: tuple[int, int]) -> str:
    """A (height, width) as it stands in messages, such as "640x480": the width first."""
    return f"{size[1]}x{size[0]}"


def bands(height: int, width: int) -> Iterator[slice]:
    """Cut an image into bands, so that what is made of each on the way stays small.

    Args:
        height: rows of the image.
        width: columns of the image.

    Returns:
        Slices of rows, top to bottom, of about a megapixel each.
    """
    rows = max(1, _BAND // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def from_uint8(rgb: RGB) -> Pixels:
    """Convert 8-bit colours to floating-point ones.

    Args:
        rgb: colours of any shape, 0 to 255.

    Returns:
        A new float32 array of the same shape in [0, 1].
    """
    pixels = np.array(rgb, np.float32, order="C")
    pixels /= 255
    return pixels


def to_uint8(pixels: npt.NDArray[Any]) -> RGB:
    """Convert colours to 8 bits, rounded to the nearest.

    Args:
        pixels: (height, width, ...), in [0, 1] and clipped to it; or 8-bit colours already.

    Returns:
        A uint8 array of the same shape; the array itself if it has 8 bits.
    """
    if pixels.dtype == np.uint8:
        return pixels
    rgb = np.empty(pixels.shape, np.uint8)
    for rows in bands(len(pixels), max(1, pixels[:1].size // 3)):
        scaled = np.array(pixels[rows], np.result_type(pixels, np.float32))
        np.clip(scaled, 0, 1, out=scaled)
        scaled *= 255
        rgb[rows] = np.rint(scaled, out=scaled)
    return rgb


def to_pil(pixels: Pixels | RGB) -> Image.Image:
    """Convert a picture to a PIL image.

    Args:
        pixels: colours, (height, width, 3), in [0, 1] or in 8 bits.

    Returns:
        An 8-bit RGB image.

    Example:
        >>> import numpy as np
        >>> image = to_pil(np.full((2, 3, 3), 0.5, np.float32))
        >>> image.mode, image.size, image.getpixel((0, 0))
        ('RGB', (3, 2), (128, 128, 128))
    """
    height, width, _ = pixels.shape
    image = Image.new("RGB", (width, height))
    for rows in bands(height, width):
        image.paste(Image.fromarray(to_uint8(pixels[rows])), (0, rows.start))
    return image


def digest(pictures: Sequence[Pixels | RGB], settings: object) -> bytes:
    """SHA-256 over picture pixels and `repr(settings)`; identifies a run's input.

    Args:
        pictures: the pictures, in order.
        settings: anything whose repr says all that matters.

    Returns:
        32 bytes.
    """
    sha = hashlib.sha256(repr(settings).encode())
    for picture in pictures:
        sha.update(repr(picture.shape).encode())
        for rows in bands(*picture.shape[:2]):
            sha.update(np.ascontiguousarray(picture[rows]).data)
    return sha.digest()


def resize(rgb: RGB, height: int, width: int) -> RGB:
    """Resample an 8-bit image with Lanczos's filter.

    Args:
        rgb: (height, width, 3).
        height: rows of the result.
        width: columns of the result.

    Returns:
        The resampled image; the same array if it has that size.
    """
    if rgb.shape[:2] == (height, width):
        return rgb
    return np.asarray(to_pil(rgb).resize((width, height), Image.Resampling.LANCZOS))


def fill(rgb: RGB, height: int, width: int) -> RGB:
    """Cut the largest middle part of a given shape out of an image, and resample it to a size.

    Args:
        rgb: (height, width, 3).
        height: rows of the result.
        width: columns of the result.

    Returns:
        (height, width, 3), uint8.
    """
    own_height, own_width = size_of(rgb)
    scale = min(own_height / height, own_width / width)
    high, wide = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (own_height - high) // 2, (own_width - wide) // 2
    return resize(rgb[top : top + high, left : left + wide], height, width)


def fit_within(size: tuple[int, int], bounds: tuple[int, int]) -> tuple[int, int]:
    """Find the largest size of an image's shape within bounds.

    Args:
        size: (height, width) of the image.
        bounds: (height, width) that it may have.

    Returns:
        (height, width), no larger than `size`.
    """
    height, width = size
    scale = min(bounds[0] / height, bounds[1] / width, 1.0)
    return max(1, round(height * scale)), max(1, round(width * scale))
