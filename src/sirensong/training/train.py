"""The training loop: one stage, from a state that a checkpoint can keep to its last step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sirensong.errors import TrainingDivergedError
from sirensong.pictures.metrics import psnr_of
from sirensong.training.batches import Batches, Sampler
from sirensong.training.device import replayed, tf32_products, use_threads
from sirensong.training.fused import pass_for
from sirensong.training.optimizer import Optimizers
from sirensong.training.parameters import Parameters
from sirensong.training.perturb import perturb
from sirensong.training.phase import Phase
from sirensong.training.problem import Problem
from sirensong.training.recipe import Recipe

_REPORT_EVERY = 0.2  # seconds
_EVEN = 16  # points of a batch come in multiples of this, so that threads can share them


@dataclass
class State:
    """What a stage of training changes, and all that a checkpoint keeps of it.

    Args:
        shared: the shared parameters.
        sampler: where the pixel sampler stands.
        step: steps taken.
        spent: seconds taken.
        moments: the optimizers' states, empty before the first step.
        best: in a phase that keeps the best, the parameters of least error and that error.
        errors: mean squared error of each function when it was last reported, on colours in
            [-1, 1], averaged over tiles; empty before.
    """

    shared: Parameters
    sampler: Sampler
    step: int = 0
    spent: float = 0.0
    moments: list[Tensor] = field(default_factory=list)
    best: tuple[Parameters, float] | None = None
    errors: list[float] = field(default_factory=list)

    @classmethod
    def begin(cls, shared: Parameters, seed: int) -> State:
        """A stage before its first step. seed: seeds the pixel sampler, in [0, 2^63)."""
        return cls(shared, Sampler(torch.Generator().manual_seed(seed)))

    @property
    def psnr(self) -> tuple[float, ...]:
        """PSNR in dB of each function when it was last reported; on batches, so an estimate."""
        return decibels(self.errors)


def decibels(errors: Sequence[float]) -> tuple[float, ...]:
    """PSNR of mean squared errors on colours in [-1, 1] (Eq. 13), which is twice [0, 1]."""
    return tuple(psnr_of(error / 4) for error in errors)


@dataclass(frozen=True)
class Schedule:
    """How far a stage is: counted in steps, or in seconds if it has a time budget.

    Args:
        phase: the steps of the stage, and how steps and time go together.
        seconds: time budget of the whole stage, in place of the phase's steps; None for none.
        begun: steps and seconds that were taken before this process went on with the stage.
    """

    phase: Phase
    seconds: float | None = None
    begun: tuple[int, float] = (0, 0.0)

    def progress(self, state: State) -> float:
        """Share of the stage's steps that is done, in [0, 1]."""
        if self.seconds is None:
            return min(1.0, state.step / self.phase.steps)
        if self.seconds <= 0:
            return 1.0
        return self.phase.progress_at(min(1.0, state.spent / self.seconds))

    def finished(self, state: State) -> bool:
        """Whether the stage is done; it takes at least one step."""
        return state.step > 0 and self.progress(state) >= 1.0

    def steps(self, state: State) -> int:
        """Steps that the stage takes, as far as can be told."""
        if self.seconds is None:
            return self.phase.steps
        progress = self.progress(state)
        return max(state.step, round(state.step / progress)) if progress > 0 else state.step

    def seconds_left(self, state: State) -> float | None:
        """Estimated seconds to the end of the stage, None before the first step.

        Steps before a resumption do not count: they may be of another machine, or a busier one.
        """
        if self.seconds is not None:
            return max(0.0, self.seconds - state.spent)
        step, spent = self.begun
        before = self.phase.time_share(step / self.phase.steps)
        over = self.phase.time_share(self.progress(state))
        return (state.spent - spent) * (1 - over) / (over - before) if over > before else None


