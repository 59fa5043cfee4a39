"""A stream of bytes as a picture that a function can learn: each sample stands for some bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import permutation
from sirensong.pictures.image import RGB, Pixels

Size = tuple[int, int]

_MIDDLE = 127.5


@dataclass(frozen=True)
class Modulation:
    """How samples stand for bits.

    A function shows everything with about the same error. Values farther apart are told apart more
    surely, but take more of the function's room away from the other pictures.

    Args:
        bits: that a sample stands for: 1, 2 or 4.
        step: between two neighbouring values, in 255ths of the range of colours.
    """

    bits: int
    step: int

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """All 2^bits of them, around the middle of the range, 0 to 255."""
        count = 2**self.bits
        places = np.arange(count, dtype=np.float64)
        values: npt.NDArray[np.float64] = _MIDDLE + self.step * (places - (count - 1) / 2)
        return values


MODULATIONS = tuple(
    Modulation(bits, step)
    for bits, steps in ((1, (12, 16, 24, 32, 64, 128)), (2, (12, 16, 24, 32, 64)), (4, (8, 12, 16)))
    for step in steps
)
"""All that a slot can name, by its kind less one."""


def coded_bytes(size: Size, modulation: Modulation) -> int:
    """Whole bytes that a picture's samples stand for."""
    return 3 * size[0] * size[1] * modulation.bits // 8


def size_for(coded: int, modulation: Modulation, shape: Size, least: Size = (1, 1)) -> Size:
    """The smallest picture for so many bytes, shaped about like another one.

    Args:
        coded: bytes that it is to stand for.
        modulation: how.
        shape: (height, width) of the other one, such as the cover.
        least: (height, width) that it must have at least, such as a pixel a tile.
    """
    pixels = math.ceil(8 * coded / (3 * modulation.bits))
    height = max(least[0], round(math.sqrt(pixels * shape[0] / shape[1])))
    return height, max(least[1], math.ceil(pixels / height))


def to_picture(
    stream: bytes, size: Size, modulation: Modulation, key: SecretKey, nonce: bytes
) -> RGB:
    """Write bytes as a picture.

    The key spreads them over the picture, so that what goes wrong in one place is shared by many
    words of the code. Samples that are left over, fewer than a byte, repeat the first ones.

    Args:
        stream: as many bytes as `coded_bytes` says.
        size: (height, width) of the picture.
        modulation: how samples stand for bits.
        key: bound to the carrier.
        nonce: of the carrier, 32 bytes.

    Returns:
        (height, width, 3).
    """
    bits = np.unpackbits(np.frombuffer(stream, np.uint8)).reshape(-1, modulation.bits)
    symbols = bits @ (1 << np.arange(modulation.bits)[::-1])
    order = permutation(key.secret, nonce, "file/samples", 3 * size[0] * size[1])
    samples = np.empty(len(order), np.uint8)
    samples[order] = np.resize(np.rint(modulation.values)[_from_gray(symbols)], len(order))
    return samples.reshape(*size, 3)


def from_picture(pixels: Pixels, modulation: Modulation, key: SecretKey, nonce: bytes) -> bytes:
    """Read bytes from a render, the value nearest to each sample.

    Args:
        pixels: (height, width, 3), in [0, 1], at the picture's own size.
        modulation: how samples stand for bits.
        key: bound to the carrier.
        nonce: of the carrier, 32 bytes.

    Returns:
        As many bytes as `coded_bytes` says, some of them wrong perhaps.
    """
    levels = np.rint(pixels.astype(np.float64).ravel() * 255)  # whole numbers, on every machine
    places = np.floor((levels - modulation.values[0]) / modulation.step + 0.5)
    order = permutation(key.secret, nonce, "file/samples", len(levels))
    symbols = np.clip(places, 0, 2**modulation.bits - 1).astype(np.uint8)[order]
    count = 8 * coded_bytes((pixels.shape[0], pixels.shape[1]), modulation) // modulation.bits
    gray = symbols[:count] ^ (symbols[:count] >> 1)
    bits = gray[:, None] >> np.arange(modulation.bits, dtype=np.uint8)[::-1] & 1
    return np.packbits(bits.ravel()).tobytes()


def _from_gray(symbols: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Places whose Gray code is given: neighbouring places differ in one bit."""
    places = symbols.copy()
    for shift in (1, 2):
        places ^= places >> shift
    return places
