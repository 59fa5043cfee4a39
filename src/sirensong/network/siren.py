"""The function itself: an MLP with sine activations, coordinates in, colour out (section 3.2, Eq. 1).

The weights absorb omega: a layer is sin(W x + b) with no factor inside, and omega only scales the first layer's initial weights.
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


class Layer(NamedTuple):
    """One affine map. weight: ([tiles,] out, in). bias: ([tiles,] out)."""

    weight: Array
    bias: Array


Weights = tuple[Layer, ...]
"""A SIREN's layers, from coordinates to colour: hidden_layers maps followed by a sine, then one without.

Or those of several, layer by layer: then each array has a first axis that counts them.
"""


@dataclass(frozen=True)
class Architecture:
    """The shape of a SIREN: D = hidden_features, n = hidden_layers of section 3.2; 2 coordinates in, 3 colours out.

    omega: frequency in radians per unit of coordinate to which the first layer's initial weights reach.
    Raises SettingError for a size outside [1, 1024] features or [2, 64] layers, or an omega outside (0, 10000].
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
        if not (math.isfinite(self.omega) and 0 < self.omega <= 10_000):
            raise SettingError(f"omega must be in (0, 10000], got {self.omega:g}")

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
    architecture: Architecture, rng: np.random.Generator, gain: float = 1.0
) -> Weights:
    """Draw a SIREN to start training from.

    First layer uniform in +-omega / 2 (fan-in 2), the others in +-sqrt(6 / fan_in), as Sitzmann et al. have it with omega absorbed;
    biases uniform in a period for the first layer and in +-1 / sqrt(fan_in) for the hidden ones. gain: factor on the hidden
    matrices.
    """

    def uniform(shape: tuple[int, ...], bound: float) -> Array:
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    layers = []
    last = len(architecture.shapes) - 1
    for index, (out, into) in enumerate(architecture.shapes):
        if index == 0:
            layers.append(
                Layer(uniform((out, into), architecture.omega / into), uniform((out,), math.pi))
            )
        elif index < last:
            layers.append(
                Layer(
                    uniform((out, into), gain * math.sqrt(6 / into)),
                    uniform((out,), 1 / math.sqrt(into)),
                )
            )
        else:
            layers.append(
                Layer(uniform((out, into), math.sqrt(6 / into)), np.zeros(out, np.float32))
            )
    return tuple(layers)


def evaluate(weights: Sequence[tuple[Any, Any]], coords: Values) -> Values:
    """The function at given points (Eq. 1, 12), for NumPy arrays and torch tensors alike.

    weights: (weight, bias) of each layer. coords: ([tiles,] points, 2), x and y in [-1, 1]. Returns ([tiles,] points, 3), where -1
    is no light and 1 is full light in red, green, blue; `colours` maps that to [0, 1].
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


def unstack(weights: Weights) -> list[Weights]:
    """What `stack` has put together: views."""
    return [
        tuple(Layer(layer.weight[index], layer.bias[index]) for layer in weights)
        for index in range(len(weights[0].weight))
    ]


def stack(functions: Sequence[Weights]) -> Weights:
    """Put several SIRENs of one architecture into one value, layer by layer."""
    return tuple(
        Layer(np.stack([layer.weight for layer in same]), np.stack([layer.bias for layer in same]))
        for same in zip(*functions, strict=True)
    )
