"""Decoy pictures: as large as the cover, each another, and something like a photograph."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirensong.errors import SettingError
from sirensong.pictures import decoys
from sirensong.pictures.decoys import KINDS, dead_leaves, decoy, transformed_cover


def cover(height, width):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
def test_a_decoy_is_a_picture_as_large_as_the_cover(kind, height, width, seed):
    made = decoy(kind, cover(height, width), np.random.default_rng(seed))
    assert made.shape == (height, width, 3)
    assert made.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_decoys_differ_and_repeat_by_their_randomness(kind):
    one, same, other = (
        decoy(kind, cover(32, 32), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other.astype(float)).mean() > 5
    assert np.abs(one - cover(32, 32).astype(float)).mean() > 5


@pytest.mark.parametrize("kind", ["leaves", "noise"])
def test_their_spectrum_falls_as_a_photographs(kind):
    """Power over frequency squared or a little less: the mean of twenty, 2 to 16 waves a side."""
    grey = [decoy(kind, cover(64, 64), np.random.default_rng(seed)).mean(2) for seed in range(20)]
    power = np.mean(
        [np.abs(np.fft.fft2(picture - picture.mean())) ** 2 for picture in grey], axis=0
    )
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64) * 64] * 2))
    middle = (frequency >= 2) & (frequency <= 16)
    slope = np.polyfit(np.log(frequency[middle]), np.log(power[middle]), 1)[0]
    assert -2.9 < slope < -1.5


@pytest.mark.parametrize(("size", "expected"), [
    ((48, 31), "adbe9b19d1caab9016fd12226a64206bfea325979b5d5f40cc01efff9839d6d1"),
    ((5, 40), "6097b16d75ecb5978ecb1515d1e7c5184e3d5297c521789365e7bbd5657ca809"),
])  # fmt: skip
def test_leaves_are_the_same_for_a_seed_in_every_version(size, expected):
    """Pinned when each disc was still looked for in the whole picture."""
    made = dead_leaves(np.zeros((*size, 3), np.uint8), np.random.default_rng(7))
    assert hashlib.sha256(made.tobytes()).hexdigest() == expected


@given(middle=st.floats(0, 1), radius=st.floats(0.02, 0.6), side=st.integers(1, 3000))
def test_a_disc_touches_no_row_that_is_not_looked_at(middle, radius, side):
    rows = np.arange(side, dtype=np.float32) / side
    touched = np.flatnonzero((rows - middle) ** 2 < radius**2)
    assert set(touched) <= set(np.arange(side)[decoys._around(middle, radius, side)])


def test_a_transformed_cover_has_the_covers_colours():
    original = cover(9, 9)
    made = transformed_cover(original, np.random.default_rng(3))
    values = np.sort(original.ravel())
    assert np.array_equal(np.sort(made.ravel()), values) or np.array_equal(
        np.sort(255 - made.ravel()), values
    )


def test_another_kind_is_refused():
    with pytest.raises(
        SettingError, match="decoys are photographs, cover, leaves, noise, got cats"
    ):
        decoy("cats", cover(4, 4), np.random.default_rng(1))
