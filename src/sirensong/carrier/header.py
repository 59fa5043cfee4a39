"""A carrier's header: all that stands in the file before the numbers (docs/format.md, section 1).

It follows from eight fields of metadata. A reader takes these from the header that it finds, makes
the one header that a carrier with such fields has, and refuses any other: so there is no room in
it for anything besides.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

from sirensong.carrier.slots import SLOT_BYTES, SLOTS
from sirensong.errors import FormatError, SettingError
from sirensong.keys.stream import NONCE_BYTES
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid

VERSION = 1
METADATA = "sirensong"  # the one metadata field
LARGEST_HEADER = 2**16  # bytes; 64 layers take 14,000
_LARGEST_VALUE = 2**32  # of any number in the metadata; JSON's integers have no end


class Tensor(NamedTuple):
    """One array of a carrier.

    dtype: by its safetensors name. shape: of the array. start, end: in bytes, from the first byte
    after the header.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a carrier is, apart from its numbers.

    Args:
        architecture: of each tile's function.
        grid: where the tiles are.
        height: of the cover picture, in pixels.
        width: of the cover picture, in pixels.
    """

    architecture: Architecture
    grid: Grid
    height: int
    width: int

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The carrier's arrays, in their order in the file: weights and biases by name first."""
        shapes: dict[str, tuple[int, ...]] = {}
        for index, (out, into) in enumerate(self.architecture.shapes):
            shapes[f"layers.{index}.weight"] = (self.grid.tiles, out, into)
            shapes[f"layers.{index}.bias"] = (self.grid.tiles, out)
        tensors, end = {}, 0
        for name in sorted(shapes):
            start, end = end, end + 4 * math.prod(shapes[name])
            tensors[name] = Tensor("F32", shapes[name], start, end)
        for name, shape in (("nonce", (NONCE_BYTES,)), ("slots", (SLOTS, SLOT_BYTES))):
            start, end = end, end + math.prod(shape)
            tensors[name] = Tensor("U8", shape, start, end)
        return tensors

    @property
    def file_bytes(self) -> int:
        """Length of the whole file, header and numbers."""
        return len(self.to_bytes()) + self.tensors["slots"].end

    def to_bytes(self) -> bytes:
        """Write the header, with its length in front, as the safetensors library does."""
        fields = {
            "version": VERSION,
            "hidden_features": self.architecture.hidden_features,
            "hidden_layers": self.architecture.hidden_layers,
            "omega": float(self.architecture.omega),
            "rows": self.grid.rows,
            "columns": self.grid.columns,
            "height": self.height,
            "width": self.width,
        }
        header: dict[str, Any] = {"__metadata__": {METADATA: json.dumps(fields, sort_keys=True)}}
        for name, (dtype, shape, start, end) in self.tensors.items():
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": (start, end)}
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text


def read_header(data: bytes, name: str) -> Header:
    """Read the header that a file begins with.

    Args:
        data: the file's first 8 + LARGEST_HEADER bytes, or all of a shorter one.
        name: of the file, for messages.

    Returns:
        The header.

    Raises:
        FormatError: it is not, byte for byte, the header of a carrier of this version.
    """
    (length,) = struct.unpack_from("<Q", data)
    if length > len(data) - 8:
        raise FormatError(
            f"{name} is not a carrier: it does not begin with a header of at most"
            f" {LARGEST_HEADER} bytes"
        )
    header = _parsed(_fields(data[8 : 8 + length], name), name)
    if header.to_bytes() != data[: 8 + length]:
        raise FormatError(
            f"{name} is not a carrier: its header is not what a carrier of its sizes begins with",
            hint="another program may have changed it: take the file as its sender made it",
        )
    return header


def _fields(text: bytes, name: str) -> dict[str, Any]:
    """Find the metadata's fields, whatever they are."""
    try:
        fields = json.loads(json.loads(text)["__metadata__"][METADATA])
    except (ValueError, KeyError, TypeError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise FormatError(f"{name} is not a carrier: it has no metadata field {METADATA!r}")
    return fields


def _parsed(fields: dict[str, Any], name: str) -> Header:
    """Make a header of fields, whose types and ranges are checked."""

    def number(field: str, kind: type) -> Any:
        if type(fields.get(field)) is not kind:
            raise SettingError(f"its {field} must be {kind.__name__}")
        value = fields[field]
        if not abs(value) <= _LARGEST_VALUE:
            raise SettingError(f"its {field} is out of range")
        return value

    try:
        version = number("version", int)
        if version != VERSION:
            raise FormatError(
                f"{name} has format version {version}, expected {VERSION}",
                hint="a newer Sirensong may read it",
            )
        architecture = Architecture(
            number("hidden_features", int), number("hidden_layers", int), number("omega", float)
        )
        grid = Grid(number("rows", int), number("columns", int))
        return Header(architecture, grid, number("height", int), number("width", int))
    except SettingError as error:
        raise FormatError(f"{name} is not a carrier: {error.message}") from None
