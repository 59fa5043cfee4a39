"""StegExpose: four statistics that look for replaced least significant bits (LSB).

B. Boehm, StegExpose - A Tool for Detecting LSB Steganography, arXiv:1410.6656. The port aims at the
program that people run, quirks included, not at the papers behind it: where the two part, the
docstring says so and the code follows the program.

All four detectors look for LSB replacement alone, and what a stego function renders never had a bit
replaced. That StegExpose finds its renders clean says nothing unless the same pictures with
replaced bits, found out, stand beside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError

Samples = npt.NDArray[np.uint8]
"""An 8-bit picture: (height, width, 3) RGB, or (height, width) grey as its file holds it."""

_Plane = npt.NDArray[np.int16]
THRESHOLD = 0.2
_BLOCK = 1024  # samples between two chi-square tests
_FEWEST_BLOCKS = 256  # tests that there must be
_BAND = 256  # rows of groups counted at once; even, so that disjoint groups stay disjoint
# Which of a group's four pixels are flipped:
_MASKS = ((True, False, False, True), (False, True, True, False))


@dataclass(frozen=True)
class Verdict:
    """What StegExpose says of one picture.

    A detector's score is 0 to 1, roughly the share of samples whose bit was replaced. It is nan if
    there is no solution, and None if the original throws or, in fast mode, does not get that far.

    Args:
        name: of the picture's file.
        size: of its file in bytes, None for an array.
        primary_sets: score.
        chi_square: score.
        sample_pairs: score.
        rs_analysis: score.
        fusion: mean of the scores that are numbers, nan if there are none.
        threshold: fusion beyond which a picture is taken for stego.
        fast: the verdict is of fast mode.
    """

    name: str
    size: int | None
    primary_sets: float | None
    chi_square: float | None
    sample_pairs: float | None
    rs_analysis: float | None
    fusion: float
    threshold: float = THRESHOLD
    fast: bool = False

    @property
    def is_stego(self) -> bool:
        """Whether the fusion is above the threshold; a fusion equal to it, or nan, is not."""
        return self.fusion > self.threshold

    @property
    def hidden_bytes(self) -> int | None:
        """The original's guess at the message's size: fusion times a third of the file's bytes."""
        if self.size is None:
            return None
        return 0 if math.isnan(self.fusion) else math.floor(self.fusion * self.size / 3 + 0.5)


def analyse(pixels: Samples, *, fast: bool = False, threshold: float = THRESHOLD) -> Verdict:
    """Run the detectors on a picture: primary sets, sample pairs, chi square, RS.

    Args:
        pixels: uint8, (height, width, 3); or (height, width) for grey, which is read as Java reads
            it (`from_grey`).
        fast: stop before the next detector once the mean so far is below the threshold.
        threshold: fusion beyond which a picture is taken for stego, 0 to 1.

    Returns:
        A verdict without name and size.

    Raises:
        SettingError: another array or threshold.
    """
    if not 0 <= threshold <= 1:
        raise SettingError(f"the threshold is in [0, 1], got {threshold}")
    rgb = _check_array(pixels)
    scores: dict[str, float | None] = dict.fromkeys(DETECTORS)
    for name, detect in DETECTORS.items():
        if fast and _fuse(scores.values()) < threshold:
            break
        result = detect(rgb)
        scores[name] = None if result is None else float(np.minimum(abs(result), 1.0))
    return Verdict(
        name="", size=None, fusion=_fuse(scores.values()), threshold=threshold, fast=fast, **scores
    )


def _fuse(scores: Iterable[float | None]) -> float:
    """Mean of the scores that are numbers; nan, which is below no threshold, if none is."""
    numbers = [score for score in scores if score is not None and not math.isnan(score)]
    return sum(numbers) / len(numbers) if numbers else math.nan


def _check_array(pixels: Samples) -> Samples:
    shape = np.shape(pixels)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        got = getattr(pixels, "dtype", type(pixels).__name__)
        raise SettingError(f"StegExpose looks at uint8 arrays, got {got}")
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or 0 in shape:
        raise SettingError(
            f"StegExpose looks at arrays (height, width, 3) or (height, width), got {shape}"
        )
    return from_grey(pixels) if pixels.ndim == 2 else pixels


def from_grey(grey: Samples) -> Samples:
    """Turn grey into colours as Java does.

    The samples are taken for linear light and encoded as sRGB (IEC 61966-2-1). That brightens them,
    1 to 13 and 128 to 188, merges the lightest and leaves gaps among the darkest; every detector
    sees it.

    Args:
        grey: (height, width).

    Returns:
        (height, width, 3).
    """
    light = np.arange(256) / 255
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table = np.floor(255 * encoded + 0.5).astype(np.uint8)
    return np.dstack([table[grey]] * 3)


