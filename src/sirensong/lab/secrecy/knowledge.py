"""What does an adversary make of a carrier who knows a part of a key, or nothing of it?

They replace some of the right positions, as far as they know them, and as many others as make up
their number. What they put there may be the key's values, another key's, or zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from sirensong.carrier.stego import StegoFunction
from sirensong.keys.secret import SecretKey
from sirensong.network.rendering import Size, render
from sirensong.network.siren import Layer, Weights
from sirensong.network.substitution import Positions, Values, substitute
from sirensong.network.tiles import Grid
from sirensong.pictures.image import Pixels
from sirensong.reveal import SecretFunction

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


def in_carriers_order(secret: SecretFunction) -> Weights:
    """Make a secret function's SIRENs, in the order of the carrier's tiles.

    Args:
        secret: what the key makes of the carrier.
    """
    return secret.tiles(np.argsort(secret.places).tolist())


def _by_tile(replaced: Iterable[Replaced]) -> dict[int, Replaced]:
    return {own.tile: own for own in replaced}


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
