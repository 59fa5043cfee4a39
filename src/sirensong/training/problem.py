"""What is trained: N+1 functions over one set of shared weights, each with its own picture (section 3.5); several tiles at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sirensong.network.siren import Architecture, evaluate
from sirensong.network.substitution import Positions, Values
from sirensong.network.tiles import Grid, Patch
from sirensong.pictures.image import RGB, from_uint8
from sirensong.pictures.metrics import psnr_of
from sirensong.training.parameters import Parameters

_CHUNK = 16384  # points rendered at a time


class Target:
    """A tile's part of one picture. size: (height, width) in pixels. coords: (P, 2). colours: (P, 3), in [-1, 1]."""

    def __init__(self, picture: RGB, patch: Patch, device: torch.device) -> None:
        self.size = patch.size
        self.coords = torch.from_numpy(patch.coords).to(device)
        self.colours = (
            torch.from_numpy(from_uint8(picture[patch.rows, patch.columns])).reshape(-1, 3) * 2 - 1
        ).to(device)


def targets_of(
    tile: int, pictures: Sequence[RGB], grid: Grid, device: torch.device
) -> list[Target]:
    """A tile's part of each picture."""
    return [
        Target(picture, grid.patch(tile, (picture.shape[0], picture.shape[1])), device)
        for picture in pictures
    ]


@dataclass(frozen=True)
class Tile:
    """One tile's functions: the first is the stego function, each other has some weights of its key in place of the shared ones.

    targets: one a function. substitutions: (positions, values) of each secret function, in order. frozen: positions whose shared
    weights are not trained (W_st of section 3.3, for a mask that all keys share), or None.
    """

    targets: Sequence[Target]
    substitutions: Sequence[tuple[Positions, Values]] = ()
    frozen: Positions | None = None


class Problem:
    """T tiles of F functions each: T sets of shared weights, T x F functions, counted tile by tile.

    tiles: with as many functions each. loss_weights: one a function (Eq. 9).
    """

    def __init__(
        self, architecture: Architecture, tiles: Sequence[Tile], loss_weights: Sequence[float]
    ) -> None:
        self.architecture = architecture
        self.targets = tuple(target for tile in tiles for target in tile.targets)
        self.tiles, functions = len(tiles), len(tiles[0].targets)
        self._inserted = _stacked(architecture, self.tiles, functions, 0.0)
        self._shared = _stacked(architecture, self.tiles, functions, 1.0)
        self._trained = _stacked(architecture, self.tiles, 1, 1.0)
        for index, tile in enumerate(tiles):
            for function, (positions, values) in enumerate(tile.substitutions, start=1):
                _put(self._shared, index, function, positions, 0.0)
                _put(self._inserted, index, function, positions, values)
            if tile.frozen is not None:
                _put(self._trained, index, 0, tile.frozen, 0.0)
        device = self.targets[0].coords.device
        self._inserted, self._shared, self._trained = (
            [tensor.to(device) for tensor in tensors]
            for tensors in (self._inserted, self._shared, self._trained)
        )
        self._every = [torch.empty_like(tensor) for tensor in self._inserted]
        self.loss_weights = torch.tensor(loss_weights, device=device).repeat(self.tiles)

    @property
    def functions(self) -> int:
        """T x F: the stego function and the secret ones of all tiles."""
        return len(self.targets)

    def weights(self, shared: Parameters) -> Parameters:
        """Every function's own weights (Eq. 4, 5), overwritten by the next call."""
        first, hidden, last = (
            torch.addcmul(inserted, kept, matrix.unsqueeze(axis + 1), out=own).flatten(
                axis, axis + 1
            )
            for inserted, kept, matrix, own, axis in zip(
                self._inserted,
                self._shared,
                (shared.first, shared.hidden, shared.last),
                self._every,
                _TILE_AXES,
                strict=True,
            )
        )
        each = self.functions // self.tiles
        return Parameters(
            first,
            hidden,
            last,
            shared.biases.repeat_interleave(each, 1),
            shared.last_bias.repeat_interleave(each, 0),
        )

    def shared_gradient(self, gradient: Parameters) -> Parameters:
        """Gradient of the shared weights, from that of every function's own, which is used up: only W_s learns (Eq. 10)."""
        first, hidden, last = (
            part.view_as(kept).mul_(kept).sum(axis + 1).mul_(trained.squeeze(axis + 1))
            for part, kept, trained, axis in zip(
                (gradient.first, gradient.hidden, gradient.last),
                self._shared,
                self._trained,
                _TILE_AXES,
                strict=True,
            )
        )
        layers, _, features = gradient.biases.shape
        biases = gradient.biases.view(layers, self.tiles, -1, features).sum(2)
        return Parameters(
            first, hidden, last, biases, gradient.last_bias.view(self.tiles, -1, 3).sum(1)
        )

    def psnr(self, shared: Parameters) -> list[float]:
        """PSNR in dB of each picture's render, rounded to 8 bits, over the tiles that are here (Eq. 13). Returns F numbers."""
        every, each = self.weights(shared), self.functions // self.tiles
        errors, samples = torch.zeros(each, dtype=torch.float64), [0] * each
        for index, target in enumerate(self.targets):
            matrices = (every.first[index], *every.hidden[:, index], every.last[index])
            layers = list(
                zip(matrices, (*every.biases[:, index], every.last_bias[index]), strict=True)
            )
            for start in range(0, len(target.coords), _CHUNK):
                chunk = slice(start, start + _CHUNK)
                rendered = (
                    evaluate(layers, target.coords[chunk]).clamp(-1, 1).add(1).mul(127.5).round()
                )
                errors[index % each] += (
                    (rendered - (target.colours[chunk] + 1) * 127.5).square().sum().cpu()
                )
            samples[index % each] += target.colours.numel()
        return [
            psnr_of(error / count / 255**2)
            for error, count in zip(errors.tolist(), samples, strict=True)
        ]

    def trained(self) -> Tensor:
        """Where hidden matrices may change: (L-1, T, H, H), 1 or 0."""
        return self._trained[1].squeeze(2)


def cover_problem(
    architecture: Architecture, tiles: range, picture: RGB, grid: Grid, device: torch.device
) -> Problem:
    """Each tile's function with its part of one picture alone (Eq. 2)."""
    return Problem(
        architecture, [Tile(targets_of(tile, [picture], grid, device)) for tile in tiles], [1.0]
    )


_TILE_AXES = (
    0,
    1,
    0,
)  # of the first, hidden and last matrices; the functions of a tile are on the next


def _stacked(architecture: Architecture, tiles: int, functions: int, value: float) -> list[Tensor]:
    """The first, hidden and last matrices of T x F functions, all of one value."""
    features, layers = architecture.hidden_features, architecture.hidden_layers
    shapes = (
        (tiles, functions, features, 2),
        (layers - 1, tiles, functions, features, features),
        (tiles, functions, 3, features),
    )
    return [torch.full(shape, value) for shape in shapes]


def _put(
    stacked: list[Tensor], tile: int, function: int, positions: Positions, values: Values | float
) -> None:
    """Put values at positions of one function's matrices, first to last."""
    first, hidden, last = stacked
    matrices = [first[tile, function], *hidden[:, tile, function], last[tile, function]]
    for index, (matrix, places) in enumerate(zip(matrices, positions, strict=True)):
        given = values if isinstance(values, float) else torch.from_numpy(values[index])
        matrix.view(-1)[torch.from_numpy(places)] = given
