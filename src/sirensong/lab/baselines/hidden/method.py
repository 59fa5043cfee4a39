"""HiDDeN as a method, for pictures."""

from __future__ import annotations

from typing import ClassVar

from sirensong.lab.baselines.hidden.network import HiddenNetwork
from sirensong.lab.baselines.networks.method import NetworkMethod
from sirensong.lab.baselines.networks.network import HidingNetwork


class Hidden(NetworkMethod):
    """Hiding data with deep networks, Zhu et al. 2018, as others have it for pictures."""

    name: ClassVar[str] = "hidden"
    title: ClassVar[str] = "HiDDeN (2018)"
    most: ClassVar[int] = 4

    def make_network(self) -> HidingNetwork:
        """See `NetworkMethod.make_network`."""
        full = self.variant == "full"
        return HiddenNetwork(self.secrets, width=64 if full else 32, from_cover=not full)
