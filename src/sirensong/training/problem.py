"""What is trained: N+1 functions over one set of shared weights, each with its own picture (section 3.5)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sirensong.image import Pixels, coordinates
from sirensong.metrics import psnr_of
from sirensong.siren import Architecture, evaluate
from sirensong.substitution import Positions, Values
from sirensong.training.parameters import Parameters

_CHUNK = 16384  # points rendered at a time


class Target:
    """Coordinates and colours of one picture. coords: (P, 2). colours: (P, 3), in [-1, 1], as the function gives them."""

    def __init__(self, pixels: Pixels, device: torch.device) -> None:
        self.height, self.width = pixels.shape[:2]
        self.coords = torch.from_numpy(coordinates(self.height, self.width)).to(device)
        self.colours = (torch.from_numpy(pixels).reshape(-1, 3) * 2 - 1).to(device)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width


class Problem:
    """F functions: the first is the stego function, each other has some weights of its key in place of the shared ones.

    targets: one a function. substitutions: (positions, values) of each secret function, in order. frozen: positions whose shared
    weights are not trained (W_st of section 3.3, for a mask that all keys share), or None. loss_weights: one a
    function (Eq. 9).
    """

    def __init__(
        self,
        architecture: Architecture,
        targets: Sequence[Target],
        substitutions: Sequence[tuple[Positions, Values]],
        loss_weights: Sequence[float],
        *,
        frozen: Positions | None = None,
    ) -> None:
        self.architecture = architecture
        self.targets = tuple(targets)
        device = self.targets[0].coords.device
        functions = len(self.targets)
        self._inserted, self._shared = _stacked(architecture, functions, 0.0), _stacked(architecture, functions, 1.0)
        for function, (positions, values) in enumerate(substitutions, start=1):
            for kept, inserted, places, numbers in zip(
                _matrices(self._shared, function), _matrices(self._inserted, function), positions, values, strict=True
            ):
                index = torch.from_numpy(places)
                kept.view(-1)[index] = 0.0
                inserted.view(-1)[index] = torch.from_numpy(numbers)
        self._trained = _stacked(architecture, 1, 1.0)
        for kept, places in zip(_matrices(self._trained, 0), frozen or (), strict=False):
            kept.view(-1)[torch.from_numpy(places)] = 0.0
        self._inserted, self._shared, self._trained = (
            [tensor.to(device) for tensor in tensors] for tensors in (self._inserted, self._shared, self._trained)
        )
        self.loss_weights = torch.tensor(loss_weights, device=device)

    @property
    def functions(self) -> int:
        """F: the stego function and the secret ones."""
        return len(self.targets)

    def weights(self, shared: Parameters) -> Parameters:
        """Every function's own weights (Eq. 4, 5)."""
        first, hidden, last = (
            torch.addcmul(inserted, kept, matrix)
            for inserted, kept, matrix in zip(
                self._inserted, self._shared, (shared.first[None], shared.hidden[:, None], shared.last[None]), strict=True
            )
        )
        layers, features = shared.biases.shape
        biases = shared.biases.unsqueeze(1).expand(layers, self.functions, features)
        return Parameters(first, hidden, last, biases, shared.last_bias.expand(self.functions, 3))

    def shared_gradient(self, gradient: Parameters) -> Parameters:
        """Gradient of the shared weights, from that of every function's own: only W_s learns (Eq. 10)."""
        first, hidden, last = (
            (part * kept).sum(axis) * trained.squeeze(axis)
            for part, kept, trained, axis in zip(
                (gradient.first, gradient.hidden, gradient.last), self._shared, self._trained, (0, 1, 0), strict=True
            )
        )
        return Parameters(first, hidden, last, gradient.biases.sum(1), gradient.last_bias.sum(0))

    def psnr(self, shared: Parameters) -> list[float]:
        """PSNR in dB of each function's render, rounded to 8 bits, against its picture (Eq. 13)."""
        every = self.weights(shared)
        values = []
        for function, target in enumerate(self.targets):
            matrices = (every.first[function], *every.hidden[:, function], every.last[function])
            layers = list(zip(matrices, (*every.biases[:, function], every.last_bias[function]), strict=True))
            error = torch.zeros((), dtype=torch.float64)
            for start in range(0, len(target.coords), _CHUNK):
                chunk = slice(start, start + _CHUNK)
                rendered = evaluate(layers, target.coords[chunk]).clamp(-1, 1).add(1).mul(127.5).round()
                error += (rendered - (target.colours[chunk] + 1) * 127.5).square().sum().cpu()
            values.append(psnr_of(float(error) / target.colours.numel() / 255**2))
        return values

    def trained(self) -> Tensor:
        """Where hidden matrices may change: (L-1, H, H), 1 or 0."""
        return self._trained[1].squeeze(1)


def _stacked(architecture: Architecture, functions: int, value: float) -> list[Tensor]:
    """The first, hidden and last matrices of F functions, all of one value."""
    features, layers = architecture.hidden_features, architecture.hidden_layers
    shapes = ((functions, features, 2), (layers - 1, functions, features, features), (functions, 3, features))
    return [torch.full(shape, value) for shape in shapes]


def _matrices(stacked: list[Tensor], function: int) -> list[Tensor]:
    """One function's weight matrices, first to last, as views."""
    first, hidden, last = stacked
    return [first[function], *hidden[:, function], last[function]]
