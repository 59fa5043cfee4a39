"""The network of HiNet and ISN: couplings of a cover's branch and the secrets' branch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn

from sirensong.lab.baselines.networks.invertible import InvertibleNetwork, haar, inverse_haar
from sirensong.lab.baselines.networks.network import HidingNetwork

_Transform = Callable[[Tensor], Tensor]


class InvertibleHiding(HidingNetwork):
    """Forwards, cover and secrets become stego picture and a rest; backwards zeros are the rest.

    Args:
        secrets: how many pictures, side by side in the guest's branch.
        blocks: couplings.
        growth: of their dense blocks.
        wavelet: whether the couplings see Haar bands instead of pixels.
        low_weight: in the loss, of the squared error of the stego picture's low band (HiNet).
    """

    rate = 1.5e-3
    secret_weight = 1.0

    def __init__(
        self, secrets: int, *, blocks: int, growth: int, wavelet: bool, low_weight: float = 0.0
    ) -> None:
        super().__init__()
        bands = 4 if wavelet else 1
        self._to: _Transform = haar if wavelet else _same
        self._back: _Transform = inverse_haar if wavelet else _same
        self._low_weight = low_weight
        self.couplings = InvertibleNetwork(
            3 * bands, 3 * bands * secrets, blocks=blocks, growth=growth
        )

    def hide(self, cover: Tensor, secrets: Tensor) -> Tensor:
        """See `HidingNetwork.hide`."""
        return self._back(self.couplings(self._to(cover), self._to(secrets))[0])

    def reveal(self, stego: Tensor) -> Tensor:
        """See `HidingNetwork.reveal`."""
        return self._back(self.couplings.inverse(self._to(stego))[1])

    def decoder(self) -> Iterable[nn.Parameter]:
        """All of it: forwards and backwards are one network."""
        return self.parameters()

    def penalty(self, cover: Tensor, stego: Tensor) -> Tensor:
        """See `HidingNetwork.penalty`; HiNet adds the low band's error."""
        penalty = super().penalty(cover, stego)
        if self._low_weight:
            penalty = penalty + self._low_weight * low_error(cover, stego)
        return penalty


def low_error(cover: Tensor, stego: Tensor) -> Tensor:
    """Mean squared error of the low Haar bands, in the scale of the pictures."""
    low_cover, low_stego = haar(cover).chunk(4, 1)[0], haar(stego).chunk(4, 1)[0]
    return nn.functional.mse_loss(low_stego, low_cover) / 4


def _same(picture: Tensor) -> Tensor:
    return picture
