"""INRSteg's functions: SIRENs as Sitzmann et al. (2020) have them, with 30 inside every sine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from sirensong.lab.baselines.functions.function import (
    Bounds,
    NeuralFunction,
    Widths,
    layers_of,
    usual_bound,
)

_OMEGA = 30.0


class Siren(NeuralFunction):
    """Layers of sin(30 (W x + b)), and a last one without a sine."""

    def bounds(self, widths: Widths) -> list[Bounds]:
        """Sitzmann et al.'s start; see `NeuralFunction.bounds`."""
        first, *others = (into for into, _ in pairwise(widths))
        rest = [(math.sqrt(6 / into) / _OMEGA, usual_bound(into)) for into in others]
        return [(1 / first, usual_bound(first)), *rest]

    def evaluate(self, parameters: Sequence[Tensor], coords: Tensor) -> Tensor:
        """See `NeuralFunction.evaluate`."""
        *hidden, (weight, bias) = layers_of(parameters)
        for own, shift in hidden:
            coords = (_OMEGA * torch.addmm(shift, coords, own.T)).sin()
        return torch.addmm(bias, coords, weight.T)
