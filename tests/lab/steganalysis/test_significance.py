"""Detectors judged by permutations: chance is called chance, and a difference is found."""

import dataclasses

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import auc, roc_auc_score, roc_curve

from sirensong.errors import SettingError
from sirensong.lab.steganalysis import significance
from sirensong.lab.steganalysis.significance import Detector, area, compare, roc
from sirensong.lab.steganalysis.weights import best_single

FEATURES = 6


def nearest_mean(known, labels, unseen):
    """Learns the direction from one population's mean to the other's."""
    return unseen @ (known[labels == 1].mean(0) - known[labels == 0].mean(0))


def by_spread(known, labels, unseen):
    """The same of how far members are from the middle."""
    return nearest_mean(known**2, labels, unseen**2)


JUDGES = (nearest_mean, by_spread, best_single)


def detectors(features):
    return [Detector(judge.__name__, features, judge) for judge in JUDGES]


def vectors(seed, sizes, shift=0.0, twins=0.0):
    """Features of two populations; the first feature of the second is shifted.

    twins: how much members of one index have in common, as of one cover.
    """
    rng = np.random.default_rng(seed)
    common = twins * rng.normal(size=(max(sizes), FEATURES))
    first, second = (rng.normal(size=(size, FEATURES)) + common[:size] for size in sizes)
    second[:, 0] += shift
    return np.concatenate([first, second])


@pytest.mark.slow
def test_false_alarms_are_at_most_5_percent(monkeypatch):
    """Halves of one population, 400 times.

    With 39 permutations p is below 0.05 where the best detector does better than by all of them:
    by chance, in 2.5 % of cases. Without correction for three detectors it is more. And if only
    the labels of scores that are there were permuted, one detector alone would have more than 5 %.
    """
    monkeypatch.setattr(significance, "_RESAMPLES", 2)  # intervals are not looked at
    alarms = uncorrected = naive = 0
    for seed in range(400):
        sizes = (10, 10)
        features = vectors(seed, sizes, twins=2.0 * (seed % 2))
        found = compare(detectors(features), sizes, seed=seed, permutations=39)
        alarms += found.told_apart
        uncorrected += any(detection.p < 0.05 for detection in found.detections)
        naive += naive_p(found.detections[0].scores, seed) < 0.05
    assert alarms <= 0.05 * 400
    assert uncorrected > alarms
    assert naive > 0.05 * 400


def naive_p(scores, seed):
    """What `compare` does not do: permute labels of held-out scores."""
    rng = np.random.default_rng(seed)
    scores = np.array(scores)
    labels = np.repeat([0, 1], 10)
    own = area(scores[labels == 0], scores[labels == 1])
    as_large = 0
    for _ in range(39):
        swapped = rng.integers(0, 2, 10)
        labels = np.concatenate([swapped, 1 - swapped])
        as_large += area(scores[labels == 0], scores[labels == 1]) >= own
    return (1 + as_large) / 40


@pytest.mark.parametrize(("sizes", "twins"), [((12, 12), 0.0), ((12, 12), 3.0), ((10, 25), 0.0)])
def test_a_difference_is_found(sizes, twins):
    found = compare(detectors(vectors(1, sizes, shift=4.0 + twins, twins=twins)), sizes)
    assert found.told_apart
    assert found.p == 1 / 200
    assert found.permutations == 199
    assert found.detections[0].auc > 0.9
    assert found.detections[0].low > 0.5


def test_what_is_settled_is_not_tried_on():
    """Ten as large of 200, the first among them, are 0.05: no more can come of it."""
    told = []
    sizes = (10, 10)
    found = compare(detectors(vectors(3, sizes)), sizes, advance=lambda *done: told.append(done))
    assert found.permutations < 199
    assert found.p == 10 / (found.permutations + 1) > 0.05
    assert told == [(done + 1, 199) for done in range(found.permutations)]


def test_p_is_the_share_of_exchanges_that_do_as_well():
    """By hand: every exchange, its labels, the areas they give, and the best of each."""
    sizes, seen = (10, 10), []
    features = vectors(6, sizes, shift=1.0)

    def watched(known, labels, unseen):
        seen.append(len(labels) + labels.sum())
        return nearest_mean(known, labels, unseen)

    rest = detectors(features)[1:]
    found = compare([Detector("watched", features, watched), *rest], sizes, permutations=99)
    assert len(seen) == 5 * (1 + found.permutations)  # trained anew, fold by fold
    assert set(seen) == {24}  # 16 known members, 8 of them of each population
    trial = significance._Trial(sizes, 0)
    areas = []
    for exchange in range(found.permutations + 1):
        labels = trial.exchange_twins() if exchange else trial.labels
        assert (labels[:10] + labels[10:] == 1).all()
        scores = [trial.held_out_scores(detector, labels) for detector in detectors(features)]
        areas.append([area(own[labels == 0], own[labels == 1]) for own in scores])
    areas = np.array(areas)
    for place, detection in enumerate(found.detections):
        assert detection.auc == areas[0, place]
        assert detection.p == np.mean(areas[:, place] >= areas[0, place])
    assert found.p == np.mean(areas.max(1) >= areas[0].max())
    assert found.detections[0].p < 0.05 < found.p  # one of three is below by chance


