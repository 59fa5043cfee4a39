"""How long, how fast and by which optimizer a function is trained: frozen settings with names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from sirensong.carrier.slots import SLOTS
from sirensong.errors import SettingError
from sirensong.network.siren import Architecture
from sirensong.network.substitution import Selection, ratio_units
from sirensong.network.tiles import Grid
from sirensong.pictures.decoys import KINDS

_OVERHEAD = 1 / 8  # share of a tile's pixels whose evaluation takes as long as the rest of a step
_STEP = 16  # hidden features come in multiples of this
_LARGEST = 512  # and not more of them than this, unless asked for
_OMEGA, _LARGEST_OMEGA = (
    0.625,
    60.0,
)  # radians a pixel of a tile's side; and what no tile is better with more than


@dataclass(frozen=True)
class Recipe:
    """Everything about training that is not the pictures, the keys and the network.

    cover_steps: of the cover function alone (section 3.2). joint_steps: of all functions together (section 3.5). cover_batch:
    share of a tile's pixels in one cover step. batches: the same for one joint step, as (progress from which on, share), growing;
    None for whole pictures. optimizer: "muon" or "adam" for the hidden matrices; the rest is Adam's. rate, adam_rate: learning
    rates of the two; last_rate: Adam's for the last matrix. adam_betas, momentum: how long Adam and Muon remember. tilt: how much
    faster than the rate Muon moves the last hidden matrix, and slower the first. hold: share of the joint stage at full rate,
    after which it falls in a line to zero; 1 for a constant rate. gain: factor on the hidden matrices at the start. keep_best:
    select from the cover stage the best function rather than the last. tile: pixels a side of the tiles that a cover is cut into,
    about; None for one function for the whole. features: hidden features for each pixel of a tile's side. hidden_layers: of each
    tile's network. omega: of its first layer, None for what suits a tile's size. selection, ratio: section 3.3. pruning, noise:
    up to which share of weights is missing, and how much noise is on the rest, while a joint step looks at them (`Disturbance`).
    functions: how many secret functions are trained at least; where there are fewer secrets, decoys take the places. decoys: of
    which kind these are. stego_weight: lambda_st of Eq. 9, None for `emphasis` times that of a secret, which is 1 / (N+1) where
    emphasis is 1. Raises SettingError for values out of range.
    """

    name: str
    cover_steps: int
    joint_steps: int
    cover_batch: float | None
    batches: tuple[tuple[float, float], ...] | None
    optimizer: str
    rate: float
    adam_rate: float
    last_rate: float
    adam_betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.95
    tilt: float = 0.0
    hold: float = 1.0
    gain: float = 1.0
    keep_best: bool = False
    tile: int | None = 32
    features: float = 1.5
    hidden_layers: int = 5
    omega: float | None = None
    selection: Selection = Selection.KEYED
    ratio: float = 0.05
    pruning: float = 0.0
    noise: float = 0.0
    functions: int = 2
    decoys: str = "photographs"
    stego_weight: float | None = None
    emphasis: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "selection", _selection(self.selection))
        ratio_units(self.ratio)
        if self.optimizer not in ("muon", "adam"):
            raise SettingError(f"the optimizer is muon or adam, got {self.optimizer}")
        for name in ("cover_steps", "joint_steps", "tile"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(
                    f"{name.replace('_', ' ')} must be at least 1, got {getattr(self, name)}"
                )
        if not 0 <= self.functions <= SLOTS:
            raise SettingError(f"functions must be 0 to {SLOTS}, got {self.functions}")
        if not (0 <= self.pruning < 1 and 0 <= self.noise < 1):
            raise SettingError(
                f"pruning and noise must be 0 to 1, got {self.pruning:g} and {self.noise:g}"
            )
        if self.decoys not in KINDS:
            raise SettingError(f"decoys are {', '.join(KINDS)}, got {self.decoys}")
        if self.stego_weight is not None and not 0 < self.stego_weight < 1:
            raise SettingError(
                f"the stego weight must be between 0 and 1, got {self.stego_weight:g}"
            )

    def loss_weights(self, functions: int) -> list[float]:
        """lambda_st, then lambda_se of each secret function (Eq. 9); they add up to 1."""
        secrets = functions - 1
        if not secrets:
            return [1.0]
        stego = (
            self.emphasis / (secrets + self.emphasis)
            if self.stego_weight is None
            else self.stego_weight
        )
        return [stego, *[(1 - stego) / secrets] * secrets]

    def batch_at(self, progress: float) -> float | None:
        """Share of a tile's pixels in a joint step when `progress`, in [0, 1], of the stage is done."""
        if self.batches is None:
            return None
        return next(share for begin, share in reversed(self.batches) if progress >= begin)

    def epochs(self) -> list[float]:
        """How often each pixel has been looked at after 0, 1, ... up to all joint steps, on the mean."""
        shares = (self.batch_at(step / self.joint_steps) or 1.0 for step in range(self.joint_steps))
        return [0.0, *accumulate(shares)]

    def time_share(self, progress: float) -> float:
        """Share of the joint stage's time that is over at `progress`, in [0, 1], of its steps: steps on more pixels take longer."""
        knots, shares = self._clock()
        return float(np.interp(progress, knots, shares))

    def progress_at(self, time_share: float) -> float:
        """Share of the joint stage's steps that are done when `time_share`, in [0, 1], of its time is over."""
        knots, shares = self._clock()
        return float(np.interp(time_share, shares, knots))

    def _clock(self) -> tuple[list[float], list[float]]:
        phases = self.batches or ((0.0, 1.0),)
        knots = [begin for begin, _ in phases] + [1.0]
        costs = [
            (end - begin) * (share + _OVERHEAD)
            for begin, end, (_, share) in zip(knots, knots[1:], phases, strict=False)
        ]
        total = sum(costs)
        return knots, [0.0, *(cost / total for cost in accumulate(costs))]

    def rate_scale(self, progress: float) -> float:
        """Factor on the joint stage's rates when `progress`, in [0, 1], of it is done."""
        return 1.0 if progress < self.hold else (1 - progress) / (1 - self.hold)


