"""Wrong keys, in training: what they make of a function is to be the cover.

Without them a key hardly locks: whoever knows which weights it replaces sees the secret picture
with any values there, since what counts is that the cover's are gone (docs/adr/0010-wrong-keys.md).
"""

from __future__ import annotations

import torch
from torch import Tensor

from sirensong.keys.stream import xavier_deviation
from sirensong.network.substitution import KEYED_GAIN
from sirensong.training.recipe import Lock

_KNOWN, _UNKNOWN = 0.15, 0.1  # shares of wrong keys with all of a key's positions, and with none
_RIGHT = (0.25, 0.65)  # share of a key that is right in the others, positions and values
_ZEROS = 0.2  # share of wrong keys whose wrong values are zeros


class WrongKeys:
    """The last function of each tile: of a wrong key, another in each step.

    Most have a share of one of the keys right, positions and values, and perhaps more of its
    positions: whoever searches for a key comes by there. Others have all of its positions and none
    of its values, or nothing of it. Wrong values have the law of right ones, or are zeros.

    Args:
        lock: how much they count.
        kept: (K, T, F, H, H), where the K matrices that keys change keep the shared weights, 1 or
            0; the first function is the cover's, the last a wrong key's, which is overwritten.
        inserted: (K, T, F, H, H), what stands in the other places.
        loss_weights: (T, F), of which the last column is the wrong keys'; overwritten.
    """

    def __init__(self, lock: Lock, kept: Tensor, inserted: Tensor, loss_weights: Tensor) -> None:
        self._lock, self._kept, self._inserted = lock, kept, inserted
        self._loss_weights, self._others = loss_weights, loss_weights[:, :-1].clone()
        features = kept.shape[-1]
        self._deviation = KEYED_GAIN * xavier_deviation(features, features)
        self._own = 1 - kept[:, :, 1:-1]
        self._sizes = self._own.sum((-2, -1))
        self._ratio = float(self._own.mean())  # S

    def draw(self, progress: float, rng: torch.Generator) -> None:
        """Put other wrong keys into the tiles.

        Args:
            progress: share of the stage that is done, in [0, 1].
            rng: where they are drawn from.
        """
        tiles, shape = self._kept.shape[1], self._kept[:, :, 0].shape
        kind, share, rest, zeros = torch.rand(4, tiles, generator=rng)
        low, high = _RIGHT
        partly = kind >= _KNOWN + _UNKNOWN
        right = torch.where(partly, low + (high - low) * share, 0.0)
        known = torch.where(partly, right + (1 - right) * rest, (kind < _KNOWN).float())
        key = torch.randint(self._own.shape[2], (tiles,), generator=rng)
        chance, elsewhere = torch.rand(2, *shape, generator=rng).to(self._kept.device)
        values = torch.randn(shape, generator=rng) * self._deviation
        values = (values * (zeros >= _ZEROS)[:, None, None]).to(self._kept.device)
        every, key = (own.to(self._kept.device) for own in (torch.arange(tiles), key))
        known, right = (part.to(chance.device)[:, None, None] for part in (known, right))
        replaced = torch.where(
            chance < known, self._own[:, every, key], (elsewhere < self._ratio).float()
        )
        true = self._inserted[:, every, 1 + key]
        values = torch.where(chance < right, true, values)
        self._kept[:, :, -1] = 1 - replaced
        self._inserted[:, :, -1] = replaced * values
        weight = self._lock.weight_at(progress)
        self._loss_weights[:, :-1] = self._others * (1 - weight)
        self._loss_weights[:, -1] = weight

    def level(self, hidden: Tensor) -> None:
        """Make the weights that a key replaces as large as the others, so that none stand out.

        Each key's weights are scaled, in each matrix, to the mean square of those that it leaves.

        Args:
            hidden: (K, T, H, H), the shared weights of the matrices that keys change; overwritten.
        """
        squares = hidden.square()
        inside = torch.einsum("ktij,ktnij->ktn", squares, self._own)
        outside = squares.sum((-2, -1))[..., None] - inside
        total = hidden.shape[-1] ** 2
        factors = (outside / (total - self._sizes) * self._sizes / inside).sqrt()
        scales = 1 + self._own * (factors[..., None, None] - 1)
        hidden.mul_(scales.prod(2).clamp_(0.8, 1.25))  # what a step may do at most, in any state
