"""How a function is trained: frozen settings with names."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from sirensong.carrier.slots import SLOTS
from sirensong.errors import SettingError
from sirensong.network.siren import Architecture
from sirensong.network.substitution import Selection, ratio_units
from sirensong.network.tiles import Grid, grid_for, grid_within
from sirensong.pictures.decoys import KINDS
from sirensong.training.phase import Phase
from sirensong.training.quality import (
    QUALITIES,
    bits_for,
    bits_for_file,
    coarseness_for,
    features_for,
    tile_for,
)

_WIDTH_STEP = 16  # hidden features come in multiples of this
_LARGEST_WIDTH = 512  # and are not more than this, unless asked for
_LARGEST_OMEGA = 60.0  # no tile is better with more


@dataclass(frozen=True)
class Lock:
    """How much a function is trained to render the cover under wrong keys.

    Args:
        weight: of a wrong key's function in the loss, against all others together, in (0, 1).
        hold: share of the joint stage at this weight, in [0, 1).
        end: the weight at the end of the stage, to which it falls geometrically, in (0, 1).

    Raises:
        SettingError: a value is out of range.
    """

    weight: float = 0.3
    hold: float = 0.1
    end: float = 0.004

    def __post_init__(self) -> None:
        if not (0 < self.weight < 1 and 0 <= self.hold < 1 and 0 < self.end < 1):
            got = f"{self.weight:g}, {self.hold:g} and {self.end:g}"
            raise SettingError(f"a lock's weights and hold must be between 0 and 1, got {got}")

    def weight_at(self, progress: float) -> float:
        """The weight when `progress`, in [0, 1], of the stage is done."""
        fallen = max(0.0, progress - self.hold) / (1 - self.hold)
        return float(self.weight * (self.end / self.weight) ** fallen)


@dataclass(frozen=True)
class Recipe:
    """Everything about training that is not the pictures and the keys.

    Args:
        name: of the recipe this one began as.
        cover: the stage of the cover function alone (section 3.2).
        joint: the stage of all functions together (section 3.5).
        optimizer: "muon" or "adam", for the hidden matrices; the rest is always Adam's.
        rate: learning rate of the hidden matrices.
        adam_rate: learning rate of the first matrix and of the biases.
        last_rate: learning rate of the last matrix.
        adam_betas: decay rates of Adam's two moments.
        momentum: of Muon.
        tilt: how much faster than `rate` Muon moves the last hidden matrix, and slower the first.
        gain: factor on the initial hidden matrices.
        tile: approximate tile side in pixels; None to go by `bits`, and without them for one
            function for the whole picture.
        bits: that the codes of the weights take for each pixel of the cover, about, which decides
            on the network's width and on the lattice; None to go by `features` and `coarseness`.
        whole_file: `bits` are the file's, header and slots counted in.
        features: hidden features for each pixel of a tile's side, if nothing else decides on them.
        hidden_features: exact width of each tile's network, None to go by `bits` or `features`.
        hidden_layers: depth of each tile's network.
        omega: frequency of its first layer, None to go by `frequency`.
        frequency: omega for each pixel of a tile's side, above 0, up to an omega of 60.
        selection: which weights a key replaces (section 3.3).
        ratio: S, the share of each matrix's weights that a key replaces, in (0, 1); None for what
            suits the selection, 0.2 if it is keyed, else 0.05.
        lock: how a function is trained to render the cover under wrong keys; None not to. It
            takes keyed selection, and is left out with others.
        functions: secret functions to train at least, rounded up to 2, 4, 8, 16, 32 or 64; decoys
            take the places of missing secrets. 0 trains the secrets alone.
        decoys: kind of decoys: "photographs", "cover", "leaves" or "noise".
        stego_weight: lambda_st of Eq. 9, in (0, 1); None for `emphasis` times that of a secret.
        emphasis: weight of the stego image against that of one secret; 1 gives 1 / (N+1) each.
        coarseness: factor on the steps of the lattice that published weights lie on, above 0, if
            `bits` do not decide on it: 0.01 is as good as floating point.
        decay: share of its hidden matrices that a function loses in each joint step at the full
            rate, in [0, 1): smaller weights are fewer bits.

    Raises:
        SettingError: a value is out of range.
    """

    name: str
    cover: Phase
    joint: Phase
    optimizer: str
    rate: float
    adam_rate: float
    last_rate: float
    adam_betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.95
    tilt: float = 0.0
    gain: float = 1.0
    tile: int | None = None
    bits: float | None = None
    whole_file: bool = False
    features: float = 1.5
    hidden_features: int | None = None
    hidden_layers: int = 5
    omega: float | None = None
    frequency: float = 0.5
    selection: Selection = Selection.KEYED
    ratio: float | None = None
    lock: Lock | None = None
    functions: int = 2
    decoys: str = "photographs"
    stego_weight: float | None = None
    emphasis: float = 1.0
    coarseness: float = 0.01
    decay: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "selection", _selection(self.selection))
        ratio_units(self.share)
        if self.optimizer not in ("muon", "adam"):
            raise SettingError(f"optimizer must be muon or adam, got {self.optimizer!r}")
        if self.tile is not None and self.tile < 1:
            raise SettingError(f"tile must be at least 1, got {self.tile}")
        if self.hidden_features is not None and self.hidden_features < 1:
            raise SettingError(f"hidden features must be at least 1, got {self.hidden_features}")
        if self.omega is not None and not self.omega > 0:
            raise SettingError(f"omega must be above 0, got {self.omega:g}")
        if self.bits is not None and not self.bits > 0:
            raise SettingError(f"bits a pixel must be above 0, got {self.bits:g}")
        if not self.coarseness > 0:
            raise SettingError(f"coarseness must be above 0, got {self.coarseness:g}")
        if not 0 <= self.decay < 1:
            raise SettingError(f"decay must be at least 0 and below 1, got {self.decay:g}")
        if not self.frequency > 0:
            raise SettingError(f"frequency must be above 0, got {self.frequency:g}")
        if not 0 <= self.functions <= SLOTS:
            raise SettingError(f"functions must be 0 to {SLOTS}, got {self.functions}")
        if self.decoys not in KINDS:
            raise SettingError(f"decoys must be one of {', '.join(KINDS)}, got {self.decoys!r}")
        if self.stego_weight is not None and not 0 < self.stego_weight < 1:
            raise SettingError(
                f"the stego weight must be between 0 and 1, got {self.stego_weight:g}"
            )

    @property
    def share(self) -> float:
        """S: the ratio, or what suits the selection."""
        return self.selection.ratio if self.ratio is None else self.ratio

    def loss_weights(self, functions: int) -> list[float]:
        """lambda_st, then lambda_se of each secret function (Eq. 9); they add up to 1."""
        secrets = functions - 1
        if not secrets:
            return [1.0]
        stego = self.stego_weight
        if stego is None:
            stego = self.emphasis / (secrets + self.emphasis)
        return [stego, *[(1 - stego) / secrets] * secrets]

    def grid(self, height: int, width: int) -> Grid:
        """The tiles of a cover of this size in pixels."""
        if self.tile is not None:
            return grid_for(height, width, self.tile)
        if self.bits is not None:
            return grid_within(height, width, tile_for(self.bits))
        return Grid()

    def architecture(self, height: int, width: int) -> Architecture:
        """The network for each tile of a cover of this size in pixels.

        Secrets have no say in it, or the carrier would tell of them. Hidden features grow as a
        tile's side does, so that weights grow as pixels do; and so does omega, up to 60
        (docs/performance.md).
        """
        side = math.sqrt(height * width / self.grid(height, width).tiles)
        features, omega = self.hidden_features, self.omega
        bits = self.coded_bits(height, width)
        if features is None and bits is not None:
            features = features_for(bits, side)
        elif features is None:
            grown = _WIDTH_STEP * round(self.features * side / _WIDTH_STEP)
            features = min(_LARGEST_WIDTH, max(_WIDTH_STEP, grown))
        if omega is None:
            omega = min(_LARGEST_OMEGA, self.frequency * side)
        return Architecture(features, self.hidden_layers, omega)

    def coarseness_of(self, height: int, width: int) -> float:
        """Factor on the steps of the lattice, for a cover of this size in pixels."""
        bits = self.coded_bits(height, width)
        if bits is None:
            return self.coarseness
        pixels = height * width / self.grid(height, width).tiles
        return coarseness_for(self.architecture(height, width), bits * pixels)

    def coded_bits(self, height: int, width: int) -> float | None:
        """Bits a pixel that codes are to take, for a cover of this size; None for no such aim."""
        bits = self.bits
        if bits is None or not self.whole_file:
            return bits
        grid = self.grid(height, width)
        return bits_for_file(bits, height, width, grid, self.hidden_layers)

    def at(self, quality: str | float) -> Recipe:
        """The same recipe for another quality.

        Args:
            quality: "small", "standard", "high", "archive", or the dB that photographs are to
                have, the cover and two secrets.

        Raises:
            SettingError: there is no such quality.
        """
        return replace(self, bits=bits_for(quality), whole_file=False)

    def with_steps(self, joint: int | None = None, *, cover: int | None = None) -> Recipe:
        """The same recipe with other numbers of steps; None leaves a stage's as they are."""
        changed = self
        if joint is not None:
            changed = replace(changed, joint=replace(changed.joint, steps=joint))
        if cover is not None:
            changed = replace(changed, cover=replace(changed.cover, steps=cover))
        return changed

    def robust(self) -> Recipe:
        """The same recipe, for functions that survive pruning of a fifth and rounding to 8 bits."""
        return replace(self, joint=replace(self.joint, **ROBUST))


