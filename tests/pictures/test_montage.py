"""Pictures of parts of photographs: their detail, tone and colours are as photographs' are."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirensong.errors import MissingDependencyError
from sirensong.pictures import montage as made_of
from sirensong.pictures.image import Pixels
from sirensong.pictures.montage import montage
from sirensong.pictures.photographs import photograph

OCTAVES_128 = (-3.08, -2.91, -2.79, -2.65, -2.51)  # photographs' means, finest first
SPREAD_128 = (0.33, 0.28, 0.27, 0.30, 0.36)


def made(side, count):
    return [montage(side, side, np.random.default_rng(seed)) for seed in range(count)]


def strengths(picture):
    grey = picture.mean(2, keepdims=True, dtype=np.float32) / 255
    octaves, _ = made_of._octaves(grey)
    return [np.log(octave.std() + 1e-4) for octave in octaves]


@pytest.mark.parametrize(("side", "first"), [(128, 0), (64, 1), (32, 2)])
def test_octaves_are_as_strong_and_as_various_as_photographs(side, first):
    """A photograph's octave keeps its strength when finer ones are lost: in smaller pictures."""
    found = np.array([strengths(picture) for picture in made(side, 60)])
    assert np.abs(found.mean(0) - OCTAVES_128[first:]).max() < 0.2
    ratio = found.std(0) / SPREAD_128[first:]
    assert ratio.min() > 0.6
    assert ratio.max() < 1.8


def test_larger_pictures_get_octaves_that_are_weaker():
    """Photographs' finest octave was 0.17 weaker at 256x256 than at 128x128; and so on."""
    finest = np.mean([strengths(picture)[0] for picture in made(512, 20)])
    assert finest == pytest.approx(OCTAVES_128[0] - 2 * 0.17, abs=0.2)


def test_tone_and_saturation_are_as_photographs():
    """Means of 60 pictures; photographs had 0.46 +- 0.11 and 0.128 +- 0.082."""
    pictures = np.array(made(64, 60)) / 255
    tones = pictures.mean((1, 2, 3))
    saturation = (pictures.max(3) - pictures.min(3)).mean((1, 2))
    assert tones.mean() == pytest.approx(0.46, abs=0.05)
    assert 0.06 < tones.std() < 0.16
    assert saturation.mean() == pytest.approx(0.128, abs=0.05)
    assert 0.04 < saturation.std() < 0.13


def test_few_samples_are_at_an_end():
    """Means of 60 pictures; of photographs 2 % were, and 8 % where montages were clipped."""
    pictures = np.array(made(128, 60))
    assert 0.005 < np.mean((pictures <= 1) | (pictures >= 254)) < 0.035


def test_what_is_level_is_stronger_than_what_is_upright():
    """Photographs had -0.07; parts of scikit-image's have 0.1 as they stand."""
    greys = np.array(made(128, 60)).mean(3)
    across, down = (np.diff(greys, axis=axis).std((1, 2)) for axis in (2, 1))
    assert np.log(across / down).mean() == pytest.approx(-0.07, abs=0.06)


def test_a_small_part_has_three_colours():
    """Of 8x8 pixels, the least variance of a colour: photographs had -10.3 +- 1.0, in logarithms.

    Without colours apart from the light it is -11.6.
    """
    cut = np.array(made(128, 60)).reshape(60, 16, 8, 16, 8, 3).swapaxes(2, 3).reshape(-1, 64, 3)
    apart = (cut - cut.mean(1, keepdims=True)) / 255
    least = np.linalg.eigvalsh(apart.swapaxes(1, 2) @ apart / 63)[:, 0]
    assert np.log(least.clip(0) + 1e-7).mean() == pytest.approx(-10.2, abs=0.5)


def test_no_two_are_alike():
    pictures = np.array(made(32, 40), float).reshape(40, -1)
    alike = np.abs(np.corrcoef(pictures)[np.triu_indices(40, 1)])
    assert np.median(alike) < 0.3
    assert alike.max() < 0.95


@given(own=st.integers(1, 50), asked=st.integers(1, 200), seed=st.integers(0, 99))
def test_a_part_is_inside_or_goes_on_as_its_mirror_image(own, asked, seed):
    places = made_of._mirrored(own, asked, np.random.default_rng(seed))
    assert len(places) == asked
    assert places.min() >= 0
    assert places.max() < own
    steps = np.diff(places)
    assert np.abs(steps).max(initial=0) <= 1
    assert asked > own or (steps == 1).all()


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 31), (40, 17)])
def test_octaves_are_the_picture_together(size):
    picture: Pixels = np.random.default_rng(1).random((*size, 3)).astype(np.float32)
    np.testing.assert_allclose(made_of._together(*made_of._octaves(picture)), picture, atol=1e-5)


def test_without_scikit_image_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    photograph.cache_clear()  # of what other tests have loaded
    with pytest.raises(MissingDependencyError, match="these photographs need scikit-image"):
        montage(8, 8, np.random.default_rng(1))
