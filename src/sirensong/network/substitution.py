"""Which weights a key replaces, and with what (sections 3.3 and 3.4, Eq. 3 to 6, 11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import Draw, choose_positions, normal_values, xavier_deviation
from sirensong.network.siren import Architecture, Weights

Positions = tuple[npt.NDArray[np.int64], ...]
"""Selected weights of each weight matrix of one function, first to last: flat indices, row by row, ascending."""

Values = tuple[npt.NDArray[np.float32], ...]
"""The key weights that go to those positions."""

RATIO_STEPS = 10_000
LEAST_SELECTED = 8  # in a hidden matrix; a key that changes less hardly changes the function


class Selection(StrEnum):
    """How positions are selected: by each key, by the cover function's weights (the paper's), or one random mask for all."""

    KEYED = "keyed"
    MAGNITUDE = "magnitude"
    RANDOM = "random"


def ratio_units(ratio: float) -> int:
    """S in ten-thousandths, as carriers keep it. Raises SettingError unless ratio is a multiple of 0.0001 in (0, 1)."""
    units = round(ratio * RATIO_STEPS) if 0 < ratio < 1 else 0
    if not 0 < units < RATIO_STEPS or abs(units / RATIO_STEPS - ratio) > 1e-9:
        raise SettingError(f"the ratio must be a multiple of 0.0001 between 0 and 1, got {ratio:g}")
    return units


def selected_count(ratio: float, total: int) -> int:
    """How many of `total` weights are selected: round(S x n), a half upwards, by whole numbers so that all machines agree."""
    return (ratio_units(ratio) * total + RATIO_STEPS // 2) // RATIO_STEPS


def check_selects(architecture: Architecture, ratio: float) -> None:
    """Raise SettingError if so few weights are selected that a key would do little: at least 8 in each hidden matrix."""
    features = architecture.hidden_features
    if selected_count(ratio, features * features) < LEAST_SELECTED:
        raise SettingError(
            f"a ratio of {ratio:g} selects fewer than {LEAST_SELECTED} of the {features * features} weights of a hidden matrix",
            hint="take a larger ratio or more hidden features",
        )


def keyed_positions(
    key: SecretKey, nonce: bytes, architecture: Architecture, ratio: float, tile: int = 0
) -> Positions:
    """Positions that the key chooses for itself in each weight matrix of a tile."""
    return _drawn_positions(key.secret, nonce, architecture, ratio, tile)


def random_positions(
    nonce: bytes, architecture: Architecture, ratio: float, tile: int = 0
) -> Positions:
    """One mask for every key, drawn from the carrier's nonce: the ablation of section 4.8."""
    return _drawn_positions(nonce, nonce, architecture, ratio, tile)


def _drawn_positions(
    secret: bytes, nonce: bytes, architecture: Architecture, ratio: float, tile: int
) -> Positions:
    return tuple(
        choose_positions(
            secret,
            nonce,
            f"{matrix}/positions",
            total=out * into,
            count=selected_count(ratio, out * into),
        )
        for matrix, (out, into) in _numbered(architecture, tile)
    )


def _numbered(architecture: Architecture, tile: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """The number by which a tile's matrices draw from keys, and their shapes: counted through all tiles' layers."""
    return enumerate(architecture.shapes, start=tile * len(architecture.shapes))


def magnitude_positions(weights: Weights, ratio: float) -> Positions:
    """The largest weights of each matrix of the cover function (magnitude-based weight selection, Eq. 3).

    Exactly round(S x n) of each, by absolute value, ties to the lower index. Raises SettingError for a ratio outside (0, 1).
    """
    chosen = []
    for layer in weights:
        magnitude = np.abs(layer.weight).ravel()
        order = np.argsort(-magnitude, kind="stable")
        chosen.append(np.sort(order[: selected_count(ratio, magnitude.size)]))
    return tuple(chosen)


def key_weights(
    key: SecretKey, nonce: bytes, architecture: Architecture, positions: Mapping[int, Positions]
) -> list[Values]:
    """The key weights W_se (Eq. 6): Xavier-normal values, one for each position in each tile, in the order of positions."""
    draws = [
        Draw(f"{matrix}/values", len(places), xavier_deviation(into, out))
        for tile, own in positions.items()
        for places, (matrix, (out, into)) in zip(own, _numbered(architecture, tile), strict=True)
    ]
    values, matrices = normal_values(key.secret, nonce, draws), len(architecture.shapes)
    return [values[first : first + matrices] for first in range(0, len(values), matrices)]


def substitute(weights: Weights, positions: Positions, values: Values) -> None:
    """Make a function's weights, in place, the secret function's: W_se at the selected positions (Eq. 5, 11)."""
    for layer, places, inserted in zip(weights, positions, values, strict=True):
        np.put(layer.weight, places, inserted)
