"""Look for a key's positions and values by gradients: a mask over the weights is optimized.

The mask is trained as in "What's hidden in a randomly weighted neural network?" (Ramanujan et al.
2020): each weight has a score, the largest of each matrix are replaced, and the gradient passes
through that choice as if it were not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sirensong.carrier.stego import StegoFunction
from sirensong.keys.stream import xavier_deviation
from sirensong.lab.secrecy.knowledge import replacements
from sirensong.lab.secrecy.objectives import Layers, Search, layers_of
from sirensong.lab.secrecy.search import Climbed, Sets
from sirensong.network.siren import Layer, Weights
from sirensong.network.substitution import KEYED_GAIN, keyed_counts
from sirensong.reveal import SecretFunction


@dataclass(frozen=True)
class Descent:
    """How a mask is optimized.

    Args:
        steps: of Adam.
        rate: its learning rate, for scores and values alike.
    """

    steps: int = 200
    rate: float = 0.02


def optimize(
    stego: StegoFunction,
    search: Search,
    ratio: float,
    descent: Descent = Descent(),
    seed: int = 0,
    *,
    start: Weights | None = None,
    given: Sets | None = None,
    order: Sequence[int] | None = None,
) -> Climbed:
    """Optimize which weights are replaced, and by what, towards a natural picture.

    Args:
        stego: the carrier.
        search: in that carrier.
        ratio: S, the share of each matrix that keys replace, where they do.
        descent: how long.
        seed: of the first scores and values.
        start: SIRENs of all tiles to replace weights in, the carrier's by default. An insider
            begins with those that render their own picture.
        given: positions that are known; only values are optimized. For an oracle, which tells
            whether the objective would find a secret if the search found its positions.
        order: which tile of the carrier to show in each place, as they lie by default.
    """
    generator = torch.Generator().manual_seed(seed)
    base = layers_of(start or stego.tiles(range(stego.grid.tiles)))
    values = [_values(weight, generator).requires_grad_() for weight, _ in base]
    scores = [
        (torch.randn(weight.shape, generator=generator) * 0.01).requires_grad_()
        for weight, _ in base
    ]
    counts = keyed_counts(stego.architecture, ratio)
    optimizer = torch.optim.Adam([*values, *scores], descent.rate)
    tiles = range(stego.grid.tiles)
    best, highest, first = base, torch.full((len(tiles),), -torch.inf), torch.zeros(len(tiles))
    for step in range(descent.steps + 1):
        masks = _masks(scores, counts) if given is None else _fixed(given)
        layers = [
            (torch.lerp(weight, value, mask), bias)
            for (weight, bias), value, mask in zip(base, values, masks, strict=True)
        ]
        found = search.score(layers, tiles)
        first = found.detach() if step == 0 else first
        best = _better(best, layers, found.detach() > highest)
        highest = torch.maximum(highest, found.detach())
        optimizer.zero_grad()
        torch.autograd.backward(-found.sum())
        optimizer.step()
    sets = _fixed_sets(_masks(scores, counts)) if given is None else given
    weights = tuple(Layer(weight.numpy(), bias.numpy()) for weight, bias in best)
    return Climbed(stego.grid, weights, sets, order or tiles, float((highest - first).mean()))


def _values(weight: Tensor, generator: torch.Generator) -> Tensor:
    out, into = weight.shape[1:]
    return torch.randn(weight.shape, generator=generator) * KEYED_GAIN * xavier_deviation(into, out)


def _masks(scores: Sequence[Tensor], counts: Sequence[int]) -> list[Tensor]:
    """1 for the largest scores of each matrix; the gradient is that of the scores."""
    masks = []
    for own, count in zip(scores, counts, strict=True):
        flat = own.flatten(1)
        chosen = flat.topk(count, dim=1).indices
        hard = torch.zeros_like(flat).scatter(1, chosen, 1.0).view_as(own)
        masks.append(hard + own - own.detach())
    return masks


def _fixed(sets: Sets) -> list[Tensor]:
    return [torch.from_numpy(chosen).float() for chosen in sets]


def _fixed_sets(masks: Sequence[Tensor]) -> Sets:
    return [(mask > 0.5).numpy() for mask in masks]


def _better(best: Layers, layers: Layers, improved: Tensor) -> Layers:
    """The best layers so far, tile by tile."""
    taken = improved[:, None, None]
    return [
        (torch.where(taken, weight.detach(), kept), bias)
        for (kept, bias), (weight, _) in zip(best, layers, strict=True)
    ]


def influence(
    stego: StegoFunction, search: Search, ratio: float, draws: int = 100, seed: int = 0
) -> npt.NDArray[np.float64]:
    """How much the objective rises on average if a weight is among those that are set to zero.

    Random sets of positions are set to zero, and the objective's gradient with respect to each
    weight's membership is averaged: what group testing would find, at the price of few renders.

    Args:
        stego: the carrier.
        search: in that carrier.
        ratio: S, the share of each matrix that keys replace, where they do.
        draws: random sets in each tile.
        seed: of the sets.

    Returns:
        For each weight, tile by tile, in standard deviations of its matrix.
    """
    generator = torch.Generator().manual_seed(seed)
    totals = [torch.zeros_like(weight) for weight, _ in search.layers]
    tiles, counts = range(stego.grid.tiles), keyed_counts(stego.architecture, ratio)
    for _ in range(draws):
        drawn = [torch.rand(weight.shape, generator=generator) for weight, _ in search.layers]
        members = [mask.detach().requires_grad_() for mask in _masks(drawn, counts)]
        layers = [
            (weight * (1 - mask), bias)
            for (weight, bias), mask in zip(search.layers, members, strict=True)
        ]
        slopes = torch.autograd.grad(search.score(layers, tiles).sum(), members)
        for total, slope in zip(totals, slopes, strict=True):
            total += slope
    standard = [(total / total.std((1, 2), keepdim=True)).flatten(1) for total in totals]
    return torch.cat(standard, 1).flatten().double().numpy()


def true_sets(secret: SecretFunction) -> Sets:
    """A key's own positions, for an oracle.

    Args:
        secret: what the key makes of the carrier.
    """
    stego = secret.stego
    sets: Sets = [np.zeros((stego.grid.tiles, *shape), bool) for shape in stego.architecture.shapes]
    for own in replacements(secret):
        for chosen, positions in zip(sets, own.positions, strict=True):
            np.put(chosen[own.tile], positions, True)
    return sets
