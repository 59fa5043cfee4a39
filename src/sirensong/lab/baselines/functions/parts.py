"""A smaller function in a larger one: which neurons it takes, and what of it stays frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sirensong.lab.baselines.functions.function import Parameters

Neurons = tuple[npt.NDArray[np.int64], ...]
"""Of each hidden layer, the neurons that a smaller function takes, each once."""


@dataclass(frozen=True)
class Part:
    """A smaller function's place in a larger one of as many layers.

    It takes the larger one's inputs and gives its colours; in between it has some neurons, and of
    the larger one's weights those from one of its neurons to another.

    Attributes:
        neurons: that it takes.
        output_bias: whether the three biases of the colours are its own. Two parts cannot have
            them; without, its own are zero.
    """

    neurons: Neurons
    output_bias: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """How many neurons it has in each hidden layer."""
        return tuple(len(some) for some in self.neurons)

    def own(self, small: Parameters) -> Parameters:
        """The smaller function's parameters as they are trained: with biases of colours or not."""
        if self.output_bias:
            return small
        return [*small[:-1], torch.zeros_like(small[-1])]

    def trained(self, small: Sequence[Tensor]) -> list[Tensor]:
        """Which of the smaller function's numbers are trained by itself, in their shapes."""
        free = [torch.ones_like(parameter, dtype=torch.bool) for parameter in small]
        free[-1][:] = self.output_bias
        return free

    def insert(self, small: Sequence[Tensor], whole: Parameters) -> None:
        """Copy the smaller function's parameters into the larger one's."""
        for place, own, parameter in zip(self._places(whole), small, whole, strict=False):
            parameter[place] = own

    def freeze(self, free: list[Tensor]) -> None:
        """Mark its parameters, in masks of the larger function's, as not to be trained."""
        for place, mask in zip(self._places(free), free, strict=False):
            mask[place] = False

    def cut(self, whole: Sequence[Tensor]) -> Parameters:
        """Copy the smaller function's parameters out of the larger one's."""
        places = self._places(whole)
        found = [parameter[place] for place, parameter in zip(places, whole, strict=False)]
        return found if self.output_bias else [*found, torch.zeros_like(whole[-1])]

    def _places(self, whole: Sequence[Tensor]) -> Iterator[tuple[Tensor, ...]]:
        """An index for each of the larger one's parameters; for the last only if it is ours."""
        colours, inputs = whole[-2].shape[0], whole[0].shape[1]
        ends = [torch.arange(inputs), *map(torch.from_numpy, self.neurons), torch.arange(colours)]
        last = len(ends) - 1
        for layer in range(1, len(ends)):
            yield ends[layer][:, None], ends[layer - 1]
            if layer < last or self.output_bias:
                yield (ends[layer],)
