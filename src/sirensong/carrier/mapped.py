"""Large arrays live in files rather than in memory: made, read, and looked at a piece at a time.

Pages of a mapped file count as the process's memory once they have been looked at, until they are
released; so release an array after passing over it. Arrays that are not large are ordinary ones.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sirensong.files import StrPath, file_errors
from sirensong.network.siren import Architecture, Layer, Weights
from sirensong.network.tiles import Grid

IN_MEMORY = 2**26  # bytes; what is larger lives in a file
_PIECE = 2**24  # bytes


def zeros(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Make an array of zeros, to be written to.

    If it is large, it lies in a file without a name in the system's temporary folder (TMPDIR).

    Args:
        shape: of the array.

    Returns:
        The array.

    Raises:
        FileError: the folder has no room.
    """
    size = 4 * math.prod(shape)
    if size <= IN_MEMORY:
        return np.zeros(shape, np.float32)
    with file_errors("write in", tempfile.gettempdir()), tempfile.TemporaryFile() as file:
        # Written, not only reserved: a full disk must be told of here.
        for start in range(0, size, _PIECE):
            file.write(bytes(min(_PIECE, size - start)))
        file.flush()
        return np.frombuffer(mmap.mmap(file.fileno(), size), np.float32).reshape(shape)


def empty_weights(architecture: Architecture, grid: Grid) -> Weights:
    """Weights of a grid of functions, to be filled; in files if they are large."""
    return tuple(
        Layer(zeros((grid.tiles, out, into)), zeros((grid.tiles, out)))
        for out, into in architecture.shapes
    )


def read(path: StrPath) -> npt.NDArray[np.uint8]:
    """Read a file, or map it if it is large. A mapped file must not be changed in place.

    Args:
        path: of the file; it may be replaced or deleted meanwhile.

    Returns:
        (bytes,), uint8; it cannot be written to.

    Raises:
        FileError: the file cannot be read.
    """
    with file_errors("read", path), Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size <= IN_MEMORY:
            return np.frombuffer(file.read(), np.uint8)
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def put(array: npt.NDArray[np.float32], entries: range, values: npt.NDArray[np.float32]) -> None:
    """Overwrite some entries of a large array along its first axis.

    Args:
        array: changed in place.
        entries: which.
        values: what goes there, one for each entry.
    """
    array[entries.start : entries.stop] = values
    release(array)


def pieces(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Pass over an array a piece at a time, releasing each piece before the next.

    Args:
        array: with one axis at least.

    Yields:
        Views, some of the first axis each.
    """
    step = max(1, _PIECE // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        yield array[start : start + step]
        release(array)


def release(array: npt.NDArray[Any]) -> None:
    """Take the pages of an array's file out of the process's memory; nothing is lost."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    mapping = base.obj if isinstance(base, memoryview) else base
    if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)
