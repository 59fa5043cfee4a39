"""What is trained: N+1 functions over one set of shared weights, each with its own picture.

Section 3.5 of the paper, for several tiles at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sirensong.network.siren import Architecture, evaluate
from sirensong.network.substitution import Positions, Values, keyed_matrices
from sirensong.network.tiles import Grid
from sirensong.pictures.image import RGB, from_uint8
from sirensong.training.parameters import Parameters
from sirensong.training.recipe import Lock
from sirensong.training.rounding import Rounding
from sirensong.training.wrong_keys import WrongKeys

_CHUNK = 16384  # points rendered at a time
_TILE_AXES = (0, 1, 0)  # of the first, hidden and last matrices; functions are on the next axis


class Target(NamedTuple):
    """A tile's part of one picture.

    Args:
        size: (height, width) in pixels.
        coords: (P, 2), x and y in the tile.
        colours: (P, 3) in [-1, 1].
    """

    size: tuple[int, int]
    coords: Tensor
    colours: Tensor


def target_of(tile: int, picture: RGB, grid: Grid, device: torch.device) -> Target:
    """Cut a tile's part out of a picture."""
    patch = grid.patch(tile, (picture.shape[0], picture.shape[1]))
    colours = from_uint8(picture[patch.rows, patch.columns]).reshape(-1, 3) * 2 - 1
    coords = torch.from_numpy(patch.coords).to(device)
    return Target(patch.size, coords, torch.from_numpy(colours).to(device))


@dataclass(frozen=True)
class Tile:
    """One tile's functions: first the stego function, then secret ones.

    Args:
        targets: one for each function.
        substitutions: (positions, values) of each secret function, in order: what stands there in
            place of the shared weights.
        frozen: positions whose shared weights are not trained (W_st of section 3.3, for a mask
            that all keys share), or None.
    """

    targets: Sequence[Target]
    substitutions: Sequence[tuple[Positions, Values]] = ()
    frozen: Positions | None = None


