"""Photographs and colours: the only place that knows 8-bit pixels and file formats."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from sirensong.errors import FormatError, SettingError, SirensongError
from sirensong.files import StrPath, read_bytes, write_bytes

Pixels = npt.NDArray[np.float32]
"""Colours of a picture: (height, width, 3), RGB in [0, 1]."""

RGB = npt.NDArray[np.uint8]
"""An 8-bit image: (height, width, 3), red, green, blue."""

ImageLike = StrPath | Image.Image | npt.NDArray[Any]

_BAND = 2**20  # pixels that are worked on together, about

LARGEST_FILE = 200_000_000  # pixels a picture may have in its file; it is decoded whole before it is made smaller
_LARGEST_BYTES = 1024**3
LARGEST_SIDE = 65_535  # a slot keeps each side in 16 bits

_LOSSLESS = {"L", "RGB", "1", "P"}
_FORMATS = {
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}

PICTURE_ENDINGS = tuple(_FORMATS)

_OPTIONS: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}


@dataclass(frozen=True)
class Picture:
    """A photograph as colours, and what was lost on the way, a line each.

    rgb: (height, width, 3), uint8. notes: such as "alpha dropped".
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
        return self.rgb.shape[0], self.rgb.shape[1]


def read_picture(image: ImageLike, *, within: tuple[int, int] | None = None) -> Picture:
    """Take a photograph from a file, a PIL image or an array. within: (height, width) to make it smaller to, keeping its shape.

    image: a path to JPEG, PNG, WebP or whatever else Pillow opens; a PIL image; or an array (height, width), (height, width, 3) or
    (height, width, 4), uint8, uint16, or floating in [0, 1]. EXIF orientation is applied; grey is
    repeated in three channels; alpha, palettes and 16 bits are converted, and `notes` says what that lost.
    Raises FileError if a file cannot be read, FormatError if it is no picture, SettingError for an array of another form.
    """
    picture = _take(image)
    if within is None:
        return picture
    return replace(picture, rgb=resize(picture.rgb, *fit_within(picture.size, within)))


def _take(image: ImageLike) -> Picture:
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, Image.Image):
        with _decoding("the image"):
            return _from_pil(image, "the image")
    name = os.fspath(image)
    return _from_file(io.BytesIO(read_bytes(name, cap=_LARGEST_BYTES, what="a picture")), name)


def _from_file(file: io.BytesIO, name: str) -> Picture:
    with _decoding(name), _own_limit(), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # Pillow warns of half the size that it refuses, and of odd metadata
        with Image.open(file) as opened:
            deep = opened.mode in ("LA", "RGB", "RGBA") and ";16" in str(
                opened.tile
            )  # Pillow keeps the upper 8 bits, untold
            opened.load()
            picture = _from_pil(opened, name)
    return (
        replace(picture, notes=(f"{name}: 16-bit colours reduced to 8 bits", *picture.notes))
        if deep
        else picture
    )


@contextlib.contextmanager
def _own_limit() -> Iterator[None]:
    """Have Pillow refuse what is larger than LARGEST_FILE; its own limit is lower, and cameras have come to 200 megapixels."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = LARGEST_FILE // 2  # it refuses twice as many
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextlib.contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Turn what Pillow raises on a damaged picture into a FormatError: its decoders raise whatever the damage leads them into."""
    try:
        yield
    except SirensongError:
        raise
    except UnidentifiedImageError:
        raise FormatError(
            f"{name} is no picture that can be read", hint="JPEG, PNG, WebP, TIFF and BMP are"
        ) from None
    except Exception as error:
        reason = " ".join(str(error).split()).lower() or type(error).__name__
        raise FormatError(f"{name} is damaged or too large: {reason}") from error


def _from_pil(image: Image.Image, name: str) -> Picture:
    if 0 in image.size:
        raise FormatError(f"{name} has no pixels: {image.width}x{image.height}")
    notes = []
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"{name}: only the first of {getattr(image, 'n_frames', 1)} frames is used")
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    upright = (
        ImageOps.exif_transpose(image) if turned else image
    )  # which would copy it too, and so would the last conversion
    wide, scale = upright.mode.startswith(("I", "F")), 65535.0
    if wide:
        if upright.mode == "F":
            scale = _largest(upright, name)
        notes.append(
            f"{name}: {'floating-point' if upright.mode == 'F' else '16-bit'} grey reduced to 8 bits"
        )
    levels, clear = np.empty((upright.height, upright.width, 3), np.uint8), False
    for rows, band in _bands_of(upright):
        if wide:
            levels[rows] = to_uint8(_three_channels(np.asarray(band) / scale))
        elif band.has_transparency_data:
            opaque = band.convert("RGBA")
            clear |= np.asarray(opaque.getchannel("A")).min() < 255
            levels[rows] = np.asarray(
                Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque).convert(
                    "RGB"
                )
            )
        else:
            levels[rows] = np.asarray(band.convert("RGB"))
    if clear:
        notes.append(f"{name}: transparency dropped, laid on white")
    elif not (wide or upright.has_transparency_data or upright.mode in _LOSSLESS):
        notes.append(f"{name}: colours converted from {upright.mode} to RGB")
    return Picture(levels, tuple(notes))


