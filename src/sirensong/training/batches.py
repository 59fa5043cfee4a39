"""Which pixels each step looks at: a few from everywhere, and all of them before any comes again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sirensong.training.problem import Target


class Batches:
    """Batches of points for every function's target; pictures of one size share their coordinates.

    points: pixels a function in one batch. The picture is cut into `points` small patches (runs along a Morton curve), and each
    batch has one pixel from each, drawn without replacement: a batch never leaves a corner of the picture out, which makes its
    gradient less noisy than that of pixels drawn at large.
    """

    def __init__(self, targets: Sequence[Target], points: int, generator: torch.Generator) -> None:
        self._targets = targets
        self._generator = generator
        self._patches = {size: _patches(size, points) for size in {target.size for target in targets}}
        self._rounds = {size: patches.shape[1] for size, patches in self._patches.items()}
        self._shuffled: dict[tuple[int, int], Tensor] = {}
        self._drawn = 0

    def next(self) -> tuple[Tensor, Tensor]:
        """Coordinates (F, points, 2) and colours (F, points, 3) of the next batch."""
        for size, patches in sorted(self._patches.items()):
            if self._drawn % self._rounds[size] == 0:
                order = torch.rand(patches.shape, generator=self._generator).argsort(1)
                self._shuffled[size] = patches.gather(1, order).T.contiguous()
        chosen = {size: self._shuffled[size][self._drawn % rounds] for size, rounds in self._rounds.items()}
        self._drawn += 1
        device = self._targets[0].coords.device
        indices = [chosen[target.size].to(device) for target in self._targets]
        coords = torch.stack([target.coords[index] for target, index in zip(self._targets, indices, strict=True)])
        colours = torch.stack([target.colours[index] for target, index in zip(self._targets, indices, strict=True)])
        return coords, colours


def _patches(size: tuple[int, int], points: int) -> Tensor:
    """Pixels of a picture in `points` patches of equal length: (points, k). Where they do not divide evenly, some come twice."""
    height, width = size
    order = np.argsort(_morton(*np.divmod(np.arange(height * width), width)), kind="stable")
    length = -(-height * width // points)
    places = np.arange(points * length) * (height * width) // (points * length)
    return torch.from_numpy(order[places]).view(points, length)


def _morton(row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Position along a Morton (Z-order) curve: the bits of row and column in turn."""
    code = np.zeros_like(row)
    for bit in range(16):
        code |= ((column >> bit) & 1) << (2 * bit) | ((row >> bit) & 1) << (2 * bit + 1)
    return code
