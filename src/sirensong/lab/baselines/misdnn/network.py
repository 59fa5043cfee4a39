"""MIS-DNN's networks: each secret has one that prepares it and one that reveals it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sirensong.lab.baselines.networks.blocks import Stego, Widths, parallel_blocks
from sirensong.lab.baselines.networks.network import SeparateNetwork


class MisDnnNetwork(SeparateNetwork):
    """Baluja's networks, those of the secrets once a secret.

    Args:
        secrets: how many pictures.
        widths: features of each block's kernels.
        from_cover: see `Stego`.
    """

    revealing: nn.ModuleList
    early_factor = 4.0  # or a secret is given up before its two networks have found each other

    def __init__(self, secrets: int, *, widths: Widths, from_cover: bool) -> None:
        super().__init__()
        features = sum(widths)
        self.prepare = nn.ModuleList(
            nn.Sequential(*parallel_blocks(3, 2, widths)) for _ in range(secrets)
        )
        self.hiding = nn.Sequential(*parallel_blocks(3 + secrets * features, 5, widths))
        self.stego = Stego(features, 3, from_cover=from_cover)
        self.revealing = nn.ModuleList(
            nn.Sequential(*parallel_blocks(3, 5, widths), nn.Conv2d(features, 3, 3, padding=1))
            for _ in range(secrets)
        )

    def hide(self, cover: Tensor, secrets: Tensor) -> Tensor:
        """See `HidingNetwork.hide`."""
        each = zip(self.prepare, secrets.chunk(len(self.prepare), 1), strict=True)
        together = torch.cat([cover, *(prepare(secret) for prepare, secret in each)], 1)
        picture: Tensor = self.stego(self.hiding(together), cover)
        return picture

    def reveal(self, stego: Tensor) -> Tensor:
        """See `HidingNetwork.reveal`."""
        return torch.cat([network(stego) for network in self.revealing], 1)
