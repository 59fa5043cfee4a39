"""The carrier: a stego function as one safetensors file, and back (docs/format.md).

Whatever is read is taken for hostile.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from sirensong.carrier.coding import decode
from sirensong.carrier.header import LARGEST_HEADER, VERSION, Header, read_header
from sirensong.carrier.mapped import empty_weights, put, read
from sirensong.carrier.stego import CodesDigest, StegoFunction
from sirensong.errors import FileError, FormatError, SettingError
from sirensong.files import StrPath, file_errors, write_bytes
from sirensong.network.lattice import (
    FIRST_TENSORS,
    Steps,
    check_steps,
    start_codes,
    tensors,
    values_of,
)
from sirensong.network.siren import Weights
from sirensong.web.page import page_of

CARRIER_ENDING = ".safetensors"
LARGEST_CARRIER = 6 * 1024**3  # bytes; 200 megapixels take half of that at the best quality
_SMALLEST_CARRIER = 8 + 2
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK")  # no header's length
_PIECE = 2**20  # bytes of an open file that are read together

__all__ = ["LARGEST_CARRIER", "VERSION", "dumps", "load", "loads", "save"]


def dumps(stego: StegoFunction) -> bytes:
    """Write a carrier as bytes. Equal functions give equal bytes.

    Args:
        stego: the function.

    Returns:
        What `save` writes to a file.

    Raises:
        SettingError: `stego` is not a StegoFunction, or its weights lie between codes: `rounded`
            makes one that can be written.

    Example:
        >>> import numpy as np
        >>> import sirensong as ss
        >>> from sirensong.network.siren import Layer
        >>> small = ss.Architecture(hidden_features=1, hidden_layers=2)
        >>> zeros = tuple(
        ...     Layer(np.zeros((1, *shape), np.float32), np.zeros((1, shape[0]), np.float32))
        ...     for shape in small.shapes
        ... )
        >>> stego = ss.StegoFunction(
        ...     small, ss.Grid(), zeros, (0.5,) * 6, 6, 9, bytes(32), bytes(1024)
        ... )
        >>> loads(dumps(stego)).fingerprint == stego.fingerprint
        True
    """
    _check_kind(stego)
    return b"".join(stego.parts())


def loads(data: bytes) -> StegoFunction:
    """Read a carrier from bytes, with all the checks of `load`.

    Args:
        data: the whole of a carrier file.

    Returns:
        The function; its weights cannot be written to.

    Raises:
        SettingError: `data` is not bytes.
        FormatError: the bytes are not a whole, well-formed carrier.

    Example:
        >>> loads(b"not a carrier")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        sirensong.errors.FormatError: the data is not a carrier: it does not begin with ...
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise SettingError(f"expected the bytes of a carrier, got {type(data).__name__}")
    return _parse(np.frombuffer(bytes(data), np.uint8), "the data")


def save(path: StrPath, stego: StegoFunction, *, overwrite: bool = False) -> None:
    """Write a carrier, whole or not at all.

    Args:
        path: of the file.
        stego: the function.
        overwrite: whether to replace a file of this name.

    Raises:
        SettingError: as for `dumps`.
        FileError: the file exists, and `overwrite` is false, or it cannot be written.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import sirensong as ss
        >>> from sirensong.network.siren import Layer
        >>> small = ss.Architecture(hidden_features=1, hidden_layers=2)
        >>> zeros = tuple(
        ...     Layer(np.zeros((1, *shape), np.float32), np.zeros((1, shape[0]), np.float32))
        ...     for shape in small.shapes
        ... )
        >>> stego = ss.StegoFunction(
        ...     small, ss.Grid(), zeros, (0.5,) * 6, 6, 9, bytes(32), bytes(1024)
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ss.save(f"{folder}/song.safetensors", stego)
        ...     ss.load(f"{folder}/song.safetensors").fingerprint == stego.fingerprint
        True
    """
    _check_kind(stego)
    write_bytes(path, list(stego.parts()), overwrite=overwrite)


def load(source: StrPath | BinaryIO) -> StegoFunction:
    """Read a carrier from a file; `sirensong.load`, which says more, takes addresses too.

    Args:
        source: the path of a regular file, or a file that is open for reading bytes.

    Returns:
        The function; its weights cannot be written to.

    Raises:
        SettingError: `source` is neither.
        FileError: the file cannot be read, or is a pipe, a device or a folder, or the temporary
            folder has no room.
        FormatError: it is not a whole, well-formed carrier.
    """
    if not isinstance(source, str | os.PathLike):
        if hasattr(source, "read"):
            return loads(_read_all(source))
        raise SettingError(
            f"expected the path of a carrier or an open file, got {type(source).__name__}",
            hint="loads reads bytes",
        )
    name = os.fspath(source)
    with file_errors("read", name):
        mode = Path(name).stat().st_mode
    if not stat.S_ISREG(mode):
        raise FileError(f"cannot read {name}: it is not a regular file")
    return _parse(read(name), name)