def _selection(name: str) -> Selection:
    try:
        return Selection(name)
    except ValueError:
        known = ", ".join(Selection)
        raise SettingError(f"selection must be one of {known}, got {name!r}") from None


FAST = Recipe(
    name="fast",
    cover=Phase(steps=100, batches=((0.0, 1 / 8),)),
    joint=Phase(steps=1500, batches=((0.0, 1 / 16), (0.3, 1 / 8), (0.6, 1 / 4)), hold=0.6),
    optimizer="muon",
    rate=0.05,
    adam_rate=4.5e-3,
    last_rate=6e-3,
    adam_betas=(0.9, 0.97),
    tilt=0.2,
    gain=1.2,
    bits=QUALITIES["standard"],
    hidden_layers=6,
    lock=Lock(),
    decay=0.003,
)
"""Ours: keyed selection, wrong keys that show the cover, Muon, a rate that falls to zero, and
mini-batches of pixels that grow.

While a function is far from its picture, a few pixels show the way; near its end the gradient on
a few is noise, and it takes many. Growing batches are worth 3 dB at the same number of
evaluations (docs/performance.md).
"""

OPEN = replace(
    FAST,
    name="open",
    joint=replace(FAST.joint, steps=620, hold=0.5),
    rate=0.035,
    adam_rate=3e-3,
    last_rate=4e-3,
    tile=32,
    bits=None,
    features=1.5,
    hidden_layers=5,
    frequency=0.625,
    emphasis=1.2,
    lock=None,
    decay=0.0,
)
"""FAST as it would be if neither wrong keys nor the size of carriers were of any account: what the
paper's claims are measured with.

Whoever knows which weights a key replaces sees its picture (SECURITY.md).
"""

