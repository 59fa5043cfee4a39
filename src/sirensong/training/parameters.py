"""A SIREN's weights as the engine keeps them: like layers stacked, so that one product serves them all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sirensong.siren import Array, Layer, Weights


@dataclass(frozen=True)
class Parameters:
    """The weights of one SIREN, or of F functions.

    With H features and L hidden layers: first: ([F,] H, 2). hidden: (L-1, [F,] H, H). last: ([F,] 3, H). biases: (L, [F,] H).
    last_bias: ([F,] 3).
    """

    first: Tensor
    hidden: Tensor
    last: Tensor
    biases: Tensor
    last_bias: Tensor

    @classmethod
    def from_weights(cls, weights: Weights, device: torch.device) -> Parameters:
        """Stack a function's layers."""

        def stack(arrays: list[Array]) -> Tensor:
            return torch.from_numpy(np.stack(arrays)).to(device)

        *hidden, last = weights
        return cls(
            first=stack([hidden[0].weight])[0],
            hidden=stack([layer.weight for layer in hidden[1:]]),
            last=stack([last.weight])[0],
            biases=stack([layer.bias for layer in hidden]),
            last_bias=stack([last.bias])[0],
        )

    def to_weights(self) -> Weights:
        """The function's layers as NumPy arrays of their own."""
        matrices = [self.first, *self.hidden, self.last]
        biases = [*self.biases, self.last_bias]
        return tuple(
            Layer(matrix.cpu().numpy().copy(), bias.cpu().numpy().copy()) for matrix, bias in zip(matrices, biases, strict=True)
        )

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
