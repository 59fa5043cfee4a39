"""How much of a picture is in the renders of whoever lacks its key, or has a part of it?

An adversary's renders are averaged, and the mean's edges and light are correlated with a picture's,
with those of the cover taken out of both. Pictures that have nothing to do with the carrier are the
control: the true one should rank among them as any other does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sirensong.carrier.stego import StegoFunction
from sirensong.keys.secret import SecretKey
from sirensong.network.rendering import Function, Size, render
from sirensong.network.siren import Layer, Weights
from sirensong.network.substitution import Positions, Values, substitute
from sirensong.network.tiles import Grid
from sirensong.pictures.image import Pixels
from sirensong.reveal import SecretFunction

Map = npt.NDArray[np.float64]

DRAWS = 24
"""Renders whose mean is looked at."""


class Insertion(StrEnum):
    """What an adversary puts into the right positions that they know.

    RIGHT: the key's values. RANDOM: those of another key. ZEROS: zeros, in wrong positions too.
    """

    RIGHT = "right"
    RANDOM = "random"
    ZEROS = "zeros"


@dataclass(frozen=True)
class Knowledge:
    """What an adversary knows of a key.

    Args:
        share: of the key's positions that they know, in [0, 1]; the rest are another key's.
        values: what they put there. Into the other positions go another key's values, or zeros.
        shuffle: whether they know which tile of the secret lies in which tile of the carrier.
    """

    share: float
    values: Insertion
    shuffle: bool = True


class Replaced(NamedTuple):
    """What a key does to one tile of the carrier."""

    tile: int
    positions: Positions
    values: Values


def replacements(secret: SecretFunction) -> list[Replaced]:
    """Tell what a key replaces in a carrier.

    It is read off a carrier whose weights are zero, so it holds for any secret function.

    Args:
        secret: what the key makes of the carrier.

    Returns:
        For each tile of the secret picture: which tile of the carrier it is made of, and which
        weights there are replaced by what.
    """
    zeros = tuple(Layer(np.zeros_like(weight), bias) for weight, bias in secret.stego.weights)
    blank = replace(secret, stego=replace(secret.stego, weights=zeros))
    layers = blank.tiles(range(secret.grid.tiles))
    replaced = []
    for index, tile in enumerate(secret.places):
        own = [layer.weight[index].ravel() for layer in layers]
        positions = tuple(np.flatnonzero(weights) for weights in own)
        values = tuple(weights[at] for weights, at in zip(own, positions, strict=True))
        replaced.append(Replaced(int(tile), positions, values))
    return replaced


def with_key(secret: SecretFunction, seed: int) -> SecretFunction:
    """Put a random key in the place of a secret function's.

    Args:
        secret: the secret function.
        seed: of the key.
    """
    return replace(secret, key=SecretKey(np.random.default_rng(seed).bytes(32)), found=False)


@dataclass(frozen=True)
class PartlyRight:
    """What an adversary makes of a carrier who knows a part of a key; it can be rendered.

    Args:
        secret: what the key makes of the carrier.
        right: what the key replaces.
        wrong: what another key replaces.
        knowledge: what of the right key is known.
        seed: of the choice of the positions that are.
    """

    secret: SecretFunction
    right: Sequence[Replaced]
    wrong: Sequence[Replaced]
    knowledge: Knowledge
    seed: int

    @property
    def grid(self) -> Grid:
        """Where the tiles are."""
        return self.secret.grid

    def tiles(self, indices: Sequence[int]) -> Weights:
        """The SIRENs of some tiles, layer by layer."""
        right, wrong = _by_tile(self.right), _by_tile(self.wrong)
        places = list(indices)
        if self.knowledge.shuffle:
            places = [self.right[index].tile for index in indices]
        weights = self.secret.stego.tiles(places)
        mixed = [self._mix(right[place], wrong[place]) for place in places]
        substitute(weights, [own.positions for own in mixed], [own.values for own in mixed])
        return weights

    def _mix(self, right: Replaced, wrong: Replaced) -> Replaced:
        """Some of the right positions, and as many of the wrong ones as make up their number."""
        rng = np.random.default_rng([self.seed, right.tile])
        insertion = self.knowledge.values
        positions, values = [], []
        for matrix, (own, other) in enumerate(zip(right.positions, wrong.positions, strict=True)):
            known = rng.permutation(len(own))[: round(self.knowledge.share * len(own))]
            kept = own[known]
            free = np.flatnonzero(~np.isin(other, kept))
            added = rng.permutation(free)[: len(own) - len(kept)]
            drawn = rng.permutation(wrong.values[matrix])[: len(own)]
            drawn[len(kept) :] = wrong.values[matrix][added]
            if insertion is Insertion.RIGHT:
                drawn[: len(kept)] = right.values[matrix][known]
            if insertion is Insertion.ZEROS:
                drawn[:] = 0
            positions.append(np.concatenate([kept, other[added]]))
            values.append(drawn)
        return Replaced(right.tile, tuple(positions), tuple(values))


@dataclass(frozen=True)
class InOrder:
    """A carrier with its tiles in the order of a key: the cover, for whoever knows the order.

    Args:
        stego: the carrier.
        order: the carrier's tile for each tile of the picture.
    """

    stego: StegoFunction
    order: Sequence[int]

    @property
    def grid(self) -> Grid:
        """Where the tiles are."""
        return self.stego.grid

    def tiles(self, indices: Sequence[int]) -> Weights:
        """The SIRENs of some tiles, layer by layer."""
        return self.stego.tiles([self.order[index] for index in indices])


def in_order(secret: SecretFunction) -> InOrder:
    """Put a carrier's tiles into the order that a key gives them.

    Args:
        secret: what the key makes of the carrier.
    """
    return InOrder(secret.stego, secret.places.tolist())


def _by_tile(replaced: Iterable[Replaced]) -> dict[int, Replaced]:
    return {own.tile: own for own in replaced}


@dataclass(frozen=True)
class Trace:
    """What of a picture is in renders: correlations in [-1, 1], the cover's part taken out.

    Args:
        edges: of the magnitudes of brightness gradients.
        light: of brightness.
    """

    edges: float
    light: float


@dataclass(frozen=True, eq=False)
class Maps:
    """Edges and light of a picture, or their means over pictures.

    Args:
        edges: magnitudes of brightness gradients, (height - 1, width - 1).
        light: brightness, (height, width).
    """

    edges: Map
    light: Map


def maps_of(pictures: Iterable[Pixels]) -> Maps:
    """Edges and light of pictures of one size, mean over the pictures.

    Args:
        pictures: each (height, width, 3), one at least.
    """
    edges, lights = [], []
    for picture in pictures:
        grey = picture.astype(np.float64).mean(2)
        right, down = np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]
        edges.append(np.hypot(right, down))
        lights.append(grey)
    return Maps(np.mean(edges, axis=0), np.mean(lights, axis=0))


def trace(seen: Maps, picture: Pixels, cover: Pixels) -> Trace:
    """How much of a picture is in what was seen, beyond what it shares with the cover.

    Args:
        seen: of an adversary's renders.
        picture: of their size.
        cover: of their size.
    """
    own, public = maps_of([picture]), maps_of([cover])
    return Trace(
        _partial(seen.edges, own.edges, public.edges), _partial(seen.light, own.light, public.light)
    )


def _partial(seen: Map, picture: Map, cover: Map) -> float:
    """Correlation of two maps after a third is regressed out of both; 0 if nothing is left."""
    flat = cover.ravel() - cover.mean()
    residuals = []
    for values in (seen, picture):
        centred = values.ravel() - values.mean()
        residuals.append(centred - flat * (centred @ flat) / max(flat @ flat, 1e-12))
    scale = math.sqrt(float(residuals[0] @ residuals[0]) * float(residuals[1] @ residuals[1]))
    return float(residuals[0] @ residuals[1]) / scale if scale > 1e-12 else 0.0


def renders_of(
    secret: SecretFunction, knowledge: Knowledge, size: Size, draws: int = DRAWS, seed: int = 0
) -> list[Pixels]:
    """Render what an adversary makes of a carrier, several times.

    Args:
        secret: what the key makes of the carrier.
        knowledge: what of the key is known.
        size: of the renders, (height, width) in pixels.
        draws: how many renders.
        seed: of all that is not known.
    """
    right = replacements(secret)
    pictures = []
    for number in range(seed * draws, (seed + 1) * draws):
        wrong = replacements(with_key(secret, number))
        pictures.append(render(PartlyRight(secret, right, wrong, knowledge, number), size))
    return pictures


@dataclass(frozen=True)
class Finding:
    """What of a picture is in renders, against control pictures.

    Args:
        true: of the picture.
        controls: of the others.
    """

    true: Trace
    controls: tuple[Trace, ...]

    @property
    def excess(self) -> Trace:
        """The picture's trace above the controls' mean."""
        return Trace(
            self.true.edges - float(np.mean([control.edges for control in self.controls])),
            self.true.light - float(np.mean([control.light for control in self.controls])),
        )

    @property
    def rank(self) -> Trace:
        """Share of the controls that have less of a trace, ties by half: 0.5 is guessing."""
        return Trace(
            rank(self.true.edges, [control.edges for control in self.controls]),
            rank(self.true.light, [control.light for control in self.controls]),
        )


def find(
    renders: Sequence[Pixels], picture: Pixels, controls: Sequence[Pixels], published: Function
) -> Finding:
    """Look for a picture in renders, and for control pictures.

    Args:
        renders: an adversary's, of one size.
        picture: of that size.
        controls: pictures of that size that have nothing to do with the carrier, one at least.
        published: the carrier, whose cover is taken out; in a key's order where renders are.
    """
    seen = maps_of(renders)
    height, width = renders[0].shape[:2]
    cover = render(published, (height, width))
    true, *others = (trace(seen, candidate, cover) for candidate in (picture, *controls))
    return Finding(true, tuple(others))


def rank(true: float, controls: Sequence[float]) -> float:
    """Share of the controls that are less, ties by half.

    Args:
        true: the value to rank.
        controls: one at least.
    """
    less = sum(control < true for control in controls)
    return (less + sum(control == true for control in controls) / 2) / len(controls)


class Interval(NamedTuple):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def interval(values: Sequence[float]) -> Interval:
    """Mean of independent values with the 95 % interval of Student's t.

    Args:
        values: two at least; of fewer the interval is not known, nan.

    Raises:
        MissingDependencyError: SciPy is not installed.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan)
    half = float(np.std(values, ddof=1)) / math.sqrt(len(values)) * _quantile(len(values) - 1)
    return Interval(mean, mean - half, mean + half)


def _quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
