"""How much of a picture is in an adversary's renders?

An adversary's renders are averaged, and the mean's edges and light are correlated with a picture's,
with those of the cover taken out of both. Pictures that have nothing to do with the carrier are the
control: the true one should rank among them as any other does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sirensong.network.rendering import Function, render
from sirensong.pictures.image import Pixels

Map = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """What of a picture is in renders: correlations in [-1, 1], the cover's part taken out.

    Args:
        edges: of the magnitudes of brightness gradients.
        light: of brightness.
    """

    edges: float
    light: float


@dataclass(frozen=True, eq=False)
class Maps:
    """Edges and light of a picture, or their means over pictures.

    Args:
        edges: magnitudes of brightness gradients, (height - 1, width - 1).
        light: brightness, (height, width).
    """

    edges: Map
    light: Map


def maps_of(pictures: Iterable[Pixels]) -> Maps:
    """Edges and light of pictures of one size, mean over the pictures.

    Args:
        pictures: each (height, width, 3), one at least.
    """
    edges, lights = [], []
    for picture in pictures:
        grey = picture.astype(np.float64).mean(2)
        right, down = np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]
        edges.append(np.hypot(right, down))
        lights.append(grey)
    return Maps(np.mean(edges, axis=0), np.mean(lights, axis=0))


def trace(seen: Maps, picture: Pixels, cover: Pixels) -> Trace:
    """How much of a picture is in what was seen, beyond what it shares with the cover.

    Args:
        seen: of an adversary's renders.
        picture: of their size.
        cover: of their size.
    """
    own, public = maps_of([picture]), maps_of([cover])
    return Trace(
        _partial(seen.edges, own.edges, public.edges), _partial(seen.light, own.light, public.light)
    )


def _partial(seen: Map, picture: Map, cover: Map) -> float:
    """Correlation of two maps after a third is regressed out of both; 0 if nothing is left."""
    flat = cover.ravel() - cover.mean()
    residuals = []
    for values in (seen, picture):
        centred = values.ravel() - values.mean()
        residuals.append(centred - flat * (centred @ flat) / max(flat @ flat, 1e-12))
    scale = math.sqrt(float(residuals[0] @ residuals[0]) * float(residuals[1] @ residuals[1]))
    return float(residuals[0] @ residuals[1]) / scale if scale > 1e-12 else 0.0


def left_over(picture: Pixels, cover: Pixels) -> Pixels:
    """What of a picture the cover does not explain, its contrast raised for the eye.

    Args:
        picture: (height, width, 3).
        cover: of that shape; it is regressed out of each colour.

    Returns:
        (height, width, 3) in [0, 1]: grey where nothing is left.
    """
    flat = cover.reshape(-1, 3) - cover.reshape(-1, 3).mean(0)
    own = picture.reshape(-1, 3) - picture.reshape(-1, 3).mean(0)
    left = own - flat * ((own * flat).sum(0) / np.maximum((flat**2).sum(0), 1e-12))
    raised = 0.5 + 0.2 * left / max(float(left.std()), 1e-4)
    shown: Pixels = np.clip(raised, 0, 1).reshape(picture.shape).astype(np.float32)
    return shown


@dataclass(frozen=True)
class Finding:
    """What of a picture is in renders, against control pictures.

    Args:
        true: of the picture.
        controls: of the others.
    """

    true: Trace
    controls: tuple[Trace, ...]

    @property
    def excess(self) -> Trace:
        """The picture's trace above the controls' mean."""
        return Trace(
            self.true.edges - float(np.mean([control.edges for control in self.controls])),
            self.true.light - float(np.mean([control.light for control in self.controls])),
        )

    @property
    def rank(self) -> Trace:
        """Share of the controls that have less of a trace, ties by half: 0.5 is guessing."""
        return Trace(
            rank(self.true.edges, [control.edges for control in self.controls]),
            rank(self.true.light, [control.light for control in self.controls]),
        )


def find(
    renders: Sequence[Pixels], picture: Pixels, controls: Sequence[Pixels], published: Function
) -> Finding:
    """Look for a picture in renders, and for control pictures.

    Args:
        renders: an adversary's, of one size.
        picture: of that size.
        controls: pictures of that size that have nothing to do with the carrier, one at least.
        published: the carrier, whose cover is taken out; in a key's order where renders are.
    """
    seen = maps_of(renders)
    height, width = renders[0].shape[:2]
    cover = render(published, (height, width))
    true, *others = (trace(seen, candidate, cover) for candidate in (picture, *controls))
    return Finding(true, tuple(others))


def rank(true: float, controls: Sequence[float]) -> float:
    """Share of the controls that are less, ties by half.

    Args:
        true: the value to rank.
        controls: one at least.
    """
    less = sum(control < true for control in controls)
    return (less + sum(control == true for control in controls) / 2) / len(controls)


class Interval(NamedTuple):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def interval(values: Sequence[float]) -> Interval:
    """Mean of independent values with the 95 % interval of Student's t.

    Args:
        values: two at least; of fewer the interval is not known, nan.

    Raises:
        MissingDependencyError: SciPy is not installed.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan)
    half = float(np.std(values, ddof=1)) / math.sqrt(len(values)) * _quantile(len(values) - 1)
    return Interval(mean, mean - half, mean + half)


def _quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
