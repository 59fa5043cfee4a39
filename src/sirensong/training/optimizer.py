"""Muon for the hidden matrices, Adam for the rest; or Adam for all, as in the paper.

Muon (Jordan et al., 2024) replaces a matrix's momentum by the nearest orthogonal matrix, so that
every direction of the layer learns at one rate; here it needs a fifth of Adam's steps. First and
last layer and biases are no maps between features: they stay with Adam.

A step reads nothing that is not in a tensor and waits for none, so that a GPU can be told of many
steps at once (`device.replayed`). `state()` returns the same tensors at each call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sirensong.training import native
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem
from sirensong.training.recipe import Recipe

if TYPE_CHECKING:
    from sirensong.training.routines import Routines

_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's: singular values go to about 1, fast, not exactly
_TINY = 1e-12


class Muon:
    """Orthogonalised Nesterov momentum for stacks of square matrices.

    Args:
        matrices: (k, ..., n, n), changed in place.
        trained: like `matrices`; where it is 0, nothing moves.
        rate: learning rate.
        momentum: in [0, 1).
        tilt: the first of the k learns at 1 - tilt times the rate, the last at 1 + tilt times,
            those between on a line.
        decay: share of itself that each trained weight loses in a step.
    """

    def __init__(
        self,
        matrices: Tensor,
        trained: Tensor,
        *,
        rate: float,
        momentum: float,
        tilt: float = 0.0,
        decay: float = 0.0,
    ) -> None:
        self._matrices, self._rate, self._momentum = matrices, rate, momentum
        self._trained, self._decay = trained, decay
        tilted = torch.linspace(1 - tilt, 1 + tilt, len(matrices), device=matrices.device)
        self._share = trained * tilted.view(-1, *[1] * (matrices.ndim - 1))
        self._velocity = torch.zeros_like(matrices)
        self._threads = torch.get_num_threads()

    def step(self, gradients: Sequence[Tensor], scale: Tensor) -> None:
        """Descend along one gradient, like the matrices, at `scale` (0-d) times the rate.

        The decay is scaled alike.
        """
        (gradient,) = gradients
        if self._decay:
            self._matrices.addcmul_(self._matrices * self._trained, scale, value=-self._decay)
        self._velocity.lerp_(gradient, 1 - self._momentum)
        momentum = torch.lerp(gradient, self._velocity, self._momentum)
        update = orthogonalise(momentum, threads=self._threads)
        self._matrices.addcmul_(update.mul_(self._share), scale, value=-self._rate)

    def state(self) -> list[Tensor]:
        """The momentum."""
        return [self._velocity]


class Adam:
    """Adam (Kingma and Ba, 2015), with PyTorch's defaults.

    Args:
        tensors: of any shapes, changed in place.
        rate: learning rate.
        betas: decay rates of the two moments.
        epsilon: added to the root of the second.
    """

    def __init__(
        self,
        tensors: Sequence[Tensor],
        *,
        rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self._tensors, self._rate, self._betas = tuple(tensors), rate, betas
        self._epsilon = epsilon
        self._means = [torch.zeros_like(tensor) for tensor in tensors]
        self._squares = [torch.zeros_like(tensor) for tensor in tensors]
        self._steps = torch.zeros((), device=tensors[0].device)

    def step(self, gradients: Sequence[Tensor], scale: Tensor) -> None:
        """Descend along gradients, one for each tensor, at `scale` (0-d) times the rate."""
        self._steps += 1
        mean_share, square_share = (  # 1 - beta ** steps
            -torch.expm1(self._steps * math.log(beta)) for beta in self._betas
        )
        rate = scale / mean_share
        for tensor, gradient, mean, square in zip(
            self._tensors, gradients, self._means, self._squares, strict=True
        ):
            mean.lerp_(gradient, 1 - self._betas[0])
            square.mul_(self._betas[1]).addcmul_(gradient, gradient, value=1 - self._betas[1])
            spread = (square / square_share).sqrt_().add_(self._epsilon)
            tensor.addcmul_(mean / spread, rate, value=-self._rate)

    def state(self) -> list[Tensor]:
        """Both moments and the number of steps."""
        return [*self._means, *self._squares, self._steps]


class Optimizers:
    """The optimizers of one stage, over the shared parameters of a problem.

    Args:
        recipe: the optimizer of the hidden matrices, and all learning rates.
        problem: says which weights are trained.
        shared: the parameters, changed in place.
    """

    def __init__(self, recipe: Recipe, problem: Problem, shared: Parameters) -> None:
        hidden: Muon | Adam = Adam([shared.hidden], rate=recipe.rate)
        if recipe.optimizer == "muon":
            hidden = Muon(
                shared.hidden,
                problem.trained(),
                rate=recipe.rate,
                momentum=recipe.momentum,
                tilt=recipe.tilt,
                decay=recipe.decay,
            )
        self._hidden = hidden
        others = [shared.first, shared.biases, shared.last_bias]
        self._others = Adam(others, rate=recipe.adam_rate, betas=recipe.adam_betas)
        self._last = Adam([shared.last], rate=recipe.last_rate, betas=recipe.adam_betas)

    def step(self, gradient: Parameters, scale: Tensor) -> None:
        """One step on all parameters at `scale` (0-d) times the recipe's rates (Eq. 10)."""
        self._hidden.step([gradient.hidden], scale)
        self._others.step([gradient.first, gradient.biases, gradient.last_bias], scale)
        self._last.step([gradient.last], scale)

    def state(self) -> list[Tensor]:
        """All optimizers' states."""
        return [*self._hidden.state(), *self._others.state(), *self._last.state()]


def orthogonalise(matrices: Tensor, iterations: int = 5, *, threads: int = 1) -> Tensor:
    """Move each matrix's singular values towards 1 by Newton-Schulz iteration.

    Args:
        matrices: (..., n, n). Zero stays zero.
        iterations: of the quintic.
        threads: how many share the matrices, where that is compiled code.
    """
    routines = native.routines_for(matrices.device.type, matrices.shape[-1])
    if routines is not None:
        count = matrices[..., 0, 0].numel()
        return _orthogonalised(matrices.contiguous(), iterations, min(threads, count), routines)
    a, b, c = _QUINTIC
    x = (matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + _TINY)).flatten(0, -3)
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.view_as(matrices)  # type: ignore[no-any-return]


def _orthogonalised(matrices: Tensor, iterations: int, threads: int, routines: Routines) -> Tensor:
    count, features = matrices[..., 0, 0].numel(), matrices.shape[-1]
    result, quintic = torch.empty_like(matrices), torch.tensor([*_QUINTIC, _TINY])
    scratch = torch.zeros(threads, routines.orthogonalise_scratch(features))

    def work(thread: int, counter: int) -> None:
        routines.orthogonalise(
            *(result.data_ptr(), matrices.data_ptr(), scratch[thread].data_ptr()),
            *(quintic.data_ptr(), counter, count, features, iterations),
        )

    native.shared(work, threads)
    return result
