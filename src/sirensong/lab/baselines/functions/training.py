"""One training loop for one function, of which a part may be frozen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sirensong.errors import TrainingDivergedError
from sirensong.lab.baselines.functions.function import (
    NeuralFunction,
    Parameters,
    colours_of,
    coordinates,
)
from sirensong.pictures.image import RGB, size_of
from sirensong.training.device import use_threads


@dataclass(frozen=True)
class Training:
    """How a function is trained.

    Attributes:
        steps: how many.
        rate: step size of the first one.
        share: of the shuffled picture's pixels that a step looks at, above 0 and at most 1.
        betas: decay rates of Adam's two moments; None for descent along the sum of all gradients
            so far, which is a heavy ball of momentum 1.
        falls: whether the step size goes down to nothing, along a cosine.
    """

    steps: int
    rate: float
    share: float = 1.0
    betas: tuple[float, float] | None = (0.9, 0.999)
    falls: bool = False

    def rate_at(self, step: int) -> float:
        """The step size of a step, from 0."""
        share = (1 + math.cos(math.pi * step / self.steps)) / 2 if self.falls else 1.0
        return self.rate * share

    def optimizer(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        """What moves the parameters."""
        if self.betas is None:
            return torch.optim.SGD(parameters, self.rate, momentum=1.0)
        return torch.optim.Adam(parameters, self.rate, self.betas)


def train(
    function: NeuralFunction,
    parameters: Parameters,
    free: Sequence[Tensor],
    picture: RGB,
    training: Training,
    rng: np.random.Generator,
) -> Parameters:
    """Train a function towards a picture, by the mean squared error of its colours.

    Args:
        function: what is done with the parameters.
        parameters: to start from; they stay as they are.
        free: for each parameter which of its numbers are trained, in its shape, bool; the others
            keep every bit.
        picture: that the function is to show.
        training: how.
        rng: shuffles the pixels.

    Returns:
        The trained parameters.

    Raises:
        TrainingDivergedError: the parameters are no longer finite.
    """
    moved = [parameter.clone().requires_grad_() for parameter in parameters]
    optimizer = training.optimizer(moved)
    coords, colours = coordinates(size_of(picture)), colours_of(picture)
    batches = _batches(len(coords), training.share, rng)
    with use_threads(1):
        for step in range(training.steps):
            optimizer.param_groups[0]["lr"] = training.rate_at(step)
            some = next(batches)
            loss = torch.nn.functional.mse_loss(
                function.evaluate(moved, coords[some]), colours[some]
            )
            gradients = torch.autograd.grad(loss, moved)
            for parameter, gradient, mask in zip(moved, gradients, free, strict=True):
                parameter.grad = gradient * mask
            optimizer.step()
    if not all(bool(parameter.isfinite().all()) for parameter in moved):
        raise TrainingDivergedError("the function's parameters are no longer finite")
    return [parameter.detach() for parameter in moved]


def _batches(pixels: int, share: float, rng: np.random.Generator) -> Iterator[Tensor | slice]:
    """Pixels of each step, without end: each pixel once before any comes again."""
    points = max(1, round(share * pixels))
    while points >= pixels:
        yield slice(None)
    while True:
        shuffled = torch.from_numpy(rng.permutation(pixels))
        yield from torch.split(shuffled[: pixels // points * points], points)
