"""Layers of the networks that are not invertible."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

FULL = (50, 10, 5)
"""Features of the kernels of 3, 4 and 5 pixels, as published: 65 together."""
SMALL = (25, 5, 3)
"""About half of them: 33."""

Widths = tuple[int, int, int]


class ParallelBlock(nn.Module):
    """Kernels of 3, 4 and 5 pixels on the same input, side by side, with ReLU.

    Args:
        channels: of the input.
        widths: features of each kernel.
    """

    def __init__(self, channels: int, widths: Widths) -> None:
        super().__init__()
        sizes = zip(widths, (3, 4, 5), strict=True)
        self.kernels = nn.ModuleList(
            nn.Conv2d(channels, width, size, padding=(size - 1) // 2) for width, size in sizes
        )

    def forward(self, features: Tensor) -> Tensor:
        """(sets, channels, height, width) to (sets, sum of widths, height, width)."""
        longer = nn.functional.pad(features, (0, 1, 0, 1))  # an even kernel takes one away
        three, four, five = self.kernels
        made = [three(features), four(longer), five(features)]
        return nn.functional.relu(torch.cat(made, 1), inplace=True)


def parallel_blocks(channels: int, count: int, widths: Widths) -> list[nn.Module]:
    """Blocks one after another.

    Args:
        channels: of the first one's input.
        count: how many.
        widths: of each.
    """
    inputs = [channels] + [sum(widths)] * (count - 1)
    return [ParallelBlock(width, widths) for width in inputs]


class Stego(nn.Module):
    """The last layer of a hiding function: features to a picture.

    Args:
        features: channels of the input.
        size: of its kernel, in pixels.
        from_cover: whether the picture is the cover and what this layer adds. Training then need
            not learn to copy the cover. What it adds must not begin at zero, or the revealing
            network learns first that there is nothing to see. No scheme was published so.
    """

    def __init__(self, features: int, size: int, *, from_cover: bool) -> None:
        super().__init__()
        self._from_cover = from_cover
        self.layer = nn.Conv2d(features, 3, size, padding=size // 2)

    def forward(self, features: Tensor, cover: Tensor) -> Tensor:
        """(sets, features, height, width) and the cover to (sets, 3, height, width)."""
        picture: Tensor = self.layer(features)
        return cover + picture if self._from_cover else picture


def begin_at_zero(layer: nn.Module) -> None:
    """Set a layer's parameters to zero: it gives nothing before it is trained."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def normalised(widths: list[int]) -> nn.Sequential:
    """3x3 convolutions one after another, each with batch normalisation and ReLU.

    Args:
        widths: channels of the input, then of each layer.
    """
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers.append(nn.Conv2d(before, after, 3, padding=1, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
