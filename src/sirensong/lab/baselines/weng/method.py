"""Weng et al.'s scheme as a method."""

from __future__ import annotations

from typing import ClassVar

from sirensong.lab.baselines.networks.method import NetworkMethod
from sirensong.lab.baselines.networks.network import HidingNetwork
from sirensong.lab.baselines.weng.network import WengNetwork

_FULL = (64, 128, 256, 512, 512, 512, 512)
_SMALL = (24, 48, 96, 192)


class Weng(NetworkMethod):
    """High-capacity convolutional video steganography, Weng et al. 2019: its network for frames."""

    name: ClassVar[str] = "weng"
    title: ClassVar[str] = "Weng et al. (2019)"
    most: ClassVar[int] = 4

    @property
    def multiple(self) -> int:  # type: ignore[override]
        """Two to the U-Net's depth."""
        return 128 if self.variant == "full" else 16

    def make_network(self) -> HidingNetwork:
        """See `NetworkMethod.make_network`."""
        if self.variant == "full":
            return WengNetwork(self.secrets, widths=_FULL, reveal_width=64, from_cover=False)
        return WengNetwork(self.secrets, widths=_SMALL, reveal_width=32, from_cover=True)
