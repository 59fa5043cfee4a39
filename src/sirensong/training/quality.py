"""The dial: how good pictures are to be, or how small their carrier."""

from __future__ import annotations

import math

import numpy as np

from sirensong.carrier.header import Header
from sirensong.errors import SettingError
from sirensong.network.lattice import Steps
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid

QUALITIES = {"small": 11.6, "standard": 23.7, "high": 44.0, "archive": 110.0}
"""Bits that codes take for each pixel of the cover."""

# Bits a pixel, and PSNR in dB of the cover and of the worse of two secrets that photographs of
# 256x256 then have with 1,500 steps: means of coco and div2k (docs/performance.md).
_EXPECTED = (
    (11.6, 38.2, 36.2),  # four sets of each
    (23.7, 42.1, 41.0),  # ten sets of each
    (44.0, 46.4, 46.1),  # one set of each, by what it gains on standard
    (109.1, 50.0, 50.0),  # the same
)
_LEAST_QUALITY = 4.0  # bits a pixel

# Few weights of many bits are better than many of few, so bits decide how many there are. Beyond
# this width they are spent on finer steps: wider networks take longer.
_WIDTH = math.sqrt(30.5) / 32  # for each pixel of a tile's side, and root of the bits a pixel
_WIDEST = 1.5  # for each pixel of a tile's side
_LEAST_WIDTH, _LARGEST_WIDTH = 8, 512

# Vectors hold up to 16 numbers, and widths are filled up to whole vectors, which takes time for
# nothing. So tiles are as large as that allows (docs/adr/0021-the-size-of-tiles.md).
_VECTOR = 16
_TILE, _LARGEST_TILE = 32.0, 43.0  # sides in pixels

_LARGEST_SIZE = (65_535, 65_535)  # in pixels; a header takes a few bytes less for others
_TABLES = 400  # bytes of tables and states, about

# Steps that cost pictures least for their bits, learned for 5 layers of 32 (docs/performance.md):
# of the first matrix, the first hidden one, those between, the last hidden one and the last.
_MATRICES = (0.0142, 0.0208, 0.0265, 0.0265, 0.00122)
_BIASES = (0.0087, 0.0146, 0.0188, 0.007, 0.0012)
_FINEST = 2.0**-12  # so that codes reach to 8 on both sides, farther than any weight

# Bits that a code then takes at 28 features.
_MATRIX_BITS = (5.04, 6.27, 5.62, 5.63, 8.0)
_BIAS_BITS = (5.49, 5.55, 5.35, 6.74, 8.2)
_MEASURED_FEATURES, _LEAST_BITS = 28, 0.5


def bits_for(quality: str | float) -> float:
    """Bits a pixel of what a person calls a quality.

    Args:
        quality: "small", "standard", "high", "archive", or the dB that photographs are to have,
            the cover and two secrets.

    Raises:
        SettingError: there is no such quality.
    """
    if isinstance(quality, str):
        if quality not in QUALITIES:
            raise SettingError(
                f"quality must be {', '.join(QUALITIES)} or a number of dB, got {quality!r}"
            )
        return QUALITIES[quality]
    known = [(stego + secret) / 2 for _, stego, secret in _EXPECTED]
    if not known[0] <= quality <= known[-1]:
        raise SettingError(
            f"quality must be {math.ceil(known[0])} to {math.floor(known[-1])} dB, got {quality:g}",
            hint="--bits-per-pixel goes further",
        )
    logs = [math.log(bits) for bits, _, _ in _EXPECTED]
    return math.exp(np.interp(quality, known, logs))


def bits_for_file(bits: float, height: int, width: int, grid: Grid, layers: int) -> float:
    """Bits a pixel that are left for codes of those that a file takes.

    Args:
        bits: of the file, for each pixel of the cover.
        height: of the cover in pixels.
        width: of the cover in pixels.
        grid: of tiles.
        layers: hidden layers of each tile's network.

    Raises:
        SettingError: there are too few or too many.
    """
    fixed = 8 * overhead(grid, layers) / (height * width)
    most = _most_bits(height * width / grid.tiles, layers)
    if not _LEAST_QUALITY <= bits - fixed <= most:
        least, most = _LEAST_QUALITY + fixed, most + fixed
        sizes = math.ceil(least * height * width / 8), math.floor(most * height * width / 8)
        raise SettingError(
            f"a carrier of a cover of {width}x{height} pixels takes {least:.1f} to {most:.1f} bits"
            f" a pixel, {sizes[0]} to {sizes[1]} bytes; got {bits:.1f} bits"
        )
    return bits - fixed


def _most_bits(pixels: float, layers: int) -> float:
    """Bits a pixel that the widest network of a tile of so many pixels takes, at finest steps."""
    widest = Architecture(features_for(math.inf, math.sqrt(pixels)), layers)
    return estimated_bits(widest, _FINEST) / pixels


