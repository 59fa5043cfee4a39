"""Does a published carrier tell which of its tiles hold neighbouring tiles of a secret?

Whoever recognises such pairs among random ones could undo the shuffle (docs/adr/0009-shuffled-
tiles.md). They are sought by how alike the tiles' statistics are, and by what the tiles show at the
borders that would meet: under random keys, and under zeros, beyond the cover.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sirensong.carrier.stego import StegoFunction
from sirensong.keys.secret import SecretKey
from sirensong.lab.secrecy.positions import area
from sirensong.network.siren import Layer, Weights, evaluate
from sirensong.network.tiles import Grid
from sirensong.reveal import unlock

Features = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]
"""The carrier's tile for each tile of a picture."""

_TINY = 1e-9


class Pairs(NamedTuple):
    """Pairs of a carrier's tiles: some are neighbours in a picture, some are not.

    Args:
        first: tile of the carrier, (pairs,).
        second: the tile that is to the right of the first, or below it, if they are neighbours.
        below: whether it is below.
        near: whether they are neighbours.
    """

    first: Order
    second: Order
    below: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]


def pairs_of(order: Order, grid: Grid, seed: int = 0) -> Pairs:
    """All pairs of neighbours in a picture, and as many of its tiles that do not touch.

    Args:
        order: the carrier's tile for each tile of the picture.
        grid: of three tiles a row or a column at least.
        seed: of the pairs that do not touch.
    """
    at = np.arange(grid.tiles).reshape(grid.rows, grid.columns)
    first = np.concatenate([at[:, :-1].ravel(), at[:-1].ravel()])
    second = np.concatenate([at[:, 1:].ravel(), at[1:].ravel()])
    below = np.arange(len(first)) >= at[:, :-1].size
    rows, columns = np.divmod(np.arange(grid.tiles), grid.columns)
    apart = np.maximum(abs(rows[:, None] - rows), abs(columns[:, None] - columns)) > 1
    distant = np.argwhere(apart)
    drawn = np.random.default_rng(seed).integers(len(distant), size=len(first))
    return Pairs(
        order[np.concatenate([first, distant[drawn, 0]])],
        order[np.concatenate([second, distant[drawn, 1]])],
        np.tile(below, 2),
        np.repeat([True, False], len(first)),
    )


def borders(weights: Weights, points: int = 16) -> Features:
    """What tiles show on their four sides.

    Args:
        weights: of the tiles.
        points: on each side.

    Returns:
        (tiles, 4, points, 3): left, right, top and bottom, in a function's units.
    """
    along = (2 * np.arange(points) + 1) / points - 1
    ones = np.ones(points)
    sides = [(-ones, along), (ones, along), (along, -ones), (along, ones)]
    coords = np.stack([np.stack(side, axis=1) for side in sides]).astype(np.float32)
    tiles = len(weights[0].weight)
    shown = evaluate(weights, np.broadcast_to(coords.reshape(-1, 2), (tiles, 4 * points, 2)))
    return np.asarray(shown.reshape(tiles, 4, points, 3), np.float64)


def residuals(stego: StegoFunction, draws: int) -> tuple[Features, Features]:
    """What random keys leave at the borders of each tile beyond the cover, mean over keys.

    Args:
        stego: the carrier.
        draws: how many keys.

    Returns:
        Of random keys' weights, and of zeros in the same positions; each as `borders` returns.
    """
    own, tiles = borders(stego.weights), range(stego.grid.tiles)
    random, zeroed = [], []
    for seed in range(draws):
        key = SecretKey(np.random.default_rng(seed).bytes(32))
        wrong = unlock(stego, key, force=True).tiles(tiles)
        zeros = tuple(
            Layer(np.where(layer.weight == old.weight, old.weight, np.float32(0)), old.bias)
            for layer, old in zip(wrong, stego.weights, strict=True)
        )
        random.append(borders(wrong) - own)
        zeroed.append(borders(zeros) - own)
    return np.mean(random, axis=0), np.mean(zeroed, axis=0)


