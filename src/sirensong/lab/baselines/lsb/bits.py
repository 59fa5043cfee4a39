"""Low bits of samples: how many each gives, what they hold, and how little it may change them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sirensong.pictures.image import RGB

Bits = npt.NDArray[np.uint8]
"""(bits,), each 0 or 1."""

Values = npt.NDArray[np.uint8]
"""What the low bits of samples hold, 0 to 2^rate - 1, in the shape of the samples."""

Rates = npt.NDArray[np.uint8]
"""How many low bits each sample gives, 1 to 4, in the shape of the samples."""

MOST = 4  # low bits that the schemes replace
LEVELS = 256


def pack(bits: Bits, rates: Rates) -> Values:
    """Distribute bits over samples, the first bit the highest of the first sample's.

    Args:
        bits: as many as the rates sum to.
        rates: (samples,).

    Returns:
        (samples,), what each is to hold.
    """
    values = np.zeros(len(rates), np.uint8)
    starts = np.cumsum(rates) - rates
    for place in range(int(rates.max(initial=0))):
        some = rates > place
        values[some] = 2 * values[some] + bits[starts[some] + place]
    return values


def unpack(values: Values, rates: Rates) -> Bits:
    """Collect the bits that `pack` distributed.

    Args:
        values: (samples,); what is above their low bits does not matter.
        rates: (samples,).

    Returns:
        As many bits as the rates sum to.
    """
    bits = np.empty(int(rates.sum()), np.uint8)
    starts = np.cumsum(rates) - rates
    for place in range(int(rates.max(initial=0))):
        some = rates > place
        bits[starts[some] + place] = values[some] >> (rates[some] - 1 - place) & 1
    return bits


def low_values(samples: RGB, rates: Rates) -> Values:
    """Read the low bits of samples, `rates` of each."""
    return (samples & (1 << rates) - 1).astype(np.uint8)


def replace(cover: RGB, values: Values, rates: Rates) -> RGB:
    """Overwrite the low bits of samples and leave the others.

    Args:
        cover: the samples.
        values: what their low bits are to hold.
        rates: how many low bits these are.

    Returns:
        The samples with these low bits.
    """
    return (cover >> rates << rates | values).astype(np.uint8)


def adjust(cover: RGB, values: Values, rates: Rates, coins: Bits, band: int = LEVELS) -> RGB:
    """Put values into the low bits of samples, and change the samples as little as that allows.

    This is optimal pixel adjustment (Chan, Cheng, Pattern Recognition 37(3), 2004): a sample that
    replacement moves by more than half of 2^rate goes to the other side of its cover, where the low
    bits are the same. Where both sides are as near, a coin decides, so that with one bit it is LSB
    matching, of which detectors see less.

    Args:
        cover: the samples.
        values: what their low bits are to hold.
        rates: how many low bits these are.
        coins: for each sample 0 or 1, in the shape of the samples.
        band: levels that the samples fall into bands of; each stays within its own.

    Returns:
        The nearest samples, within 0 to 255, that have these low bits.
    """
    plain = replace(cover, values, rates).astype(np.int16)
    change = plain - cover
    step = np.left_shift(1, rates, dtype=np.int16)
    far = 2 * np.abs(change) + coins > step
    moved = plain - np.sign(change) * step
    inside = moved // band == plain // band
    return np.where(far & inside, moved, plain).astype(np.uint8)


def neighbours(picture: RGB) -> Rates:
    """How many low bits each sample gives where its neighbours decide.

    With x the exclusive or of the four high bits of the left and the upper neighbour, in the same
    channel, a sample gives 1 + ceil(log2(x + 1)) bits, at most 4. In the first row and column x is
    0. Low bits do not matter: the receiver finds the same rates in the stego picture.

    Args:
        picture: (height, width, 3).

    Returns:
        (height, width, 3), 1 to 4.
    """
    high = picture >> MOST
    unlike = np.zeros_like(high)
    unlike[1:, 1:] = high[1:, :-1] ^ high[:-1, 1:]
    return (1 + np.digitize(unlike, (1, 2, 4))).astype(np.uint8)
