"""Reading an image from a file, from bytes, from PIL or from an array."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from sirensong.errors import FormatError, SettingError
from sirensong.files import Readable, StrPath, file_errors, read_bytes, read_whole
from sirensong.pictures.image import (
    LARGEST_SIDE,
    RGB,
    Pixels,
    bands,
    from_uint8,
    size_of,
    to_uint8,
)
from sirensong.pictures.opening import decoding, open_image


class ArrayLike(Protocol):
    """What NumPy can make an array of, such as a PyTorch tensor on the CPU."""

    def __array__(self) -> npt.NDArray[Any]:
        """The array."""


ImageLike = StrPath | bytes | bytearray | memoryview | Readable | Image.Image | ArrayLike
"""What `read_picture` takes: a path, an encoded image, or one that is decoded."""

_LARGEST_BYTES = 1024**3
_LOSSLESS = {"L", "RGB", "1", "P"}


@dataclass(frozen=True)
class Picture:
    """An image as 8-bit colours, and what was lost on the way.

    Attributes:
        rgb: the colours, (height, width, 3).
        notes: what was lost, a line each, such as "a.png: transparency dropped, laid on white".
    """

    rgb: RGB
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> Pixels:
        """(height, width, 3), float32 in [0, 1]."""
        return from_uint8(self.rgb)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return size_of(self.rgb)


def read_picture(image: ImageLike) -> Picture:
    """Take an image from a file, from bytes, from PIL or from an array.

    EXIF orientation is applied, and grey is repeated in three channels. Transparency is laid on
    white, and all else becomes 8-bit RGB; the notes say what that lost.

    Args:
        image: a path; the bytes of a file, or an open binary file (JPEG, PNG, WebP, TIFF, BMP, GIF,
            AVIF, and HEIC with pillow-heif); a PIL image; or an array, (height, width), (height,
            width, 3) or (height, width, 4), uint8, uint16, or floating in [0, 1].

    Returns:
        The picture. The array of 8-bit colours that was given is used as it is, not copied.

    Raises:
        FileError: a file cannot be read.
        FormatError: the file is not an image, is damaged, or claims too many pixels
            (`sirensong.pictures.opening.pixel_limit`); a side is longer than `LARGEST_SIDE`.
        SettingError: an array has another form, or `image` is of another type.
        MissingDependencyError: it is HEIC, and pillow-heif is not installed.
    """
    name = os.fsdecode(image) if isinstance(image, str | os.PathLike) else "the image"
    rgb, lost = _colours(image, name)
    return Picture(rgb, tuple(f"{name}: {what}" for what in lost))


def _colours(image: ImageLike, name: str) -> tuple[RGB, list[str]]:
    """The image as 8-bit colours, and what that lost."""
    if isinstance(image, Image.Image):
        with decoding(name):
            return _from_pil(image, name)
    data = _encoded(image, name)
    if data is None:
        return _from_array(_array(image), name)
    with open_image(data, name) as opened:
        return _from_pil(opened, name)


def _encoded(image: object, name: str) -> bytes | None:
    """The bytes of an image's file, or None of what is no file."""
    if isinstance(image, str | os.PathLike):
        return read_bytes(image, cap=_LARGEST_BYTES, what="an image")
    if isinstance(image, bytes | bytearray | memoryview):
        file: Any = io.BytesIO(image)
    elif hasattr(image, "read"):
        file = image
    else:
        return None
    try:
        with file_errors("read", name):
            return read_whole(file, name, cap=_LARGEST_BYTES, what="an image")
    except TypeError as error:
        raise SettingError(
            f"cannot read {name} from {type(image).__name__}: expected a file opened in binary mode"
        ) from error


def _array(image: Any) -> npt.NDArray[Any]:
    """What is no file as an array."""
    if not hasattr(image, "__array__"):
        raise SettingError(
            "expected an image: a path, bytes, a binary file, a PIL image or an array, "
            f"got {type(image).__name__}"
        )
    try:
        return np.asarray(image)
    except Exception as error:  # each library has its own, such as for a tensor on a GPU
        reason = " ".join(str(error).split()).lower()
        raise SettingError(
            f"cannot make an array of the image of type {type(image).__name__}: {reason}"
        ) from error


