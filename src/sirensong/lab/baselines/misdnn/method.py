"""MIS-DNN as a method."""

from __future__ import annotations

from typing import ClassVar

from sirensong.lab.baselines.misdnn.network import MisDnnNetwork
from sirensong.lab.baselines.networks.blocks import FULL, SMALL
from sirensong.lab.baselines.networks.method import NetworkMethod
from sirensong.lab.baselines.networks.network import HidingNetwork


class MisDnn(NetworkMethod):
    """Multi-image steganography using deep neural networks, Das et al. 2021."""

    name: ClassVar[str] = "misdnn"
    title: ClassVar[str] = "MIS-DNN (2021)"
    most: ClassVar[int] = 4

    def make_network(self) -> HidingNetwork:
        """See `NetworkMethod.make_network`."""
        full = self.variant == "full"
        return MisDnnNetwork(self.secrets, widths=FULL if full else SMALL, from_cover=not full)
