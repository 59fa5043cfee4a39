"""Large arrays live in files rather than in memory: made, read, and passed over a piece at a time.

The system reads pages of such a file as they are looked at, and counts them as the program's memory until it is told that they
are done with; so whoever has passed over some lets go of them here. Arrays that are not large are ordinary ones.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sirensong.errors import FormatError
from sirensong.files import StrPath, told

Array = npt.NDArray[np.float32]

IN_MEMORY = 2**26  # bytes; what is larger lives in a file
_PIECE = 2**24  # bytes


def zeros(shape: tuple[int, ...]) -> Array:
    """Zeros, to be written to. Where they are large, in a file without a name in the system's folder for such (TMPDIR).

    Raises FileError if that has no room.
    """
    size = 4 * math.prod(shape)
    if size <= IN_MEMORY:
        return np.zeros(shape, np.float32)
    with told("write in", tempfile.gettempdir()), tempfile.TemporaryFile() as file:
        for start in range(
            0, size, _PIECE
        ):  # written, not only reserved: a full disk must be told of here
            file.write(bytes(min(_PIECE, size - start)))
        file.flush()
        return np.frombuffer(mmap.mmap(file.fileno(), size), np.float32).reshape(shape)


def read(path: StrPath, offset: int, shape: tuple[int, ...]) -> Array:
    """Little-endian float32 numbers from a byte offset of a file on, not to be written to.

    Raises FileError if it cannot be read, FormatError if it ends before them. Where they are large the file stays in use: it may be
    replaced or deleted meanwhile, but not changed in place.
    """
    count = math.prod(shape)
    with told("read", path), Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size < offset + 4 * count:
            raise FormatError(f"{os.fspath(path)} is damaged: it ends too early")
        if 4 * count > IN_MEMORY:
            return np.frombuffer(
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), "<f4", count, offset
            ).reshape(shape)
        array = np.fromfile(file, "<f4", count, offset=offset).reshape(shape)
    array.flags.writeable = False
    return array


def take(array: Array, entries: Sequence[int]) -> Array:
    """A copy of some entries along the first axis."""
    taken: Array = array[list(entries)]
    release(array)
    return taken


def put(array: Array, entries: range, values: Array) -> None:
    """Overwrite some entries along the first axis."""
    array[entries.start : entries.stop] = values
    release(array)


def pieces(array: Array) -> Iterator[Array]:
    """Views of an array, some of its first axis at a time, each let go of before the next."""
    step = max(1, _PIECE // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        yield array[start : start + step]
        release(array)


def release(array: Array) -> None:
    """Let go of all of an array that is in memory because it was looked at; nothing is lost."""
    mapping = _mapping(array)
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def _mapping(array: Array) -> mmap.mmap | None:
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, mmap.mmap) else None
