"""What searchers look for: a natural picture in what a change of weights does to the render.

What a change shows of pictures that are known already, the cover first of all, is taken out; what
is left counts by its form, however faint it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from sirensong.carrier.stego import StegoFunction
from sirensong.lab.secrecy.prior import SIDE, PatchPrior
from sirensong.network.siren import Weights, evaluate

Objective = Callable[[Tensor], Tensor]
"""Scores pictures, (pictures, height, width, 3): more is more natural."""

Layers = list[tuple[Tensor, Tensor]]
"""(weight, bias) of each layer of several SIRENs, (SIRENs, out, in) and (SIRENs, out)."""


def variation(pictures: Tensor) -> Tensor:
    """Total variation of each picture in units of its contrast, negative."""
    down, across = pictures.diff(dim=1), pictures.diff(dim=2)
    steps = down.abs().mean((1, 2, 3)) + across.abs().mean((1, 2, 3))
    return -steps / pictures.std((1, 2)).mean(1).clamp(min=1e-9)


def likeness(prior: PatchPrior) -> Objective:
    """Score pictures by their patches; what is likelier than photographs are gains nothing."""

    def score(pictures: Tensor) -> Tensor:
        return prior.log_likelihood(pictures).clamp(max=prior.typical)

    return score


def signs(prior: PatchPrior) -> Objective:
    """Several signs of a picture, from which a judge may learn.

    Returns:
        What computes them: (pictures, 9) of (pictures, height, width, 3). They are the logarithm
        of the contrast; total variation as it is, and with 2x2 and 4x4 pixels put together;
        correlation of red with green, green with blue, and blue with red; log likelihood; and
        kurtosis of brightness gradients.
    """

    def compute(pictures: Tensor) -> Tensor:
        channels = pictures.permute(0, 3, 1, 2)
        scales = [channels, *(avg_pool2d(channels, size) for size in (2, 4))]
        centred = channels.flatten(2) - channels.flatten(2).mean(2, keepdim=True)
        directions = centred / centred.norm(dim=2, keepdim=True).clamp(min=1e-9)
        gradients = channels.mean(1).diff(dim=2).flatten(1)
        kurtosis = gradients.pow(4).mean(1) / gradients.square().mean(1).square().clamp(min=1e-18)
        columns = [
            pictures.std((1, 2)).mean(1).clamp(min=1e-9).log(),
            *(variation(scale.permute(0, 2, 3, 1)) for scale in scales),
            *((directions * directions.roll(1, 1)).sum(2)).T,
            prior.log_likelihood(pictures).clamp(-2000, 2000),
            kurtosis.clamp(min=1e-9).log(),
        ]
        return torch.stack(columns, 1)

    return compute


def weighted(compute: Objective, weights: Tensor) -> Objective:
    """Score pictures by a weighted sum of signs.

    Args:
        compute: the signs, (pictures, signs).
        weights: of each sign, (signs,).
    """
    return lambda pictures: compute(pictures) @ weights


@dataclass(frozen=True, eq=False)
class Search:
    """The tiles of a carrier as a searcher sees them, each without its neighbours.

    Args:
        layers: of all tiles.
        coords: of a tile's pixels, (pixels, 2).
        side: of a tile's render, in pixels.
        known: orthonormal basis of what is known of each tile, (tiles, 3, pixels, known + 1).
        objective: scores what is left of a tile's render.
    """

    layers: Layers
    coords: Tensor
    side: int
    known: Tensor
    objective: Objective

    def score(self, layers: Layers, tiles: Sequence[int]) -> Tensor:
        """Score changed SIRENs.

        Args:
            layers: of the changed SIRENs.
            tiles: which tile of the carrier each is a change of.

        Returns:
            (SIRENs,).
        """
        colours = _colours(layers, self.coords).transpose(1, 2).unsqueeze(-1)
        basis = self.known[list(tiles)]
        left = (colours - basis @ (basis.transpose(2, 3) @ colours)).squeeze(-1)
        return self.objective(left.transpose(1, 2).reshape(-1, self.side, self.side, 3))


def search_of(stego: StegoFunction, objective: Objective, others: Sequence[Weights] = ()) -> Search:
    """Prepare a search in a carrier.

    Args:
        stego: the carrier.
        objective: what to look for.
        others: SIRENs for all of the carrier's tiles, in its order, that render pictures which
            the searcher knows, besides the cover.
    """
    rows, columns = stego.grid.rows, stego.grid.columns
    side = max(SIDE, round((stego.height * stego.width / (rows * columns)) ** 0.5))
    line = (2 * np.arange(side, dtype=np.float32) + 1) / side - 1
    coords = torch.from_numpy(np.stack(np.meshgrid(line, line), -1).reshape(-1, 2))
    published = stego.tiles(range(stego.grid.tiles))
    pictures = [_colours(layers_of(weights), coords) for weights in (published, *others)]
    constant = torch.ones_like(pictures[0])
    known = torch.stack([constant, *pictures], -1).transpose(1, 2)
    basis = torch.linalg.qr(known).Q
    return Search(layers_of(published), coords, side, basis, objective)


def _colours(layers: Layers, coords: Tensor) -> Tensor:
    """Render tiles, (SIRENs, pixels, 3), within bounds that leave a slope beyond full light."""
    return evaluate(layers, coords.expand(len(layers[0][0]), -1, -1)).clamp(-1.5, 1.5)


def layers_of(weights: Weights) -> Layers:
    """The same SIRENs as torch tensors."""
    return [(torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)) for layer in weights]
