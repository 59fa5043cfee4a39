"""StegExpose: four statistics that look for replaced least significant bits (LSB), ported with the original's quirks.

B. Boehm, StegExpose - A Tool for Detecting LSB Steganography, arXiv:1410.6656. The port aims at the program that people run, not at
the papers behind it: where the two part, the docstring says so and the code follows the program.

All four detectors look for LSB replacement alone, and what a stego function renders never had a bit replaced: that StegExpose finds
its renders clean says nothing unless the same pictures with replaced bits, found out, stand beside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError

Samples = npt.NDArray[np.uint8]
"""An 8-bit picture: (height, width, 3) RGB, or (height, width) grey as its file holds it."""

_Plane = npt.NDArray[np.int16]
THRESHOLD = 0.2
_BLOCK, _FEWEST_BLOCKS = (
    1024,
    256,
)  # samples between two chi-square tests, and the tests that there must be
_BAND = 256  # rows of groups counted at once; even, so that every band begins with a group that does not overlap the last
_MASKS = (
    (True, False, False, True),
    (False, True, True, False),
)  # which of a group's four pixels are flipped


@dataclass(frozen=True)
class Verdict:
    """What StegExpose says of one picture.

    name: of its file. size: of its file in bytes, None for an array. primary_sets, chi_square, sample_pairs, rs_analysis: 0 to 1,
    roughly the share of samples whose bit was replaced; nan if there is no solution, None if the original throws or, in fast
    mode, does not get that far. fusion: mean of those that are numbers, nan if there are none.
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
        """The original's guess at the message's size: a third of the file's bytes, compressed as they are, times the fusion."""
        if self.size is None:
            return None
        return 0 if math.isnan(self.fusion) else math.floor(self.fusion * self.size / 3 + 0.5)


def analyse(pixels: Samples, *, fast: bool = False, threshold: float = THRESHOLD) -> Verdict:
    """Run the detectors on a picture: primary sets, sample pairs, chi square, RS.

    pixels: uint8, (height, width, 3), or (height, width) for grey, which is read as Java reads it (`from_grey`). fast: stop before
    the next detector once the mean so far is below the threshold. threshold: 0 to 1. Returns a verdict without name and size.
    Raises SettingError for another array or threshold.
    """
    if not 0 <= threshold <= 1:
        raise SettingError(f"the threshold is in [0, 1], got {threshold}")
    colours = _colours(pixels)
    scores: dict[str, float | None] = dict.fromkeys(DETECTORS)
    for name, detect in DETECTORS.items():
        if fast and _fuse(scores.values()) < threshold:
            break
        result = detect(colours)
        scores[name] = None if result is None else float(np.minimum(abs(result), 1.0))
    return Verdict(
        name="", size=None, fusion=_fuse(scores.values()), threshold=threshold, fast=fast, **scores
    )


def _fuse(scores: Iterable[float | None]) -> float:
    """Mean of the scores that are numbers; nan, which is below no threshold, if none is."""
    numbers = [score for score in scores if score is not None and not math.isnan(score)]
    return sum(numbers) / len(numbers) if numbers else math.nan


def _colours(pixels: Samples) -> Samples:
    shape = np.shape(pixels)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise SettingError(
            f"StegExpose looks at uint8 arrays, got {getattr(pixels, 'dtype', type(pixels).__name__)}"
        )
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or 0 in shape:
        raise SettingError(
            f"StegExpose looks at arrays (height, width, 3) or (height, width), got {shape}"
        )
    return from_grey(pixels) if pixels.ndim == 2 else pixels


def from_grey(grey: Samples) -> Samples:
    """Grey as Java turns it into colours: the samples are taken for linear light and encoded as sRGB (IEC 61966-2-1).

    That brightens them, 1 to 13 and 128 to 188, merges the lightest and leaves gaps among the darkest; every detector sees it.
    grey: (height, width). Returns (height, width, 3).
    """
    light = np.arange(256) / 255
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table = np.floor(255 * encoded + 0.5).astype(np.uint8)
    return np.dstack([table[grey]] * 3)


