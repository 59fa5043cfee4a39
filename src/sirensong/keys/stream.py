"""What a key stands for: the integers, positions and normal values that it derives for one carrier.

Everything that a key does to a network comes from HKDF-SHA256 into an AES-256-CTR keystream, bound
to one carrier by its nonce. One key serves all tiles: each has a part of the keystream to itself.
Positions come from integers only and are the same on every machine; values are normal quantiles of
integers (Eq. 6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sirensong.keys.quantiles import quantiles

NONCE_BYTES = 32

Keystream = npt.NDArray[np.uint8]
"""(tiles, bytes): a part of a keystream for each of several tiles."""


def derive(secret: bytes, nonce: bytes, purpose: str) -> bytes:
    """Derive 32 bytes for one purpose by HKDF-SHA256.

    Args:
        secret: the input key material.
        nonce: the salt.
        purpose: the info is "sirensong/2/" and this text.

    Returns:
        The bytes.
    """
    info = f"sirensong/2/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=nonce, info=info).derive(secret)


def keystream(
    secret: bytes, nonce: bytes, purpose: str, size: int, tiles: Sequence[int] = (0,)
) -> Keystream:
    """Draw bytes for some tiles from one AES-256-CTR keystream.

    A tile's number is the upper half of its counter, so that no two tiles share a byte.

    Args:
        secret: the input key material.
        nonce: of the carrier.
        purpose: names the keystream.
        size: how many bytes for each tile.
        tiles: their numbers; the first one for what is not a tile's.

    Returns:
        (tiles, size), uint8.
    """
    key, zeros = algorithms.AES256(derive(secret, nonce, purpose)), bytes(size)
    counters = (modes.CTR(tile.to_bytes(8) + bytes(8)) for tile in tiles)
    parts = [Cipher(key, counter).encryptor().update(zeros) for counter in counters]
    return np.frombuffer(b"".join(parts), np.uint8).reshape(len(tiles), size)


def smallest(integers: npt.NDArray[np.uint32], count: int) -> npt.NDArray[np.int64]:
    """Choose as many of some places as are asked for: those that have drawn the least.

    Args:
        integers: (rows, places), what each place has drawn.
        count: how many places to choose in each row, 0 to all.

    Returns:
        (rows, count): the places, ascending; ties go to the lower place.
    """
    rows, places = integers.shape
    if not count:
        return np.zeros((rows, 0), np.int64)
    largest = np.partition(integers, count - 1, axis=1)[:, count - 1, None]
    chosen = integers <= largest
    for row in np.flatnonzero(chosen.sum(1) > count):  # others have drawn the same as the last
        ties = np.flatnonzero(integers[row] == largest[row])
        chosen[row, ties[count - chosen[row].sum() :]] = False
    found: npt.NDArray[np.int64] = np.flatnonzero(chosen).reshape(rows, count) % places
    return found


def permutation(secret: bytes, nonce: bytes, purpose: str, count: int) -> npt.NDArray[np.int64]:
    """Put things into an order, every order as likely as any other.

    Each thing draws a 64-bit integer; they are sorted by it, ties to the lower thing.

    Args:
        secret: the input key material.
        nonce: of the carrier.
        purpose: names the keystream.
        count: how many things.

    Returns:
        (count,), int64: the things in their order.
    """
    (drawn,) = keystream(secret, nonce, purpose, 8 * count).view("<u8")
    return np.argsort(drawn, kind="stable")


def xavier_deviation(fan_in: int, fan_out: int) -> float:
    """Standard deviation of key weights: that of N(0, 2 / (fan_in + fan_out)) (Eq. 6)."""
    return math.sqrt(2 / (fan_in + fan_out))


def normal_values(
    integers: npt.NDArray[np.uint64], deviations: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Turn random integers into normal values with mean 0.

    The upper 52 bits k of each stand for the quantile at (k + 1/2) / 2^52.

    Args:
        integers: (rows, n), each equally likely to be any of 64 bits.
        deviations: (n,), the values' standard deviations.

    Returns:
        (rows, n), float32.
    """
    shares = ((integers >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    values = quantiles(shares.ravel()).reshape(shares.shape) * deviations
    return values.astype(np.float32)
