"""Forward error correction: Reed-Solomon words of up to 255 bytes, interleaved."""

from __future__ import annotations

import math

import numpy as np
from reedsolo import ReedSolomonError, RSCodec

from sirensong.errors import FormatError

PARITY = 32
"""Bytes of each word that are parity: 16 wrong bytes of a word are put right."""

_WORD = 255


def data_bytes(coded: int) -> int:
    """How many bytes words of so many bytes together hold; 0 if they hold none."""
    return max(0, coded - PARITY * _words(coded))


def coded_bytes(data: int) -> int:
    """How many bytes words take that hold so many."""
    return data + PARITY * math.ceil(data / (_WORD - PARITY))


def encode(data: bytes, coded: int) -> bytes:
    """Make words, and take a byte of each in turn.

    Args:
        data: as many bytes as `data_bytes` says.
        coded: bytes of all words.

    Returns:
        As many bytes as were asked for.
    """
    codec, out, start = RSCodec(PARITY), np.empty(coded, np.uint8), 0
    for place, length in enumerate(_lengths(coded)):
        stop = start + length - PARITY
        out[place :: _words(coded)] = np.frombuffer(codec.encode(data[start:stop]), np.uint8)
        start = stop
    return out.tobytes()


def decode(stream: bytes) -> tuple[bytes, int]:
    """Undo `encode`, and put right what can be.

    Args:
        stream: all words' bytes, some of them wrong.

    Returns:
        The data, and how many bytes were wrong.

    Raises:
        FormatError: a word has more than 16 wrong bytes.
    """
    codec, received = RSCodec(PARITY), np.frombuffer(stream, np.uint8)
    parts, wrong = [], 0
    for place in range(_words(len(stream))):
        try:
            data, _, errata = codec.decode(received[place :: _words(len(stream))].tobytes())
        except ReedSolomonError:
            raise FormatError(
                "the hidden file cannot be read: too many of its samples are wrong",
                hint="was the carrier pruned or rounded? the original may still open",
            ) from None
        parts.append(bytes(data))
        wrong += len(errata)
    return b"".join(parts), wrong


def _words(coded: int) -> int:
    return math.ceil(coded / _WORD)


def _lengths(coded: int) -> list[int]:
    """Of each word: they differ by one byte at most."""
    words = _words(coded)
    return [len(range(place, coded, words)) for place in range(words)]