def _bands_of(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    return (
        (rows, image.crop((0, rows.start, image.width, rows.stop)))
        for rows in bands(image.height, image.width)
    )


def _largest(image: Image.Image, name: str) -> float:
    """What stands for white in floating-point grey: 1, or the largest value if that is more."""
    largest = 1.0
    for values in (np.asarray(band) for _, band in _bands_of(image)):
        if not np.isfinite(values).all():
            raise FormatError(f"{name} has values that are not finite")
        largest = max(largest, float(values.max()))
    return largest


def _from_array(array: npt.NDArray[Any]) -> Picture:
    if (
        array.ndim not in (2, 3)
        or (array.ndim == 3 and array.shape[2] not in (3, 4))
        or 0 in array.shape
    ):
        raise SettingError(
            f"an image array is (height, width), (height, width, 3) or (height, width, 4), got {array.shape}"
        )
    notes: tuple[str, ...] = ()
    if array.dtype == np.uint8 and array.shape[2:] != (4,):
        return Picture(_three_channels(array))
    if array.dtype == np.uint8:
        colours = array / np.float32(255)
    elif array.dtype == np.uint16:
        colours, notes = array / np.float32(65535), ("16 bits reduced to 8",)
    elif np.issubdtype(array.dtype, np.floating):
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise SettingError("a floating image array has finite values in [0, 1]")
        colours = array
    else:
        raise SettingError(f"an image array is uint8, uint16 or floating, got {array.dtype}")
    if array.ndim == 3 and array.shape[2] == 4:
        alpha = colours[..., 3:]
        if alpha.min() < 1:
            notes += ("transparency dropped, laid on white",)
        colours = colours[..., :3] * alpha + (1 - alpha)
    return Picture(to_uint8(_three_channels(colours)), notes)


def _three_channels(colours: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.repeat(colours[..., None], 3, axis=2) if colours.ndim == 2 else colours


def from_uint8(levels: RGB) -> Pixels:
    """8-bit colours to float32 in [0, 1]."""
    pixels = np.array(levels, np.float32, order="C")
    pixels /= 255
    return pixels


def to_uint8(pixels: npt.NDArray[Any]) -> RGB:
    """Colours in [0, 1] to 8 bits, rounded to the nearest; what lies outside is clipped. 8 bits stay as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    levels = np.empty(pixels.shape, np.uint8)
    for rows in bands(len(pixels), max(1, pixels[:1].size // 3)):
        scaled = np.array(pixels[rows], np.result_type(pixels, np.float32))
        np.clip(scaled, 0, 1, out=scaled)
        scaled *= 255
        levels[rows] = np.rint(scaled, out=scaled)
    return levels


def to_pil(pixels: Pixels | RGB) -> Image.Image:
    """Colours (height, width, 3), in [0, 1] or in 8 bits, to a PIL image, 8-bit RGB."""
    height, width, _ = pixels.shape
    image = Image.new("RGB", (width, height))
    for rows in bands(height, width):
        image.paste(Image.fromarray(to_uint8(pixels[rows])), (0, rows.start))
    return image


def bands(height: int, width: int) -> Iterator[slice]:
    """Rows to work on together, top to bottom, so that what is made on the way stays small."""
    rows = max(1, _BAND // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def digest(pictures: Sequence[Pixels | RGB], settings: object) -> bytes:
    """SHA-256 of pictures and of settings, by their repr: equal for equal work."""
    sha = hashlib.sha256(repr(settings).encode())
    for picture in pictures:
        sha.update(repr(picture.shape).encode())
        for rows in bands(*picture.shape[:2]):
            sha.update(np.ascontiguousarray(picture[rows]).data)
    return sha.digest()


def resize(pixels: RGB, height: int, width: int) -> RGB:
    """Resample a picture with Lanczos's filter."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(to_pil(pixels).resize((width, height), Image.Resampling.LANCZOS))


def fill(pixels: RGB, height: int, width: int) -> RGB:
    """The largest middle part of a picture in the shape of (height, width), resampled to that size."""
    own_height, own_width = pixels.shape[:2]
    scale = min(own_height / height, own_width / width)
    high, wide = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (own_height - high) // 2, (own_width - wide) // 2
    return resize(pixels[top : top + high, left : left + wide], height, width)


def fit_within(size: tuple[int, int], bounds: tuple[int, int]) -> tuple[int, int]:
    """The largest (height, width) of `size`'s shape within `bounds`, and no larger than `size`."""
    height, width = size
    scale = min(bounds[0] / height, bounds[1] / width, 1.0)
    return max(1, round(height * scale)), max(1, round(width * scale))


def check_ending(path: StrPath) -> str:
    """The format that a picture's name asks for by its ending. Raises SettingError for one that cannot be written."""
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise SettingError(
            f"cannot write {os.fspath(path)}: pictures end in {', '.join(_FORMATS)}, got {suffix or 'no ending'}"
        )
    return _FORMATS[suffix]


def encode_picture(pixels: Pixels | RGB, path: StrPath) -> memoryview:
    """The bytes of a picture in the format of its name's ending: PNG, WebP (lossless), BMP, TIFF, JPEG.

    Raises SettingError for another ending, and for a picture with a longer side than the format allows.
    """
    form = check_ending(path)
    options: dict[str, Any] = _OPTIONS.get(form, {})
    buffer = io.BytesIO()
    try:
        to_pil(pixels).save(buffer, form, **options)
    except (OSError, ValueError) as error:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise SettingError(
            f"cannot write {os.fspath(path)}: {size} is too large for {form}", hint="png has room"
        ) from error
    return buffer.getbuffer()


def write_picture(path: StrPath, pixels: Pixels | RGB, *, overwrite: bool = False) -> None:
    """Write a picture to a file, whole or not at all. Raises FileError or SettingError."""
    write_bytes(path, encode_picture(pixels, path), overwrite=overwrite)
