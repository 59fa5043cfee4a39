"""Buckets of codes, and the tables that say how frequent each bucket is (docs/format.md).

A code's bucket is entropy-coded; its sign, and which of the bucket's codes it is, are written as
they are: these raw bits are nearly random.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RANK_BITS = 12
RANKS = 2**RANK_BITS
BUCKETS = 56

# Magnitudes below 8 have a bucket each. From then on an octave has four, of equal size.
_OCTAVE, _QUARTER = np.divmod(np.arange(BUCKETS - 8, dtype=np.int64), 4)
LOW_BITS = np.concatenate([np.zeros(8, np.int64), _OCTAVE + 1])  # tell a bucket's codes apart
LEAST = np.concatenate([np.arange(8, dtype=np.int64), (4 + _QUARTER) << (_OCTAVE + 1)])
WIDTH = LOW_BITS + (LEAST > 0)  # raw bits of a code: its sign, unless it is 0, and the low bits
_BUCKET = np.repeat(np.arange(BUCKETS, dtype=np.uint8), 1 << LOW_BITS)  # of each magnitude

# What a table's byte says: 0, or a share of five significant bits.
_BYTES = np.arange(256, dtype=np.int64)
_SHARES = np.where(_BYTES > 0, (16 + (_BYTES & 15)) << (_BYTES >> 4), 0)
_LARGEST_SHARE = int(_SHARES[-1])
_SQUARED_MIDDLES = [low * high for low, high in pairwise(_SHARES[1:].tolist())]


class Table(NamedTuple):
    """What each of the 4096 ranks stands for; each is (4096,), int64.

    Args:
        frequency: how many ranks its bucket has.
        offset: how many of these come before it.
        least: the least magnitude of the bucket.
        width: number of raw bits of the bucket's codes.
    """

    frequency: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    least: npt.NDArray[np.int64]
    width: npt.NDArray[np.int64]


def buckets(codes: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """Find the bucket of each code.

    Args:
        codes: int16 of any shape, at least -32767.

    Returns:
        uint8 of the same shape, 0 to 55.
    """
    return _BUCKET[np.abs(codes)]


def table_bytes(counts: npt.NDArray[np.int64]) -> bytes:
    """Say in one byte each how often buckets occur.

    Args:
        counts: of each bucket, from 0 to the highest that occurs.

    Returns:
        A byte for each bucket: 0 if it never occurs, 255 for the most frequent, and for others the
        one whose share is to that of 255 as the counts are, nearly. Found by integers alone, so
        that all machines write the same.

    Example:
        >>> list(table_bytes(np.array([4000, 2000, 0, 1])))
        [255, 239, 0, 64]
    """
    most = int(counts.max())

    def byte(count: int) -> int:
        # A share is nearer than the one below it if it is beyond the two's geometric mean.
        squared = (count * _LARGEST_SHARE) ** 2 // most**2
        return 1 + bisect_right(_SQUARED_MIDDLES, squared) if count else 0

    return bytes(map(byte, counts.tolist()))


def frequencies(table: bytes) -> npt.NDArray[np.int64]:
    """Divide the 4096 ranks among buckets.

    Args:
        table: a byte for each bucket, not all of them 0.

    Returns:
        (buckets,), int64: 4096 together; 0 for those whose byte is 0, and at least 1 for others.

    Example:
        >>> frequencies(bytes([255, 239, 0, 64]))
        array([2730, 1365,    0,    1])
    """
    shares = _SHARES[np.frombuffer(table, np.uint8)]
    frequency: npt.NDArray[np.int64] = np.maximum(shares * RANKS // shares.sum(), shares > 0)
    frequency[frequency.argmax()] += RANKS - frequency.sum()
    return frequency


def ranked(frequency: npt.NDArray[np.int64]) -> Table:
    """List for each rank what a reader needs of it.

    Args:
        frequency: of each bucket, 4096 together.

    Returns:
        The table.
    """
    bucket = np.repeat(np.arange(len(frequency)), frequency)
    offset = np.arange(RANKS) - (np.cumsum(frequency) - frequency)[bucket]
    return Table(frequency[bucket], offset, LEAST[bucket], WIDTH[bucket])
