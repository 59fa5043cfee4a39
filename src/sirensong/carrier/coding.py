"""The codes of a carrier as bytes, and back: an entropy coder (docs/format.md).

Buckets of codes are coded by rANS (Duda, arXiv:1311.2540) in up to 4096 interleaved lanes, each a
state of its own, so that NumPy decodes as many numbers at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sirensong.carrier.tables import (
    BUCKETS,
    LEAST,
    LOW_BITS,
    RANK_BITS,
    RANKS,
    WIDTH,
    Table,
    buckets,
    frequencies,
    ranked,
    table_bytes,
)
from sirensong.errors import FormatError, SettingError
from sirensong.network.lattice import LARGEST_CODE

_LANES = 4096  # at most
_NUMBERS_A_LANE = 4096  # more lanes are faster for small carriers, but take 3 bytes each
_NUMBERS_A_BYTE = 16  # at most: what a carrier costs to open is in proportion to its file
_PIECE = 2**16  # numbers that are coded together, so that what they need stays in the caches
_LOWEST = 2**16  # of a state; the highest is 2**32 - 1
_HEAD = struct.Struct("<II")  # numbers of words and of raw bytes

_Codes = npt.NDArray[np.int16]


class Piece(NamedTuple):
    """Some codes of a tensor.

    Args:
        tensor: index of the tensor.
        start: index of the first code, counted row by row.
        codes: (numbers,), int16; they follow each other in the tensor.
    """

    tensor: int
    start: int
    codes: _Codes


def encode(tensors: Sequence[_Codes]) -> bytes:
    """Write the codes of a carrier.

    Args:
        tensors: int16 arrays of any shapes, with a number each at least; -32767 to 32767.

    Returns:
        About as many bytes as the codes have entropy, and one for 16 numbers at least.

    Raises:
        SettingError: a code is -32768.

    Example:
        >>> len(encode([np.zeros((100, 100), np.int16)]))
        625
    """
    flat = [tensor.reshape(-1) for tensor in tensors]
    numbers = sum(len(codes) for codes in flat)
    tables = [_table(codes) for codes in flat]
    states, words = _push(flat, tables, _lanes(numbers))
    raw = _raw_bytes(flat)
    head = _HEAD.pack(len(words), len(raw))
    coded = states.astype("<u4").tobytes() + words.astype("<u2").tobytes()
    data = b"".join([head, coded, *(bytes([len(table)]) + table for table in tables), raw])
    return data.ljust(_least_bytes(numbers), b"\0")


def decode(data: npt.NDArray[np.uint8], sizes: Sequence[int], name: str) -> Iterator[Piece]:
    """Read the codes of a carrier, a piece at a time.

    All lengths are checked before this returns. Whether the codes are sound is known only once the
    last piece has been taken.

    Args:
        data: what `encode` wrote, and nothing besides; it may be a mapped file.
        sizes: how many numbers each tensor has, 1 at least.
        name: of the file, for messages.

    Returns:
        An iterator of pieces, in order: tensor by tensor, and without gaps.

    Raises:
        FormatError: `data` is not what codes of these sizes are written as, to the last bit.

    Example:
        >>> data = encode([np.array([[1, -2], [3, 40]], np.int16)])
        >>> list(decode(np.frombuffer(data, np.uint8), [4], "song"))
        [Piece(tensor=0, start=0, codes=array([ 1, -2,  3, 40], dtype=int16))]
    """
    return _pieces(_split(data, sizes, name), sizes, name)


def _lanes(numbers: int) -> int:
    """Count the states of a carrier of so many numbers."""
    return min(_LANES, -(-numbers // _NUMBERS_A_LANE))


def _least_bytes(numbers: int) -> int:
    return -(-numbers // _NUMBERS_A_BYTE)


def _spans(numbers: int, lanes: int) -> list[slice]:
    """Divide a tensor's numbers into pieces, whole rounds of all lanes but for the last."""
    piece = max(lanes, _PIECE // lanes * lanes)
    return [slice(start, min(start + piece, numbers)) for start in range(0, numbers, piece)]


def _table(codes: _Codes) -> bytes:
    """Make the table of a tensor."""
    if codes.min() < -LARGEST_CODE:
        raise SettingError(f"codes must be {-LARGEST_CODE} to {LARGEST_CODE}, got {codes.min()}")
    counts = np.zeros(BUCKETS, np.int64)
    for span in _spans(len(codes), 1):
        counts += np.bincount(buckets(codes[span]), minlength=BUCKETS)
    return table_bytes(counts[: np.flatnonzero(counts)[-1] + 1])


def _push(
    tensors: Sequence[_Codes], tables: Sequence[bytes], lanes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]]:
    """Code buckets, from the last to the first: what is put in last is what comes out first.

    Returns:
        (lanes,): the states; (words,): what they did not hold, in the order of reading.
    """
    states = np.full(lanes, _LOWEST, np.int64)
    words = [np.zeros(0, np.uint16)]
    for codes, table in zip(reversed(tensors), reversed(tables), strict=True):
        frequency = frequencies(table)
        before = np.cumsum(frequency) - frequency
        for span in reversed(_spans(len(codes), lanes)):
            bucket = buckets(codes[span])
            for start in reversed(range(0, len(bucket), lanes)):
                step = bucket[start : start + lanes]
                state, f = states[: len(step)], frequency[step]
                full = np.flatnonzero(state >> (32 - RANK_BITS) >= f)
                words.append(state[full].astype(np.uint16))  # the lower 16 bits
                state[full] >>= 16
                state += state // f * (RANKS - f) + before[step]
    return states, np.concatenate(words[::-1])