def _from_pil(image: Image.Image, name: str) -> tuple[RGB, list[str]]:
    _check_sides(image.height, image.width, name)
    lost = []
    if image.mode in ("LA", "RGB", "RGBA") and ";16" in str(getattr(image, "tile", "")):
        lost.append("16-bit colours reduced to 8 bits")  # Pillow keeps the upper 8 in silence
    if getattr(image, "is_animated", False):  # counting the frames would look at all of them
        lost.append("only one of its frames is used")
    image.load()
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    upright = ImageOps.exif_transpose(image) if turned else image
    if upright.mode.startswith(("I", "F")):
        return _from_deep_grey(upright, name, lost)
    if upright.has_transparency_data:
        return _from_transparent(upright, lost)
    if upright.mode not in _LOSSLESS:
        lost.append(f"colours converted from {upright.mode} to RGB")
    rgb = _empty(upright)
    for rows, band in _bands_of(upright):
        rgb[rows] = np.asarray(band.convert("RGB"))
    return rgb, lost


def _from_deep_grey(image: Image.Image, name: str, lost: list[str]) -> tuple[RGB, list[str]]:
    """16-bit grey, or floating-point grey, of which 1 is white, or the largest value if more."""
    kind, white = ("floating-point", 1.0) if image.mode == "F" else ("16-bit", 65535.0)
    lost.append(f"{kind} grey reduced to 8 bits")
    if image.mode == "F":
        for _, band in _bands_of(image):
            values = np.asarray(band)
            if not np.isfinite(values).all():
                raise FormatError(f"{name} has values that are not finite")
            white = max(white, float(values.max()))
    rgb = _empty(image)
    for rows, band in _bands_of(image):
        rgb[rows] = to_uint8(_three_channels(np.asarray(band) / white))
    return rgb, lost


def _from_transparent(image: Image.Image, lost: list[str]) -> tuple[RGB, list[str]]:
    rgb = _empty(image)
    seen_through = False
    for rows, band in _bands_of(image):
        colours = band.convert("RGBA")
        seen_through |= np.asarray(colours)[..., 3].min() < 255
        white = Image.new("RGBA", colours.size, "white")
        rgb[rows] = np.asarray(Image.alpha_composite(white, colours).convert("RGB"))
    if seen_through:
        lost.append("transparency dropped, laid on white")
    return rgb, lost


def _from_array(array: npt.NDArray[Any], name: str) -> tuple[RGB, list[str]]:
    channels = array.shape[2:]
    if array.ndim not in (2, 3) or channels not in ((), (3,), (4,)) or 0 in array.shape:
        raise SettingError(
            "an image array is (height, width), (height, width, 3) or (height, width, 4), "
            f"got {array.shape}"
        )
    _check_sides(*size_of(array), name)
    if array.dtype == np.uint8 and channels != (4,):
        return _three_channels(array), []
    colours, lost = _unit(array), []
    if array.dtype == np.uint16:
        lost.append("16-bit colours reduced to 8 bits")
    if channels == (4,):
        alpha = colours[..., 3:]
        if alpha.min() < 1:
            lost.append("transparency dropped, laid on white")
        colours = colours[..., :3] * alpha + (1 - alpha)
    return to_uint8(_three_channels(colours)), lost


def _unit(array: npt.NDArray[Any]) -> npt.NDArray[np.floating]:
    """An array's values in [0, 1]."""
    if array.dtype in (np.uint8, np.uint16):
        scaled: npt.NDArray[np.floating] = array / np.float32(np.iinfo(array.dtype).max)
        return scaled
    if not np.issubdtype(array.dtype, np.floating):
        raise SettingError(f"an image array is uint8, uint16 or floating, got {array.dtype}")
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise SettingError("a floating image array has finite values in [0, 1]")
    return array


def _check_sides(height: int, width: int, name: str) -> None:
    if not 0 < min(height, width) <= max(height, width) <= LARGEST_SIDE:
        raise FormatError(
            f"{name} is {width}x{height}, expected sides of 1 to {LARGEST_SIDE} pixels"
        )


def _three_channels(colours: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.repeat(colours[..., None], 3, axis=2) if colours.ndim == 2 else colours


def _empty(image: Image.Image) -> RGB:
    return np.empty((image.height, image.width, 3), np.uint8)


def _bands_of(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    for rows in bands(image.height, image.width):
        yield rows, image.crop((0, rows.start, image.width, rows.stop))
