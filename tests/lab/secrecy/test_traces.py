"""What of a picture is in renders of those who know a part of a key, or nothing of it."""

from dataclasses import replace

import numpy as np
import pytest

from sirensong.lab.secrecy.traces import (
    Insertion,
    Knowledge,
    PartlyRight,
    Trace,
    find,
    in_order,
    interval,
    maps_of,
    rank,
    renders_of,
    replacements,
    trace,
    with_key,
)
from sirensong.network.rendering import render
from sirensong.network.substitution import key_weights, keyed_positions


def known(secret, share, values, seed=3):
    right, wrong = replacements(secret), replacements(with_key(secret, seed))
    return PartlyRight(secret, right, wrong, Knowledge(share, values), seed)


def picture(seed, shape=(12, 16)):
    return np.random.default_rng(seed).random((*shape, 3)).astype(np.float32)


def test_what_a_key_replaces_is_what_its_stream_says(secret, key):
    stego = secret.stego
    for own in replacements(secret):
        positions = keyed_positions(key, stego.nonce, stego.architecture, 0.1, own.tile)
        chosen = {own.tile: positions}
        (values,) = key_weights(key, stego.nonce, stego.architecture, chosen, 2.0)
        for mine, theirs in zip((*own.positions, *own.values), (*positions, *values), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert sorted(own.tile for own in replacements(secret)) == [0, 1]


def test_whoever_knows_all_of_a_key_renders_its_picture(secret):
    whole = render(known(secret, 1.0, Insertion.RIGHT), (6, 9))
    np.testing.assert_array_equal(whole, render(secret, (6, 9)))


def test_whoever_knows_nothing_renders_what_another_key_makes(secret):
    # With a grid whose tiles are not shuffled, or are by both keys alike.
    wrong = replace(with_key(secret, 3))
    mine = {own.tile: own for own in replacements(wrong)}
    function = known(secret, 0.0, Insertion.RANDOM)
    for index, right in enumerate(replacements(secret)):
        made = function.tiles([index])
        for matrix, layer in enumerate(made):
            theirs = mine[right.tile]
            got = layer.weight[0].ravel()[theirs.positions[matrix]]
            np.testing.assert_array_equal(got, theirs.values[matrix])


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_a_known_share_of_positions_is_right_and_as_many_are_replaced(secret, share):
    original = secret.stego.tiles([0])
    zeroed = known(secret, share, Insertion.ZEROS).tiles([0])
    own = next(own for own in replacements(secret) if own.tile == 0)
    for matrix, (before, after) in enumerate(zip(original, zeroed, strict=True)):
        changed = np.flatnonzero(before.weight != after.weight)
        right = own.positions[matrix]
        assert len(changed) == len(right)
        assert np.isin(changed, right).sum() >= round(share * len(right))
        assert (after.weight.ravel()[changed] == 0).all()


def test_random_values_are_no_key_values(secret):
    right, made = replacements(secret)[0], known(secret, 1.0, Insertion.RANDOM).tiles([0])
    for matrix, layer in enumerate(made):
        got = layer.weight[0].ravel()[right.positions[matrix]]
        assert not np.isin(got, right.values[matrix]).any()


def test_the_trace_of_a_mixture_is_its_partial_correlation():
    cover, hidden = picture(1), picture(2)
    seen = maps_of([0.5 * cover + 0.5 * hidden])
    assert trace(seen, hidden, cover).light == pytest.approx(1, abs=1e-6)
    assert abs(trace(maps_of([cover]), hidden, cover).light) < 1e-9
    # An independent oracle: the residuals of least squares with an intercept.
    other = maps_of([picture(3)])
    fields = [maps.light.ravel() for maps in (other, maps_of([hidden]), maps_of([cover]))]
    basis = np.stack([np.ones(fields[2].size), fields[2]], 1)
    rest = [field - basis @ np.linalg.lstsq(basis, field)[0] for field in fields[:2]]
    expected = np.corrcoef(*rest)[0, 1]
    assert trace(other, hidden, cover).light == pytest.approx(expected)


def test_edges_are_magnitudes_of_brightness_gradients():
    step = np.zeros((3, 4, 3), np.float32)
    step[:, 2:] = 1
    step[2:] += 1
    np.testing.assert_allclose(maps_of([step]).edges, [[0, 1, 0], [1, np.sqrt(2), 1]])


def test_the_mean_of_maps_is_taken_after_the_edges():
    one = picture(5)
    np.testing.assert_allclose(maps_of([one, -one]).edges, maps_of([one]).edges)


def test_a_picture_that_is_in_the_renders_is_found_before_the_controls(secret):
    hidden = picture(2, (6, 9))
    controls = [picture(seed, (6, 9)) for seed in range(10, 29)]
    found = find([hidden], hidden, controls, secret.stego)
    assert found.true.edges == pytest.approx(1)
    assert (found.rank.edges, found.rank.light) == (1, 1)
    assert found.excess.light > 0.5


def test_ranks_count_ties_by_half():
    assert rank(1.0, [0, 1, 1, 2]) == 0.5
    assert rank(3.0, [0, 1, 1, 2]) == 1


def test_an_interval_is_students():
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2
    assert found.high - found.mean == pytest.approx(4.302653 / np.sqrt(3), rel=1e-5)
    assert np.isnan(interval([1.0]).low)


def test_renders_differ_from_draw_to_draw_and_are_the_same_again(secret):
    knowledge = Knowledge(0.5, Insertion.RIGHT, shuffle=False)
    first, second = renders_of(secret, knowledge, (6, 9), draws=2)
    again, _ = renders_of(secret, knowledge, (6, 9), draws=2)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)


def test_whoever_knows_the_order_takes_out_the_cover_in_that_order(secret):
    """What shows the cover's tiles in a key's order and nothing else has no trace of a picture."""
    size, rng = (secret.height, secret.width), np.random.default_rng(8)
    other = rng.random((*size, 3), np.float32)
    published = in_order(secret)
    assert sorted(published.order) == list(range(secret.grid.tiles))
    assert list(published.order) == [own.tile for own in replacements(secret)]
    found = find([render(published, size)], other, [1 - other], published)
    assert found.true == Trace(0.0, 0.0)
