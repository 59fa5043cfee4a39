"""How close a render is to its picture: PSNR, SSIM, RMSE, MAE (section 4.2, Eq. 13 to 17).

Measured as users meet pictures: on the 8-bit images that are written to disk, with data range 255.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from sirensong.errors import MissingDependencyError, SettingError
from sirensong.pictures.image import RGB
from sirensong.pictures.reading import ImageLike, read_picture

SSIM_WINDOW = 11  # pixels a side: a Gaussian of sigma 1.5 cut at 3.5 sigma, as Wang et al. have it
_BAND = 2**18  # pixels, about
_LUMA = np.array([65.481, 128.553, 24.966]) / 255  # of BT.601, with 16 for black and 235 for white


@dataclass(frozen=True)
class Quality:
    """How far one render is from its picture.

    Attributes:
        psnr: peak signal-to-noise ratio in dB, infinite for identical images (Eq. 13).
        ssim: structural similarity, up to 1, nan below 11 pixels a side (Eq. 14, 15).
        rmse: root mean square error, 0 to 255 (Eq. 16).
        mae: mean absolute error, 0 to 255 (Eq. 17).
    """

    psnr: float
    ssim: float
    rmse: float
    mae: float

    def as_json(self) -> dict[str, float | None]:
        """Give the four numbers by name, with None for what JSON has no number for.

        Returns:
            The numbers; None for an infinite PSNR and an undefined SSIM.
        """
        return {
            name: value if math.isfinite(value) else None for name, value in asdict(self).items()
        }


def measure(picture: ImageLike, render: ImageLike) -> Quality:
    """Compare a render with the picture that it stands for.

    Args:
        picture: a path, a PIL image or an array; colours in [0, 1] are rounded to 8 bits here.
        render: a picture of the same size, in any of these forms.

    Returns:
        PSNR, RMSE and MAE over all samples, and SSIM with Wang et al.'s Gaussian window as the mean
        over the channels.

    Raises:
        SettingError: the sizes differ, or an argument is not an image.
        FileError: a file cannot be read.
        FormatError: a file is not an image.
        MissingDependencyError: scikit-image is not installed.

    Example:
        >>> import numpy as np
        >>> black = np.zeros((16, 16, 3), np.uint8)
        >>> quality = measure(black, black + np.uint8(51))
        >>> round(quality.psnr, 2), quality.rmse, quality.mae
        (13.98, 51.0, 51.0)
    """
    one, other = _read_both(picture, render)
    squares, absolutes = 0, 0
    for rows in _bands(0, len(one), one.shape[1]):
        difference = one[rows].astype(np.int64) - other[rows]
        squares += int(np.square(difference).sum())
        absolutes += int(np.abs(difference).sum())
    mse = squares / one.size
    return Quality(
        psnr=psnr_of(mse / 255**2),
        ssim=_ssim(one, other),
        rmse=math.sqrt(mse),
        mae=absolutes / one.size,
    )


def luma_psnr(picture: ImageLike, render: ImageLike) -> float:
    """PSNR of luma as DeepMIH's tables have it (Guan et al. 2022): levels 16 to 235, peak 255.

    That is 1.3 dB above what luma of 0 to 255 gives, and more above PSNR of RGB.

    Args:
        picture: in any form that `measure` takes.
        render: a picture of the same size.

    Returns:
        PSNR in dB, infinite for equal luma.

    Raises:
        SettingError: the sizes differ, or an argument is not an image.
        FileError: a file cannot be read.
        FormatError: a file is not an image.

    Example:
        >>> import numpy as np
        >>> black = np.zeros((16, 16, 3), np.uint8)
        >>> round(luma_psnr(black, black + np.uint8(51)), 2)
        15.3
    """
    one, other = _read_both(picture, render)
    squares = 0.0
    for rows in _bands(0, len(one), one.shape[1]):
        difference = (one[rows].astype(np.float64) - other[rows]) @ _LUMA
        squares += float(np.square(difference).sum())
    return psnr_of(squares / (one.size // 3) / 255**2)


def _read_both(picture: ImageLike, render: ImageLike) -> tuple[RGB, RGB]:
    """Two pictures of one size."""
    one, other = read_picture(picture).rgb, read_picture(render).rgb
    if one.shape != other.shape:
        sizes = " and ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (one, other))
        raise SettingError(f"cannot compare pictures of different sizes: {sizes}")
    return one, other


def _ssim(picture: RGB, render: RGB) -> float:
    """Mean over the pixels around which a whole window fits, band by band."""
    try:
        # of this module alone: the others load scipy.stats, half a second
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise MissingDependencyError(
            "measuring needs scikit-image", hint="pip install 'sirensong[hide]'"
        ) from error
    margin, height = SSIM_WINDOW // 2, len(picture)
    if min(picture.shape[:2]) < SSIM_WINDOW:
        return math.nan
    total = 0.0
    for rows in _bands(margin, height - margin, picture.shape[1]):
        with_neighbours = slice(rows.start - margin, rows.stop + margin)
        mean = structural_similarity(
            picture[with_neighbours],
            render[with_neighbours],
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
    """Convert a mean squared error to PSNR (Eq. 13).

    Args:
        squared_error: of colours in [0, 1].

    Returns:
        PSNR in dB, infinite for 0.
    """
    return math.inf if squared_error == 0 else -10 * math.log10(squared_error)
