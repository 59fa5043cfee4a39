"""The mask file: the positions of magnitude-based selection as a sparse vector (section 3.6).

docs/format.md describes it. With it alone, renders show the outlines of the secret pictures
(SECURITY.md).
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

CARRIER_BYTES = 8  # of the nonce: they tell whether a mask belongs to a carrier

_MAGIC = b"SRNGMSK1"
# Magic, checksum, carrier, hidden features, hidden layers, ratio units, Rice parameter, tiles.
_HEAD = struct.Struct("<8s4s8sHBHBI")
_LARGEST_RICE = 15
_CHECKED = 12  # the checksum covers all that follows it
_LARGEST_MASK = 64 * 1024 * 1024  # bytes; what a picture of 200 megapixels takes at 5 %


@dataclass(frozen=True, eq=False)
class Mask:
    """The positions that every key of one carrier replaces.

    Args:
        architecture: of each tile's function.
        ratio: share S of each matrix's weights that is replaced, in (0, 1).
        positions: for each tile, those of each weight matrix.
        carrier: the first 8 bytes of the carrier's nonce.
    """

    architecture: Architecture
    ratio: float
    positions: tuple[Positions, ...] = field(repr=False)
    carrier: bytes

    def fits(self, architecture: Architecture, tiles: int, ratio: float, nonce: bytes) -> bool:
        """Tell whether this is the mask of a carrier.

        Args:
            architecture: of each of the carrier's functions.
            tiles: how many functions it has.
            ratio: S, from the key's slot.
            nonce: of the carrier, 32 bytes.

        Returns:
            True if all of them agree with the mask.
        """
        return (
            self.architecture.shapes == architecture.shapes
            and len(self.positions) == tiles
            and ratio_units(self.ratio) == ratio_units(ratio)
            and self.carrier == nonce[: len(self.carrier)]
        )


def _flat(mask: Mask) -> npt.NDArray[np.int64]:
    """Count positions through all matrices of all tiles, first to last."""
    matrices = itertools.chain.from_iterable(mask.positions)
    starts = _starts(mask.architecture, len(mask.positions))
    return np.concatenate([places + start for places, start in zip(matrices, starts, strict=False)])


def _starts(architecture: Architecture, tiles: int) -> list[int]:
    return [0, *itertools.accumulate([out * into for out, into in architecture.shapes] * tiles)]


def mask_to_bytes(mask: Mask) -> bytes:
    """Encode a mask: a header, then Golomb-Rice codes of the gaps between positions.

    At a ratio of 5 % they take 1 % more than their entropy.

    Args:
        mask: the mask.

    Returns:
        The bytes of its file.

    Raises:
        SettingError: its ratio is not a multiple of 0.0001 in (0, 1).
    """
    gaps = np.diff(_flat(mask), prepend=-1) - 1
    rice = min(
        range(_LARGEST_RICE + 1), key=lambda bits: int((gaps >> bits).sum()) + bits * len(gaps)
    )
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
    """Write a gap's quotient by 2^rice as ones and a zero, then its remainder, high bit first."""
    quotients = gaps >> rice
    ends = np.cumsum(quotients + 1 + rice)
    bits = np.ones(int(ends[-1]) if len(ends) else 0, np.uint8)
    bits[ends - 1 - rice] = 0
    for place in range(rice):
        bits[ends - 1 - place] = (gaps >> place) & 1
    return np.packbits(bits).tobytes()


def mask_from_bytes(data: bytes, name: str = "the mask") -> Mask:
    """Decode a mask file.

    Args:
        data: its bytes.
        name: of the file, for messages.

    Returns:
        The mask.

    Raises:
        FormatError: the bytes are damaged or not a mask.
    """
    if len(data) < _HEAD.size or data[: len(_MAGIC)] != _MAGIC:
        raise FormatError(f"{name} is not a mask file")
    _, checksum, carrier, features, layers, units, rice, tiles = _HEAD.unpack_from(data)
    if hashlib.sha256(data[_CHECKED:]).digest()[:4] != checksum:
        raise FormatError(f"{name} is damaged: its checksum does not match")
    try:
        if not 1 <= features <= LARGEST_FEATURES or rice > _LARGEST_RICE or not tiles:
            raise SettingError("it names sizes out of range")
        architecture, ratio = Architecture(features, layers), units / RATIO_STEPS
        counts = [selected_count(ratio, out * into) for out, into in architecture.shapes]
    except SettingError as error:
        raise FormatError(f"{name} is not a mask file: {error.message}") from None
    least = tiles * max(sum(counts), len(counts))  # bits: a position takes one at least
    if tiles > 1 and least > 8 * len(data):
        raise FormatError(f"{name} is damaged: it ends early")
    flat = _rice_decode(data[_HEAD.size :], rice, tiles * sum(counts), name)
    matrices = _by_matrix(flat, counts * tiles, architecture, name)
    each = len(counts)
    by_tile = tuple(matrices[first : first + each] for first in range(0, len(matrices), each))
    return Mask(architecture, ratio, by_tile, carrier)


def _by_matrix(
    flat: npt.NDArray[np.int64], counts: list[int], architecture: Architecture, name: str
) -> Positions:
    """Split positions into those of each matrix of all tiles, and count them from its start."""
    starts = _starts(architecture, len(counts) // len(architecture.shapes))
    parts = np.split(flat, np.cumsum(counts)[:-1])
    positions = tuple(part - start for part, start in zip(parts, starts, strict=False))
    for places, size in zip(positions, np.diff(starts), strict=True):
        if len(places) and not (places[0] >= 0 and places[-1] < size):
            raise FormatError(f"{name} is damaged: a position lies outside its weight matrix")
    return positions


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
    """Name a carrier's mask: beside the carrier, under its name, ending in .mask."""
    return Path(carrier).with_suffix(".mask")


def write_mask(path: StrPath, mask: Mask, *, overwrite: bool = False) -> None:
    """Write a mask file that only its owner can read (permissions 0600).

    Args:
        path: of the file.
        mask: the mask.
        overwrite: whether to replace a file of this name.

    Raises:
        FileError: the file exists, and `overwrite` is false, or it cannot be written.

    Example:
        >>> import tempfile
        >>> import sirensong as ss
        >>> from sirensong.network.substitution import random_positions
        >>> small = ss.Architecture(hidden_features=16, hidden_layers=2)
        >>> positions = random_positions(bytes(32), small, 0.05, tiles=[0])
        >>> mask = ss.Mask(small, 0.05, tuple(positions), bytes(8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ss.write_mask(f"{folder}/song.mask", mask)
        ...     ss.read_mask(f"{folder}/song.mask").fits(small, 1, 0.05, bytes(32))
        True
    """
    write_bytes(path, mask_to_bytes(mask), overwrite=overwrite, secret=True)


def read_mask(path: StrPath) -> Mask:
    """Read a mask file.

    Args:
        path: of the file.

    Returns:
        The mask.

    Raises:
        FileError: the file cannot be read.
        FormatError: it is damaged or not a mask.

    Example:
        >>> import tempfile
        >>> import sirensong as ss
        >>> with tempfile.NamedTemporaryFile(suffix=".mask") as file:
        ...     try:
        ...         ss.read_mask(file.name)
        ...     except ss.FormatError as error:
        ...         print(error.message.replace(file.name, "song.mask"))
        song.mask is empty, expected a mask file
    """
    return mask_from_bytes(read_bytes(path, cap=_LARGEST_MASK, what="a mask file"), str(path))
