"""The function itself: an MLP with sine activations, coordinates in, colour out (section 3.2).

The weights absorb omega: a layer is sin(W x + b) with no factor inside (Eq. 1), and omega only
scales the first layer's initial weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError

Array = npt.NDArray[np.float32]
Values = TypeVar("Values")  # a NumPy array or a torch tensor

LARGEST_FEATURES = 1024
LARGEST_LAYERS = 64
LARGEST_OMEGA = 10_000


class Layer(NamedTuple):
    """One affine map of each of several SIRENs.

    Args:
        weight: (tiles, out, in).
        bias: (tiles, out).
    """

    weight: Array
    bias: Array


Weights = tuple[Layer, ...]
"""The layers of several SIRENs of one architecture, from coordinates to colour: hidden_layers maps
followed by a sine, then one without. The first axis of every array counts the SIRENs, also where
there is only one.
"""


@dataclass(frozen=True)
class Architecture:
    """The shape of a SIREN: 2 coordinates in, 3 colours out (section 3.2).

    Args:
        hidden_features: D, the width, 1 to 1024.
        hidden_layers: n, the depth, 2 to 64.
        omega: frequency in radians per unit of coordinate to which the first layer's initial
            weights reach, above 0 and at most 10,000.

    Raises:
        SettingError: a value is out of range.

    Example:
        >>> Architecture(hidden_features=128, hidden_layers=8).parameters
        116355
    """

    hidden_features: int = 128
    hidden_layers: int = 8
    omega: float = 60.0

    def __post_init__(self) -> None:
        if not 1 <= self.hidden_features <= LARGEST_FEATURES:
            raise SettingError(
                f"hidden features must be 1 to {LARGEST_FEATURES}, got {self.hidden_features}"
            )
        if not 2 <= self.hidden_layers <= LARGEST_LAYERS:
            raise SettingError(
                f"hidden layers must be 2 to {LARGEST_LAYERS}, got {self.hidden_layers}"
            )
        if not (math.isfinite(self.omega) and 0 < self.omega <= LARGEST_OMEGA):
            raise SettingError(f"omega must be in (0, {LARGEST_OMEGA}], got {self.omega:g}")

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(out, in) of each weight matrix, first to last."""
        features = self.hidden_features
        return ((features, 2), *[(features, features)] * (self.hidden_layers - 1), (3, features))

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return self.matrix_entries + sum(out for out, _ in self.shapes)

    @property
    def matrix_entries(self) -> int:
        """Number of weights, without biases: those from which positions are selected."""
        return sum(out * into for out, into in self.shapes)


def initial_weights(
    architecture: Architecture, rngs: Sequence[np.random.Generator], gain: float = 1.0
) -> Weights:
    """Draw SIRENs to start training from, as Sitzmann et al. do with omega absorbed.

    Args:
        architecture: of each.
        rngs: a generator for each SIREN.
        gain: factor on the hidden matrices.

    Returns:
        The first layer uniform in +-omega / 2 (fan-in 2), the others in +-sqrt(6 / fan_in); biases
        uniform in a period for the first layer, in +-1 / sqrt(fan_in) for the hidden ones, and 0
        for the last.
    """
    last = len(architecture.shapes) - 1
    layers = []
    for index, (out, into) in enumerate(architecture.shapes):
        if index == 0:
            bounds = architecture.omega / into, math.pi
        elif index < last:
            bounds = gain * math.sqrt(6 / into), 1 / math.sqrt(into)
        else:
            bounds = math.sqrt(6 / into), 0.0
        drawn = [_uniform_layer(rng, (out, into), bounds) for rng in rngs]
        layers.append(Layer(*(np.stack(arrays) for arrays in zip(*drawn, strict=True))))
    return tuple(layers)


def _uniform_layer(
    rng: np.random.Generator, shape: tuple[int, int], bounds: tuple[float, float]
) -> tuple[Array, Array]:
    weight, bias = bounds
    return (
        rng.uniform(-weight, weight, shape).astype(np.float32),
        rng.uniform(-bias, bias, shape[0]).astype(np.float32) if bias else np.zeros(shape[0], "f4"),
    )


def evaluate(weights: Sequence[tuple[Any, Any]], coords: Values) -> Values:
    """Evaluate functions at given points (Eq. 1, 12), for NumPy arrays and torch tensors alike.

    Args:
        weights: (weight, bias) of each layer; the tile axis may be missing if it is missing in
            `coords` too.
        coords: (tiles, points, 2), x and y in [-1, 1].

    Returns:
        (tiles, points, 3), where -1 is no light and 1 is full light in red, green, blue.
    """
    *hidden, last = weights
    activation: Any = coords
    for layer in hidden:
        phase = _affine(layer, activation)
        activation = np.sin(phase, out=phase) if isinstance(phase, np.ndarray) else phase.sin()
    return _affine(last, activation)  # type: ignore[no-any-return]


def _affine(layer: tuple[Any, Any], activation: Any) -> Any:
    weight, bias = layer
    result = activation @ weight.swapaxes(-1, -2)
    result += bias[..., None, :]
    return result
