"""Can a stego function be told from a clean one by its weights? The paper's histogram SVM (section 4.10), and stronger detectors.

All take features of functions, half of them stego, train on some and judge the others (cross-validation), and give the area under
the ROC curve: 0.5 is guessing, 1 is always right.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import MissingDependencyError, SettingError
from sirensong.network.siren import Layer

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

BINS = 100  # of the paper's histogram
FOLDS = 5
_QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
_SPECTRUM = (0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)  # quantiles of a matrix's singular values
_RESAMPLES = 2000
_TINY = 1e-12


@dataclass(frozen=True)
class Detection:
    """How well a detector tells two populations apart. auc: on functions it was not trained on. low, high: its 95 % interval."""

    name: str
    auc: float
    low: float
    high: float

    @property
    def guessing(self) -> bool:
        """Whether 0.5 is within the interval: whether it may be no better than chance."""
        return self.low <= 0.5 <= self.high


def histogram(stego: StegoFunction, bounds: tuple[float, float] = (-1.0, 1.0)) -> Features:
    """The paper's feature: shares of all weights and biases in 100 bins of equal width within bounds. Returns (100,)."""
    values = np.concatenate([array.ravel() for layer in stego.weights for array in layer])
    counts, _ = np.histogram(np.clip(values, *bounds), BINS, bounds)
    return counts / values.size


def statistics(stego: StegoFunction) -> Features:
    """Moments, quantiles and singular values, a layer at a time.

    Of each layer: mean, standard deviation, skew and excess kurtosis of weights and of biases, quantiles of the weights relative
    to their standard deviation, and quantiles of the matrices' singular values, absolute and relative to the largest (means over
    the tiles).
    """
    return np.concatenate([_layer_statistics(layer) for layer in stego.weights])


def _layer_statistics(layer: Layer) -> Features:
    weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
    singular = np.linalg.svd(weight, compute_uv=False)
    spectrum = np.quantile(singular, _SPECTRUM, axis=1).mean(1)
    relative = np.quantile(singular / np.maximum(singular[:, :1], _TINY), _SPECTRUM, axis=1).mean(1)
    quantiles = np.quantile(weight, _QUANTILES) / max(float(weight.std()), _TINY)
    return np.concatenate([_moments(weight), _moments(bias), quantiles, spectrum, relative])


def _moments(values: Features) -> Features:
    mean, deviation = float(values.mean()), max(float(values.std()), _TINY)
    scaled = (values - mean) / deviation
    return np.array([mean, deviation, (scaled**3).mean(), (scaled**4).mean() - 3])


def detect(
    clean: Sequence[StegoFunction], stego: Sequence[StegoFunction], *, seed: int = 0
) -> list[Detection]:
    """Judge two populations by every detector.

    clean, stego: at least FOLDS functions each. Those of one index are kept in one fold: if they share a cover, no function is
    judged by a detector that has seen its twin. Raises SettingError for fewer, MissingDependencyError without scikit-learn.
    """
    if min(len(clean), len(stego)) < FOLDS:
        raise SettingError(
            f"expected at least {FOLDS} functions of each kind, got {len(clean)} and {len(stego)}"
        )
    trial = _Trial(len(clean), len(stego), seed)
    shares, facts = (
        np.stack([features(function) for function in (*clean, *stego)])
        for features in (histogram, statistics)
    )
    values = {"histogram": shares, "statistics": facts}
    found = [
        trial.judge(f"{features}, {name}", _classifier(model), values[features])
        for features, name, model in _models(seed)
    ]
    return [*found, trial.judge("best single statistic", _best_single, facts)]


_Judge = Callable[
    [Features, Labels, Features], Features
]  # known values and labels, unseen values -> scores


class _Trial:
    """Two populations, cut into folds."""

    def __init__(self, clean: int, stego: int, seed: int) -> None:
        self._labels = np.repeat([0, 1], [clean, stego])
        self._index = np.concatenate([np.arange(clean), np.arange(stego)])
        self._seed = seed

    def judge(self, name: str, judge: _Judge, values: Features) -> Detection:
        """Scores for functions that the detector has not seen, and what they are worth, by resampling each population."""
        scores = np.empty(len(values))
        for known, unseen in self._folds():
            judged = judge(values[known], self._labels[known], values[unseen])
            scores[unseen] = (judged - judged.mean()) / max(float(judged.std()), _TINY)
        negative, positive = scores[self._labels == 0], scores[self._labels == 1]
        rng = np.random.default_rng(self._seed)
        areas = [
            area(rng.choice(negative, len(negative)), rng.choice(positive, len(positive)))
            for _ in range(_RESAMPLES)
        ]
        low, high = np.quantile(areas, (0.025, 0.975))
        return Detection(name, area(negative, positive), float(low), float(high))

    def _folds(self) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
        order = np.random.default_rng(self._seed).permutation(int(self._index.max()) + 1)
        for fold in range(FOLDS):
            unseen = np.isin(self._index, order[fold::FOLDS])
            yield ~unseen, unseen


def _models(seed: int) -> list[tuple[str, str, Any]]:
    try:
        from sklearn.ensemble import GradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.svm import SVC
    except ImportError as error:
        raise MissingDependencyError(
            "detectors need scikit-learn", hint="pip install 'sirensong[lab]'"
        ) from error
    trees = GradientBoostingClassifier(
        n_estimators=60, max_depth=2, subsample=0.7, max_features="sqrt", random_state=seed
    )
    return [
        ("histogram", "SVM poly (the paper's)", SVC(kernel="poly")),
        ("histogram", "SVM rbf (the paper's)", SVC(kernel="rbf")),
        ("statistics", "logistic regression", LogisticRegression(C=0.1, max_iter=5000)),
        ("statistics", "gradient boosting", trees),
    ]


def _classifier(model: Any) -> _Judge:
    def judge(known: Features, labels: Labels, unseen: Features) -> Features:
        mean, deviation = known.mean(0), np.maximum(known.std(0), _TINY)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of a detector that does not converge: it is then a worse one
            model.fit((known - mean) / deviation, labels)
        return np.asarray(model.decision_function((unseen - mean) / deviation), np.float64)

    return judge


def _best_single(known: Features, labels: Labels, unseen: Features) -> Features:
    """The one feature that tells most in the functions known: what a patient reader of tables finds."""
    areas = np.array([area(column[labels == 0], column[labels == 1]) for column in known.T])
    best = int(np.argmax(np.abs(areas - 0.5)))
    return np.asarray(unseen[:, best] * np.sign(areas[best] - 0.5), np.float64)


def area(negative: Features, positive: Features) -> float:
    """Area under the ROC curve: how often a positive's score exceeds a negative's, ties counted half."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, "left") + np.searchsorted(order, positive, "right")
    return float(below.mean() / 2 / len(negative))


def roc(negative: Features, positive: Features) -> tuple[list[float], list[float]]:
    """The ROC curve: shares of negatives and of positives that reach each score, from the highest down. Both from 0 to 1."""
    thresholds = np.unique(np.concatenate([negative, positive]))[::-1]
    shares = [
        [0.0, *(float((scores >= threshold).mean()) for threshold in thresholds)]
        for scores in (negative, positive)
    ]
    return shares[0], shares[1]
