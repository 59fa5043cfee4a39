"""ISN as a method: one invertible network for one to five secrets."""

from __future__ import annotations

from typing import ClassVar

from sirensong.lab.baselines.networks.invertible_hiding import InvertibleHiding
from sirensong.lab.baselines.networks.method import NetworkMethod
from sirensong.lab.baselines.networks.network import HidingNetwork


class Isn(NetworkMethod):
    """Invertible steganography network, Lu et al. 2021."""

    name: ClassVar[str] = "isn"
    title: ClassVar[str] = "ISN (2021)"
    most: ClassVar[int] = 5
    multiple: ClassVar[int] = 2

    def make_network(self) -> HidingNetwork:
        """See `NetworkMethod.make_network`; "small" sees Haar bands, a quarter of the work."""
        if self.variant == "full":
            return InvertibleHiding(self.secrets, blocks=16, growth=32, wavelet=False)
        return InvertibleHiding(self.secrets, blocks=6, growth=16, wavelet=True)
