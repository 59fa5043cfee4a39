"""How long, how fast and by which optimizer a function is trained: frozen settings with names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sirensong.errors import SettingError
from sirensong.siren import Architecture
from sirensong.substitution import Selection, ratio_units


@dataclass(frozen=True)
class Recipe:
    """Everything about training that is not the pictures, the keys and the network.

    cover_steps: of the cover function alone (section 3.2). joint_steps: of all functions together (section 3.5). points: pixels a
    function in one step, None for whole pictures. optimizer: "muon" or "adam" for the hidden matrices; the rest is Adam's.
    rate, adam_rate: learning rates of the two. hold: share of the joint steps at full rate, after which it falls in a line to
    zero; 1 for a constant rate. gain: factor on the hidden matrices at the start. keep_best: select from the cover stage the best
    function rather than the last. omega: of the first layer, None to take it from the picture's size. selection, ratio: section
    3.3. stego_weight: lambda_st of Eq. 9, None for 1 / (N+1). Raises SettingError for values out of range.
    """

    name: str
    cover_steps: int
    joint_steps: int
    points: int | None
    optimizer: str
    rate: float
    adam_rate: float
    momentum: float = 0.95
    hold: float = 1.0
    gain: float = 1.0
    keep_best: bool = False
    omega: float | None = None
    selection: Selection = Selection.KEYED
    ratio: float = 0.05
    stego_weight: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "selection", _selection(self.selection))
        ratio_units(self.ratio)
        if self.optimizer not in ("muon", "adam"):
            raise SettingError(f"the optimizer is muon or adam, got {self.optimizer}")
        for name in ("cover_steps", "joint_steps"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name.replace('_', ' ')} must be at least 1, got {getattr(self, name)}")
        if self.points is not None and self.points < 1:
            raise SettingError(f"points must be at least 1, got {self.points}")
        if self.stego_weight is not None and not 0 < self.stego_weight < 1:
            raise SettingError(f"the stego weight must be between 0 and 1, got {self.stego_weight:g}")

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
    joint_steps=1850,
    points=1024,
    optimizer="muon",
    rate=0.02,
    adam_rate=3e-3,
    hold=0.1,
    gain=1.2,
)
"""Ours: mini-batches of pixels, Muon, a rate that falls to zero; keyed selection."""

PAPER = Recipe(
    name="paper",
    cover_steps=20_000,
    joint_steps=50_000,
    points=None,
    optimizer="adam",
    rate=1e-3,
    adam_rate=1e-3,
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


def architecture_for(recipe: Recipe, sizes: Iterable[tuple[int, int]]) -> Architecture:
    """The network for pictures of these (height, width): what the largest needs.

    Hidden features grow as its side does, so that weights grow as pixels do: 128 at 128x128, 256 at 256x256, in steps of 32. So
    does omega, unless the recipe names it: the finest detail of a picture of n pixels has a frequency in proportion to n.
    """
    side = math.sqrt(max(height * width for height, width in sizes))
    features = min(512, max(32, 32 * round(side / 32)))
    return Architecture(features, omega=recipe.omega or min(600.0, max(5.0, 60.0 * side / 128)))
