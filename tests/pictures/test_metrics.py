"""Metrics against scikit-image and against numbers worked out by hand."""

import json
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from sirensong.errors import MissingDependencyError, SettingError, SirensongError
from sirensong.pictures.image import to_pil, to_uint8
from sirensong.pictures.metrics import Quality, luma_psnr, measure, psnr_of


def flat(value, size=(16, 16)):
    """A picture of one 8-bit grey."""
    return np.full((*size, 3), value / 255, np.float32)


def noisy_pair(seed, size=(24, 31), sigma=0.1):
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (*size, 3)).astype(np.float32) / 255
    return picture, np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize(
    ("seed", "size", "sigma"),
    [(1, (24, 31), 0.1), (2, (11, 11), 0.01), (3, (40, 12), 0.5), (4, (11, 64), 0.004)],
)
def test_against_scikit_image(seed, size, sigma):
    picture, render = noisy_pair(seed, size, sigma)
    x, y = (np.rint(pixels * 255).astype(np.uint8) for pixels in (picture, render))
    quality = measure(picture, render)
    assert quality.psnr == pytest.approx(peak_signal_noise_ratio(x, y, data_range=255), abs=1e-9)
    assert quality.rmse == pytest.approx(math.sqrt(mean_squared_error(x, y)), abs=1e-9)
    assert quality.mae == pytest.approx(np.abs(x.astype(float) - y.astype(float)).mean(), abs=1e-9)
    channels = [
        structural_similarity(
            x[..., channel],
            y[..., channel],
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for channel in range(3)
    ]
    assert quality.ssim == pytest.approx(np.mean(channels), abs=1e-9)


def test_by_hand():
    """One sample of three in each pixel is off by 10: mean square 100/3."""
    picture, render = flat(100), flat(100)
    render[..., 1] = 110 / 255
    quality = measure(picture, render)
    assert quality.rmse == pytest.approx(math.sqrt(100 / 3))
    assert quality.mae == pytest.approx(10 / 3)
    assert quality.psnr == pytest.approx(20 * math.log10(255 / math.sqrt(100 / 3)))
    luminance = (2 * 100 * 110 + 2.55**2) / (
        100**2 + 110**2 + 2.55**2
    )  # of the one channel that differs: flat, so no structure
    assert quality.ssim == pytest.approx((1 + 1 + luminance) / 3, abs=1e-9)


def test_black_against_white_is_the_worst():
    quality = measure(flat(0), flat(255))
    assert (quality.psnr, quality.rmse, quality.mae) == (0, 255, 255)
    assert quality.ssim == pytest.approx(2.55**2 / (255**2 + 2.55**2), abs=1e-9)


def test_identical_pictures():
    picture, _ = noisy_pair(5)
    assert measure(picture, picture.copy()) == Quality(psnr=math.inf, ssim=1.0, rmse=0.0, mae=0.0)


def test_what_8_bits_do_not_show_does_not_count():
    assert measure(flat(100), flat(100.4)).psnr == math.inf
    assert measure(flat(100), flat(100.6)).rmse == 1


@given(st.integers(0, 2**32))
def test_it_is_symmetric_and_consistent(seed):
    picture, render = noisy_pair(seed, (12, 13))
    quality, swapped = measure(picture, render), measure(render, picture)
    assert quality.psnr == swapped.psnr
    assert quality.ssim == pytest.approx(swapped.ssim)
    assert quality.psnr == pytest.approx(20 * math.log10(255 / quality.rmse))
    assert quality.mae <= quality.rmse


@pytest.mark.parametrize("size", [(10, 11), (11, 10), (1, 1), (10, 500)])
def test_small_pictures_have_no_ssim(size):
    quality = measure(flat(10, size), flat(13, size))
    assert math.isnan(quality.ssim)
    assert (quality.rmse, quality.mae) == (3, 3)


@pytest.mark.parametrize("size", [(16, 15), (15, 16), (1, 1)])
def test_different_sizes_are_refused(size):
    with pytest.raises(SettingError, match=f"different sizes: 16x16 and {size[1]}x{size[0]}"):
        measure(flat(0), flat(0, size))


def test_files_pil_images_and_arrays_are_measured_alike(tmp_path):
    picture, render = noisy_pair(3)
    expected = measure(picture, render)
    to_pil(render).save(tmp_path / "render.png")
    assert measure(to_pil(picture), tmp_path / "render.png") == expected
    for image in (flat(255) * 2, "missing.png", None):
        with pytest.raises(SirensongError):
            measure(flat(0), image)


def test_as_json():
    assert Quality(30.5, 0.9, 7.6, 5.0).as_json() == {
        "psnr": 30.5,
        "ssim": 0.9,
        "rmse": 7.6,
        "mae": 5.0,
    }
    assert Quality(math.inf, math.nan, 0.0, 0.0).as_json() == {
        "psnr": None,
        "ssim": None,
        "rmse": 0.0,
        "mae": 0.0,
    }
    assert json.dumps(measure(flat(1), flat(1)).as_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("error", "decibels"), [(1, 0), (0.1, 10), (0.0001, 40), (1e-30, 300), (0, math.inf)]
)
def test_psnr_of(error, decibels):
    assert psnr_of(error) == pytest.approx(decibels)


def test_without_scikit_image(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(MissingDependencyError, match="scikit-image") as caught:
        measure(flat(0), flat(1))
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize("height", [11, 12, 256, 266, 267, 530])
def test_bands_do_not_show(height):
    rng = np.random.default_rng(height)
    picture = rng.random((height, 13, 3), dtype=np.float32)
    render = np.clip(picture + rng.normal(0, 0.05, picture.shape), 0, 1).astype(np.float32)
    x, y = to_uint8(picture), to_uint8(render)
    quality = measure(picture, render)
    expected = structural_similarity(
        x,
        y,
        data_range=255,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert quality.ssim == pytest.approx(expected, abs=1e-12)
    assert quality.psnr == pytest.approx(peak_signal_noise_ratio(x, y), abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_luma_is_scikit_images(seed, size):
    """The first of YCbCr's channels there, 16 for black and 235 for white."""
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 256, (2, *size, 3), np.uint8)
    luma, render = (rgb2ycbcr(picture)[..., 0] for picture in (one, other))
    expected = peak_signal_noise_ratio(luma, render, data_range=255)
    assert luma_psnr(one, other) == pytest.approx(expected, abs=1e-9)


def test_luma_of_equal_pictures_and_of_large_ones():
    rng = np.random.default_rng(5)
    one, other = rng.integers(0, 256, (2, 700, 500, 3), np.uint8)
    assert luma_psnr(one, one) == math.inf
    luma, render = (rgb2ycbcr(picture)[..., 0] for picture in (one, other))
    expected = peak_signal_noise_ratio(luma, render, data_range=255)
    assert luma_psnr(one, other) == pytest.approx(expected, abs=1e-9)
    with pytest.raises(SettingError, match="cannot compare pictures of different sizes"):
        luma_psnr(one, other[:, :499])
