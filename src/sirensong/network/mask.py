"""The mask of magnitude-based selection as a sparse vector (section 3.6), in a file (docs/format.md).

With it alone, renders show the outlines of the secret pictures (SECURITY.md).
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sirensong.errors import FormatError, SettingError
from sirensong.files import StrPath, read_bytes, write_bytes
from sirensong.network.siren import LARGEST_FEATURES, Architecture
from sirensong.network.substitution import RATIO_STEPS, Positions, ratio_units, selected_count

CARRIER_BYTES = 8  # of the nonce, which tell a mask from that of another carrier

_MAGIC = b"SRNGMSK1"
_HEAD = struct.Struct(
    "<8s4s8sHBHBI"
)  # magic, checksum, carrier, hidden features, hidden layers, ratio units, Rice parameter, tiles
_CHECKED = 12  # the checksum covers all that follows it
_LARGEST_MASK = 64 * 1024 * 1024  # bytes; what a picture of 200 megapixels takes at 5 %


@dataclass(frozen=True, eq=False)
class Mask:
    """The positions that every key of one carrier replaces, for each tile. carrier: first CARRIER_BYTES bytes of its nonce."""

    architecture: Architecture
    ratio: float
    positions: tuple[Positions, ...] = field(repr=False)
    carrier: bytes

    def fits(self, architecture: Architecture, tiles: int, ratio: float, nonce: bytes) -> bool:
        """Whether this is the mask of such a carrier."""
        mine = (
            self.architecture.shapes,
            len(self.positions),
            ratio_units(self.ratio),
            self.carrier,
        )
        return mine == (architecture.shapes, tiles, ratio_units(ratio), nonce[: len(self.carrier)])


def sparse_vector(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The paper's sparse vector: (row, column) of every one in a mask matrix, row by row. mask: (out, in). Returns (ones, 2)."""
    return np.argwhere(mask)


def dense_bits(shape: tuple[int, int], bits: int = 8) -> int:
    """Size of a mask matrix with `bits` an entry: 512 for the paper's 8 x 8 example of 8-bit entries."""
    return shape[0] * shape[1] * bits


def sparse_bits(ones: int, bits: int = 8) -> int:
    """Size of a sparse vector with `bits` an index: 48 for the 3 ones (5 % of 64) of the paper's example."""
    return ones * 2 * bits


def _flat(mask: Mask) -> npt.NDArray[np.int64]:
    """Positions counted through all matrices of all tiles, first to last."""
    matrices = itertools.chain.from_iterable(mask.positions)
    starts = _starts(mask.architecture, len(mask.positions))
    return np.concatenate([places + start for places, start in zip(matrices, starts, strict=False)])


def _starts(architecture: Architecture, tiles: int) -> list[int]:
    return [0, *itertools.accumulate([out * into for out, into in architecture.shapes] * tiles)]


def mask_to_bytes(mask: Mask) -> bytes:
    """The mask file: a header, then Golomb-Rice codes of the gaps between positions: at 5 %, 1 % above their entropy."""
    gaps = np.diff(_flat(mask), prepend=-1) - 1
    rice = min(range(16), key=lambda bits: int((gaps >> bits).sum()) + bits * len(gaps))
    shape = (
        mask.architecture.hidden_features,
        mask.architecture.hidden_layers,
        ratio_units(mask.ratio),
        rice,
        len(mask.positions),
    )
    rest = _HEAD.pack(_MAGIC, bytes(4), mask.carrier, *shape)[_CHECKED:] + _rice_encode(gaps, rice)
    return _MAGIC + hashlib.sha256(rest).digest()[:4] + rest


def _rice_encode(gaps: npt.NDArray[np.int64], rice: int) -> bytes:
    """A gap's quotient by 2^rice in unary (ones, then a zero), then `rice` bits of remainder, highest first."""
    quotients = gaps >> rice
    ends = np.cumsum(quotients + 1 + rice)
    bits = np.ones(int(ends[-1]) if len(ends) else 0, np.uint8)
    bits[ends - 1 - rice] = 0
    for place in range(rice):
        bits[ends - 1 - place] = (gaps >> place) & 1
    return np.packbits(bits).tobytes()


def mask_from_bytes(data: bytes, name: str = "the mask") -> Mask:
    """Read a mask file's bytes. Raises FormatError if they are damaged or no mask."""
    if len(data) < _HEAD.size or data[: len(_MAGIC)] != _MAGIC:
        raise FormatError(f"{name} is no mask file")
    _, checksum, carrier, features, layers, units, rice, tiles = _HEAD.unpack_from(data)
    if hashlib.sha256(data[_CHECKED:]).digest()[:4] != checksum:
        raise FormatError(f"{name} is damaged: its checksum does not match")
    try:
        if not 1 <= features <= LARGEST_FEATURES or rice > 15 or not tiles:
            raise SettingError("it names sizes out of range")
        architecture, ratio = Architecture(features, layers), units / RATIO_STEPS
        counts = [selected_count(ratio, out * into) for out, into in architecture.shapes]
    except SettingError as error:
        raise FormatError(f"{name} is no mask file: {error.message}") from None
    if tiles > 1 and tiles * max(sum(counts), len(counts)) > 8 * len(
        data
    ):  # a position takes a bit at least
        raise FormatError(f"{name} is damaged: it ends early")
    counts, starts = counts * tiles, _starts(architecture, tiles)
    flat = _rice_decode(data[_HEAD.size :], rice, sum(counts), name)
    positions = tuple(
        part - start
        for part, start in zip(np.split(flat, np.cumsum(counts)[:-1]), starts, strict=False)
    )
    sizes = np.diff(starts)
    if any(
        len(part) and not (part[0] >= 0 and part[-1] < size)
        for part, size in zip(positions, sizes, strict=True)
    ):
        raise FormatError(f"{name} is damaged: a position lies outside its weight matrix")
    matrices = len(architecture.shapes)
    return Mask(
        architecture,
        ratio,
        tuple(positions[tile * matrices : (tile + 1) * matrices] for tile in range(tiles)),
        carrier,
    )


def _rice_decode(data: bytes, rice: int, count: int, name: str) -> npt.NDArray[np.int64]:
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    stream, cursor = bits.tobytes(), 0
    starts, ends = np.empty((2, min(count, len(bits))), np.int64)
    for index in range(count):
        end = stream.find(0, cursor)
        if end < 0 or end + 1 + rice > len(bits):
            raise FormatError(f"{name} is damaged: it ends early")
        starts[index], ends[index] = cursor, end
        cursor = end + 1 + rice
    if (cursor + 7) // 8 != len(data):
        raise FormatError(f"{name} is damaged: it is longer than its contents")
    gaps = ends - starts << rice
    for place in range(rice):
        gaps += bits[ends + rice - place].astype(np.int64) << place
    return np.cumsum(gaps + 1) - 1


def mask_path(carrier: StrPath) -> Path:
    """Where a carrier's mask goes: beside it, under its name, ending in .mask."""
    return Path(carrier).with_suffix(".mask")


def write_mask(path: StrPath, mask: Mask, *, overwrite: bool = False) -> None:
    """Write a mask file, readable by its owner alone (0600)."""
    write_bytes(path, mask_to_bytes(mask), overwrite=overwrite, secret=True)


def read_mask(path: StrPath) -> Mask:
    """Read a mask file. Raises FileError if it cannot be read, FormatError if it is damaged or no mask."""
    return mask_from_bytes(read_bytes(path, cap=_LARGEST_MASK, what="a mask file"), str(path))
