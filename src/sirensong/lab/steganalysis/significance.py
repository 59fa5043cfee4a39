"""Do detectors tell two populations apart, or do they only seem to?

Detectors learn from some members and judge the others (cross-validation), and the area under the
ROC curve says how well: 0.5 is guessing, 1 is always right. Whether an area is more than luck is
told by a permutation test, and whether the best of several is, by one that takes the best of
several too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError

Features = npt.NDArray[np.float64]
"""Numbers, of each member along the first axis: a vector, a vector of each of its tiles, or one."""

Labels = npt.NDArray[np.int64]
"""Which population each member is of: 0 or 1."""

Judge = Callable[[Features, Labels, Features], Features]
"""Learns from known members and their labels, and scores unseen members: more is rather 1."""

FOLDS = 5
LEVEL = 0.05
"""A difference is taken to be one if chance makes as large a one less often than this."""

FEWEST = 10
"""Members of each population without which nothing can be concluded."""

PERMUTATIONS = 199
_RESAMPLES = 2000
_TINY = 1e-12


@dataclass(frozen=True)
class Detector:
    """A way to tell two populations apart.

    Args:
        name: for tables.
        features: feature vectors of all members, those of the first population first.
        judge: learns and scores.
    """

    name: str
    features: Features
    judge: Judge


@dataclass(frozen=True)
class Detection:
    """How well one detector tells two populations apart.

    Args:
        name: of the detector.
        auc: area under the ROC curve of members that it was not trained on.
        low: lower end of the area's interval.
        high: upper end. The intervals of all detectors hold together in 95 of 100 cases: with
            five, each has 99 %. They are of these trained detectors; that others would come of
            other members is in `p` alone.
        p: how often chance gives this detector as large an area; not corrected for the number of
            detectors.
        scores: of each member, by a detector that was not trained on it, those of the first
            population first; in standard deviations of the members judged together.
    """

    name: str
    auc: float
    low: float
    high: float
    p: float
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """What all detectors say of two populations.

    Args:
        sizes: members of the first population and of the second.
        detections: what each detector says.
        p: how often chance gives the best of these detectors as large an area as the best has
            here: corrected for their number.
        permutations: how many p is from.
    """

    sizes: tuple[int, int]
    detections: tuple[Detection, ...]
    p: float
    permutations: int

    @property
    def conclusive(self) -> bool:
        """Whether there are enough members to conclude anything."""
        return min(self.sizes) >= FEWEST

    @property
    def told_apart(self) -> bool:
        """Whether the populations differ: p is below LEVEL, and there are enough members."""
        return self.conclusive and self.p < LEVEL


def compare(
    detectors: Sequence[Detector],
    sizes: tuple[int, int],
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    advance: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Judge two populations by several detectors, with one verdict.

    Members of one index, one of each population, are twins: they may share a cover. Twins are in
    one fold, so that no member is judged by a detector that has seen its twin. If one population is
    larger, the rest of it has no twins.

    The permutation test exchanges the labels of randomly chosen twins and does *all* again,
    training too. If the populations do not differ, a twin might as well have been the other, so
    the areas found are one more draw from the same distribution, and p is exact. To exchange only
    the labels of scores that are there would be faster and wrong: each of two folds has taught the
    detector that judges the other, so their errors agree, and the areas of chance scatter more
    than such a test assumes. The areas of all detectors are from the same exchanges, so that the
    largest of each exchange tells what the best of them reaches by chance (Westfall and Young,
    1993). Once that is settled to be more often than LEVEL, no more exchanges are tried, and p is
    what it is by then (Besag and Clifford, 1991).

    Args:
        detectors: at least one.
        sizes: members of the first population and of the second, at least FOLDS of each.
        seed: of folds, intervals and permutations.
        permutations: at most; p is never below 1 / (permutations + 1).
        advance: called with (permutations done, permutations) after each.

    Raises:
        SettingError: too few members or permutations.
    """
    check(sizes, permutations)
    trial = _Trial(sizes, seed)
    scores = [trial.held_out_scores(detector, trial.labels) for detector in detectors]
    areas = np.array([trial.area(own, trial.labels) for own in scores])
    as_large, best_as_large, done = _count_as_large(trial, detectors, areas, permutations, advance)
    confidence = 1 - LEVEL / len(detectors)
    detections = []
    for place, detector in enumerate(detectors):
        low, high = trial.interval(scores[place], confidence)
        p = (1 + int(as_large[place])) / (1 + done)
        own = tuple(scores[place].tolist())
        detections.append(Detection(detector.name, float(areas[place]), low, high, p, own))
    return Comparison(sizes, tuple(detections), (1 + best_as_large) / (1 + done), done)


