"""What a carrier is to show, and how close to it what it shows has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sirensong.carrier.stego import StegoFunction
from sirensong.keys.given import AnyKey, as_key
from sirensong.network.mask import Mask
from sirensong.network.rendering import render_uint8
from sirensong.pictures.image import RGB, fit_within, resize, size_text
from sirensong.pictures.metrics import Quality, measure
from sirensong.pictures.reading import ImageLike, read_picture
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


def measure_all(
    stego: StegoFunction, pictures: Sequence[Expected], mask: Mask | None = None
) -> list[Measured]:
    """Measure each picture as those who may see it would render it.

    Args:
        stego: the stego function, read back from its file.
        pictures: what it is to show, with keys that reveal it.
        mask: of the carrier, if it was made with magnitude selection.

    Raises:
        NoPictureError: a key opens no slot of the carrier.
        SettingError: the mask is missing, or another carrier's.
        MissingDependencyError: scikit-image is not installed.
    """
    return [_measure(stego, picture, mask) for picture in pictures]


def shortfalls(measured: Sequence[Measured], reported: Sequence[float]) -> list[str]:
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
        psnr = picture.quality.psnr
        if psnr < min(promised - TOLERANCE, _ONE_LEVEL):
            lines.append(f"{picture.name} has {psnr:.1f} dB where training reported {promised:.1f}")
    return lines


def _measure(stego: StegoFunction, picture: Expected, mask: Mask | None) -> Measured:
    function: StegoFunction | SecretFunction = stego
    if picture.key is not None:
        function = unlock(stego, as_key(picture.key), mask=mask)
    height, width = function.height, function.width
    render = render_uint8(function, (height, width))
    wanted, original = picture.rgb, picture.original
    if wanted.shape != render.shape:
        wanted = resize(original, height, width)
    if original.shape == render.shape:
        return Measured(picture.name, measure(wanted, render))
    enlarged = resize(render, *original.shape[:2])
    return Measured(picture.name, measure(wanted, render), measure(original, enlarged))
