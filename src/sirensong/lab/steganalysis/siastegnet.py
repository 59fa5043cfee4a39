"""SiaStegNet: a network that tells stego from cover by how a picture's two halves differ.

Section 4.9 of the paper. W. You, H. Zhang, X. Zhao, A Siamese CNN for Image Steganalysis, IEEE TIFS
16, 2021: the network and loss of the authors' program. As there, pictures are grey, 0 to 255, not
normalised. Unlike there, the network that is judged is not chosen by its accuracy on pictures held
out: it is the last, so that they stay unseen.

A network that has not converged says 50 %, as if nothing were hidden. So accuracy near it means
something only beside a control: the same network, trained for as long on as many pictures in which
much is hidden plainly, must find that.
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
_NORTH, _EAST = (-1, 0), (0, 1)  # (down, right)
_SOUTH, _WEST = (1, 0), (0, -1)
_COMPASS = (_NORTH, (-1, 1), _EAST, (1, 1), _SOUTH, (1, -1), _WEST, (-1, -1))
_SQUARE = ((-1, 2, -1), (2, -4, 2), (-1, 2, -1))
_KV = (
    (-1, 2, -2, 2, -1),
    (2, -6, 8, -6, 2),
    (-2, 8, -12, 8, -2),
    (2, -6, 8, -6, 2),
    (-1, 2, -2, 2, -1),
)
_MARGIN = 1.0  # distance of a stego picture's halves
_CONTRAST = 0.1  # weight of the contrastive loss
_DROPS, _DROP = (0.6, 0.8), 0.1  # the rate falls to a tenth at epochs 300 and 400 of 500
_AT_ONCE = 64  # pictures in a pass that does not train


def srm_kernels() -> npt.NDArray[np.float32]:
    """The residuals of the spatial rich model, not normalised.

    First order 8, second 4, third 8, each along its directions; the square of 3x3 and its four
    edges; the square of 5x5 and its edges.

    Returns:
        (30, 5, 5).
    """
    kernels = [_along(direction, {1: 1, 0: -1}) for direction in _COMPASS]
    kernels += [_along(direction, {1: 1, 0: -2, -1: 1}) for direction in _COMPASS[:4]]
    kernels += [_along(direction, {2: -1, 1: 3, 0: -3, -1: 1}) for direction in _COMPASS]
    for square in (np.pad(np.array(_SQUARE), 1), np.array(_KV)):
        upper = square * (np.arange(5) < 3)[:, None]
        edges = [np.rot90(upper, -turns) for turns in range(4)]  # upper, right, lower, left
        kernels += [square, *edges]
    return np.stack(kernels).astype(np.float32)


def _along(direction: tuple[int, int], values: dict[int, int]) -> npt.NDArray[np.int64]:
    """A kernel of values at so many steps from the middle in a direction."""
    kernel = np.zeros((5, 5), np.int64)
    for steps, value in values.items():
        kernel[2 + steps * direction[0], 2 + steps * direction[1]] = value
    return kernel


class _Block(nn.Module):
    """A residual block.

    If it is as wide as before, it adds what comes in; if it is wider, it halves the sides and adds
    a projection.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        stride = 1 if before == after else 2
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if before != after:
            projection = nn.Conv2d(before, after, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(after))

    def forward(self, maps: Tensor) -> Tensor:
        """Take (n, before, height, width) to (n, after, ...)."""
        inner = F.relu(self.first_norm(self.first(maps)))
        return F.relu(self.second_norm(self.second(inner)) + self.shortcut(maps))


class KeNet(nn.Module):
    """The network: one tower for both halves, and a linear layer on how their features differ.

    It has 706,828 parameters.
    """

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
        """Judge pictures.

        Args:
            pictures: (n, 1, height, width), grey, 0 to 255.

        Returns:
            Logits (n, 2) of cover and stego; features of the left halves and of the right halves,
            (n, 128) each.
        """
        half = pictures.shape[-1] // 2
        left, right = (
            self.tower(self.residuals(side)).mean((2, 3))
            for side in (pictures[..., :half], pictures[..., half : 2 * half])
        )
        both = torch.stack([left, right])
        distance = F.pairwise_distance(left, right, keepdim=True)
        fused = torch.cat([distance, both.mean(0), both.var(0), both.amin(0), both.amax(0)], 1)
        return self.last(F.dropout(fused, 0.5, self.training)), left, right