def test_twins_are_judged_together():
    """A detector that has seen a member's twin would know it, and answer wrong instead of guess."""
    sizes = (25, 25)
    half = np.random.default_rng(5).normal(size=(25, FEATURES))
    features = np.concatenate([half, half])

    def remember(known, labels, unseen):
        distances = np.abs(unseen[:, None] - known[None]).sum(2)
        nearest = distances.argmin(1)
        assert distances.min() > 0
        return labels[nearest].astype(float)

    found = compare([Detector("remember", features, remember)], sizes, permutations=20)
    assert found.detections[0].auc == pytest.approx(0.5, abs=0.15)


def test_scores_are_of_each_member_in_order():
    sizes = (10, 12)
    features = vectors(2, sizes, shift=6.0)
    (found,) = compare(detectors(features)[:1], sizes, permutations=20).detections
    assert len(found.scores) == 22
    assert max(found.scores[:10]) < min(found.scores[10:])
    assert found.auc == 1


def test_intervals_hold_together():
    """Each is wider the more there are: 95 % of one detector, 99 % of each of five."""
    sizes = (20, 20)
    alone, *_ = detectors(vectors(2, sizes, shift=1.0))
    (one,) = compare([alone], sizes, permutations=20).detections
    five = compare([alone] * 5, sizes, permutations=20).detections
    assert one.auc == five[0].auc
    for found in five:
        assert found.low < one.low - 0.01 < one.auc < one.high + 0.005 < found.high + 0.005
        assert found.high >= one.high


def test_an_interval_is_that_of_resampling_one_by_one(monkeypatch):
    """Of scores with ties; SciPy draws the members themselves."""
    monkeypatch.setattr(significance, "_RESAMPLES", 100_000)
    sizes = (20, 30)
    signs = Detector("sign", vectors(3, sizes, shift=0.7), lambda _, __, unseen: unseen[:, 0] > 0)
    (found,) = compare([signs], sizes, permutations=20).detections
    scores = np.array(found.scores)
    resampled = scipy.stats.bootstrap(
        (scores[:20], scores[20:]),
        area,
        n_resamples=40_000,
        vectorized=False,
        method="percentile",
        rng=0,
    )
    expected = resampled.confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.003)


def test_few_members_conclude_nothing():
    for sizes, conclusive in (((9, 30), False), ((10, 10), True)):
        features = vectors(1, sizes, shift=9.0)
        found = compare(detectors(features), sizes, permutations=39)
        assert found.p < 0.05
        assert (found.conclusive, found.told_apart) == (conclusive, conclusive)


def test_a_verdict_needs_p_below_the_level():
    sizes = (10, 10)
    found = compare(detectors(vectors(1, sizes, shift=9.0)), sizes, permutations=20)
    assert found.told_apart
    assert not dataclasses.replace(found, p=0.05).told_apart


@pytest.mark.parametrize(
    ("sizes", "permutations", "told"),
    [
        ((4, 5), 20, "at least 5 functions of each kind, got 4 and 5"),
        ((5, 5), 19, "permutations must be at least 20, got 19"),
    ],
)
def test_too_little_is_refused(sizes, permutations, told):
    with pytest.raises(SettingError, match=told):
        compare(detectors(vectors(1, sizes)), sizes, permutations=permutations)


@pytest.mark.parametrize("seed", range(3))
def test_the_area_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    negative, positive = rng.integers(0, 9, 40).astype(float), rng.integers(2, 11, 30).astype(float)
    expected = roc_auc_score([0] * 40 + [1] * 30, [*negative, *positive])
    assert area(negative, positive) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    negative, positive = rng.integers(0, 9, 40).astype(float), rng.integers(2, 11, 30).astype(float)
    expected = roc_curve([0] * 40 + [1] * 30, [*negative, *positive], drop_intermediate=False)
    found = roc(negative, positive)
    np.testing.assert_allclose(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1])
    assert auc(*found) == pytest.approx(area(negative, positive))