def page(stego: StegoFunction) -> str:
    """Make the page on which a song is seen, and revealed with a key, in a browser.

    It is one file that opens from disk or from any server, and makes no request. It holds the
    carrier and nothing else that tells songs apart.

    Args:
        stego: the function.

    Returns:
        HTML, about 86 kB and 4/3 of the carrier.

    Raises:
        SettingError: as for `dumps`, or the carrier has more than 100 MiB.

    Example:
        >>> import numpy as np
        >>> import sirensong as ss
        >>> from sirensong.network.siren import Layer
        >>> small = ss.Architecture(hidden_features=1, hidden_layers=2)
        >>> zeros = tuple(
        ...     Layer(np.zeros((1, *shape), np.float32), np.zeros((1, shape[0]), np.float32))
        ...     for shape in small.shapes
        ... )
        >>> stego = ss.StegoFunction(
        ...     small, ss.Grid(), zeros, (0.5,) * 6, 6, 9, bytes(32), bytes(1024)
        ... )
        >>> page(stego).startswith("<!doctype html>")
        True
    """
    return page_of(dumps(stego))


def _check_kind(stego: object) -> None:
    if not isinstance(stego, StegoFunction):
        raise SettingError(f"a carrier is written from a StegoFunction, got {type(stego).__name__}")


def _read_all(file: BinaryIO) -> bytes:
    """Read an open file to its end, or to just beyond the largest carrier."""
    parts, size = [], 0
    while size <= LARGEST_CARRIER and (part := file.read(_PIECE)):
        parts.append(part)
        size += len(part)
    if not all(isinstance(part, bytes) for part in parts):
        raise SettingError("expected a file that is open for reading bytes, got one for text")
    return b"".join(parts)


def _parse(data: npt.NDArray[np.uint8], name: str) -> StegoFunction:
    """Make a function of a carrier's bytes."""
    if not _SMALLEST_CARRIER <= len(data) <= LARGEST_CARRIER:
        raise FormatError(
            f"{name} is not a carrier: expected {_SMALLEST_CARRIER} to {LARGEST_CARRIER} bytes,"
            f" got {len(data)}"
        )
    start = data[: 8 + LARGEST_HEADER].tobytes()
    if start[:2] in _PICKLES:
        raise FormatError(
            f"{name} is a pickle, not a carrier", hint="it was not opened: a pickle can run code"
        )
    header = read_header(start, name)
    if len(data) != header.file_bytes:
        raise FormatError(f"{name} is damaged: expected {header.file_bytes} bytes, got {len(data)}")
    body = data[len(header.to_bytes()) :]
    parts = {key: body[tensor.start : tensor.end] for key, tensor in header.tensors.items()}
    steps = tuple(parts["steps"].view("<f4").tolist())
    nonce, slots = parts["nonce"].tobytes(), parts["slots"].tobytes()
    try:
        check_steps(steps, header.architecture)
        header.grid.check((header.height, header.width))
        weights, digest = _decoded(header, steps, nonce, parts["codes"], name)
        form, size = (header.architecture, header.grid), (header.height, header.width)
        return StegoFunction(*form, weights, steps, *size, nonce, slots).as_read(digest)
    except SettingError as error:
        raise FormatError(f"{name} is not a carrier: {error.message}") from None


def _decoded(
    header: Header, steps: Steps, nonce: bytes, codes: npt.NDArray[np.uint8], name: str
) -> tuple[Weights, bytes]:
    """Make weights of codes, some of a tensor's at a time, and the codes' digest."""
    tiles, shapes = range(header.grid.tiles), header.architecture.shapes
    sizes = [len(tiles) * size for out, into in shapes for size in (out * into, out)]
    found = decode(codes, sizes, name)  # has checked that the file is as long: now there is room
    weights = empty_weights(header.architecture, header.grid)
    flat = [array.reshape(-1) for array in tensors(weights)]
    start = start_codes(header.architecture, steps, nonce, tiles)
    digest = CodesDigest(steps)
    for piece in found:
        digest.update(piece.codes)
        index, some = piece.tensor, range(piece.start, piece.start + len(piece.codes))
        moved = piece.codes.astype(np.int64)
        if index < FIRST_TENSORS:
            moved += start[index].reshape(-1)[some.start : some.stop]
        put(flat[index], some, values_of(moved, steps[index]))
    for array in tensors(weights):
        array.flags.writeable = False
    return weights, digest.value()
