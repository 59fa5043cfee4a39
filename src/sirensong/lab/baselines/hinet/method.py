"""HiNet as a method: an invertible network for one secret."""

from __future__ import annotations

from typing import ClassVar

from sirensong.lab.baselines.networks.invertible_hiding import InvertibleHiding
from sirensong.lab.baselines.networks.method import NetworkMethod
from sirensong.lab.baselines.networks.network import HidingNetwork


class HiNet(NetworkMethod):
    """Deep image hiding by invertible network, Jing et al. 2021."""

    name: ClassVar[str] = "hinet"
    title: ClassVar[str] = "HiNet (2021)"
    most: ClassVar[int] = 1
    multiple: ClassVar[int] = 2

    def make_network(self) -> HidingNetwork:
        """See `NetworkMethod.make_network`."""
        blocks, growth = (16, 32) if self.variant == "full" else (6, 16)
        return InvertibleHiding(1, blocks=blocks, growth=growth, wavelet=True, low_weight=1.0)
