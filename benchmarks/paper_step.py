"""The yardstick: one step of the paper's joint training, as anybody would write it in PyTorch."""

from __future__ import annotations

import itertools
import statistics
import time

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, mse_loss

FEATURES, LAYERS, SIDE, PICTURES, RATIO = 128, 8, 128, 3, 0.05


class Siren(nn.Module):
    """8 hidden layers of 128 sines, coordinates in, colour out."""

    def __init__(self) -> None:
        super().__init__()
        widths = [2] + [FEATURES] * LAYERS + [3]
        self.layers = nn.ModuleList(
            nn.Linear(into, out) for into, out in itertools.pairwise(widths)
        )

    def forward(self, coords: Tensor, masks: list[Tensor], keys: list[Tensor] | None) -> Tensor:
        """The stego function, or with key weights a secret one."""
        activation = coords
        for index, layer in enumerate(self.layers):
            weight = layer.weight
            if keys is not None:
                weight = torch.where(masks[index], keys[index], weight)
            activation = linear(activation, weight, layer.bias)
            if index < LAYERS:
                activation = torch.sin(activation)
        return activation


def paper_step_seconds(steps: int = 6) -> float:
    """Median seconds of a step (section 4.1).

    Three whole 128x128 pictures forward and backward, then Adam.

    Args:
        steps: to take the median of, after one that is not counted.
    """
    torch.manual_seed(0)
    model = Siren()
    masks = [torch.rand_like(layer.weight) < RATIO for layer in model.layers]
    keys = [
        [torch.randn_like(layer.weight) / 11 for layer in model.layers] for _ in range(PICTURES - 1)
    ]
    coords = torch.rand(SIDE * SIDE, 2) * 2 - 1
    colours = [torch.rand(SIDE * SIDE, 3) for _ in range(PICTURES)]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        optimizer.zero_grad()
        pairs = zip([None, *keys], colours, strict=True)
        loss = sum(mse_loss(model(coords, masks, key), target) for key, target in pairs)
        (loss / PICTURES).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])