def primary_sets(rgb: Samples) -> float:
    """Primary sets: replaced bits move pairs of neighbours from one set to another.

    S. Dumitrescu, X. Wu, N. Memon, On steganalysis of random LSB embedding in continuous-tone
    images, 2002. The pairs are horizontal and disjoint: X those with a second value that is even
    and larger or odd and smaller, Z the equal ones, Y the others, P all.

    Quirks: W should hold the pairs of Y that differ in the last bit alone, but a bit test that is
    always true lets in all of Y save pairs of two even values. Only red is looked at. And the root
    is the smaller one, negative or not, rather than the one nearest to 0.

    Args:
        rgb: (height, width, 3).

    Returns:
        That root of (W+Z)/2 q^2 + (2X-P) q + Y-X = 0, nan if there is none.
    """
    even = rgb.shape[1] // 2 * 2
    u, v = rgb[:, 0:even:2, 0], rgb[:, 1:even:2, 0]
    x, y, z = _trends(u, v)
    w = y & (((u | v) & 1) == 1)
    sizes = [int(np.count_nonzero(pairs)) for pairs in (w, x, y, z)]
    roots = _roots(*_balance(*sizes))
    return min(roots) if roots else math.nan


def sample_pairs(rgb: Samples) -> float | None:
    """Sample pairs: as primary sets, with W as it should be.

    S. Dumitrescu, X. Wu, Z. Wang, Detection of LSB steganography via sample pair analysis, IEEE
    Trans. Signal Processing 51(7), 2003. The pairs of a channel are disjoint horizontal ones and
    disjoint vertical ones. Takes the root nearest to 0, or, if there is none or it is 0,
    (Y-X) / (2X-P).

    Quirks: that quotient lacks a line's minus sign. The channels' mean is taken before the absolute
    value. And with an odd side the original reads beyond the picture and throws.

    Args:
        rgb: (height, width, 3).

    Returns:
        The mean over the channels; None with an odd side.
    """
    if rgb.shape[0] % 2 or rgb.shape[1] % 2:
        return None
    u, v = (
        np.concatenate([rgb[:, first::2].reshape(-1, 3), rgb[first::2].reshape(-1, 3)])
        for first in (0, 1)
    )
    sets = ((u ^ v) == 1, *_trends(u, v))
    counts = np.stack([np.count_nonzero(pairs, axis=0) for pairs in sets], axis=1)
    return sum(_pairs_estimate(*channel) for channel in counts.tolist()) / 3


def _pairs_estimate(w: int, x: int, y: int, z: int) -> float:
    a, b, c = _balance(w, x, y, z)
    roots = _roots(a, b, c)
    return (min(roots, key=abs) if roots else 0) or _ratio(c, b)


def _trends(u: Samples, v: Samples) -> tuple[npt.NDArray[np.bool_], ...]:
    """Masks of X, Y and Z among the pairs (u, v): every pair is in one of them."""
    z = u == v
    x = ((u < v) == ((v & 1) == 0)) & ~z
    return x, ~(x | z), z


def _balance(w: int, x: int, y: int, z: int) -> tuple[float, float, float]:
    """The quadratic's a, b, c from the sizes of the sets; P = X + Y + Z."""
    return (w + z) / 2, 2 * x - (x + y + z), y - x


def chi_square(rgb: Samples) -> float | None:
    """Chi square: replacement evens out the two values of a pair 2k, 2k+1.

    A. Westfeld, A. Pfitzmann, Attacks on steganographic systems, 2000. Samples are taken in the
    file's order, R, G, B of a pixel and row by row; after each 1024 a chi-square test compares the
    counts of even values with half their pairs' counts.

    Quirks: the histogram starts with 1 in every bin and is never reset. The halves are rounded
    down, and the expected counts then scaled to the observed total. The last whole block is left
    out. And a list as long as there are blocks is filled at 256 places, so that a picture of fewer
    than 257 * 1024 samples, some 296 x 296 pixels, has no result.

    Args:
        rgb: (height, width, 3).

    Returns:
        The mean of the tests' p-values; None for a smaller picture.
    """
    count = rgb.size // _BLOCK - 1
    if count < _FEWEST_BLOCKS:
        return None
    blocks = rgb.reshape(-1)[: count * _BLOCK].reshape(count, _BLOCK)
    bins = blocks + 256 * np.arange(count)[:, None]
    counts = np.bincount(bins.reshape(-1), minlength=256 * count)
    histogram = 1 + counts.reshape(count, 128, 2).cumsum(axis=0)
    observed, expected = histogram[..., 0], histogram.sum(axis=2) // 2
    scaled = expected * (observed.sum(axis=1) / expected.sum(axis=1))[:, None]
    return _mean_p_value((np.square(observed - scaled) / scaled).sum(axis=1))


def _mean_p_value(statistics: npt.NDArray[np.float64]) -> float:
    """Chance that chi square with 127 degrees of freedom exceeds a statistic, mean over them all.

    It is the regularised gamma function Q(a, x) with a = 127/2 and x half the statistic, which for
    halves is a finite sum: Q(1/2, x) = erfc(sqrt x) and
    Q(a+1, x) = Q(a, x) + x^a exp(-x) / gamma(a+1).
    """
    x = np.maximum(statistics / 2, np.finfo(np.float64).tiny)
    orders = np.arange(63) + 0.5
    scale = np.array([math.lgamma(order + 1) for order in orders])
    logarithms = np.log(x)[:, None] * orders - x[:, None] - scale
    first = np.mean([math.erfc(math.sqrt(value)) for value in x])
    return float(first + np.exp(logarithms).sum(axis=1).mean())