def train(
    problem: Problem,
    recipe: Recipe,
    schedule: Schedule,
    state: State,
    *,
    precision: str = "auto",
    target_psnr: float | None = None,
    on_step: Callable[[State], object] = lambda _: None,
    on_report: Callable[[State], object] = lambda _: None,
) -> Parameters:
    """Train a problem's shared parameters to the end of a schedule.

    Args:
        problem: what is trained.
        recipe: the optimizers and their rates.
        schedule: the phase, and its time budget.
        state: where to begin, or to go on; changed in place.
        precision: "auto", "fp32" or "mixed".
        target_psnr: end early once every function's whole render has this PSNR in dB.
        on_step: called after every step.
        on_report: called a few times a second and at the end, with new `errors` in the state.

    Returns:
        The parameters of the state as they would be published, or the best of them if the phase
        keeps the best.

    Raises:
        TrainingDivergedError: the parameters are no longer finite.
    """
    phase, shared = schedule.phase, state.shared
    optimizers = _resume_optimizers(recipe, problem, state)
    device = shared.first.device
    scale = torch.ones((), device=device)
    begun = time.monotonic() - state.spent
    errors: list[Tensor] = []
    reported, arrived, points = time.monotonic(), False, 0
    while not (schedule.finished(state) or arrived):
        progress = schedule.progress(state)
        due = _points(problem, phase.share_at(progress))
        if due != points:  # buffers last as long as the size of a batch does
            points = due
            batches = Batches(problem.targets, points, state.sampler)
            step = _make_step(problem, phase, state, batches, optimizers, scale, points, precision)
        batches.draw()
        if problem.wrong_keys is not None:
            problem.wrong_keys.draw(progress, state.sampler.rng)
        scale.fill_(phase.rate_at(progress))
        before = shared.clone() if phase.keep_best else None
        with tf32_products(precision, device):
            errors.append(step().clone())  # a replayed step returns the same tensor each time
        if before is not None:
            _keep_best(state, before, float(errors[-1].mean()))
        state.step += 1
        state.spent = time.monotonic() - begun
        if time.monotonic() - reported > _REPORT_EVERY or schedule.finished(state):
            _take_errors(state, errors, problem)
            reported = time.monotonic()
            on_report(state)
            if target_psnr is not None and min(state.psnr) >= target_psnr:
                arrived = min(decibels(problem.errors(problem.seen(shared)))) >= target_psnr
        on_step(state)
    if state.best is not None:
        shared.copy_(state.best[0])
    return problem.seen(shared)


def _resume_optimizers(recipe: Recipe, problem: Problem, state: State) -> Optimizers:
    optimizers = Optimizers(recipe, problem, state.shared)
    own = optimizers.state()
    for mine, kept in zip(own, state.moments or own, strict=True):
        mine.copy_(kept)
    state.moments = own
    return optimizers


def _points(problem: Problem, share: float) -> int:
    """Pixels of each function in a step on this share of a tile's pixels."""
    largest = max(len(target.coords) for target in problem.targets)
    if share == 1:
        return largest
    return min(max(1, round(share * largest / _EVEN)) * _EVEN, largest)


def _make_step(
    problem: Problem,
    phase: Phase,
    state: State,
    batches: Batches,
    optimizers: Optimizers,
    scale: Tensor,
    points: int,
    precision: str,
) -> Callable[[], Tensor]:
    """A step on the batch that was drawn, which returns each function's error before it."""
    shared, rng = state.shared, state.sampler.rng
    device = shared.first.device
    one_pass = pass_for(problem, points, precision, device)
    perturbed = bool(phase.pruning or phase.noise)

    def step() -> Tensor:
        seen = problem.seen(shared)
        if perturbed:
            seen = perturb(seen, phase, rng)
        with use_threads(one_pass.torch_threads):
            errors, gradient = one_pass.run(seen, *batches.take())
            optimizers.step(gradient, scale)
            if problem.wrong_keys is not None:
                problem.wrong_keys.level(shared.hidden[problem.keyed])
        return errors

    # What is perturbed is drawn by the processor for each step, so it cannot be replayed.
    return step if perturbed else replayed(step, device)


def _keep_best(state: State, parameters: Parameters, error: float) -> None:
    if state.best is None or error < state.best[1]:
        state.best = (parameters, error)


def _take_errors(state: State, errors: list[Tensor], problem: Problem) -> None:
    """Move the pictures' errors since the last report into the state, a mean of steps and tiles."""
    apart = torch.stack(errors).view(len(errors), problem.tiles, -1)
    mean = apart[..., : problem.pictures].mean((0, 1)).tolist()
    errors.clear()
    if not all(error < float("inf") for error in mean):
        raise TrainingDivergedError(
            "training diverged: the weights are no longer finite",
            hint="try a lower omega or more features",
        )
    state.errors = mean
