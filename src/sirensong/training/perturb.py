"""Weights as they may arrive: for training that is to survive pruning and rounding."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sirensong.training.parameters import Parameters
from sirensong.training.phase import Phase


def perturb(shared: Parameters, phase: Phase, rng: torch.Generator) -> Parameters:
    """Prune shared weights and add noise to them before a step looks at them.

    The step's gradient is applied to the weights as they were. Biases stay.

    Args:
        shared: the weights; not changed.
        phase: `pruning` is the largest share of each matrix's least weights that is set to zero;
            the share is drawn anew for each step. `noise` is the standard deviation of what is
            added to each weight, in standard deviations of its matrix.
        rng: where both are drawn from.
    """
    share = phase.pruning * float(torch.rand((), generator=rng))
    first, hidden, last = (
        _perturbed(matrices, share, phase.noise, rng)
        for matrices in (shared.first, shared.hidden, shared.last)
    )
    return replace(shared, first=first, hidden=hidden, last=last)


def _perturbed(matrices: Tensor, share: float, noise: float, rng: torch.Generator) -> Tensor:
    drawn = torch.randn(matrices.shape, generator=rng).to(matrices.device)
    deviation = matrices.std((-2, -1), keepdim=True)
    noisy = torch.addcmul(matrices, drawn, deviation, value=noise)
    size = matrices.abs().flatten(-2)
    pruned = round(share * size.shape[-1])
    if pruned == 0:
        return noisy
    largest_pruned = size.kthvalue(pruned, dim=-1).values[..., None, None]
    return noisy * (matrices.abs() > largest_pruned)