def rs_analysis(rgb: Samples) -> float:
    """RS: flipping last bits makes a photograph rougher, the less so the more were replaced.

    J. Fridrich, M. Goljan, R. Du, Reliable detection of LSB steganography in color and grayscale
    images, 2001. Groups are 2 x 2, their roughness is summed along the square's four edges; R and S
    count those that get rougher and smoother by flipping two opposite corners (either two), R- and
    S- with the flipping that pairs 2k with 2k-1; then the same with all last bits of the picture
    flipped.

    Quirks: 0 flips to -1 and 255 to 256. Overlapping groups are counted and, in a second estimate,
    disjoint ones.

    Args:
        rgb: (height, width, 3).

    Returns:
        The mean over both estimates and the three channels, each |x / (x - 1/2)|.
    """
    counts = _group_counts(rgb)
    estimates = [
        _rs_estimate(counts[:, :, grid, channel].tolist())
        for grid in range(2)
        for channel in range(3)
    ]
    return sum(estimates) / len(estimates)


def _group_counts(rgb: Samples) -> npt.NDArray[np.int64]:
    """How many groups get rougher and smoother.

    Returns (2, 4, 2, 3): as they are or all last bits flipped; R, S, R-, S-; overlapping or
    disjoint; channel.
    """
    counts = np.zeros((2, 4, 2, 3), np.int64)
    for top in range(0, rgb.shape[0] - 1, _BAND):
        band = rgb[top : top + _BAND + 1].astype(np.int16)
        for before, plane in enumerate((band, band ^ 1)):
            for kind, flipped in enumerate((plane ^ 1, ((plane + 1) ^ 1) - 1)):
                for change in _changes(_corners(plane), _corners(flipped)):
                    for grid, groups in enumerate((change, change[::2, ::2])):
                        rougher = np.count_nonzero(groups > 0, axis=(0, 1))
                        smoother = np.count_nonzero(groups < 0, axis=(0, 1))
                        counts[before, 2 * kind, grid] += rougher
                        counts[before, 2 * kind + 1, grid] += smoother
    return counts


def _changes(still: tuple[_Plane, ...], flipped: tuple[_Plane, ...]) -> Iterator[_Plane]:
    """How much rougher each group gets with either two opposite corners flipped."""
    roughness = _roughness(*still)
    for mask in _MASKS:
        corners = [
            after if chosen else before
            for before, after, chosen in zip(still, flipped, mask, strict=True)
        ]
        yield _roughness(*corners) - roughness


def _corners(plane: _Plane) -> tuple[_Plane, ...]:
    """The four pixels of every 2 x 2 group: upper left, upper right, lower left, lower right."""
    return plane[:-1, :-1], plane[:-1, 1:], plane[1:, :-1], plane[1:, 1:]


def _roughness(a: _Plane, b: _Plane, c: _Plane, d: _Plane) -> _Plane:
    rough: _Plane = abs(a - b) + abs(b - d) + abs(d - c) + abs(c - a)
    return rough


def _rs_estimate(counts: list[list[int]]) -> float:
    """One channel's share of replaced bits.

    counts: R, S, R-, S- as they are, and with all last bits flipped. x is the root nearest to 0 of
    the RS paper's quadratic. Without real roots the original falls back on where the lines of R and
    R- meet, and of S and S-, and takes the mean of the two.
    """
    (r, s, rm, sm), (r1, s1, rm1, sm1) = counts
    d0, dm0, d1, dm1 = r - s, rm - sm, r1 - s1, rm1 - sm1
    roots = _roots(2 * (d1 + d0), dm0 - dm1 - d1 - 3 * d0, d0 - dm0)
    lines = (_ratio(rm - r, r1 - r + rm - rm1) + _ratio(sm - s, s1 - s + sm - sm1)) / 2
    x = min(roots, key=abs) if roots else lines
    return abs(_ratio(x, x - 0.5))


def _roots(a: float, b: float, c: float) -> tuple[float, float] | None:
    """Real roots of a q^2 + b q + c, the one with the positive square root first.

    None if there are none, or if a is 0.
    """
    discriminant = b * b - 4 * a * c
    if a == 0 or discriminant < 0:
        return None
    root = math.sqrt(discriminant)
    return (-b + root) / (2 * a), (-b - root) / (2 * a)


def _ratio(numerator: float, denominator: float) -> float:
    """A quotient as Java has it: infinite or nan where Python raises."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.divide(numerator, denominator))


DETECTORS: dict[str, Callable[[Samples], float | None]] = {  # in the order in which they run
    "primary_sets": primary_sets,
    "sample_pairs": sample_pairs,
    "chi_square": chi_square,
    "rs_analysis": rs_analysis,
}
