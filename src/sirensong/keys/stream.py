"""What a key stands for: the integers, positions and normal values that it derives for one carrier.

Everything that a key does to a network comes from HKDF-SHA256 into an AES-256-CTR keystream, bound
to one carrier by its nonce. Positions come from integers only and are the same on every machine;
values are normal quantiles of integers (Eq. 6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sirensong.keys.quantiles import quantiles

NONCE_BYTES = 32


def derive(secret: bytes, nonce: bytes, purpose: str, length: int = 32) -> bytes:
    """Derive bytes for one purpose by HKDF-SHA256.

    Args:
        secret: the input key material.
        nonce: the salt.
        purpose: the info is "sirensong/1/" and this text.
        length: how many bytes, at most 8,160.

    Returns:
        The bytes.
    """
    info = f"sirensong/1/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=nonce, info=info).derive(secret)


def keystream(secret: bytes, nonce: bytes, purpose: str, count: int) -> npt.NDArray[np.uint64]:
    """Draw 64-bit integers: those of an AES-256-CTR stream from counter 0, little-endian.

    Args:
        secret: the input key material.
        nonce: of the carrier.
        purpose: names the stream.
        count: how many integers.

    Returns:
        (count,), uint64.
    """
    if not count:
        return np.zeros(0, np.uint64)
    key = algorithms.AES256(derive(secret, nonce, purpose))
    encryptor = Cipher(key, modes.CTR(bytes(16))).encryptor()
    return np.frombuffer(encryptor.update(bytes(8 * count)), dtype="<u8")


def choose_positions(
    secret: bytes, nonce: bytes, purpose: str, *, total: int, count: int
) -> npt.NDArray[np.int64]:
    """Choose `count` of `total` places, every choice as likely as any other.

    Each place draws a 64-bit integer; the smallest are chosen, ties to the lower place.

    Args:
        secret: the input key material.
        nonce: of the carrier.
        purpose: names the stream of integers.
        total: number of places.
        count: how many to choose, 0 to `total`.

    Returns:
        (count,), int64, places in [0, total), ascending.
    """
    if not count:
        return np.zeros(0, np.int64)
    draws = keystream(secret, nonce, purpose, total)
    largest = np.partition(draws, count - 1)[count - 1]
    chosen = np.flatnonzero(draws <= largest)
    if len(chosen) > count:  # others have drawn the same as the last
        ties = np.flatnonzero(draws == largest)
        chosen = np.setdiff1d(chosen, ties[count - len(chosen) :])
    return chosen


def permutation(secret: bytes, nonce: bytes, purpose: str, count: int) -> npt.NDArray[np.int64]:
    """Put things into an order, every order as likely as any other.

    Each thing draws a 64-bit integer; they are sorted by it, ties to the lower thing.

    Args:
        secret: the input key material.
        nonce: of the carrier.
        purpose: names the stream of integers.
        count: how many things.

    Returns:
        (count,), int64: the things in their order.
    """
    return np.argsort(keystream(secret, nonce, purpose, count), kind="stable")


@dataclass(frozen=True)
class Draw:
    """A request for normal values.

    Args:
        purpose: names the stream that they come from.
        count: how many.
        deviation: their standard deviation.
    """

    purpose: str
    count: int
    deviation: float


def xavier_deviation(fan_in: int, fan_out: int) -> float:
    """Standard deviation of key weights: that of N(0, 2 / (fan_in + fan_out)) (Eq. 6)."""
    return math.sqrt(2 / (fan_in + fan_out))


def normal_values(
    secret: bytes, nonce: bytes, draws: Sequence[Draw]
) -> tuple[npt.NDArray[np.float32], ...]:
    """Draw normal values with mean 0.

    The upper 52 bits k of each 64-bit integer stand for the quantile at (k + 1/2) / 2^52.

    Args:
        secret: the input key material.
        nonce: of the carrier.
        draws: what to draw; many at once are faster than one at a time.

    Returns:
        (count,), float32, for each draw.
    """
    streams = [keystream(secret, nonce, draw.purpose, draw.count) for draw in draws]
    integers = np.concatenate(streams) >> np.uint64(12)
    normals = quantiles((integers.astype(np.float64) + 0.5) * 2.0**-52)
    normals *= np.repeat([draw.deviation for draw in draws], [draw.count for draw in draws])
    values = normals.astype(np.float32)
    ends = accumulate(draw.count for draw in draws)
    return tuple(values[end - draw.count : end] for end, draw in zip(ends, draws, strict=True))
