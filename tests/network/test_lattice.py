"""The lattice: where the first layer starts, codes and weights, and steps that cannot be."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import derivation
from functions import NONCE
from sirensong.errors import SettingError
from sirensong.network.lattice import (
    LARGEST_CODE,
    LARGEST_START,
    LARGEST_STEP,
    LEAST_STEP,
    check_steps,
    codes_of,
    finest_steps,
    start_codes,
    tensors,
    values_of,
)
from sirensong.network.siren import Architecture, Layer

NETWORK = Architecture(hidden_features=3, hidden_layers=2, omega=20.0)
STEPS = (0.25, 0.125, 0.5, 0.5, 0.5, 0.5)
"""The matrix reaches 20 / 2 / 0.25 = 40 steps, biases pi / 0.125, which is 25.1."""

FLOAT32 = st.floats(LEAST_STEP, LARGEST_STEP, width=32)


def starts(architecture, steps, tiles, nonce=NONCE):
    """(tiles, 3 H): those of the matrix, then those of the biases."""
    matrix, biases = start_codes(architecture, steps, nonce, tiles)
    return np.concatenate([matrix.reshape(len(tiles), -1), biases], axis=1)


class TestStart:
    def test_it_is_what_the_page_says(self):
        """The numbers were drawn by `derivation.integers`, and scaled by hand."""
        matrix, biases = start_codes(NETWORK, STEPS, NONCE, range(6))
        assert (matrix.shape, biases.shape) == ((6, 3, 2), (6, 3))
        assert matrix[0].tolist() == [[-23, -23], [18, 27], [4, -8]]
        assert biases[0].tolist() == [-1, -3, -2]
        assert matrix[1].tolist() == [[-5, -19], [-24, 10], [7, -34]]
        assert biases[1].tolist() == [-23, -6, 20]
        assert matrix[5].tolist() == [[4, -40], [-8, -25], [-27, 15]]
        assert biases[5].tolist() == [-12, -18, 5]

    @given(
        features=st.integers(1, 40),
        omega=st.floats(0.001, 10_000),
        steps=st.tuples(FLOAT32, FLOAT32),
        tile=st.integers(0, 2**20 - 1),
        nonce=st.binary(min_size=32, max_size=32),
    )
    def test_it_is_an_integer_of_a_tile_times_the_span(self, features, omega, steps, tile, nonce):
        """In Python's integers, from blocks of AES that are encrypted one by one."""
        reach = [
            math.floor(bound / step + 0.5)
            for bound, step in zip((omega / 2, math.pi), steps, strict=True)
        ]
        assume(max(reach) <= LARGEST_START)
        drawn = derivation.integers(nonce, nonce, "start", tile, 3 * features, 4)
        spans = [reach[0]] * (2 * features) + [reach[1]] * features
        expected = [u * (2 * r + 1) // 2**32 - r for u, r in zip(drawn, spans, strict=True)]
        network = Architecture(features, 2, omega)
        own = starts(network, (*steps, *STEPS[2:]), range(tile, tile + 1), nonce)
        assert own.tolist() == [expected]

    def test_a_tile_s_does_not_depend_on_which_tiles_are_asked_for(self):
        whole = starts(NETWORK, STEPS, range(9))
        for tiles in (range(1), range(3, 7), range(8, 9), range(9)):
            np.testing.assert_array_equal(
                starts(NETWORK, STEPS, tiles), whole[tiles.start : tiles.stop]
            )
        assert len({tuple(own) for own in whole.tolist()}) == 9

    def test_it_depends_on_every_bit_of_the_nonce(self):
        found = {tuple(starts(NETWORK, STEPS, range(1))[0])}
        for bit in range(256):
            other = bytearray(NONCE)
            other[bit // 8] ^= 1 << bit % 8
            found.add(tuple(starts(NETWORK, STEPS, range(1), bytes(other))[0]))
        assert len(found) == 257

    def test_each_code_from_end_to_end_is_as_likely_as_any_other(self):
        """81 and 51 codes, 494 and 392 times each on average, by chi square."""
        network = Architecture(400, 2, 20.0)
        drawn = start_codes(network, STEPS, NONCE, range(50))
        for codes, reach in zip(drawn, (40, 25), strict=True):
            values, counts = np.unique(codes, return_counts=True)
            assert values.tolist() == list(range(-reach, reach + 1))
            expected = codes.size / len(values)
            chi_square = np.square(counts - expected).sum() / expected
            freedom = 2 * reach
            assert abs(chi_square - freedom) < 5 * math.sqrt(2 * freedom)
            assert abs(codes.mean()) < 5 * codes.std() / math.sqrt(codes.size)

    def test_a_step_wider_than_the_start_leaves_it_at_zero(self):
        steps = (32.0, 8.0, *STEPS[2:])
        assert not starts(NETWORK, steps, range(4)).any()

    def test_the_widest_start_is_reached_on_both_sides(self):
        network = Architecture(256, 2, 2 * LARGEST_START * 2.0**-10)
        steps = (2.0**-10, *STEPS[1:])
        matrix, _ = start_codes(network, steps, NONCE, range(100))
        check_steps(steps, network)
        assert LARGEST_START * 0.999 < matrix.max() <= LARGEST_START
        assert -LARGEST_START <= matrix.min() < -LARGEST_START * 0.999

    def test_the_start_stays_where_sitzmann_et_al_draw_it(self):
        """Whatever the step: within omega / 2 and pi, but for half a step."""
        for steps in itertools.product((0.25, 0.3, 7.0, 0.001), repeat=2):
            matrix, biases = start_codes(NETWORK, (*steps, *STEPS[2:]), NONCE, range(50))
            assert np.abs(matrix * steps[0]).max() <= 10 + steps[0] / 2
            assert np.abs(biases * steps[1]).max() <= math.pi + steps[1] / 2


class TestCodes:
    @given(st.integers(-(LARGEST_START + LARGEST_CODE), LARGEST_START + LARGEST_CODE), FLOAT32)
    def test_a_weight_is_code_times_step_rounded_once_and_gives_its_code_back(self, code, step):
        """Also of the largest start and the largest code together."""
        (value,) = values_of(np.array([code]), step)
        exact = Fraction(code) * Fraction(step)
        assert value.dtype == np.float32
        around = [Fraction(float(np.nextafter(value, np.float32(end)))) for end in (-1e30, 1e30)]
        error = abs(Fraction(float(value)) - exact)
        assert all(error <= abs(near - exact) for near in around)
        assert codes_of(np.array([value]), step).tolist() == [code]

    def test_codes_of_16_bits_do_not_overflow(self):
        codes = np.array([-32_767, 32_767], np.int16)
        assert values_of(codes, 512.0).tolist() == [-32_767 * 512.0, 32_767 * 512.0]
        assert values_of(codes, 2.0**-40).tolist() == [-32_767 * 2.0**-40, 32_767 * 2.0**-40]

    def test_the_least_weight_is_not_subnormal_and_the_largest_is_finite(self):
        ends = np.array([1, LARGEST_START + LARGEST_CODE])
        least, largest = values_of(ends, LEAST_STEP)[0], values_of(ends, LARGEST_STEP)[1]
        assert least >= np.finfo(np.float32).tiny
        assert largest <= 2.0**30

    def test_a_half_goes_to_the_even_code(self):
        halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
        assert codes_of(halves * np.float32(0.25), 0.25).tolist() == [-2, -2, 0, 0, 2, 2]

    @pytest.mark.parametrize(
        ("value", "step", "code"),
        [
            ("0x1.f29b820000000p+2", "0x1.83ca3e0000000p-10", 5267),
            ("0x1.d44a500000000p+7", "0x1.ccabaa0000000p-6", 8327),
        ],
    )
    def test_a_weight_beside_the_middle_goes_to_the_nearer_code(self, value, step, code):
        """Divided in float32 it would lie in the middle, and go to the even one."""
        value, step = np.float32(float.fromhex(value)), float.fromhex(step)
        assert np.rint(value / np.float32(step)) != code
        assert codes_of(np.array([value]), step).tolist() == [code]


class TestSteps:
    def test_there_is_one_for_each_tensor(self):
        check_steps(STEPS, NETWORK)
        for count in (0, 5, 7):
            with pytest.raises(SettingError, match=f"expected 6 steps, .* got {count}"):
                check_steps((0.5,) * count, NETWORK)

    @pytest.mark.parametrize("index", range(6))
    @pytest.mark.parametrize(
        "step",
        [
            *(0.0, -0.0, -0.5, math.nan, math.inf, -math.inf, 1e30),
            *(2.0**-149, 2.0**-127),  # subnormal
            float(np.nextafter(np.float32(LEAST_STEP), np.float32(0))),
            float(np.nextafter(np.float32(LARGEST_STEP), np.float32(1e9))),
        ],
    )
    def test_one_out_of_range_is_refused_wherever_it_is(self, index, step):
        steps = [*STEPS[:index], step, *STEPS[index + 1 :]]
        with pytest.raises(SettingError, match=r"steps must be 9\.09e-13 to 512, got"):
            check_steps(steps, NETWORK)

    def test_the_ends_of_the_range_are_taken(self):
        check_steps((LARGEST_STEP,) * 6, NETWORK)
        check_steps((0.25, 0.125, *[LEAST_STEP] * 4), NETWORK)

    @pytest.mark.parametrize("index", range(6))
    def test_a_number_that_is_no_float32_is_refused(self, index):
        steps = [*STEPS[:index], 0.1, *STEPS[index + 1 :]]
        with pytest.raises(SettingError, match="float32 numbers"):
            check_steps(steps, NETWORK)
        check_steps([*STEPS[:index], float(np.float32(0.1)), *STEPS[index + 1 :]], NETWORK)

    @pytest.mark.parametrize("over", [0.0, 0.51])
    def test_the_start_may_be_so_wide_and_no_wider(self, over):
        network = Architecture(3, 2, 2 * (LARGEST_START + over) * 2.0**-10)
        steps = (2.0**-10, *STEPS[1:])
        if not over:
            check_steps(steps, network)
            return
        with pytest.raises(SettingError, match=r"first steps must be larger: .* 1048575"):
            check_steps(steps, network)

    def test_biases_start_as_wide_whatever_omega_is(self):
        taken, refused = (
            float(np.float32(math.pi / (LARGEST_START + over))) for over in (0.4, 0.6)
        )
        check_steps((0.25, taken, *STEPS[2:]), NETWORK)
        with pytest.raises(SettingError, match="first steps must be larger"):
            check_steps((0.25, refused, *STEPS[2:]), NETWORK)


class TestFinest:
    """Steps for weights that did not come from a carrier."""

    def weights(self, scale):
        rng = np.random.default_rng(1)
        return tuple(
            Layer(
                (scale * rng.normal(size=(4, out, into))).astype(np.float32),
                (scale * rng.normal(size=(4, out))).astype(np.float32),
            )
            for out, into in NETWORK.shapes
        )

    @pytest.mark.parametrize("scale", [0.0, 1e-12, 1e-3, 1.0, 30.0, 1e6])
    def test_codes_reach_all_weights_from_wherever_the_first_layer_starts(self, scale):
        weights = self.weights(scale)
        steps = finest_steps(NETWORK, weights)
        check_steps(steps, NETWORK)
        bounds = (10.0, math.pi, 0.0, 0.0, 0.0, 0.0)
        for array, step, bound in zip(tensors(weights), steps, bounds, strict=True):
            start = math.floor(bound / step + 0.5)
            farthest = int(np.abs(codes_of(array, step)).max()) + start
            assert farthest <= LARGEST_CODE
            assert farthest >= LARGEST_CODE / 2 - 2 or step == LEAST_STEP
            assert math.frexp(step)[0] == 0.5  # a power of two

    def test_a_weight_at_the_very_end_has_a_code(self):
        for largest in (32_766.0, 32_767.0, 32_768.0):
            weights = [Layer(*(np.full_like(a, largest) for a in pair)) for pair in self.weights(0)]
            step = finest_steps(NETWORK, tuple(weights))[2]
            assert step == (1.0 if largest == 32_766 else 2.0)
            assert codes_of(weights[1].weight, step).max() <= LARGEST_CODE
