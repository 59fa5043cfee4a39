"""Large pictures live in files rather than in memory, as large weights do; but sealed, since a picture may be secret.

What such a file holds is encrypted (AES-256-CTR) under a key that is drawn for it and that only this process ever has.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sirensong.carrier import mapped
from sirensong.files import told

Levels = npt.NDArray[np.uint8]
"""A picture in 8 bits: (height, width, 3), RGB; what pictures are kept as."""

_BLOCK = 16  # bytes, of AES
_BAND = 2**20  # pixels


class Sealed:
    """A picture in 8 bits, rows of which are written once and read as often as one likes, by any thread.

    What is read, by rows or by rows and columns, is an array of its own; `numpy.asarray` reads it whole. Raises FileError if the
    system's folder for temporary files (TMPDIR) has no room.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height, width, 3)
        self._key, self._lock = os.urandom(32), threading.Lock()
        with told("write in", tempfile.gettempdir()):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (it has no name, and lasts as long as this does)
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Samples: three a pixel."""
        return math.prod(self.shape)

    def __setitem__(self, rows: slice, levels: Levels) -> None:
        start = self._bytes(rows)[0]
        whole = np.broadcast_to(levels, (len(range(len(self))[rows]), *self.shape[1:]))
        data = np.ascontiguousarray(whole, np.uint8).data
        with self._lock, told("write in", tempfile.gettempdir()):
            self._file.seek(start)
            self._file.write(self._crypted(start, data))
            self._file.flush()

    def __getitem__(self, where: slice | tuple[slice, slice]) -> Levels:
        rows, columns = where if isinstance(where, tuple) else (where, slice(None))
        start, stop = self._bytes(rows)
        with self._lock, told("read in", tempfile.gettempdir()):
            self._file.seek(start)
            data = self._crypted(start, self._file.read(stop - start))
        return np.frombuffer(data, np.uint8).reshape(-1, *self.shape[1:])[:, columns]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("a sealed picture is read from a file: it is always copied")
        return np.asarray(self[:], dtype)

    def _bytes(self, rows: slice) -> tuple[int, int]:
        start, stop, _ = rows.indices(len(self))
        row = math.prod(self.shape[1:])
        return start * row, max(start, stop) * row

    def _crypted(self, start: int, data: bytes | memoryview) -> bytes:
        """Encrypt or decrypt, which are the same, what is at a byte of the file."""
        block, skipped = divmod(start, _BLOCK)
        stream = Cipher(algorithms.AES256(self._key), modes.CTR(block.to_bytes(_BLOCK))).encryptor()
        stream.update(bytes(skipped))
        return stream.update(data)


Raster = Levels | Sealed
"""A picture in 8 bits, wherever it lives."""


def blank(height: int, width: int) -> Raster:
    """Room for a picture, to be written band by band: an array, or sealed if it is large."""
    if 3 * height * width <= mapped.IN_MEMORY:
        return np.empty((height, width, 3), np.uint8)
    return Sealed(height, width)


def bands(height: int, width: int) -> Iterator[slice]:
    """Rows to look at together, top to bottom, so that large pictures need no more memory than small ones."""
    rows = max(1, _BAND // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))