def check(sizes: tuple[int, int], permutations: int) -> None:
    """Check that there is enough to compare.

    Args:
        sizes: members of the first population and of the second.
        permutations: at most.

    Raises:
        SettingError: too few members or permutations.
    """
    if min(sizes) < FOLDS:
        raise SettingError(
            f"expected at least {FOLDS} functions of each kind, got {sizes[0]} and {sizes[1]}"
        )
    if permutations * LEVEL < 1:
        raise SettingError(f"permutations must be at least {round(1 / LEVEL)}, got {permutations}")


def _count_as_large(
    trial: _Trial,
    detectors: Sequence[Detector],
    areas: Features,
    permutations: int,
    advance: Callable[[int, int], None] | None,
) -> tuple[Labels, int, int]:
    """Permutations in which each detector, and in which the best, does as well; and all of them."""
    as_large, best_as_large, done = np.zeros(len(detectors), np.int64), 0, 0
    enough = LEVEL * (permutations + 1)
    while done < permutations and best_as_large + 1 < enough:
        labels = trial.exchange_twins()
        scores = [trial.held_out_scores(detector, labels) for detector in detectors]
        by_chance = np.array([trial.area(own, labels) for own in scores])
        as_large += by_chance >= areas
        best_as_large += int(by_chance.max() >= areas.max())
        done += 1
        if advance is not None:
            advance(done, permutations)
    return as_large, best_as_large, done


def folds_of(sizes: tuple[int, int], seed: int) -> list[npt.NDArray[np.bool_]]:
    """Cut two populations into folds; members of one index are in one fold.

    Args:
        sizes: members of the first population and of the second.
        seed: of the folds.

    Returns:
        Which members each fold holds, those of the first population first.
    """
    index = np.concatenate([np.arange(size) for size in sizes])
    order = np.random.default_rng(seed).permutation(max(sizes))
    return [np.isin(index, order[fold::FOLDS]) for fold in range(FOLDS)]


class _Trial:
    """Two populations, cut into folds."""

    def __init__(self, sizes: tuple[int, int], seed: int) -> None:
        first, _ = sizes
        self.labels = np.repeat([0, 1], sizes)
        self._twins = min(sizes)
        self._first = first
        self._rng = np.random.default_rng([seed, 1])
        self._folds = folds_of(sizes, seed)

    def exchange_twins(self) -> Labels:
        """The labels, of each pair of twins exchanged or not by chance."""
        exchanged = self._rng.integers(0, 2, self._twins)
        labels = self.labels.copy()
        labels[: self._twins] = exchanged
        labels[self._first : self._first + self._twins] = 1 - exchanged
        return labels

    def held_out_scores(self, detector: Detector, labels: Labels) -> Features:
        """Score each member by a detector that has not seen it."""
        scores = np.empty(len(labels))
        for unseen in self._folds:
            known = ~unseen
            judged = detector.judge(
                detector.features[known], labels[known], detector.features[unseen]
            )
            scores[unseen] = (judged - judged.mean()) / max(float(judged.std()), _TINY)
        return scores

    def area(self, scores: Features, labels: Labels) -> float:
        return area(scores[labels == 0], scores[labels == 1])

    def interval(self, scores: Features, confidence: float) -> tuple[float, float]:
        """An interval of the area, by resampling each population's scores."""
        negative, positive = scores[self.labels == 0], scores[self.labels == 1]
        # How often each is drawn, and with that how often a positive that was drawn exceeds a
        # negative that was: areas of all resamples in one product.
        drawn, other = (
            self._rng.multinomial(len(own), np.full(len(own), 1 / len(own)), _RESAMPLES)
            for own in (negative, positive)
        )
        gaps = positive - negative[:, None]
        exceeds = np.where(gaps > 0, 1.0, np.where(gaps == 0, 0.5, 0.0))
        areas = ((drawn @ exceeds) * other).sum(1) / exceeds.size
        tail = (1 - confidence) / 2
        low, high = np.quantile(areas, (tail, 1 - tail))
        return float(low), float(high)


def area(negative: Features, positive: Features) -> float:
    """Area under the ROC curve: how often a positive's score exceeds a negative's.

    Args:
        negative: scores, (n,).
        positive: scores, (m,); ties are counted half.
    """
    order = np.sort(negative)
    below = np.searchsorted(order, positive, "left") + np.searchsorted(order, positive, "right")
    return float(below.mean() / 2 / len(negative))


def roc(negative: Features, positive: Features) -> tuple[list[float], list[float]]:
    """The ROC curve.

    Args:
        negative: scores, (n,).
        positive: scores, (m,).

    Returns:
        The shares of negatives and of positives that reach each score, from the highest score
        down; both go from 0 to 1.
    """
    thresholds = np.unique(np.concatenate([negative, positive]))[::-1]
    negatives, positives = (
        [0.0, *(float((scores >= threshold).mean()) for threshold in thresholds)]
        for scores in (negative, positive)
    )
    return negatives, positives
