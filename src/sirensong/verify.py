"""What a carrier is to show, and how close to it what it shows has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import FormatError, SettingError
from sirensong.files import StrPath, file_size, read_bytes
from sirensong.keys.given import AnyKey, as_key
from sirensong.network.mask import Mask
from sirensong.network.rendering import render_uint8
from sirensong.payload.content import LARGEST_CONTENT, HiddenFile
from sirensong.pictures.image import RGB, fit_within, resize, size_text
from sirensong.pictures.kinds import PAYLOAD, guess_kind
from sirensong.pictures.metrics import Quality, measure
from sirensong.pictures.pool import Pool, file_among_pictures
from sirensong.pictures.reading import ImageLike, read_picture
from sirensong.pictures.writing import PICTURE_ENDINGS
from sirensong.reveal import SecretFunction, unlock

TOLERANCE = 3.0
"""dB that a picture may be below what training reported of it."""

_ONE_LEVEL = 48.13  # dB of a render that is one of 255 levels off: rounding alone can do that


@dataclass(frozen=True)
class Expected:
    """A picture that a carrier is to show.

    Args:
        name: as the user wrote it.
        rgb: the picture that is trained for.
        original: the picture as it was read, larger perhaps.
        key: what hides or reveals it, None for the cover.
        notes: what was lost on the way, a line each.
    """

    name: str
    rgb: RGB
    original: RGB
    key: AnyKey | None = None
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> RGB:
        """What is hidden."""
        return self.rgb

    @property
    def kind(self) -> str:
        """Which of the kinds of pictures it looks like."""
        return guess_kind(self.rgb)


@dataclass(frozen=True)
class ExpectedFile:
    """A file that a carrier is to hold byte for byte.

    Args:
        name: as the user wrote it.
        file: what is to come back.
        key: what hides or reveals it.
        notes: what to know of it, a line each.
    """

    name: str
    file: HiddenFile
    key: AnyKey | None
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> HiddenFile:
        """What is hidden."""
        return self.file

    @property
    def kind(self) -> str:
        """A file's samples look like noise."""
        return PAYLOAD


@dataclass(frozen=True)
class ReadBack:
    """How a file has come back, which is to say exactly.

    Args:
        name: of the file, as the user wrote it.
        size: of its content, in bytes.
        mended: bytes of its code that were wrong, and that the code put right.
        coded: bytes of its code.
    """

    name: str
    size: int
    mended: int
    coded: int

    def as_json(self) -> dict[str, Any]:
        """Name and numbers."""
        return {"file": self.name, "bytes": self.size, "mended": self.mended, "coded": self.coded}


@dataclass(frozen=True)
class Measured:
    """How close a render is to its picture.

    Args:
        name: of the picture.
        quality: against the picture at the size that the carrier has it in.
        original: of the render, enlarged, against the original; None where that is no larger.
    """

    name: str
    quality: Quality
    original: Quality | None = None

    def as_json(self) -> dict[str, Any]:
        """Name and numbers, with `original` only where the picture was made smaller."""
        facts = {"picture": self.name, **self.quality.as_json()}
        if self.original is None:
            return facts
        return facts | {"original": self.original.as_json()}


def expect(
    image: ImageLike,
    name: str,
    *,
    within: tuple[int, int] | None = None,
    key: AnyKey | None = None,
) -> Expected:
    """Read a picture that is to be hidden, or to be measured against.

    Args:
        image: what `read_picture` takes.
        name: as the user wrote it.
        within: (height, width) to make it smaller to, keeping its shape.
        key: what hides or reveals it, None for the cover.

    Raises:
        FileError: a file cannot be read.
        FormatError: a file is not an image.
    """
    picture = read_picture(image)
    size = picture.size if within is None else fit_within(picture.size, within)
    notes = picture.notes
    if size != picture.size:
        notes += (f"{name}: made smaller from {size_text(picture.size)} to {size_text(size)}",)
    return Expected(name, resize(picture.rgb, *size), picture.rgb, key, notes)


