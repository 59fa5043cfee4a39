"""Climb to a key's positions without the key: replace sets of weights, keep what looks natural.

Each tile is searched alone, by simulated annealing on sets of as many positions as a key has. A
slope for this exists where a set that is partly right already shows some of the secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from sirensong.carrier.stego import StegoFunction
from sirensong.keys.stream import xavier_deviation
from sirensong.lab.secrecy.knowledge import (
    Insertion,
    Knowledge,
    PartlyRight,
    replacements,
    with_key,
)
from sirensong.lab.secrecy.objectives import (
    Layers,
    Objective,
    Search,
    layers_of,
    search_of,
    signs,
    weighted,
)
from sirensong.lab.secrecy.prior import PatchPrior
from sirensong.network.siren import Layer, Weights
from sirensong.network.substitution import KEYED_GAIN, keyed_counts
from sirensong.network.tiles import Grid
from sirensong.reveal import SecretFunction

_LEARNED_SHARES = (0.0, 0.1, 0.2, 0.3)
"""Shares of right positions from which an objective is learned: where a search has to begin."""

Sets = list[npt.NDArray[np.bool_]]
"""For each matrix which of its weights are replaced: (tiles or candidates, out, in)."""


@dataclass(frozen=True)
class Budget:
    """How long to climb in each tile.

    Args:
        steps: how often a candidate may be taken.
        candidates: sets tried in a step.
        zeros: whether zeros are put in, instead of random values.
    """

    steps: int = 100
    candidates: int = 32
    zeros: bool = False


@dataclass(frozen=True, eq=False)
class Climbed:
    """What a climber has found; it can be rendered.

    Args:
        grid: of the carrier.
        weights: of all tiles.
        sets: of the positions that are replaced.
        order: which tile of the carrier to show in each place of the picture.
        gain: of the objective over random sets' mean, in their standard deviations; mean over
            the tiles.
    """

    grid: Grid
    weights: Weights
    sets: Sets
    order: Sequence[int]
    gain: float

    def tiles(self, indices: Sequence[int]) -> Weights:
        """The SIRENs of some places of the picture."""
        chosen = [self.order[index] for index in indices]
        return tuple(Layer(weight[chosen], bias[chosen]) for weight, bias in self.weights)


def climb(
    stego: StegoFunction,
    search: Search,
    ratio: float,
    budget: Budget,
    seed: int = 0,
    order: Sequence[int] | None = None,
) -> Climbed:
    """Search the positions of a key, tile by tile.

    Args:
        stego: the carrier.
        search: in that carrier.
        ratio: S, the share of each matrix that keys replace, where they do.
        budget: how long.
        seed: of all that is drawn.
        order: which tile of the carrier to show in each place, for who knows how a key shuffles
            them; as they lie by default.
    """
    rng, counts = np.random.default_rng(seed), keyed_counts(stego.architecture, ratio)
    weights = stego.tiles(range(stego.grid.tiles))
    sets: Sets = [np.zeros(layer.weight.shape, bool) for layer in weights]
    gains = []
    for tile in range(stego.grid.tiles):
        own = _Tile(search, tile, counts, budget, rng)
        best, gain = own.anneal()
        gains.append(gain)
        for layer, chosen, found, new in zip(weights, sets, best, own.values, strict=True):
            chosen[tile] = found
            layer.weight[tile] = np.where(found, new, layer.weight[tile])
    return Climbed(
        stego.grid, weights, sets, order or range(stego.grid.tiles), float(np.mean(gains))
    )


class _Tile:
    """The search in one tile."""

    def __init__(
        self, search: Search, tile: int, counts: list[int], budget: Budget, rng: np.random.Generator
    ) -> None:
        self._search, self._tile, self._budget, self._rng = search, tile, budget, rng
        self._layers = [(weight[tile], bias[tile]) for weight, bias in search.layers]
        self._shapes = [tuple(weight.shape) for weight, _ in self._layers]
        self._counts = counts
        self.values = []
        for out, into in self._shapes:
            deviation = 0.0 if budget.zeros else KEYED_GAIN * xavier_deviation(into, out)
            self.values.append(rng.normal(0, deviation, (out, into)).astype(np.float32))

    def anneal(self) -> tuple[Sets, float]:
        """Find a set, and how far its score is above random ones'."""
        budget, rng = self._budget, self._rng
        first = self._random(budget.candidates)
        scores = self._scores(first)
        mean, deviation = float(scores.mean()), max(float(scores.std()), 1e-9)
        current = [sets[scores.argmax()] for sets in first]
        reached = float(scores.max())
        best, highest = current, reached
        for step in range(budget.steps):
            left = 1 - step / budget.steps
            tried = self._neighbours(current, share=max(0.01, 0.2 * left**2))
            scores = self._scores(tried)
            chosen = int(scores.argmax())
            allowed = 0.2 * deviation * left * rng.exponential()
            if scores[chosen] > reached - allowed:
                current, reached = [sets[chosen] for sets in tried], float(scores[chosen])
            if reached > highest:
                best, highest = current, reached
        return best, (highest - mean) / deviation

    def _random(self, count: int) -> Sets:
        sets = []
        for shape, selected in zip(self._shapes, self._counts, strict=True):
            drawn = self._rng.random((count, shape[0] * shape[1]))
            least = np.sort(drawn, axis=1)[:, :selected].max(1, initial=-1.0, keepdims=True)
            sets.append((drawn <= least).reshape(count, *shape))
        return sets

    def _neighbours(self, current: Sets, share: float) -> Sets:
        """Sets that have exchanged a share of their positions for others."""
        sets = []
        for own, selected in zip(current, self._counts, strict=True):
            exchanged = self._rng.binomial(selected, share, self._budget.candidates)
            tried = np.repeat(own.reshape(1, -1), self._budget.candidates, axis=0)
            inside, outside = np.flatnonzero(tried[0]), np.flatnonzero(~tried[0])
            for candidate, count in zip(tried, exchanged, strict=True):
                candidate[self._rng.choice(inside, count, replace=False)] = False
                candidate[self._rng.choice(outside, count, replace=False)] = True
            sets.append(tried.reshape(-1, *own.shape))
        return sets

    def _scores(self, sets: Sets) -> npt.NDArray[np.float64]:
        layers: Layers = []
        count = len(sets[0])
        for (weight, bias), chosen, values in zip(self._layers, sets, self.values, strict=True):
            changed = torch.where(torch.from_numpy(chosen), torch.from_numpy(values), weight)
            layers.append((changed, bias.expand(count, -1)))
        with torch.no_grad():
            scores = self._search.score(layers, [self._tile] * count)
        return scores.double().numpy()


