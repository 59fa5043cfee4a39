"""SiaStegNet: a network that looks at the two halves of a picture, and tells stego from cover by how they differ (section 4.9).

W. You, H. Zhang, X. Zhao, A Siamese CNN for Image Steganalysis, IEEE TIFS 16, 2021: the network and loss of the authors' program.
As there, pictures are grey, 0 to 255, not normalised. Unlike there, which network is judged is not chosen by its accuracy on
pictures held out: it is the last, so that they stay unseen.

A network that has not converged says 50 %, as if nothing were hidden. So accuracy near it means something only beside a control:
the same network, trained for as long on as many pictures in which much is hidden plainly, must find that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sirensong.errors import SettingError

Greys = npt.NDArray[np.uint8]
"""Grey pictures of one size: (n, height, width)."""

_LEAST = (5, 10)  # height and width of the smallest picture: each half must hold a kernel
_DIRECTIONS = (
    (-1, 0),
    (-1, 1),
    (0, 1),
    (1, 1),
    (1, 0),
    (1, -1),
    (0, -1),
    (-1, -1),
)  # (down, right): N, NE, E, ... NW
_SQUARE = ((-1, 2, -1), (2, -4, 2), (-1, 2, -1))
_KV = (
    (-1, 2, -2, 2, -1),
    (2, -6, 8, -6, 2),
    (-2, 8, -12, 8, -2),
    (2, -6, 8, -6, 2),
    (-1, 2, -2, 2, -1),
)
_MARGIN, _CONTRAST = 1.0, 0.1
_DROPS, _DROP = (
    (0.6, 0.8),
    0.1,
)  # shares of the training after which the rate falls to a tenth: epochs 300 and 400 of 500
_AT_ONCE = 64  # pictures in a pass that does not train


def srm_kernels() -> npt.NDArray[np.float32]:
    """The residuals of the spatial rich model, not normalised. Returns (30, 5, 5).

    First order 8, second 4, third 8, each along its directions; the square of 3x3 and its four edges; that of 5x5 and its edges.
    """
    kernels = [_line({1: 1, 0: -1}, direction) for direction in _DIRECTIONS]
    kernels += [_line({1: 1, 0: -2, -1: 1}, _DIRECTIONS[at]) for at in (0, 1, 2, 3)]
    kernels += [_line({2: -1, 1: 3, 0: -3, -1: 1}, direction) for direction in _DIRECTIONS]
    for square in (np.pad(np.array(_SQUARE), 1), np.array(_KV)):
        upper = square * (np.arange(5) < 3)[:, None]
        kernels += [
            square,
            *(np.rot90(upper, -turns) for turns in range(4)),
        ]  # upper, right, lower, left
    return np.stack(kernels).astype(np.float32)


def _line(values: dict[int, int], direction: tuple[int, int]) -> npt.NDArray[np.int64]:
    """A kernel of values at so many steps from the middle."""
    kernel = np.zeros((5, 5), np.int64)
    for steps, value in values.items():
        kernel[2 + steps * direction[0], 2 + steps * direction[1]] = value
    return kernel


class _Block(nn.Module):
    """A residual block. As wide as before, it adds what comes in; wider, it halves the sides and adds a projection."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        stride = 1 if before == after else 2
        self.first, self.first_norm = (
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.second, self.second_norm = (
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        projection = nn.Sequential(
            nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
        )
        self.shortcut: nn.Module = nn.Identity() if before == after else projection

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (n, before, height, width)."""
        inner = F.relu(self.first_norm(self.first(maps)))
        return F.relu(self.second_norm(self.second(inner)) + self.shortcut(maps))


class KeNet(nn.Module):
    """The network: one tower for both halves, and a linear layer on how their features differ. 706,828 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.residuals = nn.Conv2d(1, 30, 5)
        widths = ((30, 30), (30, 30), (30, 30), (30, 64), (64, 64), (64, 128), (128, 128))
        self.tower = nn.Sequential(
            nn.BatchNorm2d(30), nn.ReLU(), *(_Block(*pair) for pair in widths)
        )
        self.last = nn.Linear(1 + 4 * 128, 2)
        self._start()

    def _start(self) -> None:
        for module in self.tower.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, _Block):
                nn.init.zeros_(module.second_norm.weight)  # a block begins as its shortcut
        nn.init.normal_(self.last.weight, 0, 0.01)
        nn.init.zeros_(self.last.bias)
        with torch.no_grad():
            self.residuals.weight.copy_(torch.from_numpy(srm_kernels())[:, None])
            self.residuals.bias.zero_()  # type: ignore[union-attr]

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """pictures: (n, 1, height, width), 0 to 255. Returns logits (n, 2) of cover and stego, each half's features (n, 128)."""
        half = pictures.shape[-1] // 2
        left, right = (
            self.tower(self.residuals(part)).mean((2, 3))
            for part in (pictures[..., :half], pictures[..., half : 2 * half])
        )
        both = torch.stack([left, right])
        distance = F.pairwise_distance(left, right, keepdim=True)
        fused = torch.cat([distance, both.mean(0), both.var(0), both.amin(0), both.amax(0)], 1)
        return self.last(F.dropout(fused, 0.5, self.training)), left, right


def loss(logits: Tensor, left: Tensor, right: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy, and a tenth of the contrastive loss: halves of a cover alike, those of a stego picture at least 1 apart.

    labels: (n,), 0 for cover and 1 for stego; the others as `KeNet` returns them.
    """
    distance = F.pairwise_distance(left, right)
    contrast = (1 - labels) * distance**2 + labels * (_MARGIN - distance).clamp(min=0) ** 2
    return F.cross_entropy(logits, labels) + _CONTRAST * contrast.mean()


@dataclass(frozen=True)
class Budget:
    """How long a network is trained, and on what at a time.

    steps: batches. pairs: covers in a batch, and as many stegos. crop: side of the square parts that it is trained on, None for
    whole pictures; the authors take parts of 3/4 to 1 of each side. paired: covers and stegos of a batch belong together, and are
    cut and turned alike, which converges sooner; the authors draw the two apart. Raises SettingError for values out of range.
    """

    steps: int
    pairs: int = 16
    crop: int | None = None
    paired: bool = True

    def __post_init__(self) -> None:
        if min(self.steps, self.pairs) < 1:
            raise SettingError(
                f"steps and pairs must be at least 1, got {self.steps} and {self.pairs}"
            )


def train(covers: Greys, stegos: Greys, budget: Budget, *, seed: int = 0) -> KeNet:
    """Train a network to tell covers from stegos: Adamax at 1e-3, a tenth of it from 0.6 and again from 0.8 of the steps on.

    covers, stegos: as many of each. seed: of weights, batches and dropout; the global generator is left as it was. Raises
    SettingError for pictures that differ in number or size, and for pictures or crops that are too small.
    """
    _check(covers, stegos, budget.crop)
    batches = _batches(covers, stegos, budget, np.random.default_rng(seed))
    with torch.random.fork_rng(devices=[]):  # dropout takes no generator
        torch.manual_seed(seed)
        network: KeNet = KeNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster
        optimizer = torch.optim.Adamax(network.parameters(), lr=1e-3, eps=1e-8, weight_decay=1e-4)
        drops = [round(share * budget.steps) for share in _DROPS]
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, drops, _DROP)
        labels = torch.arange(2).repeat_interleave(budget.pairs)
        for _ in range(budget.steps):
            optimizer.zero_grad()
            logits, left, right = network(next(batches))
            loss(logits, left, right, labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    network.eval()
    return network


def accuracy(network: KeNet, covers: Greys, stegos: Greys) -> float:
    """The share of pictures that a network judges rightly, covers and stegos together. Raises SettingError as `train` does."""
    _check(covers, stegos, None)
    network.eval()
    with torch.inference_mode():
        rights = [
            _verdicts(network, pictures) == label for label, pictures in enumerate((covers, stegos))
        ]
    return float(torch.cat(rights).double().mean())


def _verdicts(network: KeNet, pictures: Greys) -> Tensor:
    parts = [_tensor(pictures[at : at + _AT_ONCE]) for at in range(0, len(pictures), _AT_ONCE)]
    return torch.cat([network(part)[0].argmax(1) for part in parts])


def _check(covers: Greys, stegos: Greys, crop: int | None) -> None:
    if covers.ndim != 3 or covers.shape != stegos.shape or not len(covers):
        raise SettingError(
            f"expected as many covers as stegos, (n, height, width), got {covers.shape} and {stegos.shape}"
        )
    height, width = covers.shape[1:]
    if crop is not None and crop > min(height, width):
        raise SettingError(
            f"parts of {crop}x{crop} pixels are larger than pictures of {width}x{height}"
        )
    high, wide = (height, width) if crop is None else (crop, crop)
    if high < _LEAST[0] or wide < _LEAST[1]:
        raise SettingError(
            f"{wide}x{high} pixels are too small for SiaStegNet: expected at least {_LEAST[1]}x{_LEAST[0]}"
        )


def _batches(
    covers: Greys, stegos: Greys, budget: Budget, rng: np.random.Generator
) -> Iterator[Tensor]:
    """Batches without end, (2 * pairs, 1, height, width), covers first."""
    order, other = (_order(len(covers), rng) for _ in range(2))
    while True:
        chosen = [
            (next(order), _view(covers.shape[1:], budget.crop, rng)) for _ in range(budget.pairs)
        ]
        others = (
            chosen
            if budget.paired
            else [(next(other), _view(covers.shape[1:], budget.crop, rng)) for _ in chosen]
        )
        yield _tensor(
            np.stack(
                [view(covers[at]) for at, view in chosen]
                + [view(stegos[at]) for at, view in others]
            )
        )


def _order(count: int, rng: np.random.Generator) -> Iterator[int]:
    """Indices without end, each once before any comes again."""
    while True:
        yield from rng.permutation(count).tolist()


def _view(
    size: tuple[int, ...], crop: int | None, rng: np.random.Generator
) -> Callable[[Greys], Greys]:
    """A part of a picture of this size, turned by right angles (a whole oblong one only upside down) and mirrored, by chance."""
    height, width = size if crop is None else (crop, crop)
    top, left = (
        int(rng.integers(whole - part + 1))
        for whole, part in zip(size, (height, width), strict=True)
    )
    turns = int(rng.integers(4)) if height == width else 2 * int(rng.integers(2))
    step = int(rng.choice((1, -1)))
    return lambda picture: np.rot90(picture[top : top + height, left : left + width], turns)[
        :, ::step
    ]


def _tensor(pictures: Greys) -> Tensor:
    return torch.from_numpy(pictures.astype(np.float32))[:, None]
