"""DeepMIH's networks: an invertible one for each secret, and maps of where the next may go."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sirensong.lab.baselines.networks.invertible import InvertibleNetwork, haar, inverse_haar
from sirensong.lab.baselines.networks.invertible_hiding import low_error
from sirensong.lab.baselines.networks.network import HidingNetwork, as_file

_BANDS = 12  # channels of a colour picture's Haar bands
_LEAST_SQUEEZED = 4  # one or two units with ReLU may never be active


class DeepMihNetwork(HidingNetwork):
    """Hides the second secret in the first stego picture, guided by an importance map, and so on.

    Args:
        secrets: how many pictures.
        blocks: couplings of each invertible network, all of them affine.
        growth: of their dense blocks.
        width: features of the importance map's layers.
    """

    rate = 1.5e-3
    secret_weight = 2.0

    def __init__(self, secrets: int, *, blocks: int, growth: int, width: int) -> None:
        super().__init__()
        hosts = [_BANDS] + [2 * _BANDS] * (secrets - 1)
        self.hiding = nn.ModuleList(
            InvertibleNetwork(host, _BANDS, blocks=blocks, growth=growth, affine=True)
            for host in hosts
        )
        self.maps = nn.ModuleList(ImportanceMap(width, growth) for _ in hosts[1:])

    def hide(self, cover: Tensor, secrets: Tensor) -> Tensor:
        """See `HidingNetwork.hide`."""
        return self.hide_each(cover, secrets)[-1]

    def hide_each(self, cover: Tensor, secrets: Tensor) -> list[Tensor]:
        """Hide the secrets one after another.

        Args:
            cover: (sets, 3, height, width).
            secrets: (sets, 3 secrets, height, width).

        Returns:
            The stego picture after each secret.
        """
        stegos: list[Tensor] = []
        before: tuple[Tensor, Tensor, Tensor] | None = None
        stego = cover
        for place, secret in enumerate(secrets.chunk(len(self.hiding), 1)):
            host = haar(stego)
            if before is not None:
                host = torch.cat([host, haar(self.maps[place - 1](*before))], 1)
            host, _ = self.hiding[place](host, haar(secret))
            hidden = inverse_haar(host[:, :_BANDS])
            before, stego = (stego, secret, hidden), hidden
            stegos.append(stego)
        return stegos

    def reveal(self, stego: Tensor) -> Tensor:
        """See `HidingNetwork.reveal`; the last secret comes first."""
        host, found = haar(stego), []
        for network in reversed(self.hiding):
            assert isinstance(network, InvertibleNetwork)  # noqa: S101
            if network is not self.hiding[0]:
                host = torch.cat([host, torch.zeros_like(host)], 1)
            host, guest = network.inverse(host)
            host = host[:, :_BANDS]
            found.append(inverse_haar(guest))
        return torch.cat(found[::-1], 1)

    def decoder(self) -> Iterable[nn.Parameter]:
        """The invertible networks; the maps are the sender's."""
        return self.hiding.parameters()

    def loss(self, cover: Tensor, secrets: Tensor) -> Tensor:
        """All stego pictures and their low bands, all secrets."""
        stegos = self.hide_each(cover, secrets)
        mse = nn.functional.mse_loss
        terms = [mse(stego, cover) + low_error(cover, stego) for stego in stegos]
        revealed = self.reveal(as_file(stegos[-1])).chunk(len(stegos), 1)
        terms += [
            self.secret_weight * mse(one, secret)
            for one, secret in zip(revealed, secrets.chunk(len(stegos), 1), strict=True)
        ]
        return torch.stack(terms).sum() + self.penalty(cover, stegos[-1])


class ImportanceMap(nn.Module):
    """Where the next secret disturbs least, from a cover, what it hides, and the stego picture.

    Args:
        width: features of its layers.
        growth: of its last dense block.
    """

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.prepare = nn.ModuleList(_Prepare(width) for _ in range(3))
        widths = [3 * width + growth * place for place in range(5)]
        self.grow = nn.ModuleList(nn.Conv2d(wide, growth, 3, padding=1) for wide in widths[:-1])
        self.squeeze = _Squeeze(widths[-1])
        self.last = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, cover: Tensor, secret: Tensor, stego: Tensor) -> Tensor:
        """Three pictures of (sets, 3, height, width) to a map of the same size."""
        pictures = (cover, secret, stego)
        known = [part(one) for part, one in zip(self.prepare, pictures, strict=True)]
        for layer in self.grow:
            known.append(_active(layer(torch.cat(known, 1))))
        made: Tensor = self.last(self.squeeze(torch.cat(known, 1)))
        return made


class _Prepare(nn.Module):
    """A picture's features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.second = nn.Conv2d(width + 3, width, 3, padding=1)
        self.squeeze = _Squeeze(2 * width + 3)
        self.last = nn.Conv2d(2 * width + 3, width, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        known = torch.cat([picture, _active(self.first(picture))], 1)
        known = torch.cat([known, _active(self.second(known))], 1)
        return _active(self.last(self.squeeze(known)))


class _Squeeze(nn.Module):
    """Squeeze and excitation: scales channels by what they are on average."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(_LEAST_SQUEEZED, channels // 16)
        self.down = nn.Linear(channels, squeezed)
        self.up = nn.Linear(squeezed, channels)

    def forward(self, features: Tensor) -> Tensor:
        means = features.mean((2, 3))
        shares = torch.sigmoid(self.up(nn.functional.relu(self.down(means))))
        return features * shares[..., None, None]


def _active(features: Tensor) -> Tensor:
    return nn.functional.leaky_relu(features, 0.01)