def right_share(sets: Sets, secret: SecretFunction) -> float:
    """Share of the positions in a set that are a key's; chance is the ratio S.

    Args:
        sets: of all tiles of the carrier.
        secret: what the key makes of the carrier.
    """
    right = total = 0
    for own in replacements(secret):
        for chosen, positions in zip(sets, own.positions, strict=True):
            right += int(chosen[own.tile].ravel()[positions].sum())
            total += int(chosen[own.tile].sum())
    return right / total


def slope(
    search: Search, secret: SecretFunction, knowledge: Sequence[Knowledge], draws: int, seed: int
) -> list[float]:
    """Tell whether a search could see that it comes nearer: the objective for partly right keys.

    Args:
        search: in the key's carrier.
        secret: what the key makes of the carrier.
        knowledge: what of the key is right; the first should be nothing.
        draws: of all that is not right.
        seed: of the draws.

    Returns:
        For each knowledge the objective's mean over tiles and draws, in standard deviations that
        it has between draws with the first knowledge.
    """
    scores = scores_of(search, secret, knowledge, draws, seed)
    mean, deviation = scores[0].mean(0), np.maximum(scores[0].std(0), 1e-9)
    return [float(value) for value in ((scores - mean) / deviation).mean((1, 2))]


def scores_of(
    search: Search, secret: SecretFunction, knowledge: Sequence[Knowledge], draws: int, seed: int
) -> npt.NDArray[np.float64]:
    """Score partly right keys.

    Args:
        search: in the key's carrier.
        secret: what the key makes of the carrier.
        knowledge: what of the key is right.
        draws: of all that is not right.
        seed: of the draws.

    Returns:
        What the search's objective says, (knowledge, draws, tiles), or more axes.
    """
    right, places = replacements(secret), range(secret.grid.tiles)
    tiles = [own.tile for own in right]
    scores = []
    for draw in range(seed * draws, (seed + 1) * draws):
        wrong = replacements(with_key(secret, draw))
        for known in knowledge:
            weights = PartlyRight(secret, right, wrong, known, draw).tiles(places)
            with torch.no_grad():
                scores.append(search.score(layers_of(weights), tiles).double().numpy())
    return np.array(scores).reshape(draws, len(knowledge), *scores[0].shape).swapaxes(0, 1)


def learn_objective(
    prior: PatchPrior, secrets: Sequence[SecretFunction], insertion: Insertion, draws: int = 12
) -> Objective:
    """Learn from carriers whose keys are known how a set of positions that is nearer looks.

    Args:
        prior: of patches.
        secrets: what each known key makes of its carrier.
        insertion: what is put into positions.
        draws: of partly right keys, for each key and share.

    Returns:
        An objective that rises with the share of the positions that are right, as far as a ridge
        regression on `signs` can tell.
    """
    compute = signs(prior)
    knowledge = [Knowledge(share, insertion) for share in _LEARNED_SHARES]
    facts, shares = [], []
    for seed, secret in enumerate(secrets):
        found = scores_of(search_of(secret.stego, compute), secret, knowledge, draws, seed)
        facts.append((found - found[0].mean(0)).reshape(-1, found.shape[-1]))
        shares.append(np.repeat(_LEARNED_SHARES, len(facts[-1]) // len(knowledge)))
    table, wanted = np.concatenate(facts), np.concatenate(shares)
    scale = table.std(0)
    scaled = table / scale
    ridge = np.eye(len(scale)) * 1e-3 * len(scaled)
    learned = np.linalg.solve(scaled.T @ scaled + ridge, scaled.T @ wanted) / scale
    return weighted(compute, torch.from_numpy(learned).float())
