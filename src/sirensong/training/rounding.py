"""Weights as they will be published: on a lattice, from the first joint step on.

A step looks at rounded weights, and its gradient goes to the ones behind them (a straight-through
estimator), so that what one weight's rounding does to the pictures is mended by others. Noise of
the same size in training is worth 2 dB less (docs/performance.md).
"""

from __future__ import annotations

import torch
from torch import Tensor

from sirensong.network.lattice import LARGEST_CODE, Codes, Steps
from sirensong.training.parameters import Parameters


class Rounding:
    """The lattice of some tiles' shared weights.

    Args:
        steps: of each tensor, in the order of `sirensong.network.lattice.Steps`.
        start: codes of the first matrix and of its biases where training starts.
        device: where the weights are.
    """

    def __init__(self, steps: Steps, start: tuple[Codes, Codes], device: torch.device) -> None:
        first, *hidden, last = steps[::2]
        *biases, last_bias = steps[1::2]
        matrix, bias = (torch.from_numpy(codes).float() for codes in start)
        zero = torch.zeros(())
        begins = torch.stack([bias, *[torch.zeros_like(bias)] * len(hidden)])
        self._steps, self._starts = (
            Parameters(*(tensor.to(device) for tensor in tensors))
            for tensors in (
                (
                    torch.tensor(first),
                    torch.tensor(hidden).view(-1, 1, 1, 1),
                    torch.tensor(last),
                    torch.tensor(biases).view(-1, 1, 1),
                    torch.tensor(last_bias),
                ),
                (matrix, zero, zero, begins, zero),
            )
        )

    def seen(self, shared: Parameters) -> Parameters:
        """The nearest weights that a carrier can hold.

        Args:
            shared: the weights behind them; not changed.
        """
        return Parameters(
            *(
                _rounded(*parts)
                for parts in zip(
                    shared.tensors(), self._steps.tensors(), self._starts.tensors(), strict=True
                )
            )
        )


def _rounded(weights: Tensor, step: Tensor, start: Tensor) -> Tensor:
    moved = torch.div(weights, step).round_().sub_(start)
    return moved.clamp_(-LARGEST_CODE, LARGEST_CODE).add_(start).mul_(step)
