"""A carrier's header: all that stands in the file before the numbers (docs/format.md, section 1).

It follows from eight fields of metadata and the number of coded bytes. A reader takes these from
the header that it finds, makes the one header that a carrier of them has, and refuses any other: so
there is no room in it for anything besides.
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

VERSION = 2
METADATA = "sirensong"  # the one metadata field
LARGEST_HEADER = 1024  # bytes; 464 is usual
_LARGEST_VALUE = 2**33  # of any number in a header; JSON's integers have no end


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
        coded: bytes that the codes of the weights take.
    """

    architecture: Architecture
    grid: Grid
    height: int
    width: int
    coded: int

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The carrier's arrays, in their order in the file: float32 first, then by name."""
        shapes: dict[str, tuple[str, int, tuple[int, ...]]] = {
            "steps": ("F32", 4, (2 * len(self.architecture.shapes),)),
            "codes": ("U8", 1, (self.coded,)),
            "nonce": ("U8", 1, (NONCE_BYTES,)),
            "slots": ("U8", 1, (SLOTS, SLOT_BYTES)),
        }
        tensors, end = {}, 0
        for name, (dtype, size, shape) in shapes.items():
            start, end = end, end + size * math.prod(shape)
            tensors[name] = Tensor(dtype, shape, start, end)
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
    header = _parsed(data[8 : 8 + length], name)
    if header.to_bytes() != data[: 8 + length]:
        raise FormatError(
            f"{name} is not a carrier: its header is not what a carrier of its sizes begins with",
            hint="another program may have changed it: take the file as its sender made it",
        )
    return header


def _parsed(text: bytes, name: str) -> Header:
    """Make a header of what one says, checking types and ranges of what is taken from it."""
    try:
        header = json.loads(text)
        fields = json.loads(header["__metadata__"][METADATA])
    except (ValueError, KeyError, TypeError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise FormatError(f"{name} is not a carrier: it has no metadata field {METADATA!r}")

    def number(field: str, kind: type) -> Any:
        return _number(fields.get(field), field, kind)

    try:
        version = number("version", int)
        if version != VERSION:
            newer = version > VERSION
            raise FormatError(
                f"{name} has format version {version}, expected {VERSION}",
                hint="a newer Sirensong may read it"
                if newer
                else "it was made before the first release: make it anew",
            )
        architecture = Architecture(
            number("hidden_features", int), number("hidden_layers", int), number("omega", float)
        )
        grid = Grid(number("rows", int), number("columns", int))
        size = number("height", int), number("width", int)
        return Header(architecture, grid, *size, _number(_coded(header), "codes", int))
    except SettingError as error:
        raise FormatError(f"{name} is not a carrier: {error.message}") from None


def _number(value: object, field: str, kind: type) -> Any:
    if type(value) is not kind:
        raise SettingError(f"its {field} must be {kind.__name__}")
    number: Any = value
    if not 0 <= number <= _LARGEST_VALUE:
        raise SettingError(f"its {field} is out of range")
    return number


def _coded(header: dict[str, Any]) -> Any:
    """Find how many bytes of codes a header has, whatever that is."""
    try:
        return header["codes"]["shape"][0]
    except (KeyError, TypeError, IndexError):
        return None
