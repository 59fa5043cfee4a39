"""The carrier: a stego function as one safetensors file, and back (docs/format.md). Whatever is read is taken for hostile."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from sirensong.carrier.mapped import pieces, read
from sirensong.carrier.slots import SLOT_BYTES, SLOTS
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import FormatError, SettingError
from sirensong.files import StrPath, told, write_bytes
from sirensong.keys.stream import NONCE_BYTES
from sirensong.network.siren import Architecture, Array, Layer
from sirensong.network.tiles import Grid

VERSION = 1
METADATA = "sirensong"  # the one metadata field
LARGEST_CARRIER = 6 * 1024**3  # bytes; what a picture of 200 megapixels takes
LARGEST_WEIGHT = 1e9  # larger ones could overflow in a render
_SMALLEST_CARRIER = 8 + 2
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK")
_JSON_BEGINS = (
    b"\0\0\0\0{"  # after the lower half of a header's length, which may begin like a pickle
)
_LARGEST_VALUE = 2**32  # of any number in the metadata; JSON's integers have no end


def to_bytes(stego: StegoFunction) -> bytes:
    """The carrier file of a function. Equal functions give equal bytes."""
    return b"".join(_parts(stego))


def save(path: StrPath, stego: StegoFunction, *, overwrite: bool = False) -> None:
    """Write a carrier, whole or not at all. Raises FileError if it exists (unless `overwrite`) or cannot be written."""
    write_bytes(path, _parts(stego), overwrite=overwrite)


def _parts(stego: StegoFunction) -> Iterator[bytes | memoryview]:
    """The file in order: the header's length, the header, each tensor.

    Byte by byte what the safetensors library makes, which would hold it in memory two more times: half a gigabyte each for a
    photograph of 12 megapixels.
    """
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    for index, layer in enumerate(stego.weights):
        tensors |= {f"layers.{index}.weight": layer.weight, f"layers.{index}.bias": layer.bias}
    tensors = dict(sorted(tensors.items()))
    tensors["nonce"] = np.frombuffer(stego.nonce, np.uint8)
    tensors["slots"] = np.frombuffer(stego.slots, np.uint8).reshape(SLOTS, SLOT_BYTES)

    header: dict[str, Any] = {
        "__metadata__": {METADATA: json.dumps(_metadata(stego), sort_keys=True)}
    }
    end = 0
    for name, array in tensors.items():
        start, end = end, end + array.nbytes
        dtype = "U8" if array.dtype == np.uint8 else "F32"
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": (start, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    for array in tensors.values():
        for piece in pieces(array):
            yield np.ascontiguousarray(piece, array.dtype.newbyteorder("<")).data


def _metadata(stego: StegoFunction) -> dict[str, int | float]:
    return {
        "version": VERSION,
        "hidden_features": stego.architecture.hidden_features,
        "hidden_layers": stego.architecture.hidden_layers,
        "omega": float(stego.architecture.omega),
        "rows": stego.grid.rows,
        "columns": stego.grid.columns,
        "height": stego.height,
        "width": stego.width,
    }


def load(path: StrPath) -> StegoFunction:
    """Read a carrier.

    Nothing is allocated before its size, names, dtypes and shapes have been checked, and no code in it can run. Raises FileError
    if it cannot be read, FormatError if it is not a whole, well-formed carrier with finite weights.
    """
    name = os.fspath(path)
    with told("read", name):
        size = Path(path).stat().st_size
        with Path(path).open("rb") as file:
            start = file.read(9)
    if not _SMALLEST_CARRIER <= size <= LARGEST_CARRIER:
        raise FormatError(
            f"{name} is no carrier: expected {_SMALLEST_CARRIER} to {LARGEST_CARRIER} bytes, got {size}"
        )
    if start[:2] in _PICKLES and start[4:] != _JSON_BEGINS:
        raise FormatError(
            f"{name} is a pickle, not a carrier", hint="it was not opened: a pickle can run code"
        )
    try:
        return _read(name)
    except SafetensorError as error:
        raise FormatError(f"{name} is no carrier or is damaged: {_one_line(error)}") from None
    except SettingError as error:
        raise FormatError(f"{name} is no carrier: {error.message}") from None


def _one_line(error: Exception) -> str:
    """What safetensors says, without the control characters and the length that a hostile header can give it."""
    return (
        "".join(letter if letter.isprintable() else " " for letter in str(error)[:200])
        .strip()
        .lower()
    )


def _read(name: str) -> StegoFunction:
    with safe_open(name, framework="numpy") as file:
        header = _header(file.metadata(), name)
        architecture = Architecture(
            header["hidden_features"], header["hidden_layers"], float(header["omega"])
        )
        grid = Grid(header["rows"], header["columns"])
        _check_tensors(file, architecture, grid, name)
        nonce, slots = (file.get_tensor(tensor).tobytes() for tensor in ("nonce", "slots"))
    offsets = _offsets(name)

    def read_layer(index: int, out: int, into: int) -> Layer:
        weight, bias = f"layers.{index}.weight", f"layers.{index}.bias"
        return Layer(
            _tensor(name, offsets, weight, (grid.tiles, out, into)),
            _tensor(name, offsets, bias, (grid.tiles, out)),
        )

    layers = tuple(
        read_layer(index, out, into) for index, (out, into) in enumerate(architecture.shapes)
    )
    return StegoFunction(
        architecture, grid, layers, header["height"], header["width"], nonce, slots
    )


def _check_tensors(file: Any, architecture: Architecture, grid: Grid, name: str) -> None:
    """Raise FormatError unless the file has the tensors that it should have, in their dtypes and shapes."""
    expected: dict[str, tuple[str, tuple[int, ...]]] = {
        "nonce": ("U8", (NONCE_BYTES,)),
        "slots": ("U8", (SLOTS, SLOT_BYTES)),
    }
    for index, (out, into) in enumerate(architecture.shapes):
        expected[f"layers.{index}.weight"] = ("F32", (grid.tiles, out, into))
        expected[f"layers.{index}.bias"] = ("F32", (grid.tiles, out))
    names = set(file.keys())
    if names != set(expected):
        missing, extra = sorted(set(expected) - names), sorted(names - set(expected))
        wrong = f"lacks {missing[0]}" if missing else f"has an extra tensor {extra[0][:40]!r}"
        raise FormatError(f"{name} is no carrier: it {wrong}")
    for tensor, (dtype, shape) in expected.items():
        part = file.get_slice(tensor)
        if (part.get_dtype(), tuple(part.get_shape())) != (dtype, shape):
            found = f"{part.get_dtype()} {list(part.get_shape())}"
            raise FormatError(
                f"{name}: tensor {tensor} should be {dtype} {list(shape)}, got {found}"
            )


def _offsets(name: str) -> dict[str, int]:
    """Where each tensor begins in a file that the library has checked."""
    with told("read", name), Path(name).open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return {
        tensor: 8 + length + about["data_offsets"][0]
        for tensor, about in header.items()
        if tensor != "__metadata__"
    }


def _tensor(name: str, offsets: dict[str, int], tensor: str, shape: tuple[int, ...]) -> Array:
    """One of a layer's, checked for values."""
    array = read(name, offsets[tensor], shape)
    if not all((np.abs(piece) <= LARGEST_WEIGHT).all() for piece in pieces(array)):
        raise FormatError(
            f"{name}: tensor {tensor} has values that are not finite, or beyond {LARGEST_WEIGHT:g}"
        )
    return array


def _header(metadata: dict[str, str] | None, name: str) -> dict[str, Any]:
    if not metadata or set(metadata) != {METADATA}:
        raise FormatError(
            f"{name} is a safetensors file, but no carrier: expected the one metadata field {METADATA!r}"
        )
    try:
        header = json.loads(metadata[METADATA])
    except (ValueError, RecursionError):
        raise FormatError(f"{name} is no carrier: its metadata is not JSON") from None
    integers = ("version", "hidden_features", "hidden_layers", "rows", "columns", "height", "width")
    if not isinstance(header, dict) or set(header) != {*integers, "omega"}:
        raise FormatError(f"{name} is no carrier: its metadata does not have the expected fields")
    if any(type(header[key]) is not int for key in integers) or type(header["omega"]) not in (
        int,
        float,
    ):
        raise FormatError(f"{name} is no carrier: its metadata has a value of the wrong type")
    if any(abs(value) > _LARGEST_VALUE for value in header.values()):
        raise FormatError(f"{name} is no carrier: its metadata has a value out of range")
    if header["version"] != VERSION:
        raise FormatError(
            f"{name} has format version {header['version']}, expected {VERSION}",
            hint="a newer Sirensong may read it",
        )
    return header
