"""One stage of training: batches, schedule, progress, checkpoints; then the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sirensong.errors import SirensongError
from sirensong.pictures.metrics import psnr_of
from sirensong.training.batches import Batches
from sirensong.training.disturbance import Disturbance
from sirensong.training.optimizer import Descent
from sirensong.training.parameters import Parameters
from sirensong.training.precision import backward_dtype, tf32_products
from sirensong.training.problem import Problem
from sirensong.training.progress import Listener, Progress
from sirensong.training.recipe import Recipe
from sirensong.training.replay import replayed
from sirensong.training.schedule import Schedule
from sirensong.training.step import TrainingPass

COVER_STAGE = "cover"
JOINT_STAGE = "joint"
_REPORT_EVERY = 0.2  # seconds
_EVEN = 16  # points of a batch come in multiples of this, so that they can be split among threads


class TrainingDivergedError(SirensongError):
    """The weights are no longer finite."""


@dataclass
class Snapshot:
    """Where a stage stands: all that is needed to go on from there.

    shared: the parameters. optimizer: its state. step, spent: steps and seconds taken. best: of a stage that keeps the best, those
    parameters and their error.
    """

    stage: str
    step: int
    spent: float
    shared: Parameters
    optimizer: list[Tensor]
    best: tuple[Parameters, float] | None


Keeper = Callable[[Snapshot], None]


@dataclass(frozen=True)
class Surroundings:
    """What a run has around it. seed: of the pixels' order. precision: "auto", "fp32" or "mixed". listener: hears of progress.

    keeper: is offered a snapshot after every step, and decides itself whether to store it. goal: PSNR in dB at which the joint
    stage ends, once every function's 8-bit render has it.
    """

    seed: int
    precision: str = "auto"
    listener: Listener | None = None
    keeper: Keeper | None = None
    goal: float | None = None


@dataclass(frozen=True)
class _Step:
    """A step on the batch that was drawn. scale: of the rates."""

    problem: Problem
    shared: Parameters
    batches: Batches
    one_pass: TrainingPass
    descent: Descent
    scale: Tensor
    disturbance: Disturbance | None

    def __call__(self) -> Tensor:
        """Take the step. Returns each function's error before it."""
        problem = self.problem
        seen = self.shared if self.disturbance is None else self.disturbance(self.shared)
        errors, gradient = self.one_pass.run(
            problem.weights(seen), *self.batches.take(), problem.loss_weights
        )
        self.descent.step(problem.shared_gradient(gradient), self.scale)
        return errors


class Stage:
    """Training of one problem from given parameters, which it changes in place. seconds: a budget instead of the recipe's steps."""

    def __init__(
        self,
        name: str,
        problem: Problem,
        shared: Parameters,
        recipe: Recipe,
        around: Surroundings,
        *,
        seconds: float | None = None,
        resumed: Snapshot | None = None,
    ) -> None:
        self._name, self._problem, self._shared, self._recipe, self._around = (
            name,
            problem,
            shared,
            recipe,
            around,
        )
        self._is_cover = name == COVER_STAGE
        steps = recipe.cover_steps if self._is_cover else recipe.joint_steps
        done, spent = (resumed.step, resumed.spent) if resumed is not None else (0, 0.0)
        even = replace(recipe, batches=None)  # the cover stage's steps all look at as many pixels
        self._schedule = Schedule(
            even if self._is_cover else recipe, steps, seconds, done=done, spent=spent
        )
        self._descent = Descent(recipe, problem, shared)
        self._scale = torch.ones((), device=shared.first.device)
        self._best: tuple[Parameters, float] | None = None
        if resumed is not None:
            self._resume(resumed)
        self._generator = torch.Generator().manual_seed((around.seed + self._schedule.step) % 2**63)
        self._disturbance: Disturbance | None = None
        if not self._is_cover and (recipe.pruning or recipe.noise):
            self._disturbance = Disturbance(recipe.pruning, recipe.noise, self._generator)
        self._points = 0
        self._arrived = False
        self._errors: list[Tensor] = []
        self._reported = time.monotonic()

    def _resume(self, snapshot: Snapshot) -> None:
        self._shared.copy_(snapshot.shared)
        for mine, theirs in zip(self._descent.state(), snapshot.optimizer, strict=True):
            mine.copy_(theirs)
        self._best = snapshot.best

    def run(self) -> Parameters:
        """Train to the end of the schedule. Returns the shared parameters. Raises TrainingDivergedError if they become infinite."""
        while not (self._schedule.finished or self._arrived):
            self._step()
            self._schedule.step += 1
            if time.monotonic() - self._reported > _REPORT_EVERY:
                self._report()
            if self._around.keeper is not None:
                self._around.keeper(self.snapshot())
        if self._errors:
            self._report()
        if self._best is not None:
            self._shared.copy_(self._best[0])
        return self._shared

    def _step(self) -> None:
        self._set_points()
        self._batches.draw()
        self._scale.fill_(
            1.0 if self._is_cover else self._recipe.rate_scale(self._schedule.progress)
        )
        before = self._shared.clone() if self._is_cover and self._recipe.keep_best else None
        with tf32_products(self._around.precision, self._scale.device):
            errors = self._descend().clone()  # a replayed step returns the same tensor each time
        self._errors.append(errors)
        if before is not None and (self._best is None or float(errors.mean()) < self._best[1]):
            self._best = (before, float(errors.mean()))

    def _set_points(self) -> None:
        """Make batches of the size that is due now: buffers last as long as it does."""
        recipe, problem = self._recipe, self._problem
        largest = max(len(target.coords) for target in problem.targets)
        due = recipe.cover_batch if self._is_cover else recipe.batch_at(self._schedule.progress)
        points = (
            largest if due is None else min(max(1, round(due * largest / _EVEN)) * _EVEN, largest)
        )
        if points == self._points:
            return
        self._points = points
        device = self._shared.first.device
        dtype = backward_dtype(self._around.precision, device)
        one_pass = TrainingPass(
            problem.architecture, problem.functions, points, device=device, backward_dtype=dtype
        )
        self._batches = Batches(problem.targets, points, self._generator)
        step = _Step(
            problem,
            self._shared,
            self._batches,
            one_pass,
            self._descent,
            self._scale,
            self._disturbance,
        )
        disturbed = (
            self._disturbance is not None
        )  # by what the processor chooses anew for each step
        self._descend = step if disturbed else replayed(step, device)

    def snapshot(self) -> Snapshot:
        """The stage as it stands; shares memory with it."""
        return Snapshot(
            self._name,
            self._schedule.step,
            self._schedule.spent,
            self._shared,
            self._descent.state(),
            self._best,
        )

    def _report(self) -> None:
        errors = (
            torch.stack(self._errors)
            .view(len(self._errors), self._problem.tiles, -1)
            .mean((0, 1))
            .tolist()
        )
        self._errors.clear()
        self._reported = time.monotonic()
        if not all(error < float("inf") for error in errors):
            raise TrainingDivergedError(
                "training diverged: the weights are no longer finite",
                hint="try a lower omega or more features",
            )
        psnr = tuple(
            psnr_of(error / 4) for error in errors
        )  # the function's range [-1, 1] is twice that of colours
        if self._around.listener is not None:
            schedule = self._schedule
            self._around.listener(
                Progress(self._name, schedule.step, schedule.steps, psnr, schedule.seconds_left)
            )
        goal = self._around.goal
        if (
            goal is not None and not self._is_cover and min(psnr) >= goal
        ):  # an estimate: worth a look at whole renders
            self._arrived = min(self._problem.psnr(self._shared)) >= goal
