"""MIS-DNN's networks: each secret has one that prepares it and one that reveals it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sirensong.lab.baselines.networks.blocks import Stego, Widths, parallel_blocks
from sirensong.lab.baselines.networks.network import SeparateNetwork

_EARLY = 4.0  # times the secrets' usual weight, in the first half of a training


class MisDnnNetwork(SeparateNetwork):
    """Baluja's networks, those of the secrets once a secret.

    Args:
        secrets: how many pictures.
        widths: features of each block's kernels.
        from_cover: see `Stego`.
    """

    revealing: nn.ModuleList

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

    def secrets_error(self, revealed: Tensor, secrets: Tensor) -> Tensor:
        """See `HidingNetwork.secrets_error`; here each error weighs as its share of all is.

        With equal weights a secret is given up before its two networks have found each other: to
        the others it is noise in the stego picture.
        """
        count = len(self.prepare)
        pairs = zip(revealed.chunk(count, 1), secrets.chunk(count, 1), strict=True)
        errors = torch.stack([nn.functional.mse_loss(*pair) for pair in pairs])
        shares = errors.detach() / errors.detach().sum()
        return (_EARLY if self.early else 1.0) * count * (shares * errors).sum()
