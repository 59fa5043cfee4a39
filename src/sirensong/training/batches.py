"""Which pixels each step looks at: a few from everywhere, and all before any comes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sirensong.training.problem import Target


@dataclass
class Sampler:
    """Where the pixel sampler stands; what a checkpoint keeps of it.

    Args:
        rng: draws the order of pixels.
        order: the pixels of the epoch under way for pictures of each size: (batches, points).
        drawn: batches drawn since the batch size last changed.
    """

    rng: torch.Generator
    order: list[Tensor] = field(default_factory=list)
    drawn: int = 0


class Batches:
    """Batches of points for every function's target; pictures of one size share coordinates.

    The picture is cut into `points` small patches (runs along a Morton curve), and each batch has
    one pixel from each, drawn without replacement: a batch never leaves a corner of the picture
    out, which makes its gradient less noisy than that of pixels drawn at large.

    Args:
        targets: one for each function.
        points: pixels of each function in one batch.
        sampler: goes on where it stands if its order is of such batches, and anew otherwise.
    """

    def __init__(self, targets: Sequence[Target], points: int, sampler: Sampler) -> None:
        self._coords = torch.cat([target.coords for target in targets])
        self._colours = torch.cat([target.colours for target in targets])
        device = self._coords.device
        starts = [0, *accumulate(len(target.coords) for target in targets)][:-1]
        self._starts = torch.tensor(starts, device=device).unsqueeze(1)
        sizes = sorted({target.size for target in targets})
        kinds = [sizes.index(target.size) for target in targets]
        self._kinds = torch.tensor(kinds, device=device)
        self._patches = [_patches(size, points) for size in sizes]
        self._chosen = torch.zeros((len(sizes), points), dtype=torch.int64, device=device)
        self._sampler = sampler
        shapes = [patches.T.shape for patches in self._patches]
        if [order.shape for order in sampler.order] != shapes:
            sampler.order, sampler.drawn = [patches.T for patches in self._patches], 0

    def draw(self) -> None:
        """Choose the next batch's pixels, of pictures of each size."""
        sampler = self._sampler
        for kind, patches in enumerate(self._patches):
            if sampler.drawn % patches.shape[1] == 0:
                mixed = torch.rand(patches.shape, generator=sampler.rng).argsort(1)
                sampler.order[kind] = patches.gather(1, mixed).T.contiguous()
        chosen = [order[sampler.drawn % len(order)] for order in sampler.order]
        self._chosen.copy_(torch.stack(chosen))
        sampler.drawn += 1

    def take(self) -> tuple[Tensor, Tensor]:
        """Coordinates (F, points, 2) and colours (F, points, 3) of the batch that was drawn."""
        functions = len(self._kinds)
        flat = self._chosen.index_select(0, self._kinds).add_(self._starts).flatten()
        coords, colours = self._coords.index_select(0, flat), self._colours.index_select(0, flat)
        return coords.view(functions, -1, 2), colours.view(functions, -1, 3)


def _patches(size: tuple[int, int], points: int) -> Tensor:
    """Cut a picture into `points` patches of k pixels each: (points, k).

    Where they do not divide evenly, some pixels come twice.
    """
    height, width = size
    rows, columns = np.divmod(np.arange(height * width), width)
    order = np.argsort(_morton(rows, columns), kind="stable")
    length = -(-height * width // points)
    places = np.arange(points * length) * (height * width) // (points * length)
    return torch.from_numpy(order[places]).view(points, length)


def _morton(row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Position along a Morton (Z-order) curve: the bits of row and column in turn."""
    code = np.zeros_like(row)
    for bit in range(16):
        code |= ((column >> bit) & 1) << (2 * bit) | ((row >> bit) & 1) << (2 * bit + 1)
    return code
