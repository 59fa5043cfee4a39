"""Pairs of a carrier's tiles that hold neighbouring tiles of a picture."""

import numpy as np
import pytest

from sirensong.keys.secret import SecretKey
from sirensong.lab.secrecy.neighbours import (
    Pairs,
    arrange,
    borders,
    distances,
    pairs_of,
    recognised,
    residuals,
    right_neighbours,
    strongest_distance,
)
from sirensong.network.siren import evaluate
from sirensong.network.substitution import Selection, key_weights, keyed_positions
from sirensong.network.tiles import Grid


def test_pairs_are_all_neighbours_and_as_many_that_do_not_touch():
    grid = Grid(3, 4)
    order = np.random.default_rng(1).permutation(12)
    at = {int(tile): divmod(place, 4) for place, tile in enumerate(order)}
    pairs, seen = pairs_of(order, grid), set()
    for first, second, below, near in zip(*pairs, strict=True):
        one, other = at[int(first)], at[int(second)]
        step = (other[0] - one[0], other[1] - one[1])
        if near:
            assert step == ((1, 0) if below else (0, 1))
            seen.add((int(first), int(second)))
        else:
            assert max(abs(step[0]), abs(step[1])) > 1
    assert len(seen) == 3 * 3 + 2 * 4
    assert pairs.near.sum() == (~pairs.near).sum() == len(seen)
    assert pairs.below[pairs.near].sum() == pairs.below[~pairs.near].sum() == 2 * 4


def test_borders_are_what_tiles_show_on_their_sides(stego):
    found = borders(stego.weights, points=2)
    at = {0: (-1, 0.5), 1: (1, 0.5), 2: (0.5, -1), 3: (0.5, 1)}
    for side, point in at.items():
        coords = np.array([[point]], np.float32)
        expected = evaluate(stego.weights, coords)[0, 0]
        np.testing.assert_allclose(found[0, side, 1], expected, rtol=1e-5, atol=1e-6)


def test_what_random_keys_leave_is_beyond_the_cover(stego):
    key = SecretKey(np.random.default_rng(0).bytes(32))
    nonce, architecture = stego.nonce, stego.architecture
    rule = Selection.KEYED
    (positions,) = keyed_positions(key, nonce, architecture, rule.ratio, [0])
    (values,) = key_weights(key, nonce, architecture, {0: positions}, rule.gain)
    random, zeroed = stego.tiles([0]), stego.tiles([0])
    for matrix, (at, own) in enumerate(zip(positions, values, strict=True)):
        random[matrix].weight.reshape(-1)[at] = own
        zeroed[matrix].weight.reshape(-1)[at] = 0
    cover = borders(stego.weights)
    for found, weights in zip(residuals(stego, 1), (random, zeroed), strict=True):
        np.testing.assert_allclose(found, borders(weights) - cover, atol=1e-6)
        assert np.abs(found).max() > 1e-3
    both = residuals(stego, 2)[0]
    assert not np.allclose(both, residuals(stego, 1)[0], atol=1e-6)


def test_distances_are_of_facing_borders():
    edges = np.zeros((3, 4, 1, 3))
    edges[0, 1], edges[0, 3] = [3, 0, 0], [0, 0, 2]
    edges[1, 0], edges[2, 2] = [3, 4, 0], [0, 0, 2]
    features = np.array([[1.0], [4.0], [-1.0]])
    yes = np.array([True, True])
    pairs = Pairs(np.array([0, 0]), np.array([1, 2]), np.array([False, True]), yes)
    right, below = distances(features, [edges], pairs)
    np.testing.assert_allclose(right, [3, 4, 1 - 9 / 15, np.log(5 / 3)], atol=1e-6)
    np.testing.assert_allclose(below, [2, 0, 0, 0], atol=1e-6)


def carrier(seed, *, planted=True):
    """Pairs of a carrier and their distances; a picture's slope is in the borders if planted."""
    grid, rng = Grid(8, 8), np.random.default_rng(seed)
    order = rng.permutation(64)
    heights = 0.2 * rng.random((64, 4, 2, 3))
    if planted:
        row, column = np.divmod(np.arange(64), 8)
        slope = np.stack([row, row, row - 0.5, row + 0.5]) + 3 * np.stack(
            [column - 0.5, column + 0.5, column, column]
        )
        heights[order] += slope.T[:, :, None, None]
    pairs = pairs_of(order, grid, seed)
    return distances(rng.random((64, 3)), [heights], pairs), pairs.near


def test_planted_neighbours_are_recognised_and_others_are_not():
    trees = pytest.importorskip("sklearn.tree").DecisionTreeClassifier(max_depth=3, random_state=0)
    for planted in (True, False):
        tables, labels = zip(*(carrier(seed, planted=planted) for seed in range(6)), strict=True)
        found = [strongest_distance(tables, labels), recognised(trees, tables, labels)]
        if planted:
            assert np.min(found) > 0.9
        else:
            assert np.max(np.abs(np.mean(found, axis=1) - 0.5)) < 0.06


def test_the_strongest_distance_is_chosen_in_other_carriers():
    near = np.array([True, True, False, False])
    telling, silent = np.array([0.0, 0, 1, 1]), np.zeros(4)
    tables = [np.stack(columns, axis=1) for columns in ((silent, telling), (telling, silent))]
    assert strongest_distance(tables, [near, near]) == [0.5, 0.5]
    assert strongest_distance(tables[:1] * 2, [near, near]) == [1, 1]


def test_a_classifier_is_taught_by_all_carriers_but_the_one_it_judges():
    class Recorder:
        taught = ()

        def fit(self, table, labels):
            self.taught = {int(value) for value in table[:, 0]}
            assert len(labels) == len(table)

        def predict_proba(self, table):
            assert self.taught == {0, 1, 2} - {int(table[0, 0])}
            return np.stack([-table[:, 1], table[:, 1]], axis=1)

    near = np.array([True, False])
    tables = [np.array([[index, 1.0], [index, 0.0]]) for index in range(3)]
    assert recognised(Recorder(), tables, [near] * 3) == [1, 1, 1]


def test_all_neighbours_are_right_in_the_pictures_order_and_fewer_where_rows_are_exchanged():
    grid, order = Grid(4, 6), np.random.default_rng(1).permutation(24)
    assert right_neighbours(order, order, grid) == 1
    rows = order.reshape(4, 6)
    assert right_neighbours(rows[[0, 2, 1, 3]].ravel(), order, grid) == pytest.approx(26 / 38)
    assert right_neighbours(np.arange(24), order, grid) < 0.3


@pytest.mark.parametrize("shape", [(1, 30), (8, 8)])
def test_tiles_are_put_beside_those_of_like_values(shape):
    grid = Grid(*shape)
    rng = np.random.default_rng(2)
    values = rng.random(grid.tiles)
    arranged = arrange(values, grid, swaps=20_000)
    assert sorted(arranged.tolist()) == list(range(grid.tiles))

    def roughness(order):
        field = values[order].reshape(shape)
        return sum(np.abs(np.diff(field, axis=axis)).sum() for axis in (0, 1))

    assert roughness(arranged) < 0.4 * roughness(rng.permutation(grid.tiles))
    if shape[0] == 1:
        assert right_neighbours(arranged, np.argsort(values), grid) > 0.5
