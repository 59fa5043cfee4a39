"""Can a stego function be told from a clean one by its weights?

The histogram SVM of the paper (section 4.10), and stronger detectors: features of functions, and
what learns from them. How much of what they find may be chance, `significance` tells.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import MissingDependencyError
from sirensong.lab.steganalysis.significance import (
    PERMUTATIONS,
    Comparison,
    Detector,
    Features,
    Judge,
    Labels,
    compare,
)
from sirensong.network.siren import Layer

BINS = 100  # of the paper's histogram
_QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
_SPECTRUM = (0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)  # quantiles of a matrix's singular values
_TREES = 60  # of gradient boosting
_TINY = 1e-12


def detect(
    clean: Sequence[StegoFunction],
    stego: Sequence[StegoFunction],
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    advance: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Judge two populations of functions by five detectors.

    Args:
        clean: functions, at least FOLDS.
        stego: functions, at least FOLDS. Those of one index in both may share a cover.
        seed: of all that is drawn.
        permutations: as in `significance.compare`.
        advance: as in `significance.compare`.

    Raises:
        SettingError: too few functions or permutations.
        MissingDependencyError: scikit-learn is not installed.
    """
    functions = [*clean, *stego]
    shares = np.stack([histogram(function) for function in functions])
    facts = np.stack([statistics(function) for function in functions])
    return compare(
        _detectors(shares, facts, seed),
        (len(clean), len(stego)),
        seed=seed,
        permutations=permutations,
        advance=advance,
    )


def histogram(stego: StegoFunction, bounds: tuple[float, float] = (-1.0, 1.0)) -> Features:
    """The paper's feature: how the weights and biases are distributed (section 4.10).

    Args:
        stego: the function.
        bounds: of the histogram; what is beyond is counted in the last bin there.

    Returns:
        The shares in 100 bins of equal width, (100,).
    """
    values = np.concatenate([array.ravel() for layer in stego.weights for array in layer])
    counts, _ = np.histogram(np.clip(values, *bounds), BINS, bounds)
    return counts / values.size


def statistics(stego: StegoFunction) -> Features:
    """Moments, quantiles and singular values, a layer at a time.

    Of each layer: mean, standard deviation, skew and excess kurtosis of the weights and of the
    biases; quantiles of the weights in standard deviations; and quantiles of the matrices' singular
    values, absolute and relative to the largest, means over the tiles.

    Returns:
        33 numbers a layer, (33 x layers,).
    """
    return np.concatenate([_layer_statistics(layer) for layer in stego.weights])


def _layer_statistics(layer: Layer) -> Features:
    weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
    singular = np.linalg.svd(weight, compute_uv=False)
    relative = singular / np.maximum(singular[:, :1], _TINY)
    return np.concatenate(
        [
            _moments(weight),
            _moments(bias),
            np.quantile(weight, _QUANTILES) / max(float(weight.std()), _TINY),
            np.quantile(singular, _SPECTRUM, axis=1).mean(1),
            np.quantile(relative, _SPECTRUM, axis=1).mean(1),
        ]
    )


def _moments(values: Features) -> Features:
    mean, deviation = float(values.mean()), max(float(values.std()), _TINY)
    scaled = (values - mean) / deviation
    return np.array([mean, deviation, (scaled**3).mean(), (scaled**4).mean() - 3])


def _detectors(shares: Features, facts: Features, seed: int) -> list[Detector]:
    try:
        from sklearn.ensemble import GradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.svm import SVC
    except ImportError as error:
        raise MissingDependencyError(
            "detectors need scikit-learn", hint="pip install 'sirensong[lab]'"
        ) from error
    trees = GradientBoostingClassifier(
        n_estimators=_TREES, max_depth=2, subsample=0.7, max_features="sqrt", random_state=seed
    )
    logistic = LogisticRegression(C=0.1, max_iter=5000)
    return [
        Detector("histogram, SVM poly (the paper's)", shares, _judge_of(SVC(kernel="poly"))),
        Detector("histogram, SVM rbf (the paper's)", shares, _judge_of(SVC(kernel="rbf"))),
        Detector("statistics, logistic regression", facts, _judge_of(logistic)),
        Detector("statistics, gradient boosting", facts, _judge_of(trees)),
        Detector("best single statistic", facts, best_single),
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
