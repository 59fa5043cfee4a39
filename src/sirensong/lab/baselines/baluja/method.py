"""Baluja's scheme as a method."""

from __future__ import annotations

from typing import ClassVar

from sirensong.lab.baselines.baluja.network import BalujaNetwork
from sirensong.lab.baselines.networks.blocks import FULL, SMALL
from sirensong.lab.baselines.networks.method import NetworkMethod
from sirensong.lab.baselines.networks.network import HidingNetwork


class Baluja(NetworkMethod):
    """Hiding images in plain sight, Baluja 2017."""

    name: ClassVar[str] = "baluja"
    title: ClassVar[str] = "Baluja (2017)"
    most: ClassVar[int] = 4

    def make_network(self) -> HidingNetwork:
        """See `NetworkMethod.make_network`."""
        full = self.variant == "full"
        return BalujaNetwork(self.secrets, widths=FULL if full else SMALL, from_cover=not full)
