"""Can a stego function be told from a clean one by its weights?

The histogram SVM of the paper (section 4.10), and stronger detectors, which take a function's tiles
for samples: of statistics of its weights, of how it responds, and of what fine-tuning changes. How
much of what they find may be chance, `significance` tells.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import needing
from sirensong.lab.steganalysis.calibration import calibration
from sirensong.lab.steganalysis.response import picture_facts, response
from sirensong.lab.steganalysis.significance import (
    PERMUTATIONS,
    Comparison,
    Detector,
    Features,
    Judge,
    Labels,
    check,
    compare,
    folds_of,
)
from sirensong.lab.steganalysis.statistics import joint_statistics, layer_statistics
from sirensong.lab.steganalysis.tiles import by_votes, pooled, without_cover
from sirensong.network.siren import Weights

BINS = 100  # of the paper's histogram
_TREES = 60  # of gradient boosting
_TINY = 1e-12

Advance = Callable[[str, int, int], None]
"""Called with what is done, how many of it, and how many at most."""


@dataclass(frozen=True)
class Published:
    """What anybody reads in the file of a function, of this scheme or another.

    Args:
        weights: of its tiles.
        facts: what each tile shows, as `picture_facts` tells it, (tiles, numbers).
    """

    weights: Weights
    facts: Features


def detect(
    clean: Sequence[StegoFunction],
    stego: Sequence[StegoFunction],
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    advance: Advance | None = None,
) -> Comparison:
    """Judge two populations of functions of one grid and architecture by seven detectors.

    Args:
        clean: functions, at least FOLDS.
        stego: functions, at least FOLDS. Those of one index in both may share a cover.
        seed: of all that is drawn.
        permutations: as in `significance.compare`.
        advance: called after each function that was looked at and after each permutation.

    Raises:
        SettingError: too few functions or permutations.
        MissingDependencyError: scikit-learn or torch is not installed.
    """
    report = advance or _silent
    sizes = len(clean), len(stego)
    detectors = _look_at([*clean, *stego], sizes, permutations, seed, report)
    return _compare(detectors, sizes, permutations, seed, report)


def detect_by_weights(
    clean: Sequence[Published],
    stego: Sequence[Published],
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> Comparison:
    """Judge two populations of functions of any scheme by the five detectors that need weights.

    Args:
        clean: functions, at least FOLDS, all of as many tiles and of one shape.
        stego: as many functions or more, as in `detect`.
        seed: as in `detect`.
        permutations: as in `detect`.

    Raises:
        SettingError: too few functions or permutations.
        MissingDependencyError: scikit-learn is not installed.
    """
    sizes = len(clean), len(stego)
    check(sizes, permutations)
    detectors = _of_weights([*clean, *stego], _classifiers(seed))
    return compare(detectors, sizes, seed=seed, permutations=permutations)


@dataclass(frozen=True)
class Standing:
    """Where one function stands between two populations.

    Args:
        comparison: how well detectors tell the populations apart.
        among_clean: for each detector, the share of the first population that scores less than
            the function, ties by half.
        among_stego: the same of the second.
    """

    comparison: Comparison
    among_clean: tuple[float, ...]
    among_stego: tuple[float, ...]


def stand(
    function: StegoFunction,
    clean: Sequence[StegoFunction],
    stego: Sequence[StegoFunction],
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    advance: Advance | None = None,
) -> Standing:
    """Tell of which of two populations a function might be.

    The function is judged fold by fold, with those members that a detector has not seen.

    Args:
        function: in neither population, of their grid and architecture.
        clean: as in `detect`.
        stego: as in `detect`.
        seed: as in `detect`.
        permutations: as in `detect`.
        advance: as in `detect`.

    Raises:
        SettingError: too few functions or permutations.
        MissingDependencyError: scikit-learn or torch is not installed.
    """
    report = advance or _silent
    sizes = len(clean), len(stego)
    detectors = _look_at([*clean, *stego, function], sizes, permutations, seed, report)
    members = [replace(detector, features=detector.features[:-1]) for detector in detectors]
    comparison = _compare(members, sizes, permutations, seed, report)
    shares = [_shares_below(detector, sizes, seed) for detector in detectors]
    return Standing(
        comparison, tuple(share[0] for share in shares), tuple(share[1] for share in shares)
    )


def _shares_below(detector: Detector, sizes: tuple[int, int], seed: int) -> tuple[float, float]:
    """Shares of both populations that score less than the last of the detector's features."""
    members, last = detector.features[:-1], detector.features[-1:]
    labels = np.repeat([0, 1], sizes)
    below = np.empty(len(labels))
    for unseen in folds_of(sizes, seed):
        scored = np.concatenate([members[unseen], last])
        judged = detector.judge(members[~unseen], labels[~unseen], scored)
        below[unseen] = (judged[:-1] < judged[-1]) + (judged[:-1] == judged[-1]) / 2
    return float(below[labels == 0].mean()), float(below[labels == 1].mean())