PAPER = Recipe(
    name="paper",
    cover=Phase(steps=20_000, keep_best=True),
    joint=Phase(steps=50_000),
    optimizer="adam",
    rate=1e-3,
    adam_rate=1e-3,
    last_rate=1e-3,
    features=1.0,
    hidden_layers=8,
    omega=30.0,
    functions=0,
    selection=Selection.MAGNITUDE,
)
"""Section 4.1: 8 x 128, ADAM at 1e-3, 20,000 epochs on the cover of which the best is kept, then
50,000 joint epochs, whole pictures.

The paper leaves four things open. Omega is Sitzmann et al.'s 30, absorbed into the weights as
Eq. 1 has no factor inside the sine. The joint stage's "stochastic gradient descent with a learning
rate of 1e-3" is Adam, as in the authors' code; plain gradient descent at that rate does not get
there. The last epoch of the joint stage is published. Each function's lambda is 1 / (N+1).
"""

ROBUST: dict[str, Any] = {"pruning": 0.25, "noise": 0.01}
"""Changes to a recipe's joint phase for functions that survive pruning and rounding."""

FINETUNING = Recipe(
    name="fine-tuning",
    cover=Phase(steps=200),
    joint=Phase(steps=1),
    optimizer="adam",
    rate=1e-4,
    adam_rate=1e-4,
    last_rate=1e-4,
)
"""For a published function that is trained on (`sirensong.lab.finetuning`). It has no Muon, whose
first steps are large whatever is left to learn.
"""

RECIPES = {recipe.name: recipe for recipe in (FAST, PAPER)}


def find_recipe(recipe: Recipe | str) -> Recipe:
    """Take a recipe, or find one by its name.

    Args:
        recipe: a recipe, or "fast" or "paper".

    Raises:
        SettingError: there is no recipe of that name.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise SettingError(f"recipe must be one of {', '.join(RECIPES)}, got {recipe!r}")
    return RECIPES[recipe]
