"""What arrives from a server, taken for hostile: bounded, checked at its beginning, and kept."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sirensong.carrier.header import LARGEST_HEADER, read_header
from sirensong.errors import FileError, FormatError
from sirensong.files import file_errors
from sirensong.hub.cache import Entry, can_go_on

PIECE = 2**16
"""Bytes that are read together."""

TIMEOUT = 30.0
"""Seconds that a server may be silent."""

LARGEST = 2**29
"""The most bytes that are downloaded unless the user allows more: 512 MiB."""

_HEAD = 8 + LARGEST_HEADER  # bytes by which a carrier is known, and how long it is
_SHORTEST = 16

OnBytes = Callable[[int, int], None]
"""Called with (bytes that are there, bytes of the whole)."""


@dataclass(frozen=True)
class Stream:
    """A file that a server has begun to send.

    Args:
        version: what the server calls this version of it, None if it has no name for it.
        size: of the whole file in bytes as the server says, None if it does not.
        start: the place of the first byte that comes: 0, or where the part that is there ends.
        pieces: the bytes.
        sha256: what the hash of the whole file must be, in hexadecimal digits; None if nobody says.
    """

    version: str | None
    size: int | None
    start: int
    pieces: Iterator[bytes] = field(repr=False)
    sha256: str | None = None


def check_size(size: int | None, largest: int, shown: str) -> None:
    """Refuse a file for its size.

    Raises:
        FormatError: it has more than `largest` bytes.
    """
    if size is not None and size > largest:
        raise FormatError(
            f"{shown} is too large: expected at most {largest} bytes, got {size}",
            hint="--largest-download BYTES allows more, if you trust who published it",
        )


def carrier_size(head: bytes, shown: str) -> int:
    """Check what a file begins with.

    Args:
        head: the file's first bytes, as many as a header may have if there are so many.
        shown: its address, for messages.

    Returns:
        How many bytes the carrier has that begins so.

    Raises:
        FormatError: it is no carrier.
    """
    start = head[:_SHORTEST]
    if start.lstrip().startswith(b"<") and b"\0" not in start:
        raise FormatError(
            f"{shown} is a web page, not a carrier",
            hint="take the link of the file itself, not of a page about it",
        )
    if len(start) < _SHORTEST:
        raise FormatError(f"{shown} is not a carrier: it has {len(head)} bytes")
    return read_header(head, shown).file_bytes


def receive(
    stream: Stream, entry: Entry, shown: str, *, largest: int, on_bytes: OnBytes | None
) -> Path:
    """Keep a file that a server sends, as long as it is what a carrier can be.

    Args:
        stream: what comes.
        entry: where it is kept.
        shown: its address, for messages.
        largest: bytes that it may have.
        on_bytes: told of progress.

    Returns:
        The whole file. A part is kept for later if the server named the version; not if it was
        found to be no carrier.

    Raises:
        FormatError: it is too large, or no carrier, or longer than it says.
        FileError: it ends too early, or cannot be written.
    """
    check_size(stream.size, largest, shown)
    with entry.receiving(stream.version, stream.start) as (path, file):
        try:
            _write(stream, file, shown, largest, on_bytes)
            _check_digest(stream, file, shown)
        except FormatError:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return entry.finish(path, file, stream.version)


def _write(
    stream: Stream, file: BinaryIO, shown: str, largest: int, on_bytes: OnBytes | None
) -> None:
    """Write what comes, up to the size that the carrier's own header gives."""
    done, size = stream.start, None
    for piece in stream.pieces:
        with file_errors("write", shown):
            file.write(piece)
        done += len(piece)
        if size is None and done >= _HEAD:
            size = _checked_size(file, stream, largest, shown, done)
        if done > (largest if size is None else size):
            raise FormatError(f"{shown} is longer than it says: it was cut off at {done} bytes")
        if on_bytes is not None:
            on_bytes(done, size or stream.size or largest)
    if size is None:
        size = _checked_size(file, stream, largest, shown, done)
    if done < size:
        hint = "the same command goes on from there" if can_go_on(stream.version) else None
        raise FileError(f"{shown} ended after {done} of {size} bytes", hint=hint)


def _check_digest(stream: Stream, file: BinaryIO, shown: str) -> None:
    if stream.sha256 is None:
        return
    with file_errors("read", shown):
        file.seek(0)
        found = hashlib.sha256()
        while piece := file.read(PIECE):
            found.update(piece)
    if found.hexdigest() != stream.sha256:
        raise FormatError(f"{shown} is damaged: its bytes do not have the digest {stream.sha256}")


def _checked_size(file: BinaryIO, stream: Stream, largest: int, shown: str, done: int) -> int:
    with file_errors("read", shown):
        file.seek(0)
        head = file.read(_HEAD)
        file.seek(done)
    size = carrier_size(head, shown)
    check_size(size, largest, shown)
    if stream.size is not None and stream.size != size:
        raise FormatError(f"{shown} is damaged: expected {size} bytes, got {stream.size}")
    return size
