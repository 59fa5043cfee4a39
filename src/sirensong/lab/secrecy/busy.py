"""Does a published carrier tell, without a key, where its secrets are busy?

Statistics of each tile's weights are compared with the local detail of the secrets: in the
carrier's order, as they truly lie there, and in the picture's own order, which is what an adversary
without a key has (docs/adr/0009-shuffled-tiles.md). The first is a positive control for the second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sirensong.lab.secrecy.traces import maps_of
from sirensong.network.tiles import Grid
from sirensong.pictures.image import Pixels

Features = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]
"""The carrier's tile for each tile of a picture."""

_TINY = 1e-9


def detail(picture: Pixels, grid: Grid) -> Features:
    """Mean magnitude of the brightness gradient in each tile of a picture.

    Args:
        picture: (height, width, 3).
        grid: whose tiles have two pixels a side at least.

    Returns:
        (tiles,), in the picture's order.
    """
    edges, size = maps_of([picture]).edges, (picture.shape[0], picture.shape[1])
    patches = [grid.patch(tile, size) for tile in range(grid.tiles)]
    return np.array([edges[patch.rows, patch.columns].mean() for patch in patches])


def with_neighbours(features: Features, grid: Grid) -> Features:
    """Add to each tile's features the means of the four tiles about it.

    Args:
        features: of each of the carrier's tiles, (tiles, numbers).
        grid: the carrier's; a tile at its edge stands for the neighbour that it lacks.

    Returns:
        (tiles, 2 x numbers).
    """
    maps = features.reshape(grid.rows, grid.columns, -1)
    wide = np.pad(maps, ((1, 1), (1, 1), (0, 0)), mode="edge")
    sides = wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]
    return np.concatenate([features, np.mean(sides, axis=0).reshape(features.shape)], axis=1)


def without_cover(values: Features, cover: Features) -> Features:
    """Take from values what the cover explains, by ranks and least squares.

    Args:
        values: of each tile, (tiles, numbers).
        cover: what the cover shows in each tile, (tiles, facts).

    Returns:
        What is left of the ranks, which are in [0, 1]; of the shape of `values`.
    """
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0) / len(values)
    known = np.column_stack([np.ones(len(cover)), rankdata(cover, axis=0) / len(cover)])
    fit = np.linalg.lstsq(known, ranks, rcond=None)[0]
    return np.asarray(ranks - known @ fit, np.float64)


def correlation(seen: Features, held: Features, cover: Features) -> Features:
    """Spearman's rank correlations, with the cover regressed out of both sides.

    Args:
        seen: what an adversary computes of each tile, (tiles, numbers).
        held: a secret's detail in each tile, (tiles,).
        cover: what the cover shows in each tile, (tiles, facts).

    Returns:
        (numbers,), in [-1, 1]; 0 where the cover explains one side whole.
    """
    rest, own = without_cover(seen, cover), without_cover(held[:, None], cover)[:, 0]
    scale = np.sqrt((rest**2).sum(0) * (own @ own))
    return np.where(scale > _TINY, own @ rest / np.maximum(scale, _TINY), 0.0)


@dataclass(frozen=True, eq=False)
class Scene:
    """A carrier as an adversary sees it, and what truly lies in it.

    Args:
        features: what the adversary computes of each of the carrier's tiles, (tiles, numbers).
        cover: what the cover shows in each tile, (tiles, facts).
        details: of each secret, in the picture's order, (secrets, tiles).
        places: the carrier's tile for each tile of each secret, (secrets, tiles).
    """

    features: Features
    cover: Features
    details: Features
    places: Order

    @cached_property
    def held(self) -> Features:
        """Details in the carrier's order: of what truly lies in each tile, (secrets, tiles)."""
        held = np.empty_like(self.details)
        np.put_along_axis(held, self.places, self.details, axis=1)
        return held

    @cached_property
    def table(self) -> Features:
        """The features' ranks, the cover taken out: the same scale in every carrier."""
        return without_cover(self.features, self.cover)

    @cached_property
    def target(self) -> Features:
        """What is to be estimated: detail in each tile, the cover taken out, mean of secrets."""
        left = without_cover(self.held.T, self.cover)
        return np.asarray(left.mean(1), np.float64)

    @cached_property
    def strengths(self) -> Features:
        """Each feature's correlation with what lies in the tiles, mean of secrets."""
        found = [correlation(self.features, held, self.cover) for held in self.held]
        return np.asarray(np.mean(found, axis=0), np.float64)


Estimator = Callable[[Sequence[Scene], Scene], Features]
"""Learns from carriers whose keys are known, and estimates the detail in the tiles of another."""


def strongest(known: Sequence[Scene], scene: Scene) -> Features:
    """Estimate by the one feature that tells most in known carriers, with its sign there.

    Args:
        known: one carrier at least.
        scene: the carrier to judge.
    """
    strengths = np.mean([own.strengths for own in known], axis=0)
    best = int(np.argmax(np.abs(strengths)))
    return np.asarray(scene.features[:, best] * np.sign(strengths[best]), np.float64)


def learned(model: Any) -> Estimator:
    """Estimate by a regression on all features.

    Args:
        model: a regression of scikit-learn, whose `fit` begins anew.
    """

    def estimate(known: Sequence[Scene], scene: Scene) -> Features:
        tables, targets = [own.table for own in known], [own.target for own in known]
        model.fit(np.concatenate(tables), np.concatenate(targets))
        return np.asarray(model.predict(scene.table), np.float64)

    return estimate


@dataclass(frozen=True)
class Sighting:
    """Correlations of an estimate with local detail, means over a carrier's secrets.

    Args:
        carrier: in the carrier's order: what anybody would see if tiles were not shuffled.
        picture: in the picture's order: what they do see.
        unrelated: with the secrets of other carriers, in those pictures' order.
    """

    carrier: float
    picture: float
    unrelated: float


def estimates(scenes: Sequence[Scene], estimate: Estimator) -> list[Features]:
    """Estimate the detail in the tiles of each carrier by what the other carriers teach.

    Args:
        scenes: two carriers at least, of one number of tiles.
        estimate: the adversary.

    Returns:
        (tiles,) of each carrier, in the carrier's order.
    """
    return [
        estimate([*scenes[:index], *scenes[index + 1 :]], scene)
        for index, scene in enumerate(scenes)
    ]


def sight(scenes: Sequence[Scene], seen: Sequence[Features]) -> list[Sighting]:
    """Compare estimates with the secrets.

    Args:
        scenes: two carriers at least, of one number of tiles.
        seen: an adversary's estimates of each, (tiles,).
    """
    sightings = []
    for index, (scene, own) in enumerate(zip(scenes, seen, strict=True)):
        others = [*scenes[:index], *scenes[index + 1 :]]
        unrelated = np.concatenate([other.details for other in others])
        means = [_mean(own, maps, scene) for maps in (scene.held, scene.details, unrelated)]
        sightings.append(Sighting(*means))
    return sightings


def _mean(seen: Features, maps: Features, scene: Scene) -> float:
    return float(np.mean([correlation(seen[:, None], held, scene.cover) for held in maps]))
