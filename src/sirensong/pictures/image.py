"""Images as colours: what is read, what is written, and the 8-bit pixels in between."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from sirensong.errors import FormatError, SettingError
from sirensong.files import Readable, StrPath, file_errors, read_bytes, read_whole, write_bytes
from sirensong.pictures.opening import HAS_AVIF, decoding, open_image

Pixels = npt.NDArray[np.float32]
"""Colours of a picture: (height, width, 3), RGB in [0, 1]."""

RGB = npt.NDArray[np.uint8]
"""An 8-bit image: (height, width, 3), red, green, blue."""


class ArrayLike(Protocol):
    """What NumPy can make an array of, such as a PyTorch tensor on the CPU."""

    def __array__(self) -> npt.NDArray[Any]:
        """The array."""


ImageLike = StrPath | bytes | bytearray | memoryview | Readable | Image.Image | ArrayLike
"""What `read_picture` takes: a path, an encoded image, or one that is decoded."""

LARGEST_SIDE = 65_535  # a slot of the carrier keeps each side in 16 bits
_LARGEST_BYTES = 1024**3
_BAND = 2**20  # pixels that are worked on together, about

_LOSSLESS = {"L", "RGB", "1", "P"}
_WRITTEN = {
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
if HAS_AVIF:
    _WRITTEN[".avif"] = "AVIF"
_OPTIONS: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 95},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}

PICTURE_ENDINGS = (*_WRITTEN, ".gif", ".heic", ".heif")
"""The endings of image files that can be read."""


@dataclass(frozen=True)
class Picture:
    """An image as 8-bit colours, and what was lost on the way.

    Attributes:
        rgb: The colours, (height, width, 3).
        original_size: (height, width) before it was made smaller.
        notes: What was lost, a line each, such as "a.png: transparency dropped, laid on white".
    """

    rgb: RGB
    original_size: tuple[int, int]
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> Pixels:
        """(height, width, 3), float32 in [0, 1]."""
        return from_uint8(self.rgb)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return _size(self.rgb)


def read_picture(image: ImageLike, *, within: tuple[int, int] | None = None) -> Picture:
    """Take an image from a file, from bytes, from PIL or from an array.

    EXIF orientation is applied, and grey is repeated in three channels. Transparency is laid on
    white, and all else becomes 8-bit RGB; the notes say what that lost.

    Args:
        image: A path; the bytes of a file, or an open binary file (JPEG, PNG, WebP, TIFF, BMP, GIF,
            AVIF, and HEIC with pillow-heif); a PIL image; or an array, (height, width), (height,
            width, 3) or (height, width, 4), uint8, uint16, or floating in [0, 1].
        within: (height, width) to make it smaller to, keeping its shape.

    Returns:
        The picture. The array of 8-bit colours that was given is used as it is, not copied.

    Raises:
        FileError: A file cannot be read.
        FormatError: The file is not an image, is damaged, or claims too many pixels
            (`sirensong.pictures.opening.pixel_limit`); a side is longer than `LARGEST_SIDE`.
        SettingError: An array has another form, or `image` is of another type.
        MissingDependencyError: It is HEIC, and pillow-heif is not installed.
    """
    name = os.fsdecode(image) if isinstance(image, str | os.PathLike) else "the image"
    rgb, lost = _colours(image, name)
    original_size = _size(rgb)
    size = original_size if within is None else fit_within(original_size, within)
    if size != original_size:
        lost.append(f"made smaller from {_text(original_size)} to {_text(size)}")
        rgb = resize(rgb, *size)
    return Picture(rgb, original_size, tuple(f"{name}: {what}" for what in lost))


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
    _check_sides(*_size(array), name)
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


def _size(rgb: npt.NDArray[Any]) -> tuple[int, int]:
    return rgb.shape[0], rgb.shape[1]


def _text(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


def _bands_of(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    for rows in bands(image.height, image.width):
        yield rows, image.crop((0, rows.start, image.width, rows.stop))


def bands(height: int, width: int) -> Iterator[slice]:
    """Cut an image into bands, so that what is made of each on the way stays small.

    Args:
        height: Rows of the image.
        width: Columns of the image.

    Returns:
        Slices of rows, top to bottom, of about a megapixel each.
    """
    rows = max(1, _BAND // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def from_uint8(rgb: RGB) -> Pixels:
    """Convert 8-bit colours to floating-point ones.

    Args:
        rgb: Colours of any shape, 0 to 255.

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
        pixels: Colours, (height, width, 3), in [0, 1] or in 8 bits.

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
        pictures: The pictures, in order.
        settings: Anything whose repr says all that matters.

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
        height: Rows of the result.
        width: Columns of the result.

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
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        (height, width, 3), uint8.
    """
    own_height, own_width = _size(rgb)
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


def check_ending(path: StrPath) -> str:
    """Find the format that a file name asks for by its ending.

    Args:
        path: The file to be.

    Returns:
        Pillow's name of the format.

    Raises:
        SettingError: No image can be written under this ending.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITTEN:
        raise SettingError(
            f"cannot write {os.fspath(path)}: pictures end in {', '.join(_WRITTEN)}, "
            f"got {suffix or 'no ending'}"
        )
    return _WRITTEN[suffix]


def encode_picture(pixels: Pixels | RGB, path: StrPath) -> memoryview:
    """Encode a picture in the format that a file name asks for by its ending.

    Args:
        pixels: Colours, (height, width, 3), in [0, 1] or in 8 bits.
        path: The file to be. PNG, WebP, BMP and TIFF keep 8 bits exactly, JPEG and AVIF do not.

    Returns:
        The bytes of the file.

    Raises:
        SettingError: Another ending, or a side that is longer than the format allows.
    """
    form = check_ending(path)
    options: dict[str, Any] = _OPTIONS.get(form, {})
    buffer = io.BytesIO()
    try:
        to_pil(pixels).save(buffer, form, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise SettingError(
            f"cannot write {os.fspath(path)}: {_text(_size(pixels))} is too large for {form}",
            hint="png has room",
        ) from error
    return buffer.getbuffer()


def write_picture(
    path: StrPath, pixels: Pixels | RGB, *, overwrite: bool = False, secret: bool = False
) -> None:
    """Write a picture to a file, whole or not at all.

    Args:
        path: The file to be; its ending gives the format (`encode_picture`).
        pixels: Colours, (height, width, 3), in [0, 1] or in 8 bits.
        overwrite: Whether it may replace a file.
        secret: Whether its owner alone may read it (mode 0600).

    Raises:
        FileError: It exists and `overwrite` is false, or it cannot be written.
        SettingError: Another ending, or a side that is longer than the format allows.
    """
    write_bytes(path, encode_picture(pixels, path), overwrite=overwrite, secret=secret)
