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
        self._coords = torch.cat([target.coords for target in targets])
        self._colours = torch.cat([target.colours for target in targets])
        device = self._coords.device
        starts = [0, *accumulate(len(target.coords) for target in targets)][:-1]
        self._starts = torch.tensor(starts, device=device).unsqueeze(1)
        sizes = sorted({target.size for target in targets})
        self._kinds = torch.tensor([sizes.index(target.size) for target in targets], device=device)
        self._generator = generator
        self._patches = [_patches(size, points) for size in sizes]
        self._shuffled = [patches.T for patches in self._patches]
        self._chosen = torch.zeros((len(sizes), points), dtype=torch.int64, device=device)
        self._drawn = 0

    def draw(self) -> None:
        """Choose the next batch's pixels, of pictures of each size."""
        for kind, patches in enumerate(self._patches):
            if self._drawn % patches.shape[1] == 0:
                order = torch.rand(patches.shape, generator=self._generator).argsort(1)
                self._shuffled[kind] = patches.gather(1, order).T.contiguous()
        self._chosen.copy_(
            torch.stack([shuffled[self._drawn % len(shuffled)] for shuffled in self._shuffled])
        )
        self._drawn += 1

    def take(self) -> tuple[Tensor, Tensor]:
        """Coordinates (F, points, 2) and colours (F, points, 3) of the batch that was drawn."""
        flat, functions = (
            self._chosen.index_select(0, self._kinds).add_(self._starts).flatten(),
            len(self._kinds),
        )
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