def _raw_bytes(tensors: Sequence[_Codes]) -> bytes:
    """Pack the raw bits of all codes."""
    packed, left = [], np.zeros(0, np.uint8)
    for codes in tensors:
        for span in _spans(len(codes), 1):
            bits = np.concatenate([left, _raw_bits(codes[span])])
            whole = len(bits) // 8 * 8
            packed.append(np.packbits(bits[:whole]))
            left = bits[whole:]
    return np.concatenate([*packed, np.packbits(left)]).tobytes()


def _raw_bits(codes: _Codes) -> npt.NDArray[np.uint8]:
    """List the raw bits of some codes, one an entry: of each its sign, then its low bits."""
    bucket = buckets(codes)
    width = WIDTH[bucket]
    values = (np.abs(codes) - LEAST[bucket]) | ((codes < 0).astype(np.int64) << LOW_BITS[bucket])
    ends = np.cumsum(width)
    places = np.repeat(ends, width) - 1 - np.arange(ends[-1])  # of a bit, from the code's last
    bits: npt.NDArray[np.int64] = np.repeat(values, width) >> places & 1
    return bits.astype(np.uint8)


class _Stream(NamedTuple):
    """The parts of what `encode` wrote; states and words are views."""

    states: npt.NDArray[np.uint32]
    words: npt.NDArray[np.uint16]
    tables: list[bytes]
    raw: npt.NDArray[np.uint8]


def _split(data: npt.NDArray[np.uint8], sizes: Sequence[int], name: str) -> _Stream:
    """Find the parts, and check that nothing is between or behind them."""
    at, numbers = 0, sum(sizes)

    def part(length: int) -> npt.NDArray[np.uint8]:
        nonlocal at
        at += length
        if at > len(data):
            raise _damaged(name, f"need {at} bytes at least, got {len(data)}")
        return data[at - length : at]

    word_count, raw_count = _HEAD.unpack(part(_HEAD.size).tobytes())
    states = part(4 * _lanes(numbers)).view("<u4")
    words = part(2 * word_count).view("<u2")
    tables = [part(int(part(1)[0])).tobytes() for _ in sizes]
    raw = part(raw_count)
    total = max(at, _least_bytes(numbers))
    if len(data) != total or data[at:].any():
        raise _damaged(name, f"must be {at} bytes, then zeros up to {total}, got {len(data)} bytes")
    for index, table in enumerate(tables):
        if not 0 < len(table) <= BUCKETS or not table[-1]:
            raise _damaged(
                name, f"have a bad table {index}: not 1 to {BUCKETS} bytes, the last not 0"
            )
    if (states < _LOWEST).any():
        raise _damaged(name, f"must begin with states of {_LOWEST} at least, got {states.min()}")
    return _Stream(states, words, tables, raw)


def _damaged(name: str, how: str) -> FormatError:
    return FormatError(f"{name} is damaged: its codes {how}")


