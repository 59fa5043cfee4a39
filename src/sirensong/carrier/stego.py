"""The stego function: what is published, as a value (section 3.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from sirensong.carrier.coding import encode
from sirensong.carrier.header import Header
from sirensong.carrier.mapped import pieces, release
from sirensong.carrier.slots import SLOT_BYTES, SLOTS
from sirensong.errors import SettingError
from sirensong.keys.stream import NONCE_BYTES
from sirensong.network.lattice import (
    FIRST_TENSORS,
    LARGEST_CODE,
    Codes,
    Steps,
    check_steps,
    codes_of,
    finest_steps,
    start_codes,
    tensors,
    values_of,
)
from sirensong.network.rendering import preview
from sirensong.network.siren import Architecture, Array, Layer, Weights
from sirensong.network.tiles import Grid
from sirensong.web.page import frame_of

LARGEST_WEIGHT = 1e9  # larger ones could overflow in a render


@dataclass(frozen=True, eq=False)
class StegoFunction:
    """A SIREN for each tile that renders a cover picture, and secret ones with keys, if it has any.

    Functions with secrets and without look the same. A notebook shows the cover.

    Args:
        architecture: the shape of each tile's SIREN.
        grid: how many tiles there are, and where.
        weights: float32, shaped as the architecture says after a first axis of tiles; finite, and
            1e9 in magnitude at most. They need not lie on the lattice: a function that was
            attacked does not, until it is `rounded`.
        steps: of the lattice of each tensor (`sirensong.network.lattice`): weight and bias of the
            first layer, then of the next, to the last; float32 numbers.
        height: of the cover, in pixels, 1 to 65,535. It and the width must suit the grid: a pixel
            for each row and column of tiles, and at most 512x512 for each tile.
        width: of the cover, in pixels, 1 to 65,535.
        nonce: 32 bytes that bind keys to this carrier.
        slots: 64 x 16 bytes, random to anyone without a key.

    Raises:
        SettingError: these do not fit together.

    Example:
        >>> import numpy as np
        >>> import sirensong as ss
        >>> small = ss.Architecture(hidden_features=1, hidden_layers=2)
        >>> zeros = tuple(
        ...     Layer(np.zeros((1, *shape), np.float32), np.zeros((1, shape[0]), np.float32))
        ...     for shape in small.shapes
        ... )
        >>> stego = ss.StegoFunction(
        ...     small, ss.Grid(), zeros, (0.5,) * 6, 6, 9, bytes(32), bytes(1024)
        ... )
        >>> stego.parameters
        11
        >>> stego.fingerprint
        '865f279b9cceef63'
    """

    architecture: Architecture
    grid: Grid
    weights: Weights = field(repr=False)
    steps: Steps = field(repr=False)
    height: int
    width: int
    nonce: bytes = field(repr=False)
    slots: bytes = field(repr=False)
    _read_digest: bytes | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.grid.check((self.height, self.width))
        if len(self.nonce) != NONCE_BYTES or len(self.slots) != SLOTS * SLOT_BYTES:
            raise SettingError(
                f"expected a nonce of {NONCE_BYTES} bytes and {SLOTS} slots of {SLOT_BYTES}"
            )
        check_steps(self.steps, self.architecture)
        tiles = self.grid.tiles
        expected = [((tiles, out, into), (tiles, out)) for out, into in self.architecture.shapes]
        shapes = [(layer.weight.shape, layer.bias.shape) for layer in self.weights]
        if shapes != expected:
            raise SettingError(
                "the weights do not have the architecture's shapes:"
                f" expected {expected}, got {shapes}"
            )
        for index, layer in enumerate(self.weights):
            if not all(_is_sound(array) for array in layer):
                raise SettingError(
                    f"the weights of layer {index} must be float32 numbers, finite and at most"
                    f" {LARGEST_WEIGHT:g} in magnitude"
                )

    def tiles(self, indices: Sequence[int]) -> Weights:
        """Copy the SIRENs of some tiles.

        Args:
            indices: of the tiles, counted row by row.

        Returns:
            Layer by layer, with a first axis of tiles.
        """
        chosen = list(indices)
        copies = tuple(Layer(weight[chosen], bias[chosen]) for weight, bias in self.weights)
        for layer in self.weights:
            for array in layer:
                release(array)
        return copies

    @property
    def parameters(self) -> int:
        """Number of weights and biases of all tiles."""
        return self.grid.tiles * self.architecture.parameters

    @property
    def digest(self) -> bytes:
        """SHA-256 of steps and codes: weights that lie between two codes go by the nearer."""
        if self._read_digest is not None:
            return self._read_digest
        digest = CodesDigest(self.steps)
        for codes in self.codes():
            digest.update(codes)
        return digest.value()

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name these weights."""
        return self.digest.hex()[:16]

    def as_read(self, digest: bytes) -> StegoFunction:
        """Remember, and return itself, that the weights are a file's and cannot be written to.

        Neither their digest nor whether they lie on the lattice is then found from them again,
        which takes a fifth of a large reveal. A copy with other weights remembers nothing.

        Args:
            digest: of the codes that were read.
        """
        object.__setattr__(self, "_read_digest", digest)
        return self

    def codes(self) -> list[npt.NDArray[np.int16]]:
        """Find the codes of all weights, as a carrier has them.

        Returns:
            (tiles, numbers) for each tensor, in the order of `steps`; in the first layer counted
            from its start.

        Raises:
            SettingError: a weight is more than 32,767 steps from zero, or from its start.
        """
        return [self._codes_of(index, array) for index, array in enumerate(tensors(self.weights))]

    def _codes_of(self, index: int, array: Array) -> npt.NDArray[np.int16]:
        found = np.empty((len(array), array[0].size), np.int16)
        for tiles, piece in _tiles_of(array):
            codes = self._counted(index, tiles, codes_of(piece, self.steps[index]))
            if not _is_near(codes):
                raise SettingError(
                    f"a weight of tensor {index} is more than {LARGEST_CODE} steps away",
                    hint="rounded(finely=True) takes steps that reach it",
                )
            found[tiles.start : tiles.stop] = codes.reshape(len(piece), -1)
        return found

    def _counted(self, index: int, tiles: range, codes: Codes) -> Codes:
        """Count a tensor's codes from where they start, if it is the first layer's."""
        if index >= FIRST_TENSORS:
            return codes
        return codes - start_codes(self.architecture, self.steps, self.nonce, tiles)[index]

    def rounded(self, *, finely: bool = False) -> StegoFunction:
        """Return a function that a carrier can hold: each weight at its nearest code.

        Args:
            finely: with steps as small as codes can count, for weights that were changed by less
                than a step of their own, or are farther away than codes reach. The carrier is
                larger then.
        """
        arrays = tensors(self.weights)
        steps = finest_steps(self.architecture, self.weights) if finely else self.steps
        whole = [
            values_of(codes_of(array, step), step)
            for array, step in zip(arrays, steps, strict=True)
        ]
        weights = tuple(map(Layer, whole[::2], whole[1::2]))
        return replace(self, weights=weights, steps=steps)

    @property
    def is_rounded(self) -> bool:
        """Whether a carrier can hold it: every weight lies on the lattice and has a code."""
        return self._read_digest is not None or all(
            self._holds(index, array) for index, array in enumerate(tensors(self.weights))
        )

    def _holds(self, index: int, array: Array) -> bool:
        step = self.steps[index]
        for tiles, piece in _tiles_of(array):
            codes = codes_of(piece, step)
            on_lattice = (values_of(codes, step) == piece).all()
            if not (on_lattice and _is_near(self._counted(index, tiles, codes))):
                return False
        return True

    def parts(self) -> Iterator[bytes]:
        """Yield the carrier's file in order: the header, then each tensor, as safetensors has it.

        Raises:
            SettingError: weights do not lie on the lattice (`rounded`).
        """
        codes = encode(self.codes())
        if not self.is_rounded:
            raise SettingError(
                "a carrier holds whole steps, got weights that lie between two",
                hint="stego.rounded() takes the nearest",
            )
        size = self.height, self.width
        yield Header(self.architecture, self.grid, *size, coded=len(codes)).to_bytes()
        yield np.asarray(self.steps, "<f4").tobytes()
        yield from (codes, self.nonce, self.slots)

    def _repr_png_(self) -> bytes:
        """Render the cover for a notebook, at 512 pixels a side at most."""
        return preview(self, (self.height, self.width))

    def _repr_html_(self) -> str | None:
        """Show the viewer in a notebook; None where that is too much for one, or not possible."""
        return frame_of(b"".join(self.parts())) if self.is_rounded else None


class CodesDigest:
    """SHA-256 of steps and codes (docs/format.md, section 7).

    Args:
        steps: of each tensor.
    """

    def __init__(self, steps: Steps) -> None:
        self._sha = hashlib.sha256(np.asarray(steps, "<f4").tobytes())

    def update(self, codes: npt.NDArray[np.int16]) -> None:
        """Go on with a tensor's codes, or the next of them."""
        self._sha.update(codes.astype("<i2", copy=False).data)

    def value(self) -> bytes:
        """Find the digest of all that there was."""
        return self._sha.digest()


def _tiles_of(array: Array) -> Iterator[tuple[range, Array]]:
    """Pass over a tensor some tiles at a time."""
    done = 0
    for piece in pieces(array):
        yield range(done, done := done + len(piece)), piece


def _is_near(codes: Codes) -> bool:
    return bool((np.abs(codes) <= LARGEST_CODE).all())


def _is_sound(array: npt.NDArray[np.float32]) -> bool:
    """Tell whether these are float32 numbers within bounds; NaN is not."""
    return array.dtype == np.float32 and all(
        bool((np.abs(piece) <= LARGEST_WEIGHT).all()) for piece in pieces(array)
    )
