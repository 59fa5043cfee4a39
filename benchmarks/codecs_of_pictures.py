"""What picture files take at a quality: JPEG and AVIF, without subsampled colours (4:4:4)."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from sirensong.pictures.metrics import psnr_of

QUALITIES = {"JPEG": range(20, 101), "AVIF": range(30, 101, 3)}

RGB = npt.NDArray[np.uint8]


def psnr(picture: RGB, other: RGB) -> float:
    """PSNR in dB of 8-bit pictures, as `measure` has it, without the rest that it measures."""
    return psnr_of(float(np.square(picture.astype(np.float64) - other).mean()) / 255**2)


def curve(picture: RGB, codec: str) -> tuple[list[float], list[int]]:
    """PSNR in dB and bytes of a picture at all qualities of a codec, both growing."""
    points = []
    for quality in QUALITIES[codec]:
        file = io.BytesIO()
        options = {"subsampling": 0 if codec == "JPEG" else "4:4:4", "quality": quality}
        Image.fromarray(picture).save(file, codec, **options)
        file.seek(0)
        decoded = np.asarray(Image.open(file).convert("RGB"))
        points.append((psnr(picture, decoded), file.getbuffer().nbytes))
    rising = sorted(point for point in points if np.isfinite(point[0]))
    return [point[0] for point in rising], [point[1] for point in rising]


def bytes_at(pictures: Sequence[RGB], decibels: Sequence[float], codec: str) -> float:
    """Bytes of pictures together, each at a PSNR of its own, between two qualities by ratio.

    Beyond a codec's best the last two qualities are prolonged.
    """
    total = 0.0
    for picture, wanted in zip(pictures, decibels, strict=True):
        known, sizes = curve(picture, codec)
        logs = np.log(sizes)
        if wanted > known[-1]:
            slope = (logs[-1] - logs[-2]) / (known[-1] - known[-2])
            total += float(np.exp(logs[-1] + slope * (wanted - known[-1])))
        else:
            total += float(np.exp(np.interp(wanted, known, logs)))
    return total
