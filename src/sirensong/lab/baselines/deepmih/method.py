"""DeepMIH as a method: secrets one after another, one to four."""

from __future__ import annotations

from typing import ClassVar

from sirensong.lab.baselines.deepmih.network import DeepMihNetwork
from sirensong.lab.baselines.networks.method import NetworkMethod
from sirensong.lab.baselines.networks.network import HidingNetwork


class DeepMih(NetworkMethod):
    """Deep multiple image hiding, Guan et al. 2022."""

    name: ClassVar[str] = "deepmih"
    title: ClassVar[str] = "DeepMIH (2022)"
    most: ClassVar[int] = 4
    multiple: ClassVar[int] = 2

    def make_network(self) -> HidingNetwork:
        """See `NetworkMethod.make_network`."""
        if self.variant == "full":
            return DeepMihNetwork(self.secrets, blocks=16, growth=32, width=64)
        return DeepMihNetwork(self.secrets, blocks=4, growth=10, width=8)
