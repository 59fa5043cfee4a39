"""Carriers as sets of tiles."""

import numpy as np
import pytest

from sirensong.lab.steganalysis.tiles import by_votes, pooled, without_cover

SHAPE = (30, 4, 2)  # carriers, tiles, facts


def test_what_the_cover_explains_is_gone_and_the_rest_stays():
    rng = np.random.default_rng(0)
    facts, rest = rng.normal(size=SHAPE), rng.normal(size=(30, 4, 1))
    explained = 3 + 5 * facts[..., :1] - 2 * facts[..., 1:] ** 2
    left = without_cover(explained + rest, facts)
    assert left.shape == (30, 4, 1)
    assert np.corrcoef(left.ravel(), rest.ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(left.ravel(), facts[..., 0].ravel())[0, 1]) < 0.01
    assert np.abs(without_cover(explained, facts)).max() < 0.02 * np.abs(explained).max()


def test_facts_that_are_constant_explain_the_mean_alone():
    tiles = np.random.default_rng(1).normal(size=(6, 2, 3))
    left = without_cover(tiles, np.ones((6, 2, 1)))
    np.testing.assert_allclose(left, tiles - tiles.mean((0, 1)), atol=2e-3)


def test_tiles_are_pooled_statistic_by_statistic():
    tiles = np.random.default_rng(2).normal(size=(3, 11, 2))
    found = pooled(tiles)
    assert found.shape == (3, 10)
    ordered = np.sort(tiles, axis=1)
    np.testing.assert_allclose(found[:, :2], tiles.mean(1))
    np.testing.assert_allclose(found[:, 2:4], tiles.std(1))
    for place, rank in ((4, 1), (6, 5), (8, 9)):
        np.testing.assert_allclose(found[:, place : place + 2], ordered[:, rank])


def test_the_order_of_tiles_does_not_count():
    tiles = np.random.default_rng(3).normal(size=(2, 5, 3))
    np.testing.assert_allclose(pooled(tiles), pooled(tiles[:, ::-1]))


def test_a_carrier_is_judged_by_its_tiles_mean_vote():
    seen = {}

    def judge(known, labels, unseen):
        seen.update(known=known, labels=labels)
        return unseen[:, 0]

    known = np.arange(12.0).reshape(2, 3, 2)
    unseen = np.array([[[1, 0], [2, 0], [6, 0.0]]])
    scores = by_votes(judge)(known, np.array([0, 1]), unseen)
    assert scores == pytest.approx([3])
    assert seen["labels"].tolist() == [0, 0, 0, 1, 1, 1]
    assert seen["known"].tolist() == np.arange(12).reshape(6, 2).tolist()
