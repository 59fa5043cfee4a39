"""One forward and backward pass over a batch of pixels, for all functions at once (Eq. 7 to 10).

Everything here is a batched matrix product over the N+1 functions, with the backward pass written
by hand and every buffer allocated once. PyTorch shares a batched product among its threads by
whole matrices, so three functions would keep two threads busy for only three quarters of the time:
each function's points are split so that the number of matrices is a multiple of the number of
threads.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sirensong.network.siren import Architecture
from sirensong.training.device import split_for
from sirensong.training.parameters import Parameters


class TrainingPass:
    """Squared errors of F functions on a batch of points, and their gradients.

    A pass allocates nothing: what it returns is overwritten by the next.

    Args:
        architecture: of each function.
        functions: F.
        points: B, the points of each function in one batch.
        device: where the buffers are.
        backward_dtype: type of the backward pass's matrix products, float32 or bfloat16.
    """

    def __init__(
        self,
        architecture: Architecture,
        functions: int,
        points: int,
        *,
        device: torch.device,
        backward_dtype: torch.dtype = torch.float32,
    ) -> None:
        features, layers = architecture.hidden_features, architecture.hidden_layers
        self.functions = functions
        self.split = split_for(functions, points, device)
        self.points = points // self.split
        groups = functions * self.split

        def buffer(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=device)

        self.mixed = backward_dtype != torch.float32
        self.phase = buffer(groups, self.points, features)
        self.sine = [
            buffer(groups, self.points, features) for _ in range(1 if self.mixed else layers)
        ]
        self.saved = (
            [buffer(groups, self.points, features, dtype=backward_dtype) for _ in range(layers)]
            if self.mixed
            else self.sine
        )
        self.cosine = [
            buffer(groups, self.points, features, dtype=backward_dtype) for _ in range(layers)
        ]
        self.delta = [buffer(groups, self.points, features, dtype=backward_dtype) for _ in range(2)]
        self.output = buffer(groups, self.points, 3)
        self.matrices = (
            buffer(layers - 1, functions, self.split, features, features)
            if self.split > 1
            else None
        )
        self.matrices_back = (
            buffer(layers - 1, groups, features, features, dtype=backward_dtype)
            if self.mixed
            else None
        )
        self.matrix_gradients = buffer(layers - 1, groups, features, features, dtype=backward_dtype)
        self.bias_gradients = buffer(layers, groups, features)

    def run(
        self, weights: Parameters, coords: Tensor, colours: Tensor, loss_weights: Tensor
    ) -> tuple[Tensor, Parameters]:
        """Mean squared error of each function, and the gradient of their weighted sum (Eq. 9).

        Args:
            weights: of the F functions.
            coords: (F, B, 2).
            colours: (F, B, 3).
            loss_weights: (F,).

        Returns:
            The errors (F,), and gradients shaped like `weights`.
        """
        shape = (self.functions * self.split, self.points, -1)
        coords = coords.reshape(shape)
        self._forward(weights, coords)
        residual = self.output.sub_(colours.reshape(shape))
        errors = residual.square().view(self.functions, -1).mean(1)
        samples = self.points * self.split * 3
        residual *= (2.0 / samples * loss_weights).repeat_interleave(self.split)[:, None, None]
        return errors, self._backward(weights, coords, residual)

    def _spread(self, tensor: Tensor) -> Tensor:
        """(F, ...) to (F * split, ...): each group of points has its function's weights."""
        return tensor if self.split == 1 else tensor.repeat_interleave(self.split, dim=0)

    def _gather(self, tensor: Tensor, axis: int = 0) -> Tensor:
        """F * split on an axis to F: the sum over each function's groups."""
        if self.split == 1:
            return tensor.float()
        apart = (*tensor.shape[:axis], self.functions, self.split, *tensor.shape[axis + 1 :])
        return tensor.view(apart).sum(axis + 1, dtype=torch.float32)

    def _forward(self, weights: Parameters, coords: Tensor) -> None:
        layers, matrices = len(self.cosine), weights.hidden
        if self.matrices is not None:
            matrices = self.matrices.copy_(matrices.unsqueeze(2)).flatten(1, 2)
        activation = coords
        for layer in range(layers):
            matrix = self._spread(weights.first) if layer == 0 else matrices[layer - 1]
            bias = self._spread(weights.biases[layer]).unsqueeze(1)
            torch.baddbmm(bias, activation, matrix.transpose(1, 2), out=self.phase)
            activation = torch.sin(self.phase, out=self.sine[0 if self.mixed else layer])
            if self.mixed:
                self.saved[layer].copy_(activation)
            torch.cos(self.phase, out=self.cosine[layer])
        bias = self._spread(weights.last_bias).unsqueeze(1)
        torch.baddbmm(bias, activation, self._spread(weights.last).transpose(1, 2), out=self.output)

    def _backward(self, weights: Parameters, coords: Tensor, residual: Tensor) -> Parameters:
        layers, matrices = (
            len(self.cosine),
            weights.hidden if self.matrices is None else self.matrices.flatten(1, 2),
        )
        if self.matrices_back is not None:
            matrices = self.matrices_back.copy_(matrices)
        residual_back = residual.to(self.delta[0].dtype)
        last = self._gather(torch.bmm(residual_back.transpose(1, 2), self.saved[-1]))
        delta = torch.bmm(
            residual_back,
            self._spread(weights.last).to(self.delta[0].dtype),
            out=self.delta[layers % 2],
        )
        for layer in reversed(range(layers)):
            delta *= self.cosine[layer]
            torch.sum(delta, dim=1, out=self.bias_gradients[layer])
            if layer == 0:
                break
            torch.bmm(
                delta.transpose(1, 2), self.saved[layer - 1], out=self.matrix_gradients[layer - 1]
            )
            delta = torch.bmm(delta, matrices[layer - 1], out=self.delta[layer % 2])
        first = self._gather(torch.bmm(delta.transpose(1, 2), coords.to(delta.dtype)))
        return Parameters(
            first=first,
            hidden=self._gather(self.matrix_gradients, 1),
            last=last,
            biases=self._gather(self.bias_gradients, 1),
            last_bias=self._gather(residual.sum(1)),
        )
