"""Which pixels each step looks at: a few from everywhere, and all of them before any comes again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

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
        self._sizes = [target.size for target in targets]
        self._coords = torch.cat([target.coords for target in targets])
        self._colours = torch.cat([target.colours for target in targets])
        starts = [0, *accumulate(len(target.coords) for target in targets)][:-1]
        self._starts = torch.tensor(starts).unsqueeze(1)
        self._generator = generator
        self._patches = {size: _patches(size, points) for size in set(self._sizes)}
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
        indices = torch.stack([chosen[size] for size in self._sizes]).add_(self._starts)
        flat, functions = indices.flatten().to(self._coords.device), len(self._sizes)
        coords, colours = self._coords.index_select(0, flat), self._colours.index_select(0, flat)
        return coords.view(functions, -1, 2), colours.view(functions, -1, 3)


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
