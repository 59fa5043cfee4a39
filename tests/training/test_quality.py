"""The dial: what a quality or a size asks for, and what networks and steps it makes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sirensong as ss
from sirensong.network.siren import Architecture
from sirensong.training.plan import carrier_bytes
from sirensong.training.quality import (
    QUALITIES,
    bits_for,
    coarseness_for,
    estimated_bits,
    expected_psnr,
    features_for,
    overhead,
    quality_above,
    steps_for,
)


def test_qualities_have_names_in_order_of_size():
    assert list(QUALITIES) == ["small", "standard", "high", "archive"]
    assert [bits_for(name) for name in QUALITIES] == sorted(QUALITIES.values())
    assert ss.FAST.at("small").bits == QUALITIES["small"]
    assert ss.FAST.bits == QUALITIES["standard"]


@pytest.mark.parametrize("name", ["", "Standard", "best", "42 dB", "nan"])
def test_other_names_are_refused(name):
    with pytest.raises(ss.SettingError, match="small, standard, high, archive or a number of dB"):
        ss.FAST.at(name)


@pytest.mark.parametrize("decibels", [0, 20, 60, -1, math.inf, math.nan])
def test_decibels_beyond_what_was_measured_are_refused(decibels):
    with pytest.raises(ss.SettingError, match="quality must be 37 to 50 dB") as caught:
        bits_for(decibels)
    assert caught.value.hint == "--bits-per-pixel goes further"


@given(st.floats(37, 50))
def test_decibels_are_what_their_bits_are_expected_to_give(decibels):
    stego, secret = expected_psnr(bits_for(decibels))
    assert (stego + secret) / 2 == pytest.approx(decibels, abs=1e-6)


def test_the_quality_that_would_do_is_the_least_that_does():
    now = bits_for("small")
    assert quality_above(now, 0.0) == "standard"
    assert quality_above(now, 4.1) == "high"
    assert quality_above(now, 12.0) == "archive"
    assert quality_above(now, 20.0) is None
    assert quality_above(bits_for("archive"), 0.1) is None


@pytest.mark.parametrize(
    ("bits", "side", "features"),
    [(24.5, 32, 28), (24.5, 64, 56), (12.5, 32, 20), (1.0, 32, 8), (500.0, 32, 48), (8.0, 1, 8)],
)
def test_the_square_of_the_width_grows_as_bits_and_pixels_do(bits, side, features):
    assert features_for(bits, side) == features


@given(st.floats(6, 300), st.integers(12, 48), st.integers(2, 8))
def test_the_lattice_is_as_coarse_as_the_bits_say(bits, features, layers):
    """As far as steps of 2^-12, and codes of half a bit, allow."""
    architecture = Architecture(features, layers)
    wanted = bits * architecture.parameters / 30
    coarseness = coarseness_for(architecture, wanted)
    least, most = (estimated_bits(architecture, 2.0**power) for power in (8, -12))
    assert estimated_bits(architecture, coarseness) == pytest.approx(
        min(max(wanted, least), most), rel=1e-6
    )


def test_twice_as_coarse_is_a_bit_less_for_each_number():
    architecture = Architecture(28, 6)
    fewer = estimated_bits(architecture, 0.5) - estimated_bits(architecture, 1.0)
    assert fewer == pytest.approx(architecture.parameters)


@pytest.mark.parametrize("layers", [2, 3, 4, 5, 6, 9])
def test_every_tensor_has_a_step_of_its_layer(layers):
    steps = steps_for(Architecture(16, layers), 1.0)
    assert len(steps) == 2 * (layers + 1)
    assert steps[:2] == tuple(np.float32([0.0142, 0.0087]))
    assert steps[2:4] == tuple(np.float32([0.0208, 0.0146]))
    assert steps[-2:] == tuple(np.float32([0.00122, 0.0012]))
    assert steps_for(Architecture(16, layers), 2.0) == pytest.approx([2 * one for one in steps])
    assert min(steps_for(Architecture(16, layers), 1e-9)) == 2.0**-12


@pytest.mark.parametrize(("height", "width"), [(128, 128), (256, 200), (1024, 1024)])
@pytest.mark.parametrize("bits", [9.0, 24.0, 60.0])
def test_bits_of_a_whole_file_count_its_header_and_slots(height, width, bits):
    recipe = replace(ss.FAST, bits=bits, whole_file=True)
    assert carrier_bytes(recipe, height, width) == pytest.approx(
        bits * height * width / 8, rel=1e-3
    )
    fixed = overhead(recipe.grid(height, width), recipe.hidden_layers)
    assert recipe.coded_bits(height, width) == bits - 8 * fixed / (height * width)
    assert replace(recipe, whole_file=False).coded_bits(height, width) == bits


def test_a_file_too_small_for_header_and_slots_is_refused():
    recipe = replace(ss.FAST, bits=3.0, whole_file=True)
    with pytest.raises(ss.SettingError, match=r"64x64 pixels takes [\d.]+ to [\d.]+ bits a pixel"):
        recipe.coded_bits(64, 64)


def test_without_bits_features_and_coarseness_decide():
    recipe = replace(ss.FAST, bits=None, features=1.0, coarseness=0.25)
    assert recipe.architecture(128, 128).hidden_features == 32
    assert recipe.coarseness_of(128, 128) == 0.25
    assert recipe.coded_bits(128, 128) is None
