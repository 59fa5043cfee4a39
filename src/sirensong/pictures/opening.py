"""Opening image files from strangers: only the formats named here, and caps before any work."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from importlib.util import find_spec

from PIL import Image, UnidentifiedImageError

from sirensong.errors import FormatError, MissingDependencyError, SirensongError

HAS_AVIF = find_spec("PIL._avif") is not None  # not every build of Pillow does

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", *(["AVIF"] if HAS_AVIF else []))
"""Pillow's names of the formats that are read without another package; MPO is among JPEG."""

LARGEST_PIXELS = 200_000_000  # an image is decoded whole; cameras have come to 200 megapixels

_ALWAYS = 2**24  # pixels that a file of any length may have
_A_BYTE = 2048  # pixels that it may have besides for each of its bytes

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}

_LIMITED = threading.RLock()  # Pillow's limit is the whole process's


def pixel_limit(length: int) -> int:
    """How many pixels a file may claim before it is decoded.

    Memory and time go by the pixels claimed, so these are bound by the file's length. 16.8
    megapixels are always fine: one colour over 4000x3000 is 42 kB as PNG, but 1 kB as AVIF and
    0.5 kB as WebP. Beyond that, 2,048 pixels a byte are more than one colour reaches in grey PNG
    (1,032, the most that deflate can do), in GIF (1,320), in JPEG (170) or in TIFF (710), and about
    what a page of black text on white reaches in lossless WebP (2,500); photographs have 1 to 20.

    Args:
        length: length of the file in bytes.

    Returns:
        The most pixels, up to `LARGEST_PIXELS`.
    """
    return min(LARGEST_PIXELS, _ALWAYS + _A_BYTE * length)


@contextlib.contextmanager
def open_image(data: bytes, name: str) -> Iterator[Image.Image]:
    """Open an image file; it is decoded when its pixels are asked for.

    Whatever Pillow raises on it inside the `with` block becomes a FormatError. One thread at a time
    may be inside.

    Args:
        data: the whole file.
        name: what to call it in messages.

    Yields:
        The image, on its first frame.

    Raises:
        FormatError: the file is damaged, of no format that is read, or claims more pixels than
            `pixel_limit` allows.
        MissingDependencyError: it is HEIC, and pillow-heif is not installed.
    """
    with decoding(name), _limit(pixel_limit(len(data))), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of half the limit, and of odd metadata
        with Image.open(io.BytesIO(data), formats=_formats(data, name)) as opened:
            yield opened


@contextlib.contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn what Pillow raises on a damaged image into a FormatError: it may be anything.

    Args:
        name: what to call the image in messages.

    Raises:
        FormatError: something other than a SirensongError was raised.
    """
    try:
        yield
    except SirensongError:
        raise
    except UnidentifiedImageError:
        raise FormatError(
            f"{name} is not an image that can be read",
            hint="JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF and HEIC are read",
        ) from None
    except Image.DecompressionBombError as error:
        raise FormatError(
            f"{name} claims too many pixels for the length of its file, or more than "
            f"{LARGEST_PIXELS} at all"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split()).lower() or type(error).__name__
        raise FormatError(f"{name} is damaged or too large: {reason}") from error


@contextlib.contextmanager
def _limit(pixels: int) -> Iterator[None]:
    """Have Pillow refuse more pixels, wherever it learns of a size: in the header or in a frame."""
    with _LIMITED:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = pixels // 2  # it refuses more than twice as many
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _formats(data: bytes, name: str) -> tuple[str, ...]:
    """The formats to try a file as, HEIF if it says so itself."""
    if not _is_heic(data):
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise MissingDependencyError(
            f"{name} is a HEIC image, and reading those needs pillow-heif",
            hint="pip install 'sirensong[heic]'",
        ) from error
    register_heif_opener()
    return ("HEIF",)


def _is_heic(data: bytes) -> bool:
    """Whether a brand of HEIC is among those in the file's first box (ISO/IEC 14496-12, 4.3)."""
    if data[4:8] != b"ftyp":
        return False
    box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    brands = {box[start : start + 4] for start in range(0, len(box), 4)}
    return not brands.isdisjoint(_HEIC)