def expect_secret(
    source: StrPath | bytes,
    name: str,
    *,
    within: tuple[int, int] | None = None,
    key: AnyKey | None = None,
    exactly: bool = False,
) -> Expected | ExpectedFile:
    """Read what is to be hidden: a picture, or what is none as a file.

    Args:
        source: the file, or its bytes.
        name: as the user wrote it; its last part is what a hidden file is called.
        within: (height, width) to make a picture smaller to, keeping its shape.
        key: what hides or reveals it.
        exactly: take a picture as a file too.

    Raises:
        FileError: the file cannot be read.
        FormatError: it is named as a picture, and is none; or it is too large.
    """
    notes: tuple[str, ...] = ()
    if not exactly:
        try:
            return expect(source, name, within=within, key=key)
        except FormatError:
            if Path(name).suffix.lower() in PICTURE_ENDINGS:
                raise
        notes = (f"{name} is no picture: it is hidden as a file, and comes back byte for byte",)
    return ExpectedFile(name, HiddenFile(Path(name).name, _content(source)), key, notes)


def _content(source: StrPath | bytes) -> bytes:
    """What is in a file, which may be empty."""
    if isinstance(source, bytes):
        return source
    if file_size(source) == 0:
        return b""
    return read_bytes(source, cap=LARGEST_CONTENT, what="a file to hide")


def unlike_decoys(
    secrets: Sequence[Expected | ExpectedFile], decoys: Sequence[StrPath]
) -> list[str]:
    """Find secrets that may stand out among decoys.

    Args:
        secrets: what is to be hidden.
        decoys: a pool, or pictures; none where they are made, which are pictures too.

    Returns:
        A line for each secret of a kind that the pool lacks, and for each file where there is no
        pool. Of pictures nothing is known there.
    """
    if isinstance(decoys, Pool):
        notes = (decoys.lacking(secret.name, secret.kind) for secret in secrets)
        return [note for note in notes if note is not None]
    files = (secret for secret in secrets if isinstance(secret, ExpectedFile))
    return [file_among_pictures(file.name) for file in files]


def measure_all(
    stego: StegoFunction, expected: Sequence[Expected | ExpectedFile], mask: Mask | None = None
) -> list[Measured | ReadBack]:
    """Measure each picture as those who may see it would render it, and read each file back.

    Args:
        stego: the stego function, read back from its file.
        expected: what it is to show, with keys that reveal it.
        mask: of the carrier, if it was made with magnitude selection.

    Raises:
        NoPictureError: a key opens no slot of the carrier.
        SettingError: the mask is missing, or another carrier's; or a key opens a picture where a
            file is expected, or the other way round.
        FormatError: a file does not come back as it was.
        MissingDependencyError: scikit-image is not installed.
    """
    return [
        _read_back(stego, one, mask)
        if isinstance(one, ExpectedFile)
        else measure_picture(stego, one, mask)
        for one in expected
    ]


def shortfalls(measured: Sequence[Measured | ReadBack], reported: Sequence[float]) -> list[str]:
    """Find pictures that are much worse than training said, which would be a defect of ours.

    Args:
        measured: each picture as it came out.
        reported: dB of each as training reported it, in the same order (`Hidden.psnr`).

    Returns:
        A line for each picture that is more than `TOLERANCE` below. A render that is within one
        level of 255 is never among them.
    """
    lines = []
    for picture, promised in zip(measured, reported, strict=True):
        if isinstance(picture, ReadBack):
            continue
        psnr = picture.quality.psnr
        if psnr < min(promised - TOLERANCE, _ONE_LEVEL):
            lines.append(f"{picture.name} has {psnr:.1f} dB where training reported {promised:.1f}")
    return lines


def _read_back(stego: StegoFunction, expected: ExpectedFile, mask: Mask | None) -> ReadBack:
    secret = unlock(stego, as_key(expected.key), mask=mask)
    file, mended = secret.read_file()
    if file != expected.file:
        raise FormatError(f"{expected.name} is not the file that the carrier holds")
    return ReadBack(expected.name, len(file.content), mended, secret.layout.coded)


def measure_picture(stego: StegoFunction, picture: Expected, mask: Mask | None = None) -> Measured:
    """Measure a picture as who may see it would render it; see `measure_all`."""
    function: StegoFunction | SecretFunction = stego
    if picture.key is not None:
        function = unlock(stego, as_key(picture.key), mask=mask)
        if function.is_file:
            raise SettingError(f"the key of {picture.name} opens a file, not a picture")
    height, width = function.height, function.width
    render = render_uint8(function, (height, width))
    wanted, original = picture.rgb, picture.original
    if wanted.shape != render.shape:
        wanted = resize(original, height, width)
    if original.shape == render.shape:
        return Measured(picture.name, measure(wanted, render))
    enlarged = resize(render, *original.shape[:2])
    return Measured(picture.name, measure(wanted, render), measure(original, enlarged))
