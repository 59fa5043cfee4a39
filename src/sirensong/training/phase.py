"""One stage of training: how many steps it takes, on how many pixels, at which rate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from sirensong.errors import SettingError

_OVERHEAD = 1 / 8  # share of a tile's pixels whose evaluation takes as long as the rest of a step


@dataclass(frozen=True)
class Phase:
    """One stage of training. The cover's stage and the joint one differ by these values only.

    Args:
        steps: optimization steps.
        batches: (progress from which on, share of a tile's pixels in a step), growing; a share
            of 1 takes whole pictures.
        hold: share of the stage at the full learning rate, which then falls linearly to zero;
            1 for a constant rate.
        keep_best: take the parameters of least error that were seen instead of the last.
        pruning: largest share of each matrix's weights that is missing while a step looks at
            it, in [0, 1).
        noise: standard deviation of noise on the weights while a step looks at them, in
            standard deviations of their matrix, in [0, 1).

    Raises:
        SettingError: a value is out of range.
    """

    steps: int
    batches: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    hold: float = 1.0
    keep_best: bool = False
    pruning: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SettingError(f"steps must be at least 1, got {self.steps}")
        if not (0 <= self.pruning < 1 and 0 <= self.noise < 1):
            got = f"{self.pruning:g} and {self.noise:g}"
            raise SettingError(f"pruning and noise must be at least 0 and below 1, got {got}")
        if not 0 <= self.hold <= 1:
            raise SettingError(f"hold must be 0 to 1, got {self.hold:g}")
        begins = [begin for begin, _ in self.batches]
        if not begins or begins[0] != 0 or begins != sorted(set(begins)) or begins[-1] >= 1:
            raise SettingError(f"batches must begin at 0 and grow below 1, got {begins}")
        if not all(0 < share <= 1 for _, share in self.batches):
            raise SettingError("shares of pixels in a batch must be above 0 and at most 1")

    def share_at(self, progress: float) -> float:
        """Share of a tile's pixels in a step when `progress`, in [0, 1], of the stage is done."""
        return next(share for begin, share in reversed(self.batches) if progress >= begin)

    def rate_at(self, progress: float) -> float:
        """Factor on the learning rates when `progress`, in [0, 1], of the stage is done."""
        if self.hold == 1 or progress < self.hold:
            return 1.0
        return (1 - progress) / (1 - self.hold)

    def parts(self) -> list[tuple[float, float]]:
        """(share of the stage's steps, share of a tile's pixels) of each size of batch."""
        ends = [*(begin for begin, _ in self.batches[1:]), 1.0]
        return [
            (end - begin, share) for (begin, share), end in zip(self.batches, ends, strict=True)
        ]

    def epochs(self) -> list[float]:
        """How often each pixel has been looked at after 0, 1, ... up to all steps, on average."""
        shares = (self.share_at(step / self.steps) for step in range(self.steps))
        return [0.0, *accumulate(shares)]

    def time_share(self, progress: float) -> float:
        """Share of the stage's time that is over at `progress`, in [0, 1], of its steps.

        Steps on more pixels take longer, so it is not the same as the progress.
        """
        knots, shares = self._clock()
        return float(np.interp(progress, knots, shares))

    def progress_at(self, time_share: float) -> float:
        """Share of the stage's steps that are done when `time_share`, in [0, 1], is over."""
        knots, shares = self._clock()
        return float(np.interp(time_share, shares, knots))

    def _clock(self) -> tuple[list[float], list[float]]:
        knots = [*(begin for begin, _ in self.batches), 1.0]
        costs = [
            (end - begin) * (share + _OVERHEAD)
            for (begin, end), (_, share) in zip(pairwise(knots), self.batches, strict=True)
        ]
        total = sum(costs)
        return knots, [0.0, *(cost / total for cost in accumulate(costs))]