def primary_sets(colours: Samples) -> float:
    """Primary sets: replaced bits move pairs of neighbours from one set to another, by their share (Dumitrescu et al. 2002).

    S. Dumitrescu, X. Wu, N. Memon, On steganalysis of random LSB embedding in continuous-tone images. The pairs are horizontal and
    disjoint: X those with a second value that is even and larger or odd and smaller, Z the equal ones, Y the others, P all. Quirks:
    W should hold the pairs of Y that differ in the last bit alone, but a bit test that is always true lets in all of Y save pairs
    of two even values; only red is looked at; and the root is the smaller one, negative or not, rather than the one nearest to 0.
    Returns that root of (W+Z)/2 q^2 + (2X-P) q + Y-X = 0, nan if there is none.
    """
    u, v = (colours[:, first : colours.shape[1] // 2 * 2 : 2, 0] for first in (0, 1))
    x, y, z = _trends(u, v)
    w = y & (((u | v) & 1) == 1)
    roots = _roots(*_balance(*(int(np.count_nonzero(kind)) for kind in (w, x, y, z))))
    return min(roots) if roots else math.nan


def sample_pairs(colours: Samples) -> float | None:
    """Sample pairs: as primary sets, with W as it should be (Dumitrescu et al. 2003).

    S. Dumitrescu, X. Wu, Z. Wang, Detection of LSB steganography via sample pair analysis, IEEE Trans. Signal Processing 51(7). The
    pairs of a channel are disjoint horizontal ones and disjoint vertical ones. Takes the root nearest to 0, or, if there is none or
    it is 0, (Y-X) / (2X-P). Quirks: that quotient lacks a line's minus sign; the channels' mean is taken before the absolute value;
    and with an odd side the original reads beyond the picture and throws, so that there is no result: None.
    """
    if colours.shape[0] % 2 or colours.shape[1] % 2:
        return None
    u, v = (
        np.concatenate([colours[:, first::2].reshape(-1, 3), colours[first::2].reshape(-1, 3)])
        for first in (0, 1)
    )
    counts = np.stack(
        [np.count_nonzero(kind, axis=0) for kind in ((u ^ v) == 1, *_trends(u, v))], axis=1
    )
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


def chi_square(colours: Samples) -> float | None:
    """Chi square: replacement evens out the two values of a pair 2k, 2k+1 (Westfeld and Pfitzmann 2000).

    A. Westfeld, A. Pfitzmann, Attacks on steganographic systems. Samples are taken in the file's order, R, G, B of a pixel and row
    by row; after each 1024 a chi-square test compares the counts of even values with half their pairs' counts. Returns the mean of
    the tests' p-values. Quirks: the histogram starts with 1 in every bin and is never reset; the halves are rounded down, and the
    expected counts then scaled to the observed total; the last whole block is left out; and a list as long as there are blocks is
    filled at 256 places, so that a picture of fewer than 257 * 1024 samples, some 296 x 296 pixels, has no result: None.
    """
    count = colours.size // _BLOCK - 1
    if count < _FEWEST_BLOCKS:
        return None
    blocks = colours.reshape(-1)[: count * _BLOCK].reshape(count, _BLOCK)
    bins = blocks + 256 * np.arange(count)[:, None]
    histogram = 1 + np.bincount(bins.reshape(-1), minlength=256 * count).reshape(
        count, 128, 2
    ).cumsum(axis=0)
    observed, expected = histogram[..., 0], histogram.sum(axis=2) // 2
    scaled = expected * (observed.sum(axis=1) / expected.sum(axis=1))[:, None]
    return _mean_p_value((np.square(observed - scaled) / scaled).sum(axis=1))


def _mean_p_value(statistics: npt.NDArray[np.float64]) -> float:
    """Chance that chi square with 127 degrees of freedom exceeds a statistic, mean over them all.

    The regularised gamma function Q(a, x) with a = 127/2 and x half the statistic, as the finite sum that it is for halves:
    Q(1/2, x) = erfc(sqrt x) and Q(a+1, x) = Q(a, x) + x^a exp(-x) / gamma(a+1).
    """
    x = np.maximum(statistics / 2, np.finfo(np.float64).tiny)
    orders = np.arange(63) + 0.5
    scale = np.array([math.lgamma(order + 1) for order in orders])
    logarithms = np.log(x)[:, None] * orders - x[:, None] - scale
    return float(
        np.mean([math.erfc(math.sqrt(value)) for value in x])
        + np.exp(logarithms).sum(axis=1).mean()
    )


def rs_analysis(colours: Samples) -> float:
    """RS: flipping last bits makes a photograph rougher, the less so the more of them were replaced (Fridrich et al. 2001).

    J. Fridrich, M. Goljan, R. Du, Reliable detection of LSB steganography in color and grayscale images. Groups are 2 x 2, their
    roughness is summed along the square's four edges; R and S count those that get rougher and smoother by flipping two opposite
    corners (either two), R- and S- with the flipping that pairs 2k with 2k-1; then the same with all last bits of the picture
    flipped. Quirks: 0 flips to -1 and 255 to 256; overlapping groups are counted and, in a second estimate, disjoint ones.
    Returns the mean over both and the three channels, each |x / (x - 1/2)|.
    """
    counts = _group_counts(colours)
    estimates = [
        _rs_estimate(counts[:, :, grid, channel].tolist())
        for grid in range(2)
        for channel in range(3)
    ]
    return sum(estimates) / len(estimates)


def _group_counts(colours: Samples) -> npt.NDArray[np.int64]:
    """How many groups get rougher and smoother.

    Returns (2, 4, 2, 3): as they are or all last bits flipped; R, S, R-, S-; overlapping or disjoint; channel.
    """
    counts = np.zeros((2, 4, 2, 3), np.int64)
    for top in range(0, colours.shape[0] - 1, _BAND):
        band = colours[top : top + _BAND + 1].astype(np.int16)
        for before, plane in enumerate((band, band ^ 1)):
            still = _corners(plane)
            roughness = _roughness(*still)
            for kind, flipped in enumerate((plane ^ 1, ((plane + 1) ^ 1) - 1)):
                turned = _corners(flipped)
                for mask in _MASKS:
                    change = (
                        _roughness(*(turned[i] if mask[i] else still[i] for i in range(4)))
                        - roughness
                    )
                    for grid, part in enumerate((change, change[::2, ::2])):
                        counts[before, 2 * kind, grid] += np.count_nonzero(part > 0, axis=(0, 1))
                        counts[before, 2 * kind + 1, grid] += np.count_nonzero(
                            part < 0, axis=(0, 1)
                        )
    return counts


def _corners(plane: _Plane) -> tuple[_Plane, ...]:
    """The four pixels of every 2 x 2 group: upper left, upper right, lower left, lower right."""
    return plane[:-1, :-1], plane[:-1, 1:], plane[1:, :-1], plane[1:, 1:]


def _roughness(a: _Plane, b: _Plane, c: _Plane, d: _Plane) -> _Plane:
    rough: _Plane = abs(a - b) + abs(b - d) + abs(d - c) + abs(c - a)
    return rough


def _rs_estimate(counts: list[list[int]]) -> float:
    """One channel's share of replaced bits. counts: R, S, R-, S- as they are, and with all last bits flipped.

    x is the root nearest to 0 of the RS paper's quadratic. Without real roots the original falls back on where the lines of R and
    R- meet, and of S and S-, and takes the mean of the two.
    """
    (r, s, rm, sm), (r1, s1, rm1, sm1) = counts
    d0, dm0, d1, dm1 = r - s, rm - sm, r1 - s1, rm1 - sm1
    roots = _roots(2 * (d1 + d0), dm0 - dm1 - d1 - 3 * d0, d0 - dm0)
    x = (
        min(roots, key=abs)
        if roots
        else (_ratio(rm - r, r1 - r + rm - rm1) + _ratio(sm - s, s1 - s + sm - sm1)) / 2
    )
    return abs(_ratio(x, x - 0.5))


def _roots(a: float, b: float, c: float) -> tuple[float, float] | None:
    """Real roots of a q^2 + b q + c, the one with the positive square root first; None without, or if a is 0."""
    discriminant = b * b - 4 * a * c
    if a == 0 or discriminant < 0:
        return None
    return (-b + math.sqrt(discriminant)) / (2 * a), (-b - math.sqrt(discriminant)) / (2 * a)


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
