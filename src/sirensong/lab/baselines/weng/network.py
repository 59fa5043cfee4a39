"""Weng et al.'s networks: a U-Net hides, six convolutions reveal."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sirensong.lab.baselines.networks.blocks import normalised
from sirensong.lab.baselines.networks.network import SeparateNetwork


class WengNetwork(SeparateNetwork):
    """A U-Net on the cover and the secrets, and a network that reveals at the picture's size.

    Args:
        secrets: how many pictures, side by side.
        widths: features at each half of the size; their number is the U-Net's depth.
        reveal_width: features of the revealing network's first layer.
        from_cover: whether the U-Net's result is added to the cover; see `networks.blocks.Stego`.
            Else it goes through a sigmoid.
    """

    def __init__(
        self, secrets: int, *, widths: Sequence[int], reveal_width: int, from_cover: bool
    ) -> None:
        super().__init__()
        self._from_cover = from_cover
        inputs = [3 + 3 * secrets, *widths]
        self.down = nn.ModuleList(
            _down(before, after, first=not place, last=place == len(widths) - 1)
            for place, (before, after) in enumerate(zip(inputs, widths, strict=False))
        )
        # each level's input is that from below beside that of the same level on the way down
        ups = [(widths[-1], widths[-2])]
        ups += [(2 * widths[p], widths[p - 1]) for p in range(len(widths) - 2, 0, -1)]
        self.up = nn.ModuleList(_up(before, after) for before, after in ups)
        self.last = nn.ConvTranspose2d(2 * widths[0], 3, 4, stride=2, padding=1)
        steps = [3] + [reveal_width * factor for factor in (1, 2, 4, 2, 1)]
        self.revealing = nn.Sequential(
            *normalised(steps), nn.Conv2d(reveal_width, 3 * secrets, 3, padding=1), nn.Sigmoid()
        )

    def hide(self, cover: Tensor, secrets: Tensor) -> Tensor:
        """See `HidingNetwork.hide`; sides are multiples of 2 to the depth."""
        levels = [torch.cat([cover, secrets], 1)]
        for layer in self.down:
            levels.append(layer(levels[-1]))
        features = levels.pop()
        for layer in self.up:
            features = torch.cat([layer(features), levels.pop()], 1)
        made: Tensor = self.last(nn.functional.relu(features))
        return cover + made if self._from_cover else torch.sigmoid(made)


def _down(before: int, after: int, *, first: bool, last: bool) -> nn.Sequential:
    """Half the size. Neither the outermost nor the innermost level is normalised."""
    layers: list[nn.Module] = [] if first else [nn.LeakyReLU(0.2)]
    layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1))
    return nn.Sequential(*layers, *([] if first or last else [nn.BatchNorm2d(after)]))


def _up(before: int, after: int) -> nn.Sequential:
    """Twice the size."""
    layer = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
    return nn.Sequential(nn.ReLU(), layer, nn.BatchNorm2d(after))