def loss(logits: Tensor, left: Tensor, right: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy, and a tenth of the contrastive loss.

    The latter is 0 if the halves of each cover have the same features, and those of each stego
    picture are at least 1 apart.

    Args:
        logits: as `KeNet` returns them.
        left: as `KeNet` returns them.
        right: as `KeNet` returns them.
        labels: (n,), 0 for cover and 1 for stego.
    """
    distance = F.pairwise_distance(left, right)
    contrast = (1 - labels) * distance**2 + labels * (_MARGIN - distance).clamp(min=0) ** 2
    return F.cross_entropy(logits, labels) + _CONTRAST * contrast.mean()


@dataclass(frozen=True)
class TrainingSettings:
    """How long a network is trained, and on what at a time.

    Args:
        steps: batches to train on.
        pairs: covers in a batch; as many stegos are in it.
        crop: side in pixels of the square parts that it is trained on, None for whole pictures;
            the authors take parts of 3/4 to 1 of each side.
        paired: covers and stegos of a batch belong together, and are cut and turned alike. That
            converges sooner; the authors draw the two apart.

    Raises:
        SettingError: a value is out of range.
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


def train(covers: Greys, stegos: Greys, settings: TrainingSettings, *, seed: int = 0) -> KeNet:
    """Train a network to tell covers from stegos.

    By Adamax at a rate of 1e-3, of which a tenth is taken from 0.6 of the steps on, and of that a
    tenth from 0.8 on.

    Args:
        covers: pictures.
        stegos: as many, of the same size.
        settings: how long, and on what.
        seed: of weights, batches and dropout; the global generator is left as it was.

    Raises:
        SettingError: pictures differ in number or size, or pictures or crops are too small.
    """
    _check(covers, stegos, settings.crop)
    batches = _batches(covers, stegos, settings, np.random.default_rng(seed))
    with torch.random.fork_rng(devices=[]):  # dropout takes no generator
        torch.manual_seed(seed)
        network: KeNet = KeNet()
        # A fifth faster:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.Adamax(network.parameters(), lr=1e-3, eps=1e-8, weight_decay=1e-4)
        drops = [round(share * settings.steps) for share in _DROPS]
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, drops, _DROP)
        labels = torch.arange(2).repeat_interleave(settings.pairs)
        for _ in range(settings.steps):
            optimizer.zero_grad()
            logits, left, right = network(next(batches))
            loss(logits, left, right, labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    network.eval()
    return network


def accuracy(network: KeNet, covers: Greys, stegos: Greys) -> float:
    """The share of pictures that a network judges rightly, covers and stegos together.

    Args:
        network: a trained one.
        covers: pictures.
        stegos: as many, of the same size.

    Raises:
        SettingError: pictures differ in number or size, or are too small.
    """
    _check(covers, stegos, None)
    network.eval()
    with torch.inference_mode():
        of_covers, of_stegos = _verdicts(network, covers), _verdicts(network, stegos)
    return float(torch.cat([of_covers == 0, of_stegos == 1]).double().mean())


def _verdicts(network: KeNet, pictures: Greys) -> Tensor:
    verdicts = []
    for start in range(0, len(pictures), _AT_ONCE):
        logits, _, _ = network(_tensor(pictures[start : start + _AT_ONCE]))
        verdicts.append(logits.argmax(1))
    return torch.cat(verdicts)


def _check(covers: Greys, stegos: Greys, crop: int | None) -> None:
    if covers.ndim != 3 or covers.shape != stegos.shape or not len(covers):
        raise SettingError(
            "expected as many covers as stegos, (n, height, width), "
            f"got {covers.shape} and {stegos.shape}"
        )
    height, width = covers.shape[1:]
    if crop is not None and crop > min(height, width):
        raise SettingError(
            f"parts of {crop}x{crop} pixels are larger than pictures of {width}x{height}"
        )
    high, wide = (height, width) if crop is None else (crop, crop)
    if high < _LEAST[0] or wide < _LEAST[1]:
        raise SettingError(
            f"{wide}x{high} pixels are too small for SiaStegNet: "
            f"expected at least {_LEAST[1]}x{_LEAST[0]}"
        )


def _batches(
    covers: Greys, stegos: Greys, settings: TrainingSettings, rng: np.random.Generator
) -> Iterator[Tensor]:
    """Batches without end, (2 * pairs, 1, height, width), covers first."""
    order, other_order = _order(len(covers), rng), _order(len(covers), rng)
    size = covers.shape[1:]

    def draw(order: Iterator[int]) -> list[tuple[int, Callable[[Greys], Greys]]]:
        return [(next(order), _view(size, settings.crop, rng)) for _ in range(settings.pairs)]

    while True:
        chosen = draw(order)
        others = chosen if settings.paired else draw(other_order)
        views = [view(covers[index]) for index, view in chosen]
        views += [view(stegos[index]) for index, view in others]
        yield _tensor(np.stack(views))


def _order(count: int, rng: np.random.Generator) -> Iterator[int]:
    """Indices without end, each once before any comes again."""
    while True:
        yield from rng.permutation(count).tolist()


def _view(
    size: tuple[int, ...], crop: int | None, rng: np.random.Generator
) -> Callable[[Greys], Greys]:
    """A part of a picture of this size, turned by right angles and mirrored, all by chance.

    A whole oblong picture is only turned upside down.
    """
    height, width = size if crop is None else (crop, crop)
    top = int(rng.integers(size[0] - height + 1))
    left = int(rng.integers(size[1] - width + 1))
    turns = int(rng.integers(4)) if height == width else 2 * int(rng.integers(2))
    step = int(rng.choice((1, -1)))

    def view(picture: Greys) -> Greys:
        cut = picture[top : top + height, left : left + width]
        return np.rot90(cut, turns)[:, ::step]

    return view


def _tensor(pictures: Greys) -> Tensor:
    return torch.from_numpy(pictures.astype(np.float32))[:, None]
