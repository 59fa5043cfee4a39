"""How long, how fast and by which optimizer a function is trained: frozen settings with names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from sirensong.errors import SettingError
from sirensong.siren import Architecture
from sirensong.substitution import Selection, ratio_units

OMEGA = 60.0
_OVERHEAD = 500  # pixels whose evaluation takes as long as the rest of a step, the optimizer's part above all


@dataclass(frozen=True)
class Recipe:
    """Everything about training that is not the pictures, the keys and the network.

    cover_steps: of the cover function alone (section 3.2). joint_steps: of all functions together (section 3.5). cover_points:
    pixels in one cover step. points: pixels a function in one joint step, as (progress from which on, pixels), growing; None for
    whole pictures. optimizer: "muon" or "adam" for the hidden matrices; the rest is Adam's. rate, adam_rate: learning rates of
    the two; last_rate: Adam's for the last matrix. adam_betas, momentum: how long Adam and Muon remember. tilt: how much faster
    than the rate Muon moves the last hidden matrix, and slower the first. hold: share of the joint stage at full rate, after
    which it falls in a line to zero; 1 for a constant rate. gain: factor on the hidden matrices at the start. keep_best: select
    from the cover stage the best function rather than the last. omega: of the first layer, None for OMEGA.
    selection, ratio: section 3.3. stego_weight: lambda_st of Eq. 9, None for `emphasis` times
    that of a secret, which is 1 / (N+1) where emphasis is 1. Raises SettingError for values out of range.
    """

    name: str
    cover_steps: int
    joint_steps: int
    cover_points: int | None
    points: tuple[tuple[float, int], ...] | None
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
    omega: float | None = None
    selection: Selection = Selection.KEYED
    ratio: float = 0.05
    stego_weight: float | None = None
    emphasis: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "selection", _selection(self.selection))
        ratio_units(self.ratio)
        if self.optimizer not in ("muon", "adam"):
            raise SettingError(f"the optimizer is muon or adam, got {self.optimizer}")
        for name in ("cover_steps", "joint_steps"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name.replace('_', ' ')} must be at least 1, got {getattr(self, name)}")
        if self.stego_weight is not None and not 0 < self.stego_weight < 1:
            raise SettingError(f"the stego weight must be between 0 and 1, got {self.stego_weight:g}")

    def loss_weights(self, functions: int) -> list[float]:
        """lambda_st, then lambda_se of each secret function (Eq. 9); they add up to 1."""
        secrets = functions - 1
        if not secrets:
            return [1.0]
        stego = self.emphasis / (secrets + self.emphasis) if self.stego_weight is None else self.stego_weight
        return [stego, *[(1 - stego) / secrets] * secrets]

    def points_at(self, progress: float) -> int | None:
        """Pixels a function in a joint step when `progress`, in [0, 1], of the stage is done."""
        if self.points is None:
            return None
        return next(points for begin, points in reversed(self.points) if progress >= begin)

    def time_share(self, progress: float) -> float:
        """Share of the joint stage's time that is over at `progress`, in [0, 1], of its steps: steps on more pixels take longer."""
        knots, shares = self._clock()
        return float(np.interp(progress, knots, shares))

    def progress_at(self, time_share: float) -> float:
        """Share of the joint stage's steps that are done when `time_share`, in [0, 1], of its time is over."""
        knots, shares = self._clock()
        return float(np.interp(time_share, shares, knots))

    def _clock(self) -> tuple[list[float], list[float]]:
        phases = self.points or ((0.0, 1),)
        knots = [begin for begin, _ in phases] + [1.0]
        costs = [(end - begin) * (points + _OVERHEAD) for begin, end, (_, points) in zip(knots, knots[1:], phases, strict=False)]
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
    cover_steps=300,
    joint_steps=970,
    cover_points=1024,
    points=((0.0, 512), (0.3, 1024), (0.6, 2048)),
    optimizer="muon",
    rate=0.02,
    adam_rate=3e-3,
    last_rate=2e-3,
    adam_betas=(0.9, 0.97),
    tilt=0.35,
    hold=0.4,
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
    cover_points=None,
    points=None,
    optimizer="adam",
    rate=1e-3,
    adam_rate=1e-3,
    last_rate=1e-3,
    keep_best=True,
    omega=30.0,
    selection=Selection.MAGNITUDE,
)
"""Section 4.1: 8 x 128, ADAM at 1e-3, 20,000 epochs on the cover of which the best is kept, then 50,000 joint epochs, whole
pictures.

What the paper leaves open, and what is taken here. omega: Sitzmann et al.'s 30, absorbed into the weights as Eq. 1 has no factor
inside the sine. The joint stage's "stochastic gradient descent with a learning rate of 1e-3": Adam, as in the authors' code;
plain gradient descent at that rate does not get there. Which epoch of the joint stage is published: the last. lambda: 1 / (N+1)
for each function.
"""

RECIPES = {recipe.name: recipe for recipe in (FAST, PAPER)}


def architecture_for(recipe: Recipe, height: int, width: int) -> Architecture:
    """The network for a cover of this size; secrets have no say in it, or the carrier would tell of them.

    Hidden features grow as the cover's side does, so that weights grow as pixels do: 128 at 128x128, 256 at 256x256, in steps of
    32. Omega does not: 60 is best, or as good as any, from 64x64 to 256x256 (docs/performance.md).
    """
    features = min(512, max(32, 32 * round(math.sqrt(height * width) / 32)))
    return Architecture(features, omega=recipe.omega or OMEGA)
