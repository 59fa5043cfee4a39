"""Which weights a key replaces, and with what (sections 3.3 and 3.4, Eq. 3 to 6, 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import (
    keystream,
    normal_values,
    permutation,
    smallest,
    xavier_deviation,
)
from sirensong.network.siren import Architecture, Array, Weights

Positions = tuple[npt.NDArray[np.int64], ...]
"""Selected weights of each matrix of one function, first to last: flat indices, ascending."""

Values = tuple[npt.NDArray[np.float32], ...]
"""The key weights that go to those positions."""

RATIO_STEPS = 10_000
KEYED_RATIO = 0.2  # S where each key chooses its own positions, in these matrices
KEYED_MATRICES = 4  # at most, the first hidden ones
KEYED_GAIN = 2.0  # on the key weights there, against those of Eq. 6
PAPER_RATIO = 0.05  # S of section 4.1, in every matrix
LEAST_SELECTED = 8  # in a hidden matrix; a key that changes less hardly changes the function


class Selection(StrEnum):
    """How positions are selected (section 3.3).

    KEYED: each key chooses its own, in the first four hidden matrices. MAGNITUDE: the largest
    weights of the cover function, for all keys, as in the paper. RANDOM: one random mask for all
    keys, the ablation of section 4.8. These two select in every matrix.
    """

    KEYED = "keyed"
    MAGNITUDE = "magnitude"
    RANDOM = "random"

    @property
    def ratio(self) -> float:
        """S where nothing else is said."""
        return KEYED_RATIO if self is Selection.KEYED else PAPER_RATIO

    @property
    def gain(self) -> float:
        """Factor on the standard deviation of key weights (Eq. 6)."""
        return KEYED_GAIN if self is Selection.KEYED else 1.0


def ratio_units(ratio: float) -> int:
    """S in ten-thousandths, the unit of carriers and masks.

    Args:
        ratio: a multiple of 0.0001 in (0, 1).

    Raises:
        SettingError: it is not.
    """
    units = round(ratio * RATIO_STEPS) if 0 < ratio < 1 else 0
    if not 0 < units < RATIO_STEPS or abs(units / RATIO_STEPS - ratio) > 1e-9:
        raise SettingError(f"the ratio must be a multiple of 0.0001 between 0 and 1, got {ratio:g}")
    return units


def selected_count(ratio: float, total: int) -> int:
    """How many of `total` weights are selected: round(S x n), with a half rounded up.

    Computed with integers, so that all machines agree.
    """
    return (ratio_units(ratio) * total + RATIO_STEPS // 2) // RATIO_STEPS


def keyed_matrices(architecture: Architecture) -> range:
    """Which matrices hold the positions that keys choose for themselves, first matrix 0.

    They are the first four hidden ones: a change there passes through the layers behind, which
    learn to tell a key from one that is partly right; in the last matrices any change is in the
    picture at once (docs/adr/0010-wrong-keys.md).

    Args:
        architecture: of each function.
    """
    return range(1, len(architecture.shapes) - 1)[:KEYED_MATRICES]


def keyed_counts(architecture: Architecture, ratio: float) -> list[int]:
    """How many weights of each matrix a key replaces whose positions it chooses for itself.

    Args:
        architecture: of each function.
        ratio: S, the share of each of those matrices' weights.
    """
    chosen = keyed_matrices(architecture)
    return [
        selected_count(ratio, out * into) if place in chosen else 0
        for place, (out, into) in enumerate(architecture.shapes)
    ]


def check_selects(architecture: Architecture, ratio: float) -> None:
    """Check that a key does something: that it selects at least 8 weights of each hidden matrix.

    Raises:
        SettingError: it does not.
    """
    features = architecture.hidden_features
    if selected_count(ratio, features * features) < LEAST_SELECTED:
        raise SettingError(
            f"a ratio of {ratio:g} selects fewer than {LEAST_SELECTED} of the "
            f"{features * features} weights of a hidden matrix",
            hint="take a larger ratio or more hidden features",
        )


def keyed_positions(
    key: SecretKey, nonce: bytes, architecture: Architecture, ratio: float, tiles: Sequence[int]
) -> list[Positions]:
    """Positions that a key chooses for itself in some tiles' functions, where keys change them.

    Args:
        key: bound to the carrier.
        nonce: of the carrier.
        architecture: of each function.
        ratio: S, the share of each of these matrices' weights to select.
        tiles: indices of the tiles; many at once are faster than one at a time.

    Returns:
        The positions in each tile.
    """
    matrices = keyed_matrices(architecture)
    return _drawn_positions(key.secret, nonce, architecture, ratio, matrices, tiles)


def random_positions(
    nonce: bytes, architecture: Architecture, ratio: float, tiles: Sequence[int]
) -> list[Positions]:
    """Positions drawn from the carrier's nonce, one mask for every key (section 4.8).

    Args:
        nonce: of the carrier.
        architecture: of each function.
        ratio: S, the share of every matrix's weights to select.
        tiles: indices of the tiles.

    Returns:
        The positions in each tile.
    """
    matrices = range(len(architecture.shapes))
    return _drawn_positions(nonce, nonce, architecture, ratio, matrices, tiles)


def _drawn_positions(
    secret: bytes,
    nonce: bytes,
    architecture: Architecture,
    ratio: float,
    matrices: range,
    tiles: Sequence[int],
) -> list[Positions]:
    """Let each weight of some matrices draw a 32-bit integer, and take the smallest of each.

    A tile's matrices follow one another in its keystream.
    """
    sizes = [out * into for out, into in architecture.shapes]
    drawn = sum(sizes[matrix] for matrix in matrices)
    integers = keystream(secret, nonce, "positions", 4 * drawn, tiles).view("<u4")
    chosen, start = [np.zeros((len(tiles), 0), np.int64) for _ in sizes], 0
    for matrix in matrices:
        own = integers[:, start : start + sizes[matrix]]
        chosen[matrix] = smallest(own, selected_count(ratio, sizes[matrix]))
        start += sizes[matrix]
    return list(zip(*chosen, strict=True))


def magnitude_positions(weights: Weights, ratio: float) -> list[Positions]:
    """Select the largest weights of each matrix (magnitude-based weight selection, Eq. 3).

    Args:
        weights: of the cover functions, one a tile.
        ratio: S, the share of each matrix's weights to select, in (0, 1).

    Returns:
        For each tile exactly round(S x n) positions of each matrix, by absolute value, ties to the
        lower index.

    Raises:
        SettingError: the ratio is out of range.
    """
    layers = [_largest(layer.weight, ratio) for layer in weights]
    return list(zip(*layers, strict=True))


def _largest(matrices: Array, ratio: float) -> list[npt.NDArray[np.int64]]:
    magnitude = np.abs(matrices).reshape(len(matrices), -1)
    order = np.argsort(-magnitude, axis=1, kind="stable")
    return list(np.sort(order[:, : selected_count(ratio, magnitude.shape[1])], axis=1))


def key_weights(
    key: SecretKey,
    nonce: bytes,
    architecture: Architecture,
    positions: Mapping[int, Positions],
    gain: float = 1.0,
) -> list[Values]:
    """Draw the key weights W_se that go to a key's positions (Eq. 6).

    Args:
        key: bound to the carrier.
        nonce: of the carrier.
        architecture: of each tile's function.
        positions: the key's positions in each tile, by the tile's index; of one tile at least, and
            as many in each.
        gain: factor on their standard deviation, that of the selection.

    Returns:
        Xavier-normal values times the gain, one for each position in each tile, in the order of
        `positions`. A tile's matrices follow one another in its keystream.
    """
    counts = [len(places) for places in next(iter(positions.values()))]
    deviations = [gain * xavier_deviation(into, out) for out, into in architecture.shapes]
    integers = keystream(key.secret, nonce, "values", 8 * sum(counts), list(positions)).view("<u8")
    values = normal_values(integers, np.repeat(deviations, counts))
    return list(zip(*np.split(values, np.cumsum(counts)[:-1], axis=1), strict=True))


def secret_places(key: SecretKey, nonce: bytes, tiles: int) -> npt.NDArray[np.int64]:
    """Which tile of the carrier holds each tile of a key's secret picture.

    The order is the key's own, so that where a carrier's weights are busy does not tell where its
    secret pictures are (docs/adr/0009-shuffled-tiles.md).

    Args:
        key: bound to the carrier.
        nonce: of the carrier.
        tiles: how many the carrier has.

    Returns:
        (tiles,), a permutation: the carrier's tile for each of the secret's.
    """
    return permutation(key.secret, nonce, "tiles", tiles)


def substitute(weights: Weights, positions: Sequence[Positions], values: Sequence[Values]) -> None:
    """Make stego functions' weights, in place, those of secret functions (Eq. 5, 11).

    Args:
        weights: of the stego functions, one a tile; overwritten.
        positions: selected positions, for each tile.
        values: the key weights W_se that go there, for each tile.
    """
    for tile, (places, inserted) in enumerate(zip(positions, values, strict=True)):
        for layer, where, what in zip(weights, places, inserted, strict=True):
            np.put(layer.weight[tile], where, what)
