"""How much of a picture is in renders, against pictures that are not in them."""

import numpy as np
import pytest

from sirensong.lab.secrecy.knowledge import (
    in_order,
    replacements,
)
from sirensong.lab.secrecy.traces import Trace, find, interval, left_over, maps_of, rank, trace
from sirensong.network.rendering import render


def picture(seed, shape=(12, 16)):
    return np.random.default_rng(seed).random((*shape, 3)).astype(np.float32)


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


def test_whoever_knows_the_order_takes_out_the_cover_in_that_order(secret):
    """What shows the cover's tiles in a key's order and nothing else has no trace of a picture."""
    size, rng = (secret.height, secret.width), np.random.default_rng(8)
    other = rng.random((*size, 3), np.float32)
    published = in_order(secret)
    assert sorted(published.order) == list(range(secret.grid.tiles))
    assert list(published.order) == [own.tile for own in replacements(secret)]
    found = find([render(published, size)], other, [1 - other], published)
    assert found.true == Trace(0.0, 0.0)


def test_the_cover_leaves_nothing_and_a_faint_picture_is_raised():
    cover, hidden = picture(1), picture(2)
    np.testing.assert_allclose(left_over(0.3 * cover + 0.1, cover), 0.5, atol=1e-3)
    faint = left_over(cover + 0.01 * hidden, cover)
    np.testing.assert_allclose(left_over(cover + 0.02 * hidden, cover), faint, atol=1e-3)
    assert trace(maps_of([faint]), hidden, cover).light > 0.99