def _pieces(stream: _Stream, sizes: Sequence[int], name: str) -> Iterator[Piece]:
    """Decode a stream."""
    lanes, raw = _Lanes(stream.states, stream.words, name), _RawBits(stream.raw, name)
    for tensor, (size, table) in enumerate(zip(sizes, stream.tables, strict=True)):
        frequency = frequencies(table)
        ranks, seen = ranked(frequency), np.zeros(RANKS, np.int64)
        for span in _spans(size, len(stream.states)):
            drawn = lanes.draw(span.stop - span.start, ranks)
            seen += np.bincount(drawn, minlength=RANKS)
            least, width = ranks.least[drawn], ranks.width[drawn]
            bits = raw.take(width)
            magnitudes = least + ((bits & 0x7FFFFF) >> (24 - width))
            codes = np.where(bits >> 23, -magnitudes, magnitudes).astype(np.int16)
            yield Piece(tensor, span.start, codes)
        counts = np.bincount(np.repeat(np.arange(len(table)), frequency), seen, len(table))
        if table_bytes(counts.astype(np.int64)) != table:
            raise _damaged(name, f"table {tensor} is not that of its numbers")
    lanes.finish()
    raw.finish()


class _Lanes:
    """The states, which take turns.

    Args:
        states: as they are stored.
        words: that fill them up.
        name: of the file, for messages.
    """

    def __init__(
        self, states: npt.NDArray[np.uint32], words: npt.NDArray[np.uint16], name: str
    ) -> None:
        self._states = states.astype(np.int64)
        self._words = words
        self._used = 0
        self._name = name

    def draw(self, count: int, table: Table) -> npt.NDArray[np.int64]:
        """Decode ranks, the first lane's first. A tensor begins with that lane."""
        ranks = np.empty(count, np.int64)
        lanes, used = len(self._states), self._used
        for start in range(0, count, lanes):
            rank = ranks[start : start + lanes]
            state = self._states[: len(rank)]
            np.bitwise_and(state, RANKS - 1, out=rank)
            state >>= RANK_BITS
            state *= table.frequency[rank]
            state += table.offset[rank]
            empty = np.flatnonzero(state < _LOWEST)
            words = self._words[used : used + len(empty)]
            if len(words) < len(empty):
                raise _damaged(self._name, f"need more than the {len(self._words)} words there are")
            state[empty] = state[empty] << 16 | words
            used += len(empty)
        self._used = used
        return ranks

    def finish(self) -> None:
        """Check that all words are used, and that all states have come to where a writer began."""
        if self._used != len(self._words) or (self._states != _LOWEST).any():
            raise _damaged(
                self._name,
                f"use {self._used} of {len(self._words)} words, and end with"
                f" {np.count_nonzero(self._states != _LOWEST)} states that are not {_LOWEST}",
            )


class _RawBits:
    """Bits that are read from first to last.

    Args:
        data: the bits, the highest of each byte first.
        name: of the file, for messages.
    """

    def __init__(self, data: npt.NDArray[np.uint8], name: str) -> None:
        self._data = data
        self._used = 0
        self._name = name

    def take(self, widths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Read numbers of 0 to 13 bits, and what follows them: 24 bits in all."""
        ends = self._used + np.cumsum(widths)
        if ends[-1] > 8 * len(self._data):
            raise _damaged(self._name, f"need more than the {len(self._data)} raw bytes there are")
        starts = ends - widths
        first, self._used = self._used >> 3, int(ends[-1])
        last = self._used >> 3
        present = self._data[first : last + 1]
        octets = np.zeros(last - first + 3, np.int64)
        octets[: len(present)] = present
        windows = octets[:-2] << 16 | octets[1:-1] << 8 | octets[2:]
        bits: npt.NDArray[np.int64] = windows[(starts >> 3) - first] << (starts & 7) & 0xFFFFFF
        return bits

    def finish(self) -> None:
        """Check that nothing is left but zero bits, fewer than a byte."""
        spare = 8 * len(self._data) - self._used
        if spare >= 8 or (spare and self._data[-1] & (2**spare - 1)):
            raise _damaged(self._name, f"leave {spare} raw bits, expected fewer than 8, all 0")
