"""The weights of several SIRENs as tensors that one product serves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sirensong.network.siren import Layer, Weights


@dataclass(frozen=True)
class Parameters:
    """The weights of K SIRENs of one architecture, like layers batched: one product serves all.

    With H features and L hidden layers:

    Args:
        first: (K, H, 2).
        hidden: (L-1, K, H, H).
        last: (K, 3, H).
        biases: (L, K, H).
        last_bias: (K, 3).
    """

    first: Tensor
    hidden: Tensor
    last: Tensor
    biases: Tensor
    last_bias: Tensor

    @classmethod
    def from_weights(cls, weights: Weights, device: torch.device) -> Parameters:
        """Batch the weights of K functions into five tensors."""
        *inner, (last, last_bias) = weights
        arrays = (
            inner[0].weight,
            np.stack([layer.weight for layer in inner[1:]]),
            last,
            np.stack([layer.bias for layer in inner]),
            last_bias,
        )
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))

    def to_weights(self) -> Weights:
        """The layers of the K functions, as NumPy arrays of their own."""
        first, hidden, last, biases, last_bias = (
            tensor.cpu().numpy().copy() for tensor in self.tensors()
        )
        return tuple(map(Layer, [first, *hidden, last], [*biases, last_bias]))

    def tensors(self) -> tuple[Tensor, ...]:
        """The five tensors, in the order of their fields."""
        return (self.first, self.hidden, self.last, self.biases, self.last_bias)

    def copy_(self, other: Parameters) -> None:
        """Overwrite all values with another's."""
        for mine, theirs in zip(self.tensors(), other.tensors(), strict=True):
            mine.copy_(theirs)

    def clone(self) -> Parameters:
        """A copy that shares no memory."""
        return Parameters(*(tensor.clone() for tensor in self.tensors()))