def _compare(
    detectors: Sequence[Detector],
    sizes: tuple[int, int],
    permutations: int,
    seed: int,
    report: Advance,
) -> Comparison:
    return compare(
        detectors,
        sizes,
        seed=seed,
        permutations=permutations,
        advance=lambda done, total: report("permutations, at most", done, total),
    )


def _silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def _look_at(
    functions: Sequence[StegoFunction],
    sizes: tuple[int, int],
    permutations: int,
    seed: int,
    report: Advance,
) -> list[Detector]:
    """Detectors with the features of all functions; what is missing is told before minutes pass."""
    check(sizes, permutations)
    by = _classifiers(seed)
    published, responses, calibrations = [], [], []
    for done, function in enumerate(functions, start=1):
        published.append(Published(function.weights, picture_facts(function)))
        responses.append(response(function))
        calibrations.append(calibration(function))
        report("carriers looked at", done, len(functions))
    facts = np.stack([one.facts for one in published])
    responding, tuned = (
        pooled(without_cover(np.stack(of), facts)) for of in (responses, calibrations)
    )
    return [
        *_of_weights(published, by),
        Detector("response, SVM on pooled tiles", responding, by.rbf),
        Detector("fine-tuning, SVM on pooled tiles", tuned, by.rbf),
    ]


def histogram(weights: Weights, bounds: tuple[float, float] = (-1.0, 1.0)) -> Features:
    """The paper's feature: how the weights and biases are distributed (section 4.10).

    Args:
        weights: of the function's tiles.
        bounds: of the histogram; what is beyond is counted in the last bin there.

    Returns:
        The shares in 100 bins of equal width, (100,).
    """
    values = np.concatenate([array.ravel() for layer in weights for array in layer])
    counts, _ = np.histogram(np.clip(values, *bounds), BINS, bounds)
    return counts / values.size


@dataclass(frozen=True)
class _Classifiers:
    """What learns: support vector machines with a polynomial and a Gaussian kernel, and trees."""

    poly: Judge
    rbf: Judge
    trees: Judge


def _classifiers(seed: int) -> _Classifiers:
    with needing("detectors need scikit-learn", extra="lab"):
        from sklearn.ensemble import GradientBoostingClassifier
        from sklearn.svm import SVC
    trees = GradientBoostingClassifier(
        n_estimators=_TREES, max_depth=2, subsample=0.7, max_features="sqrt", random_state=seed
    )
    poly, rbf = SVC(kernel="poly"), SVC(kernel="rbf")
    return _Classifiers(_judge_of(poly), _judge_of(rbf), _judge_of(trees))


def _of_weights(published: Sequence[Published], by: _Classifiers) -> list[Detector]:
    """The detectors that look at nothing but weights, with the features of all functions."""
    shares = np.stack([histogram(one.weights) for one in published])
    statistics = [
        np.concatenate([layer_statistics(one.weights), joint_statistics(one.weights)], axis=1)
        for one in published
    ]
    tiles = without_cover(np.stack(statistics), np.stack([one.facts for one in published]))
    weights = pooled(tiles)
    return [
        Detector("histogram, SVM poly (the paper's)", shares, by.poly),
        Detector("histogram, SVM rbf (the paper's)", shares, by.rbf),
        Detector("weights, SVM on pooled tiles", weights, by.rbf),
        Detector("weights, votes of tiles by boosting", tiles, by_votes(by.trees)),
        Detector("weights, best single statistic", weights, best_single),
    ]


def _judge_of(model: Any) -> Judge:
    """What a classifier of scikit-learn says, on standardised features."""

    def judge(known: Features, labels: Labels, unseen: Features) -> Features:
        mean, deviation = known.mean(0), np.maximum(known.std(0), _TINY)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a detector that does not converge is a worse one
            model.fit((known - mean) / deviation, labels)
        return np.asarray(model.decision_function((unseen - mean) / deviation), np.float64)

    return judge


def best_single(known: Features, labels: Labels, unseen: Features) -> Features:
    """Score by the one feature with the largest or least area under the ROC curve: a baseline.

    Args:
        known: features of members, (n, d).
        labels: of these, (n,).
        unseen: features of members to score, (m, d).

    Returns:
        That feature of the unseen, with the sign that makes more mean 1; (m,).
    """
    from scipy.stats import rankdata

    positives = int(labels.sum())
    ranks = rankdata(known, axis=0)[labels == 1].sum(0)  # the Mann-Whitney statistic, and a shift
    advantage = ranks - positives * (len(labels) + 1) / 2
    best = int(np.argmax(np.abs(advantage)))
    return np.asarray(unseen[:, best] * np.sign(advantage[best]), np.float64)
