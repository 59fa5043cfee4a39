"""A neural function: from places in a picture to colours."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from sirensong.network.rendering import colours
from sirensong.network.tiles import Grid
from sirensong.pictures.image import RGB, to_uint8

Parameters = list[Tensor]
"""Weight (out, in) and bias (out,) of each layer, first to last."""

Widths = tuple[int, ...]
"""Of a function: numbers that the first matrix takes, neurons of each hidden layer, colours."""

Bounds = tuple[float, float]
"""Largest size of a layer's first weights, and of its first biases."""

_POINTS = 2**14  # that are rendered together


class NeuralFunction(ABC):
    """What a function does with its parameters: how it starts, and what it makes of a place."""

    @abstractmethod
    def bounds(self, widths: Widths) -> list[Bounds]:
        """Between which values each layer's first parameters are drawn, evenly."""

    @abstractmethod
    def evaluate(self, parameters: Sequence[Tensor], coords: Tensor) -> Tensor:
        """Evaluate the function.

        Args:
            parameters: see `Parameters`.
            coords: (points, 2), x and y in [-1, 1].

        Returns:
            (points, 3), where -1 is no light and 1 is full light.
        """

    def begin(self, widths: Widths, rng: np.random.Generator) -> Parameters:
        """Draw parameters to start training from.

        Args:
            widths: of the function.
            rng: draws them.
        """
        drawn = []
        layers = zip(pairwise(widths), self.bounds(widths), strict=True)
        for (into, out), (weight, bias) in layers:
            drawn += [rng.uniform(-weight, weight, (out, into)), rng.uniform(-bias, bias, out)]
        return [torch.from_numpy(values).float() for values in drawn]


def usual_bound(into: int) -> float:
    """PyTorch's own bound for the parameters of a layer that takes so many numbers."""
    return 1 / math.sqrt(into)


def shapes_of(widths: Widths) -> list[tuple[int, ...]]:
    """Shapes of a function's parameters."""
    return [shape for into, out in pairwise(widths) for shape in ((out, into), (out,))]


def layers_of(parameters: Sequence[Tensor]) -> Iterable[tuple[Tensor, Tensor]]:
    """The parameters, a layer's two together."""
    return zip(parameters[::2], parameters[1::2], strict=True)


def coordinates(size: tuple[int, int]) -> Tensor:
    """Pixel centres of a picture of (height, width), row by row: (pixels, 2)."""
    return torch.from_numpy(Grid().patch(0, size).coords)


def colours_of(picture: RGB) -> Tensor:
    """What a function is to give at a picture's pixel centres: (pixels, 3), in [-1, 1]."""
    return torch.from_numpy(picture.reshape(-1, 3).astype(np.float32)) / 127.5 - 1


def render(function: NeuralFunction, parameters: Sequence[Tensor], size: tuple[int, int]) -> RGB:
    """Evaluate a function at a picture's pixel centres.

    Args:
        function: what is done with the parameters.
        parameters: of the function.
        size: (height, width) of the picture, in pixels.

    Returns:
        (height, width, 3), in 8 bits.
    """
    with torch.inference_mode():
        parts = [
            function.evaluate(parameters, some) for some in torch.split(coordinates(size), _POINTS)
        ]
    return to_uint8(colours(torch.cat(parts).numpy())).reshape(*size, 3)
