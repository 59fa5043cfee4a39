"""How close a render is to its picture: PSNR, SSIM, RMSE, MAE (section 4.2, Eq. 13 to 17), on scikit-image.

Measured as users meet pictures: on the 8-bit images that are written to disk, with data range 255.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from sirensong.errors import MissingDependencyError, SettingError
from sirensong.pictures.image import RGB, Pixels, to_uint8

_BAND = 2**18  # pixels, about
SSIM_WINDOW = (
    11  # pixels a side: a Gaussian of sigma 1.5 cut at 3.5 sigma, as Wang et al. define it
)


@dataclass(frozen=True)
class Quality:
    """One picture's distortion.

    psnr: dB, infinite for identical images. ssim: up to 1, nan below 11 pixels a side. rmse, mae: 0 to 255.
    """

    psnr: float
    ssim: float
    rmse: float
    mae: float

    def as_json(self) -> dict[str, float | None]:
        """The four numbers by name, None for what JSON cannot say: the infinite PSNR of equal images, an undefined SSIM."""
        return {
            name: value if math.isfinite(value) else None for name, value in asdict(self).items()
        }


def measure(picture: Pixels | RGB, render: Pixels | RGB) -> Quality:
    """Compare a render with the picture it stands for.

    picture, render: (height, width, 3), in 8 bits, or in [0, 1] and rounded here. PSNR (Eq. 13) is over all samples; SSIM
    (Eq. 14, 15) is the mean over channels with Wang et al.'s Gaussian window. Raises SettingError if the shapes differ,
    MissingDependencyError without scikit-image.
    """
    if picture.shape != render.shape:
        raise SettingError(
            f"cannot compare pictures of different shapes: {picture.shape} and {render.shape}"
        )
    squares, absolutes = 0, 0
    for rows in _bands(0, len(picture), picture.shape[1]):
        difference = to_uint8(picture[rows]).astype(np.int64) - to_uint8(render[rows])
        squares += int(np.square(difference).sum())
        absolutes += int(np.abs(difference).sum())
    mse = squares / picture.size
    return Quality(
        psnr=psnr_of(mse / 255**2),
        ssim=_ssim(picture, render),
        rmse=math.sqrt(mse),
        mae=absolutes / picture.size,
    )


def _ssim(picture: Pixels | RGB, render: Pixels | RGB) -> float:
    """Mean over the pixels around which a whole window fits: of bands of them, which need their neighbours on both sides."""
    try:
        from skimage.metrics import (
            structural_similarity,  # this one alone: the others load scipy.stats, half a second
        )
    except ImportError as error:
        raise MissingDependencyError(
            "measuring needs scikit-image", hint="pip install 'sirensong[hide]'"
        ) from error
    margin, height = SSIM_WINDOW // 2, len(picture)
    if min(picture.shape[:2]) < SSIM_WINDOW:
        return math.nan
    total = 0.0
    for rows in _bands(margin, height - margin, picture.shape[1]):
        x, y = (
            to_uint8(pixels[rows.start - margin : rows.stop + margin])
            for pixels in (picture, render)
        )
        mean = structural_similarity(
            x,
            y,
            data_range=255,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        total += float(mean) * (rows.stop - rows.start)
    return total / (height - 2 * margin)


def _bands(start: int, stop: int, width: int) -> Iterator[slice]:
    """Rows to look at together, so that large pictures need no more memory than small ones."""
    rows = max(4 * SSIM_WINDOW, _BAND // width)
    return (slice(row, min(row + rows, stop)) for row in range(start, stop, rows))


def psnr_of(squared_error: float) -> float:
    """PSNR in dB of a mean squared error on colours in [0, 1]; infinite for 0 (Eq. 13)."""
    return math.inf if squared_error == 0 else -10 * math.log10(squared_error)
