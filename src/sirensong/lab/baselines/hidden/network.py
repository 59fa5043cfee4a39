"""HiDDeN's encoder and decoder, for pictures: 3x3 convolutions with batch normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sirensong.lab.baselines.networks.blocks import Stego, normalised
from sirensong.lab.baselines.networks.network import SeparateNetwork


class HiddenNetwork(SeparateNetwork):
    """The secrets stand where HiDDeN has its message: beside the cover and the cover's features.

    Args:
        secrets: how many pictures, side by side.
        width: features of each layer.
        from_cover: see `Stego`.
    """

    def __init__(self, secrets: int, *, width: int, from_cover: bool) -> None:
        super().__init__()
        self.look = normalised([3] + [width] * 4)
        self.hiding = normalised([width + 3 + 3 * secrets] + [width] * 5)
        self.stego = Stego(width, 1, from_cover=from_cover)
        self.revealing = nn.Sequential(
            *normalised([3] + [width] * 8), nn.Conv2d(width, 3 * secrets, 3, padding=1)
        )

    def hide(self, cover: Tensor, secrets: Tensor) -> Tensor:
        """See `HidingNetwork.hide`."""
        together = torch.cat([secrets, self.look(cover), cover], 1)
        picture: Tensor = self.stego(self.hiding(together), cover)
        return picture
