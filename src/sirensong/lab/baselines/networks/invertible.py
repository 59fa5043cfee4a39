"""Invertible networks, and the Haar transform: what ISN, HiNet and DeepMIH are made of."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sirensong.lab.baselines.networks.blocks import begin_at_zero

_CLAMP = 2.0  # scales lie between exp(-2) and exp(2)


def haar(picture: Tensor) -> Tensor:
    """Split each channel into four of half the size: its Haar transform.

    Args:
        picture: (sets, channels, height, width), sides even.

    Returns:
        (sets, 4 channels, height / 2, width / 2): all low bands first, then the details along rows,
        along columns, and along both. An orthonormal transform.
    """
    a, b = picture[..., 0::2, 0::2], picture[..., 1::2, 0::2]
    c, d = picture[..., 0::2, 1::2], picture[..., 1::2, 1::2]
    bands = [a + b + c + d, c + d - a - b, b + d - a - c, a + d - b - c]
    return torch.cat(bands, 1) / 2


def inverse_haar(bands: Tensor) -> Tensor:
    """Undo `haar`.

    Args:
        bands: (sets, 4 channels, height, width).

    Returns:
        (sets, channels, 2 height, 2 width).
    """
    low, along_rows, along_columns, both = bands.chunk(4, 1)
    top_left = low - along_rows - along_columns + both
    bottom_left = low - along_rows + along_columns - both
    top_right = low + along_rows - along_columns - both
    bottom_right = low + along_rows + along_columns + both
    left = torch.stack([top_left, bottom_left], 3).flatten(2, 3)
    right = torch.stack([top_right, bottom_right], 3).flatten(2, 3)
    return torch.stack([left, right], 4).flatten(3, 4) / 2


class DenseBlock(nn.Module):
    """Five 3x3 convolutions, each of all that came before it; the last begins at zero.

    Args:
        channels: of the input.
        outputs: channels of the output.
        growth: channels that each of the first four adds.
    """

    def __init__(self, channels: int, outputs: int, growth: int) -> None:
        super().__init__()
        widths = [channels + growth * place for place in range(5)]
        made = [*[growth] * 4, outputs]
        self.layers = nn.ModuleList(
            nn.Conv2d(width, out, 3, padding=1) for width, out in zip(widths, made, strict=True)
        )
        begin_at_zero(self.layers[-1])

    def forward(self, features: Tensor) -> Tensor:
        """(sets, channels, height, width) to (sets, outputs, height, width)."""
        known = [features]
        for layer in self.layers[:-1]:
            known.append(nn.functional.leaky_relu(layer(torch.cat(known, 1)), 0.01, inplace=True))
        made: Tensor = self.layers[-1](torch.cat(known, 1))
        return made


class Coupling(nn.Module):
    """One invertible step of two branches, the host's and the guest's.

    host' = host * e(psi(guest)) + phi(guest), without the scale unless `affine`;
    guest' = guest * e(rho(host')) + eta(host'), with e(x) = exp(clamp * (2 sigmoid(x) - 1)).

    Args:
        host: channels of the host's branch.
        guest: channels of the guest's branch.
        growth: of the dense blocks.
        affine: whether the host is scaled too, as DeepMIH has it.
    """

    def __init__(self, host: int, guest: int, growth: int, *, affine: bool) -> None:
        super().__init__()
        self.phi = DenseBlock(guest, host, growth)
        self.psi = DenseBlock(guest, host, growth) if affine else None
        self.rho = DenseBlock(host, guest, growth)
        self.eta = DenseBlock(host, guest, growth)

    def forward(self, host: Tensor, guest: Tensor) -> tuple[Tensor, Tensor]:
        """One step towards the stego picture."""
        if self.psi is not None:
            host = host * torch.exp(_exponent(self.psi(guest)))
        host = host + self.phi(guest)
        return host, guest * torch.exp(_exponent(self.rho(host))) + self.eta(host)

    def inverse(self, host: Tensor, guest: Tensor) -> tuple[Tensor, Tensor]:
        """The same step back."""
        guest = (guest - self.eta(host)) * torch.exp(-_exponent(self.rho(host)))
        host = host - self.phi(guest)
        if self.psi is not None:
            host = host * torch.exp(-_exponent(self.psi(guest)))
        return host, guest


def _exponent(features: Tensor) -> Tensor:
    return _CLAMP * torch.tanh(features / 2)  # = clamp * (2 sigmoid - 1)


class InvertibleNetwork(nn.Module):
    """Couplings one after another.

    Args:
        host: channels of the host's branch.
        guest: channels of the guest's branch.
        blocks: how many couplings.
        growth: of the dense blocks.
        affine: see `Coupling`.
    """

    def __init__(
        self, host: int, guest: int, *, blocks: int, growth: int, affine: bool = False
    ) -> None:
        super().__init__()
        self.guest = guest
        self.couplings = nn.ModuleList(
            Coupling(host, guest, growth, affine=affine) for _ in range(blocks)
        )

    def forward(self, host: Tensor, guest: Tensor) -> tuple[Tensor, Tensor]:
        """Hide: the host's branch becomes the stego picture, the guest's is thrown away."""
        for coupling in self._steps():
            host, guest = coupling(host, guest)
        return host, guest

    def inverse(self, host: Tensor, guest: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Reveal.

        Args:
            host: the stego picture's branch.
            guest: what was thrown away; zeros stand in for it if None.
        """
        if guest is None:
            guest = host.new_zeros(len(host), self.guest, *host.shape[2:])
        for coupling in reversed(list(self._steps())):
            host, guest = coupling.inverse(host, guest)
        return host, guest

    def _steps(self) -> Iterator[Coupling]:
        for coupling in self.couplings:
            assert isinstance(coupling, Coupling)  # noqa: S101
            yield coupling
