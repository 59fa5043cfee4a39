"""The dial: what a quality or a size asks for, and what networks and steps it makes."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sirensong as ss
from sirensong.carrier.coding import encode
from sirensong.network.siren import Architecture
from sirensong.training.plan import carrier_bytes
from sirensong.training.quality import (
    QUALITIES,
    bits_for,
    bits_for_file,
    coarseness_for,
    estimated_bits,
    expected_psnr,
    features_for,
    overhead,
    quality_above,
    steps_for,
    tile_for,
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
    with pytest.raises(ss.SettingError, match="quality must be 38 to 50 dB") as caught:
        bits_for(decibels)
    assert caught.value.hint == "--bits-per-pixel goes further"


@given(st.floats(38, 50))
def test_decibels_are_what_their_bits_are_expected_to_give(decibels):
    stego, secret = expected_psnr(bits_for(decibels))
    assert (stego + secret) / 2 == pytest.approx(decibels, abs=1e-6)


def test_the_quality_that_would_do_is_the_least_that_does():
    now = bits_for("small")
    assert quality_above(now, 0.0) == "standard"
    assert quality_above(now, 4.5) == "high"
    assert quality_above(now, 12.0) == "archive"
    assert quality_above(now, 20.0) is None
    assert quality_above(bits_for("archive"), 0.1) is None


@pytest.mark.parametrize(
    ("bits", "side", "features"),
    [(24.5, 32, 28), (24.5, 64, 54), (12.5, 32, 20), (1.0, 32, 8), (500.0, 32, 48), (8.0, 1, 8)],
)
def test_the_square_of_the_width_grows_as_bits_and_pixels_do(bits, side, features):
    assert features_for(bits, side) == features


@given(bits=st.floats(4, 300))
def test_a_tile_is_as_large_as_the_vectors_of_its_network_serve(bits):
    """One of 32 pixels fills as many, so it takes as much time a point."""
    side = tile_for(bits)
    assert 32 <= side <= 43
    filled = math.ceil(min(math.sqrt(30.5 * bits), 48) / 16)
    assert features_for(bits, side - 1e-9) <= 16 * filled
    assert side == 43 or features_for(bits, side + 0.1) > 16 * filled


@pytest.mark.parametrize(
    ("quality", "grids"),
    [
        ("small", {64: 2, 128: 3, 256: 6, 1024: 24}),
        ("standard", {64: 2, 128: 4, 256: 7, 1024: 27}),
        ("high", {64: 2, 128: 3, 256: 6, 1024: 24}),
        ("archive", {64: 2, 128: 4, 256: 8, 1024: 32}),
    ],
)
def test_a_covers_tiles_go_by_its_quality(quality, grids):
    recipe = ss.FAST.at(quality)
    assert {side: recipe.grid(side, side).rows for side in grids} == grids
    assert replace(recipe, tile=32).grid(256, 256) == ss.Grid(8, 8)


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


def test_bits_at_28_features_are_those_that_were_measured():
    matrices = [(56, 5.04), (784, 6.27), *[(784, 5.62)] * 3, (784, 5.63), (84, 8.0)]
    biases = [(28, 5.49), (28, 5.55), *[(28, 5.35)] * 3, (28, 6.74), (3, 8.2)]
    expected = sum(count * bits for count, bits in (*matrices, *biases))
    assert estimated_bits(Architecture(28, 6), 1.0) == pytest.approx(expected)


def test_four_times_as_wide_a_matrix_takes_a_bit_less_a_weight_and_biases_as_much():
    matrices = [(2, 5.04), (112, 6.27), *[(112, 5.62)] * 3, (112, 5.63), (3, 8.0)]
    biases = 5.49 + 5.55 + 3 * 5.35 + 6.74
    expected = sum(112 * count * (bits - 1) for count, bits in matrices) + 112 * biases + 3 * 8.2
    assert estimated_bits(Architecture(112, 6), 1.0) == pytest.approx(expected)


@pytest.mark.parametrize("quality", ["small", "standard", "archive"])
def test_bits_after_a_short_training_are_about_those_that_were_estimated(quality):
    """By the entropy of codes, and as they are written but for tables and states."""
    recipe = ss.FAST.at(quality).with_steps(150)
    codes = hidden(recipe).codes()
    estimate = 4 * estimated_bits(recipe.architecture(64, 64), recipe.coarseness_of(64, 64))
    assert estimate == pytest.approx(QUALITIES[quality] * 64 * 64, rel=1e-6)
    assert sum(map(entropy, codes)) == pytest.approx(estimate, rel=0.04)
    assert 8 * (len(encode(codes)) - 400) == pytest.approx(estimate, rel=0.05)


def hidden(recipe):
    """A function of 64x64 pixels with one secret; both pictures are waves with some noise."""
    cover, secret = (picture(np.random.default_rng(seed)) for seed in range(2))
    key = ss.SecretKey(bytes(32))
    return ss.hide(cover, {key: secret}, recipe=recipe, options=ss.Options(seed=1)).stego


def picture(rng):
    y, x = np.mgrid[:64, :64] / 32
    shifts = rng.uniform(0, 6, (3, 3, 1, 1))
    waves = sum(np.sin(rng.uniform(2, 9) * x + rng.uniform(2, 9) * y + own) for own in shifts)
    return np.clip(np.moveaxis(waves / 8 + 0.5, 0, -1) + rng.normal(0, 0.2, (64, 64, 3)), 0, 1)


def entropy(codes):
    """In bits, of all codes of a tensor together."""
    _, counts = np.unique(codes, return_counts=True)
    return -(counts * np.log2(counts / counts.sum())).sum()


def test_twice_as_coarse_is_a_bit_less_for_each_number():
    architecture = Architecture(28, 6)
    fewer = estimated_bits(architecture, 0.5) - estimated_bits(architecture, 1.0)
    assert fewer == pytest.approx(architecture.parameters)


@pytest.mark.parametrize("layers", [2, 3, 4, 5, 6, 9])
def test_every_tensor_has_a_step_of_its_layer(layers):
    steps = steps_for(Architecture(16, layers), 1.0)
    assert len(steps) == 2 * (layers + 1)
    assert steps[:2] == tuple(np.float32([0.0142, 0.0087]))
    assert steps[-2:] == tuple(np.float32([0.00122, 0.0012]))
    between = max(0, layers - 2)
    matrices, biases = [0.0208, *[0.0265] * between], [0.0146, *[0.0188] * between]
    if layers > 2:
        biases[-1] = 0.007
    assert steps[2:-2:2] == tuple(np.float32(matrices))
    assert steps[3:-2:2] == tuple(np.float32(biases))
    assert all(step == np.float32(step) for step in steps)
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


@pytest.mark.parametrize("bits", [3.0, 200.0, math.nan])
def test_a_file_too_small_or_larger_than_any_is_refused(bits):
    """The sizes that are named instead can be had."""
    expected = r"64x64 pixels takes [\d.]+ to [\d.]+ bits a pixel, (\d+) to (\d+) bytes; got"
    with pytest.raises(ss.SettingError, match=expected) as caught:
        bits_for_file(bits, 64, 64, ss.Grid(2, 2), 6)
    for size in map(int, re.search(expected, caught.value.message).groups()):
        recipe = replace(ss.FAST, bits=8 * size / 64**2, whole_file=True)
        assert carrier_bytes(recipe, 64, 64) == pytest.approx(size, abs=2)
    steps = steps_for(recipe.architecture(64, 64), recipe.coarseness_of(64, 64))
    assert steps == pytest.approx([2.0**-12] * 14, rel=1e-3)


@pytest.mark.parametrize("size", [9_000, 30_000])
def test_a_file_takes_about_what_it_was_asked_to(size):
    recipe = replace(ss.FAST, bits=8 * size / 64**2, whole_file=True).with_steps(150)
    assert len(ss.dumps(hidden(recipe))) == pytest.approx(size, rel=0.06)


def test_what_holds_no_weights_is_estimated_with_room_for_tables(stego):
    data = ss.dumps(stego)
    without = len(data) - len(encode(stego.codes()))
    assert 0 <= overhead(stego.grid, 3) - 400 - without < 32


def test_without_bits_features_and_coarseness_decide():
    recipe = replace(ss.FAST, tile=32, bits=None, features=1.0, coarseness=0.25)
    assert recipe.architecture(128, 128).hidden_features == 32
    assert recipe.coarseness_of(128, 128) == 0.25
    assert recipe.coded_bits(128, 128) is None