class Problem:
    """T tiles of F functions each: T sets of shared weights, T x F functions, tile by tile.

    With a lock each tile has one function more, of a wrong key, whose picture is the first
    function's.

    Args:
        architecture: of each function.
        tiles: with as many pictures each.
        loss_weights: one for each picture (Eq. 9).
        lock: how wrong keys are trained for, None not to; it needs a secret function at least.
        rounding: the lattice that the weights are to be published on, None for no lattice.

    Attributes:
        kept: where each function has the shared weights, 1 or 0, in the first matrices
            (T, F, H, 2), the hidden ones (L-1, T, F, H, H) and the last ones (T, F, 3, H).
        inserted: what it has in the other places, and 0.
        loss_weights: (T x F,), of all functions.
    """

    def __init__(
        self,
        architecture: Architecture,
        tiles: Sequence[Tile],
        loss_weights: Sequence[float],
        lock: Lock | None = None,
        rounding: Rounding | None = None,
    ) -> None:
        self.architecture, self._rounding = architecture, rounding
        self.tiles, self.pictures = len(tiles), len(tiles[0].targets)
        wrong = 0 if lock is None else 1
        functions = self.pictures + wrong
        self.targets = tuple(
            target for tile in tiles for target in (*tile.targets, *tile.targets[:wrong])
        )
        inserted = _batched(architecture, self.tiles, functions, 0.0)
        shared = _batched(architecture, self.tiles, functions, 1.0)
        trained = _batched(architecture, self.tiles, 1, 1.0)
        for index, tile in enumerate(tiles):
            for function, (positions, values) in enumerate(tile.substitutions, start=1):
                _put(shared, index, function, positions, 0.0)
                _put(inserted, index, function, positions, values)
            if tile.frozen is not None:
                _put(trained, index, 0, tile.frozen, 0.0)
        device = self.targets[0].coords.device
        self.inserted, self.kept, self._trained = (
            [tensor.to(device) for tensor in tensors] for tensors in (inserted, shared, trained)
        )
        self._every = [torch.empty_like(tensor) for tensor in self.inserted]
        every = [*loss_weights, *[0.0] * wrong]
        weights = torch.tensor(every, dtype=torch.float32, device=device)
        self.loss_weights = weights.repeat(self.tiles)
        keyed = keyed_matrices(architecture)
        self.keyed = slice(keyed.start - 1, keyed.stop - 1)  # of the hidden matrices
        self.wrong_keys: WrongKeys | None = None
        if lock is not None:
            self.wrong_keys = WrongKeys(
                lock,
                self.kept[1][self.keyed],
                self.inserted[1][self.keyed],
                self.loss_weights.view(self.tiles, functions),
            )

    @property
    def functions(self) -> int:
        """T x F: the stego function, the secret ones and a wrong key's, of all tiles."""
        return len(self.targets)

    def seen(self, shared: Parameters) -> Parameters:
        """The shared weights as they would be published: what every step looks at."""
        return shared if self._rounding is None else self._rounding.seen(shared)

    def weights(self, shared: Parameters) -> Parameters:
        """Every function's own weights (Eq. 4, 5), overwritten by the next call."""
        first, hidden, last = (
            torch.addcmul(inserted, kept, matrix.unsqueeze(axis + 1), out=own).flatten(
                axis, axis + 1
            )
            for inserted, kept, matrix, own, axis in zip(
                self.inserted,
                self.kept,
                _matrices(shared),
                self._every,
                _TILE_AXES,
                strict=True,
            )
        )
        each = self.functions // self.tiles
        biases = shared.biases.repeat_interleave(each, 1)
        last_bias = shared.last_bias.repeat_interleave(each, 0)
        return Parameters(first, hidden, last, biases, last_bias)

    def shared_gradient(self, gradient: Parameters) -> Parameters:
        """Sum every function's gradient over the functions that share a weight.

        Only W_s is trained (Eq. 10). Overwrites `gradient`.
        """
        for part, kept in zip(_matrices(gradient), self.kept, strict=True):
            part.view_as(kept).mul_(kept)
        return self.summed(gradient)

    def summed(self, gradient: Parameters) -> Parameters:
        """The same of a gradient that is 0 already where a function has weights of its own.

        Args:
            gradient: of all functions, or of several groups of each function's points.
        """
        first, hidden, last = (
            part.view(*trained.shape[: axis + 1], -1, *trained.shape[axis + 2 :])
            .sum(axis + 1)
            .mul_(trained.squeeze(axis + 1))
            for part, trained, axis in zip(
                _matrices(gradient), self._trained, _TILE_AXES, strict=True
            )
        )
        layers, _, features = gradient.biases.shape
        biases = gradient.biases.view(layers, self.tiles, -1, features).sum(2)
        last_bias = gradient.last_bias.view(self.tiles, -1, 3).sum(1)
        return Parameters(first, hidden, last, biases, last_bias)

    def errors(self, shared: Parameters) -> list[float]:
        """Mean squared error of each picture's render, over the tiles that are here.

        On colours in [-1, 1], like the errors of a pass; renders are rounded to 8 bits, as they
        are written.
        """
        every, each = self.weights(shared), self.functions // self.tiles
        errors, samples = torch.zeros(each, dtype=torch.float64), [0] * each
        for index, target in enumerate(self.targets):
            if index % each >= self.pictures:
                continue
            matrices = (every.first[index], *every.hidden[:, index], every.last[index])
            biases = (*every.biases[:, index], every.last_bias[index])
            layers = list(zip(matrices, biases, strict=True))
            for start in range(0, len(target.coords), _CHUNK):
                chunk = slice(start, start + _CHUNK)
                output = evaluate(layers, target.coords[chunk])
                rendered = output.clamp(-1, 1).add(1).mul(127.5).round()
                difference = rendered - (target.colours[chunk] + 1) * 127.5
                errors[index % each] += difference.square().sum().cpu()
            samples[index % each] += target.colours.numel()
        pairs = list(zip(errors.tolist(), samples, strict=True))[: self.pictures]
        return [error / count / 127.5**2 for error, count in pairs]

    def trained(self) -> Tensor:
        """Where hidden matrices may change: (L-1, T, H, H), 1 or 0."""
        return self._trained[1].squeeze(2)


def cover_problem(
    architecture: Architecture, tiles: range, picture: RGB, grid: Grid, device: torch.device
) -> Problem:
    """Each tile's function with its part of one picture alone (Eq. 2)."""
    own = [Tile([target_of(tile, picture, grid, device)]) for tile in tiles]
    return Problem(architecture, own, [1.0])


def _matrices(parameters: Parameters) -> tuple[Tensor, Tensor, Tensor]:
    return parameters.first, parameters.hidden, parameters.last


def _batched(architecture: Architecture, tiles: int, functions: int, value: float) -> list[Tensor]:
    """The first, hidden and last matrices of T x F functions, all of one value."""
    features, layers = architecture.hidden_features, architecture.hidden_layers
    shapes = (
        (tiles, functions, features, 2),
        (layers - 1, tiles, functions, features, features),
        (tiles, functions, 3, features),
    )
    return [torch.full(shape, value) for shape in shapes]


def _put(
    batched: list[Tensor],
    tile: int,
    function: int,
    positions: Positions,
    values: Values | float,
) -> None:
    """Put values at positions of one function's matrices, first to last."""
    first, hidden, last = batched
    matrices = [first[tile, function], *hidden[:, tile, function], last[tile, function]]
    for index, (matrix, places) in enumerate(zip(matrices, positions, strict=True)):
        given = values if isinstance(values, float) else torch.from_numpy(values[index])
        matrix.view(-1)[torch.from_numpy(places)] = given