def overhead(grid: Grid, layers: int) -> int:
    """Bytes of a carrier that do not hold weights, about.

    Args:
        grid: of tiles.
        layers: hidden layers of each tile's network.
    """
    return _TABLES + Header(Architecture(hidden_layers=layers), grid, *_LARGEST_SIZE, 0).file_bytes


def expected_psnr(bits: float) -> tuple[float, float]:
    """PSNR in dB that photographs have: the cover, and the worse of two secrets.

    Args:
        bits: that codes take for each pixel of the cover.
    """
    logs = [math.log(known) for known, _, _ in _EXPECTED]
    stego, secret = (
        float(np.interp(math.log(bits), logs, column))
        for column in zip(*(row[1:] for row in _EXPECTED), strict=True)
    )
    return stego, secret


def quality_above(bits: float, decibels: float) -> str | None:
    """Name the least quality that gives photographs so many dB more; None if there is none.

    Args:
        bits: that codes take for each pixel of the cover now.
        decibels: how much more is wanted.
    """
    now = sum(expected_psnr(bits)) / 2
    enough = (
        name
        for name, more in QUALITIES.items()
        if more > bits and sum(expected_psnr(more)) / 2 >= now + decibels
    )
    return next(enough, None)


def features_for(bits: float, side: float) -> int:
    """Width of a tile's network.

    Args:
        bits: that codes take for each pixel.
        side: of the tile, in pixels.
    """
    grown = 2 * round(min(_WIDTH * math.sqrt(bits), _WIDEST) * side / 2)
    return min(_LARGEST_WIDTH, max(_LEAST_WIDTH, grown))


def tile_for(bits: float) -> float:
    """Side of the largest tile, in pixels, whose network takes no more time a point than 32's.

    Args:
        bits: that codes take for each pixel.

    Returns:
        32 to 43; beyond, too much hangs on each weight.
    """
    growth = min(_WIDTH * math.sqrt(bits), _WIDEST)
    filled = _VECTOR * math.ceil(_TILE * growth / _VECTOR)
    return min(_LARGEST_TILE, (filled + 1) / growth)  # widths are even: one more is rounded off


def coarseness_for(architecture: Architecture, bits: float) -> float:
    """Find the lattice whose codes take so many bits.

    Args:
        architecture: of each tile's function.
        bits: for all weights of a tile.

    Returns:
        The factor on all steps.
    """
    fine, coarse = -12.0, 8.0  # as powers of two
    for _ in range(40):
        middle = (fine + coarse) / 2
        if estimated_bits(architecture, 2**middle) > bits:
            fine = middle
        else:
            coarse = middle
    return 2**coarse


def steps_for(architecture: Architecture, coarseness: float) -> Steps:
    """The lattice of a network's weights.

    Their ratios come out alike for all pictures and widths, so they are constants.

    Args:
        architecture: of each tile's function.
        coarseness: factor on all steps, above 0. Twice as coarse is a bit less for each weight.

    Returns:
        The step of each tensor, float32 numbers.
    """
    hidden = architecture.hidden_layers - 1
    steps = zip(_spread(_MATRICES, hidden), _spread(_BIASES, hidden), strict=True)
    return tuple(
        float(np.float32(max(_FINEST, coarseness * step))) for pair in steps for step in pair
    )


def _spread(five: tuple[float, ...], hidden: int) -> list[float]:
    """A value for each layer: the middle one for hidden ones between the first and the last."""
    first, second, middle, fourth, last = five
    inner = [second, *[middle] * (hidden - 2), fourth][:hidden]
    return [first, *inner, last]


def estimated_bits(architecture: Architecture, coarseness: float) -> float:
    """Bits that the codes of a tile's weights take: within 5 % after training of any length, about.

    Muon moves weights as far for one picture as for another, so their spread is known beforehand.

    Args:
        architecture: of the tile's function.
        coarseness: factor on the steps of the lattice.
    """
    hidden = architecture.hidden_layers - 1
    narrower = -math.log2(architecture.hidden_features / _MEASURED_FEATURES) / 2
    steps = steps_for(architecture, coarseness)
    usual = steps_for(architecture, 1.0)
    finer = [math.log2(one / own) for one, own in zip(usual, steps, strict=True)]
    layers = zip(
        architecture.shapes,
        _spread(_MATRIX_BITS, hidden),
        _spread(_BIAS_BITS, hidden),
        finer[::2],
        finer[1::2],
        strict=True,
    )
    return sum(
        out * into * max(_LEAST_BITS, matrix + finer_matrix + narrower)
        + out * max(_LEAST_BITS, bias + finer_bias)
        for (out, into), matrix, bias, finer_matrix, finer_bias in layers
    )
