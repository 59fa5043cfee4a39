"""Training that is to survive pruning and rounding: the functions are looked at with some weights gone and the others disturbed."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sirensong.training.parameters import Parameters


class Disturbance:
    """What happens to shared weights before a step looks at them; the gradient is applied to them as they were.

    pruning: up to which share of each matrix's least weights is set to zero, a share drawn anew for each step. noise: standard
    deviation of what is added to each weight, in standard deviations of its matrix.
    """

    def __init__(self, pruning: float, noise: float, generator: torch.Generator) -> None:
        self._pruning, self._noise, self._generator = pruning, noise, generator

    def __call__(self, shared: Parameters) -> Parameters:
        """Weights as they may arrive. Biases stay."""
        rate = self._pruning * float(torch.rand((), generator=self._generator))
        first, hidden, last = (
            self._disturbed(matrices, rate)
            for matrices in (shared.first, shared.hidden, shared.last)
        )
        return replace(shared, first=first, hidden=hidden, last=last)

    def _disturbed(self, matrices: Tensor, rate: float) -> Tensor:
        noise = torch.randn(matrices.shape, generator=self._generator).to(matrices.device)
        noisy = torch.addcmul(
            matrices, noise, matrices.std((-2, -1), keepdim=True), value=self._noise
        )
        size = matrices.abs().flatten(-2)
        gone = round(rate * size.shape[-1])
        if gone == 0:
            return noisy
        largest_gone = size.kthvalue(gone, dim=-1).values[..., None, None]
        return noisy * (matrices.abs() > largest_gone)
