"""The stego function: what is published, as a value (section 3.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sirensong.carrier.mapped import pieces, take
from sirensong.carrier.slots import SLOT_BYTES, SLOTS
from sirensong.errors import SettingError
from sirensong.keys.stream import NONCE_BYTES
from sirensong.network.siren import Architecture, Layer, Weights
from sirensong.network.tiles import Grid
from sirensong.pictures.image import LARGEST_SIDE


@dataclass(frozen=True, eq=False)
class StegoFunction:
    """A SIREN that renders a cover picture, and secret ones with keys if it has any: the two kinds look the same.

    Or a grid of SIRENs, each for its tile of the pictures. architecture: the shape of each. grid: how many there are, and where.
    weights: float32, shaped as the architecture says after a first axis of tiles. height, width: of the cover, in pixels. nonce:
    32 bytes that bind keys to this carrier. slots: 64 x 32 bytes, random without a key. Raises SettingError if these do not fit
    together.
    """

    architecture: Architecture
    grid: Grid
    weights: Weights = field(repr=False)
    height: int
    width: int
    nonce: bytes = field(repr=False)
    slots: bytes = field(repr=False)

    def __post_init__(self) -> None:
        tiles = self.grid.tiles
        expected = tuple(
            ((tiles, out, into), (tiles, out)) for out, into in self.architecture.shapes
        )
        shapes = tuple((layer.weight.shape, layer.bias.shape) for layer in self.weights)
        if shapes != expected:
            raise SettingError(
                f"the weights do not have the architecture's shapes: expected {expected}, got {shapes}"
            )
        for layer in self.weights:
            if not all(
                array.dtype == np.float32
                and all(np.isfinite(piece).all() for piece in pieces(array))
                for array in layer
            ):
                raise SettingError("the weights must be finite float32 numbers")
        if not (1 <= self.height <= LARGEST_SIDE and 1 <= self.width <= LARGEST_SIDE):
            raise SettingError(
                f"a picture's sides must be 1 to {LARGEST_SIDE} pixels, got {self.width}x{self.height}"
            )
        if len(self.nonce) != NONCE_BYTES or len(self.slots) != SLOTS * SLOT_BYTES:
            raise SettingError(
                f"expected a nonce of {NONCE_BYTES} bytes and {SLOTS} slots of {SLOT_BYTES}"
            )

    def tiles(self, indices: Sequence[int]) -> Weights:
        """The SIRENs of some tiles, layer by layer, as copies."""
        return tuple(
            Layer(take(layer.weight, indices), take(layer.bias, indices)) for layer in self.weights
        )

    @property
    def parameters(self) -> int:
        """Number of weights and biases of all tiles."""
        return self.grid.tiles * self.architecture.parameters

    @property
    def digest(self) -> bytes:
        """SHA-256 of the weights: each layer's weight, then its bias, little-endian float32."""
        return weights_digest(self.weights)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name these weights."""
        return self.digest.hex()[:16]


def weights_digest(weights: Weights) -> bytes:
    """SHA-256 of a function's weights, first layer to last, weight before bias, little-endian float32."""
    sha = hashlib.sha256()
    for layer in weights:
        for array in layer:
            for piece in pieces(array):
                sha.update(np.ascontiguousarray(piece, "<f4").data)
    return sha.digest()