def distances(features: Features, edges: Sequence[Features], pairs: Pairs) -> Features:
    """How far two tiles of each pair are from being alike and from fitting together.

    Args:
        features: of each tile, (tiles, numbers).
        edges: borders of the tiles, one render or several.
        pairs: of the tiles.

    Returns:
        (pairs, numbers + 3 x renders): of each feature the difference's magnitude; of the facing
        borders the distance, one less their correlation, and the difference in size.
    """
    columns = [np.abs(features[pairs.first] - features[pairs.second])]
    for shown in edges:
        one = shown[pairs.first, np.where(pairs.below, 3, 1)].reshape(len(pairs.first), -1)
        other = shown[pairs.second, np.where(pairs.below, 2, 0)].reshape(len(pairs.first), -1)
        sizes = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
        parts = [
            np.linalg.norm(one - other, axis=1),
            1 - (one * other).sum(1) / np.maximum(sizes[0] * sizes[1], _TINY),
            np.abs(np.log((sizes[0] + _TINY) / (sizes[1] + _TINY))),
        ]
        columns.append(np.stack(parts, axis=1))
    return np.concatenate(columns, axis=1)


def recognised(
    model: Any, tables: Sequence[Features], labels: Sequence[npt.NDArray[np.bool_]]
) -> list[float]:
    """How well a classifier tells neighbours in each carrier, taught by the other carriers.

    Args:
        model: a classifier of scikit-learn, whose `fit` begins anew.
        tables: distances of each carrier's pairs, two carriers at least.
        labels: which of them are neighbours.

    Returns:
        Area under the ROC curve for each carrier: 0.5 is guessing.
    """
    found = []
    for index, table in enumerate(tables):
        known = [place for place in range(len(tables)) if place != index]
        model.fit(
            np.concatenate([tables[place] for place in known]),
            np.concatenate([labels[place] for place in known]),
        )
        found.append(area(model.predict_proba(table)[:, 1], labels[index]))
    return found


def strongest_distance(
    tables: Sequence[Features], labels: Sequence[npt.NDArray[np.bool_]]
) -> list[float]:
    """How well the one distance that tells most in the other carriers tells neighbours.

    Args:
        tables: distances of each carrier's pairs, two carriers at least.
        labels: which of them are neighbours.

    Returns:
        Area under the ROC curve for each carrier: 0.5 is guessing.
    """
    areas = np.array(
        [
            [area(-column, own) for column in table.T]
            for table, own in zip(tables, labels, strict=True)
        ]
    )
    found = []
    for index, own in enumerate(areas):
        others = np.delete(areas, index, axis=0).mean(0)
        found.append(float(own[np.argmax(others)]))
    return found


def arrange(values: Features, grid: Grid, seed: int = 0, swaps: int = 200_000) -> Order:
    """Order tiles so that neighbours have like values, by simulated annealing.

    Args:
        values: of each tile, (tiles,).
        grid: of two tiles at least.
        seed: of the first order and of the exchanges that are tried.
        swaps: how many.

    Returns:
        The tile in each place of the grid.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(grid.tiles)
    own = (values / max(float(values.std()), _TINY))[order].tolist()
    beside = [_beside(place, grid) for place in range(grid.tiles)]
    tried = rng.integers(grid.tiles, size=(swaps, 2)).tolist()
    luck = (-np.log(rng.random(swaps)) * np.geomspace(1, 1e-3, swaps)).tolist()
    for (first, second), most in zip(tried, luck, strict=True):
        one, other = own[first], own[second]
        rise = 0.0
        for here, old, new, skip in ((first, one, other, second), (second, other, one, first)):
            for place in beside[here]:
                if place != skip:
                    rise += abs(new - own[place]) - abs(old - own[place])
        if rise < most:
            own[first], own[second] = other, one
            order[[first, second]] = order[[second, first]]
    return order


def _beside(place: int, grid: Grid) -> list[int]:
    row, column = divmod(place, grid.columns)
    near = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return [r * grid.columns + c for r, c in near if 0 <= r < grid.rows and 0 <= c < grid.columns]


def right_neighbours(arranged: Order, order: Order, grid: Grid) -> float:
    """Share of pairs that touch in an arrangement and touch in the picture.

    Args:
        arranged: the carrier's tile in each place of an arrangement.
        order: the carrier's tile for each tile of the picture.
        grid: of both.
    """
    rows, columns = np.empty(grid.tiles, np.int64), np.empty(grid.tiles, np.int64)
    rows[order], columns[order] = np.divmod(np.arange(grid.tiles), grid.columns)
    at = arranged.reshape(grid.rows, grid.columns)
    pairs = [(at[:, :-1], at[:, 1:]), (at[:-1], at[1:])]
    apart = [
        (abs(rows[one] - rows[other]) + abs(columns[one] - columns[other])).ravel()
        for one, other in pairs
    ]
    return float((np.concatenate(apart) == 1).mean())
