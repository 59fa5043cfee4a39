"""StegaINR's functions: Fourier features, leaky ReLUs, tanh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from sirensong.keys.stream import keystream, normal_values
from sirensong.lab.baselines.functions.function import (
    Bounds,
    NeuralFunction,
    Widths,
    layers_of,
    usual_bound,
)

FREQUENCIES = 128
_DEVIATION = 2.0  # of frequencies, in periods for each unit of a coordinate
_SLOPE = 0.1  # of a leaky ReLU, below zero


class FourierFunction(NeuralFunction):
    """A perceptron on cosines and sines of random frequencies.

    Args:
        frequencies: (128, 2), in periods for each unit of x and y.
    """

    def __init__(self, frequencies: Tensor) -> None:
        self.frequencies = frequencies

    def bounds(self, widths: Widths) -> list[Bounds]:
        """PyTorch's own start; see `NeuralFunction.bounds`."""
        return [(usual_bound(into), usual_bound(into)) for into, _ in pairwise(widths)]

    def evaluate(self, parameters: Sequence[Tensor], coords: Tensor) -> Tensor:
        """See `NeuralFunction.evaluate`."""
        phases = 2 * math.pi * (coords @ self.frequencies.T)
        features = torch.cat([phases.cos(), phases.sin()], 1)
        *hidden, (weight, bias) = layers_of(parameters)
        for own, shift in hidden:
            features = torch.nn.functional.leaky_relu(torch.addmm(shift, features, own.T), _SLOPE)
        return torch.addmm(bias, features, weight.T).tanh()


def draw_frequencies(secret: bytes, nonce: bytes, purpose: str) -> Tensor:
    """Draw frequencies from a key: N(0, 4) each.

    Args:
        secret: the key.
        nonce: of the file.
        purpose: names the use.

    Returns:
        (128, 2).
    """
    integers = keystream(secret, nonce, purpose, 8 * 2 * FREQUENCIES).view("<u8")
    values = normal_values(integers, np.full(2 * FREQUENCIES, _DEVIATION))
    return torch.from_numpy(values.reshape(FREQUENCIES, 2))
