"""Normal quantiles: the standard library's, bit by bit where no logarithm is taken, and SciPy's."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sirensong.keys.quantiles import quantiles

LEAST = 2.0**-53


def of_the_standard_library(shares):
    return np.array([NormalDist().inv_cdf(share) for share in shares.tolist()])


def test_they_are_the_standard_librarys():
    shares = np.random.default_rng(1).random(200_000)
    centre = np.abs(shares - 0.5) <= 0.425
    mine, theirs = quantiles(shares), of_the_standard_library(shares)
    np.testing.assert_array_max_ulp(
        mine[centre], theirs[centre], 4
    )  # a compiler may fuse products and sums
    np.testing.assert_allclose(mine, theirs, rtol=1e-14)
    np.testing.assert_array_equal(mine.astype(np.float32), theirs.astype(np.float32))


@pytest.mark.parametrize(
    "share",
    [
        LEAST,
        1e-15,
        1.3e-11,
        1.4e-11,
        0.0749,
        0.075,
        0.0751,
        0.5,
        0.9249,
        0.925,
        1 - 1e-11,
        1 - LEAST,
    ],
)
def test_where_quotients_meet_and_at_the_ends(share):
    (mine,) = quantiles(np.array([share]))
    assert mine == pytest.approx(stats.norm.ppf(share), rel=1e-13)


@given(shares=st.lists(st.floats(LEAST, 1 - LEAST), max_size=50).map(sorted))
def test_they_rise_and_are_finite(shares):
    found = quantiles(np.array(shares, np.float64))
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-14).all()


def test_they_are_symmetric():
    shares = np.arange(1, 512) / 1024
    np.testing.assert_array_equal(quantiles(shares), -quantiles(1 - shares))
