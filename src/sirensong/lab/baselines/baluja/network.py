"""Baluja's three networks: one prepares the secrets, one hides, one reveals."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sirensong.lab.baselines.networks.blocks import Stego, Widths, parallel_blocks
from sirensong.lab.baselines.networks.network import SeparateNetwork


class BalujaNetwork(SeparateNetwork):
    """Blocks of parallel convolutions, at the picture's size throughout.

    Args:
        secrets: how many pictures, side by side.
        widths: features of each block's kernels.
        from_cover: see `Stego`.
    """

    def __init__(self, secrets: int, *, widths: Widths, from_cover: bool) -> None:
        super().__init__()
        features = sum(widths)
        self.prepare = nn.Sequential(*parallel_blocks(3 * secrets, 2, widths))
        self.hiding = nn.Sequential(*parallel_blocks(3 + features, 5, widths))
        self.stego = Stego(features, 3, from_cover=from_cover)
        self.revealing = nn.Sequential(
            *parallel_blocks(3, 5, widths), nn.Conv2d(features, 3 * secrets, 3, padding=1)
        )

    def hide(self, cover: Tensor, secrets: Tensor) -> Tensor:
        """See `HidingNetwork.hide`."""
        together = torch.cat([cover, self.prepare(secrets)], 1)
        picture: Tensor = self.stego(self.hiding(together), cover)
        return picture
