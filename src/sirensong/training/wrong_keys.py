"""Wrong keys, in training: what they make of a function is to be the cover.

Without them a key hardly locks: whoever knows which weights it replaces sees the secret picture
with any values there, since what counts is that the cover's are gone (docs/adr/0010-wrong-keys.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sirensong.keys.stream import xavier_deviation
from sirensong.network.substitution import KEYED_GAIN
from sirensong.training import native
from sirensong.training.recipe import Lock

if TYPE_CHECKING:
    from sirensong.training.routines import Routines

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
        tiles = self._kept.shape[1]
        kind, share, rest, zeros = torch.rand(4, tiles, generator=rng)
        low, high = _RIGHT
        partly = kind >= _KNOWN + _UNKNOWN
        right = torch.where(partly, low + (high - low) * share, 0.0)
        known = torch.where(partly, right + (1 - right) * rest, (kind < _KNOWN).float())
        key = torch.randint(self._own.shape[2], (tiles,), generator=rng)
        settings = torch.stack([known, right, self._deviation * (zeros >= _ZEROS)], 1)
        routines = native.routines_for(self._kept.device.type)
        if routines is None:
            self._put(settings.to(self._kept.device), key.to(self._kept.device), rng)
        else:
            self._put_compiled(settings, key, rng, routines)
        weight = self._lock.weight_at(progress)
        self._loss_weights[:, :-1] = self._others * (1 - weight)
        self._loss_weights[:, -1] = weight

    def _put(self, settings: Tensor, keys: Tensor, rng: torch.Generator) -> None:
        """Overwrite the last functions.

        One number decides of each place: below `known` the place is replaced if the key replaces
        it, with its value below `right`; above, the rest decides whether it is one of the others.

        Args:
            settings: (T, 3), shares of the key that are known and right, and the deviation of
                wrong values.
            keys: (T,), of which key.
            rng: where places and values are drawn from.
        """
        shape, every = self._kept[:, :, 0].shape, torch.arange(len(keys), device=keys.device)
        known, right, deviation = settings.T[..., None, None]
        chance = torch.rand(shape, generator=rng).to(keys.device)
        wrong = torch.randn(shape, generator=rng).to(keys.device) * deviation
        others = (chance - known < self._ratio * (1 - known)).float()
        replaced = torch.where(chance < known, self._own[:, every, keys], others)
        values = torch.where(chance < right, self._inserted[:, every, 1 + keys], wrong)
        self._kept[:, :, -1] = 1 - replaced
        self._inserted[:, :, -1] = replaced * values

    def _put_compiled(
        self, settings: Tensor, keys: Tensor, rng: torch.Generator, routines: Routines
    ) -> None:
        """The same, from other random numbers of the same law."""
        matrices, tiles, functions = self._kept.shape[:3]
        entries = self._kept[0, 0, 0].numel()
        ratios = settings.new_full((tiles, 1), self._ratio)
        settings, keys = torch.cat([settings, ratios], 1), keys + 1
        streams = torch.randint(
            -(2**31), 2**31, (tiles, routines.random_state), generator=rng, dtype=torch.int32
        )

        def work(_: int, counter: int) -> None:
            routines.wrong_keys(
                *(self._kept.data_ptr(), self._inserted.data_ptr(), keys.data_ptr()),
                *(settings.data_ptr(), streams.data_ptr(), counter),
                *(matrices, tiles, functions, entries),
            )

        native.shared(work, min(tiles, torch.get_num_threads()))

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