def _selection(name: str) -> Selection:
    try:
        return Selection(name)
    except ValueError:
        raise SettingError(f"selection is {', '.join(Selection)}, got {name}") from None


FAST = Recipe(
    name="fast",
    cover_steps=100,
    joint_steps=620,
    cover_batch=1 / 8,
    batches=((0.0, 1 / 16), (0.3, 1 / 8), (0.6, 1 / 4)),
    optimizer="muon",
    rate=0.035,
    adam_rate=3e-3,
    last_rate=4e-3,
    adam_betas=(0.9, 0.97),
    tilt=0.2,
    hold=0.5,
    gain=1.2,
    emphasis=1.2,
)
"""Ours: keyed selection, Muon, a rate that falls to zero, and mini-batches of pixels that grow.

While a function is far from its picture, a few pixels tell where to go; near its end the gradient on a few is noise, and it takes
many. Growing batches are worth 3 dB at the same number of evaluations (docs/performance.md).
"""

PAPER = Recipe(
    name="paper",
    cover_steps=20_000,
    joint_steps=50_000,
    cover_batch=None,
    batches=None,
    optimizer="adam",
    rate=1e-3,
    adam_rate=1e-3,
    last_rate=1e-3,
    keep_best=True,
    tile=None,
    features=1.0,
    hidden_layers=8,
    omega=30.0,
    functions=0,
    selection=Selection.MAGNITUDE,
)
"""Section 4.1: 8 x 128, ADAM at 1e-3, 20,000 epochs on the cover of which the best is kept, then 50,000 joint epochs, whole
pictures.

What the paper leaves open, and what is taken here. omega: Sitzmann et al.'s 30, absorbed into the weights as Eq. 1 has no factor
inside the sine. The joint stage's "stochastic gradient descent with a learning rate of 1e-3": Adam, as in the authors' code;
plain gradient descent at that rate does not get there. Which epoch of the joint stage is published: the last. lambda: 1 / (N+1)
for each function.
"""

ROBUST: dict[str, Any] = {"pruning": 0.25, "noise": 0.01}
"""Changes to a recipe for functions that survive pruning of a fifth of their weights and rounding to 8 bits."""

FINETUNING = Recipe(
    name="fine-tuning",
    cover_steps=200,
    joint_steps=1,
    cover_batch=None,
    batches=None,
    optimizer="adam",
    rate=1e-4,
    adam_rate=1e-4,
    last_rate=1e-4,
)
"""For a published function that is trained on (`sirensong.lab.finetuning`): a cover stage without Muon, whose first steps are large
whatever is left to learn.
"""

RECIPES = {recipe.name: recipe for recipe in (FAST, PAPER)}


def architecture_for(recipe: Recipe, height: int, width: int, grid: Grid) -> Architecture:
    """The network for each tile of a cover of this size; secrets have no say in it, or the carrier would tell of them.

    Hidden features grow as a tile's side does, so that weights grow as pixels do; and so does omega, up to 60
    (docs/performance.md).
    """
    side = math.sqrt(height * width / grid.tiles)
    features = min(_LARGEST, max(_STEP, _STEP * round(recipe.features * side / _STEP)))
    return Architecture(
        features, recipe.hidden_layers, recipe.omega or min(_LARGEST_OMEGA, _OMEGA * side)
    )
