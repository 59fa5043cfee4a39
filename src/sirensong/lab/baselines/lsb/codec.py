"""Secrets as AVIF files that fit: 4:4:4, the best quality, by bisection."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from sirensong.errors import FormatError, MissingDependencyError, SettingError
from sirensong.pictures.image import RGB, size_text
from sirensong.pictures.opening import HAS_AVIF, open_image

BEST = 100  # of Pillow's qualities, from 0


def encode(picture: RGB, room: int, name: str) -> bytes:
    """Find the best AVIF file of a picture that is not too long.

    libaom tunes for squared error here: 0.9 dB better in RGB than its default, which is SSIM.

    Args:
        picture: (height, width, 3).
        room: the longest that the file may be, in bytes.
        name: what to call the picture in messages.

    Returns:
        The file.

    Raises:
        SettingError: the picture does not fit even at the lowest quality.
        MissingDependencyError: this build of Pillow has no AVIF.
    """
    file = _avif(picture, 0)
    if len(file) > room:
        raise SettingError(
            f"{name} takes {len(file)} bytes at the lowest quality, and {room} fit",
            hint="more low bits, fewer secrets or larger pictures",
        )
    low, high = 1, BEST
    while low <= high:
        middle = (low + high) // 2
        tried = _avif(picture, middle)
        if len(tried) <= room:
            file, low = tried, middle + 1
        else:
            high = middle - 1
    return file


def decode(file: bytes, size: tuple[int, int], name: str) -> RGB:
    """Read a picture that `encode` wrote.

    Args:
        file: the AVIF file.
        size: (height, width) that it must have.
        name: what to call the picture in messages.

    Raises:
        FormatError: it is damaged, or of another size.
    """
    with open_image(file, name) as image:
        if (image.height, image.width) != size:
            got = size_text((image.height, image.width))
            raise FormatError(f"{name} is {got}, expected the stego picture's {size_text(size)}")
        return np.asarray(image.convert("RGB"))


def _avif(picture: RGB, quality: int) -> bytes:
    if not HAS_AVIF:
        raise MissingDependencyError(
            "lsb hides AVIF files, which this build of Pillow cannot write",
            hint="pip install 'pillow>=11.3'",
        )
    file = io.BytesIO()
    Image.fromarray(picture).save(
        file,
        "AVIF",
        quality=quality,
        subsampling="4:4:4",
        codec="aom",
        advanced={"tune": "psnr"},
    )
    return file.getvalue()
