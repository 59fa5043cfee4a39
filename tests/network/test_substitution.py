"""Selection and substitution: which weights a key replaces, how many, and with what."""

import hashlib
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import derivation
from functions import alone, initial, stack
from sirensong.errors import SettingError
from sirensong.keys.secret import SecretKey
from sirensong.network.siren import Architecture, Layer
from sirensong.network.substitution import (
    Selection,
    key_weights,
    keyed_matrices,
    keyed_positions,
    magnitude_positions,
    random_positions,
    ratio_units,
    selected_count,
    substitute,
)

UNITS = st.integers(1, 9999)
SMALL = st.builds(Architecture, st.integers(1, 12), st.integers(2, 4))


class TestRatio:
    @given(UNITS)
    def test_every_ten_thousandth_between_0_and_1_is_taken(self, units):
        assert ratio_units(units / 10_000) == units

    @pytest.mark.parametrize(
        ("ratio", "units"),
        [(0.05, 500), (0.1 + 0.2, 3000), (0.0001, 1), (0.9999, 9999), (1 - 0.05, 9500)],
    )
    def test_examples(self, ratio, units):
        assert ratio_units(ratio) == units

    @pytest.mark.parametrize(
        "ratio",
        [
            0,
            1,
            -0.05,
            1.05,
            5,
            0.00005,
            0.99995,
            0.12345,
            0.050001,
            1e-12,
            math.nan,
            math.inf,
            -math.inf,
        ],
    )
    def test_others_are_refused(self, ratio):
        with pytest.raises(SettingError, match=r"multiple of 0\.0001 between 0 and 1"):
            ratio_units(ratio)
        with pytest.raises(SettingError):
            selected_count(ratio, 100)

    @given(units=UNITS, total=st.integers(0, 2**21))
    def test_the_count_is_the_product_rounded_half_upwards(self, units, total):
        assert selected_count(units / 10_000, total) == math.floor(
            Fraction(units, 10_000) * total + Fraction(1, 2)
        )

    @pytest.mark.parametrize(
        ("ratio", "total", "count"),
        [
            (0.05, 9, 0),
            (0.05, 10, 1),
            (0.05, 30, 2),
            (0.05, 50, 3),
            (0.05, 64, 3),
            (0.05, 256, 13),
            (0.05, 384, 19),
            (0.05, 16384, 819),
            (0.5, 1, 1),
            (0.5, 3, 2),
            (0.15, 10, 2),
            (0.0001, 4999, 0),
            (0.0001, 5000, 1),
            (0.9999, 100, 100),
        ],
    )
    def test_counts(self, ratio, total, count):
        assert selected_count(ratio, total) == count


class TestMagnitude:
    # whole numbers from -3 to 3 make ties of both signs
    @given(
        matrix=arrays.arrays(
            np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-3, 3)
        ),
        units=UNITS,
    )
    def test_against_a_brute_force_sort(self, matrix, units):
        flat = matrix.ravel().tolist()
        count = math.floor(Fraction(units, 10_000) * len(flat) + Fraction(1, 2))
        expected = sorted(
            sorted(range(len(flat)), key=lambda place: (-abs(flat[place]), place))[:count]
        )
        layer = Layer(matrix, np.zeros(len(matrix), np.float32))
        ((chosen,),) = magnitude_positions(alone([layer]), units / 10_000)
        assert chosen.dtype == np.int64
        assert chosen.tolist() == expected

    def test_negative_zero_and_sign_make_no_difference(self):
        matrix = np.array([[-0.0, 0.0, -2.0], [2.0, -0.0, 1.0]], np.float32)
        layer = Layer(matrix, np.zeros(2, np.float32))
        ((chosen,),) = magnitude_positions(alone([layer]), 0.6667)
        assert chosen.tolist() == [0, 2, 3, 5]

    def test_each_tile_has_its_own(self, architecture, weights):
        other = initial(architecture, np.random.default_rng(8))
        both = magnitude_positions(stack([weights, other]), 0.05)
        for own, function in zip(both, (weights, other), strict=True):
            (expected,) = magnitude_positions(alone(function), 0.05)
            assert [places.tolist() for places in own] == [places.tolist() for places in expected]

    def test_each_matrix_gives_its_own_share(self, architecture, weights):
        (chosen,) = magnitude_positions(alone(weights), 0.05)
        assert [len(places) for places in chosen] == [
            selected_count(0.05, out * into) for out, into in architecture.shapes
        ]
        for layer, places in zip(weights, chosen, strict=True):
            magnitude = np.abs(layer.weight).ravel()
            assert magnitude[places].min() >= np.delete(magnitude, places).max()

    def test_the_paper_s_network_at_5_percent(self):
        architecture = Architecture(128, 8)
        flat = [
            Layer(np.ones(shape, np.float32), np.zeros(shape[0], np.float32))
            for shape in architecture.shapes
        ]
        (chosen,) = magnitude_positions(alone(flat), 0.05)
        assert [len(places) for places in chosen] == [13, *[819] * 7, 19]
        assert all(
            places.tolist() == list(range(len(places))) for places in chosen
        )  # all equal: ties go to the lower place

    @pytest.mark.parametrize("ratio", [0, 1, -1, math.nan])
    def test_a_ratio_out_of_range_is_refused(self, weights, ratio):
        with pytest.raises(SettingError):
            magnitude_positions(alone(weights), ratio)


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        (2, [1]),
        (3, [1, 2]),
        (4, [1, 2, 3]),
        (5, [1, 2, 3, 4]),
        (6, [1, 2, 3, 4]),
        (64, [1, 2, 3, 4]),
    ],
)
def test_keys_change_the_first_four_hidden_matrices_if_there_are_so_many(layers, chosen):
    assert list(keyed_matrices(Architecture(8, layers))) == chosen


class TestDrawn:
    @given(architecture=SMALL, units=UNITS)
    def test_their_number_order_and_range(self, key, nonce, architecture, units):
        ratio, tiles = units / 10_000, [2, 0]
        every = range(architecture.hidden_layers + 1)
        for drawn, chosen in (
            (keyed_positions(key, nonce, architecture, ratio, tiles), keyed_matrices(architecture)),
            (random_positions(nonce, architecture, ratio, tiles), every),
        ):
            assert len(drawn) == len(tiles)
            for positions in drawn:
                assert len(positions) == len(every)
                for layer, (places, (out, into)) in enumerate(
                    zip(positions, architecture.shapes, strict=True)
                ):
                    count = selected_count(ratio, out * into) if layer in chosen else 0
                    assert len(places) == count
                    assert (np.diff(places) > 0).all()
                    assert len(places) == 0 or 0 <= places[0] <= places[-1] < out * into

    def test_keyed_ones_are_those_of_the_first_four_hidden_matrices(self, key, nonce):
        architecture, tiles = Architecture(12, 7), [3, 0, 1]
        drawn = keyed_positions(key, nonce, architecture, 0.25, tiles)
        for tile, found in zip(tiles, drawn, strict=True):
            expected = derivation.positions(key.secret, nonce, tile, [144] * 4, [36] * 4)
            assert [places.tolist() for places in found] == [[], *expected, [], [], []]

    def test_random_ones_are_of_all_matrices_and_come_from_the_nonce_alone(
        self, nonce, architecture
    ):
        sizes, counts, tiles = [24, 144, 144, 36], [6, 36, 36, 9], [2, 0]
        drawn = random_positions(nonce, architecture, 0.25, tiles)
        for tile, found in zip(tiles, drawn, strict=True):
            expected = derivation.positions(nonce, nonce, tile, sizes, counts)
            assert [places.tolist() for places in found] == expected
        assert flat(drawn) != flat(random_positions(nonce[::-1], architecture, 0.25, tiles))

    def test_a_matrix_in_which_nothing_is_selected_draws_all_the_same(self, nonce):
        """So where a matrix's integers begin follows from the shapes, whatever the ratio."""
        (found,) = random_positions(nonce, Architecture(1, 2), 0.3, [0])
        expected = derivation.positions(nonce, nonce, 0, [2, 1, 3], [1, 0, 1])
        assert [places.tolist() for places in found] == expected

    def test_keyed_ones_differ_between_keys_carriers_and_tiles(
        self, key, other_key, nonce, architecture
    ):
        draws = [
            flat(keyed_positions(who, where, architecture, 0.25, [tile]))
            for who, where, tile in (
                (key, nonce, 0),
                (other_key, nonce, 0),
                (key, nonce[::-1], 0),
                (key, nonce, 1),
            )
        ]
        assert len(set(draws)) == 4
        same = SecretKey(key.secret)
        assert flat(keyed_positions(same, nonce, architecture, 0.25, [0])) == draws[0]

    @pytest.mark.parametrize("ratio", [0, 1, math.nan])
    def test_a_ratio_out_of_range_is_refused(self, key, nonce, architecture, ratio):
        with pytest.raises(SettingError):
            keyed_positions(key, nonce, architecture, ratio, [0])
        with pytest.raises(SettingError):
            random_positions(nonce, architecture, ratio, [0])


def flat(drawn):
    return tuple(np.concatenate([places for positions in drawn for places in positions]).tolist())


class TestKeyWeights:
    @pytest.mark.parametrize("gain", [1.0, 2.0])
    def test_one_for_each_position_with_its_layer_s_variance(self, key, nonce, architecture, gain):
        tiles = [3, 0]
        drawn = random_positions(nonce, architecture, 0.25, tiles)
        found = key_weights(
            key, nonce, architecture, dict(zip(tiles, drawn, strict=True)), gain=gain
        )
        deviations = [gain * math.sqrt(2 / sides) for sides in (2 + 12, 24, 24, 12 + 3)]
        for tile, values in zip(tiles, found, strict=True):
            expected = derivation.values(key.secret, nonce, tile, [6, 36, 36, 9], deviations)
            for own, theirs in zip(values, expected, strict=True):
                assert own.dtype == np.float32
                np.testing.assert_allclose(own, theirs, rtol=1e-6)

    def test_matrices_without_positions_take_none(self, key, nonce, architecture):
        (positions,) = keyed_positions(key, nonce, architecture, 0.25, [5])
        (values,) = key_weights(key, nonce, architecture, {5: positions})
        deviations = [math.sqrt(2 / 24)] * 2
        expected = derivation.values(key.secret, nonce, 5, [36, 36], deviations)
        assert [len(own) for own in values] == [0, 36, 36, 0]
        np.testing.assert_allclose(values[1:3], expected, rtol=1e-6)

    def test_keys_differ_on_a_common_mask(self, key, other_key, nonce, architecture):
        (positions,) = random_positions(nonce, architecture, 0.25, [0])
        mine, theirs = (
            np.concatenate(*key_weights(who, nonce, architecture, {0: positions}))
            for who in (key, other_key)
        )
        assert np.intersect1d(mine, theirs).size == 0


@pytest.mark.parametrize("selection", ["keyed", "random"])
def test_golden(golden, selection):
    """Made once and pinned: a change here makes every picture hidden before unreadable."""
    pinned = golden[selection]
    key, nonce = SecretKey(bytes.fromhex(golden["key"])), bytes.fromhex(golden["nonce"])
    architecture = Architecture(pinned["hidden_features"], pinned["hidden_layers"])
    ratio, tiles = pinned["ratio"], [tile["tile"] for tile in pinned["tiles"]]
    if selection == "keyed":
        positions = keyed_positions(key, nonce, architecture, ratio, tiles)
    else:
        positions = random_positions(nonce, architecture, ratio, tiles)
    by_tile = dict(zip(tiles, positions, strict=True))
    values = key_weights(key, nonce, architecture, by_tile, Selection(selection).gain)
    for tile, places, drawn in zip(pinned["tiles"], positions, values, strict=True):
        for matrix, own, inserted in zip(tile["matrices"], places, drawn, strict=True):
            assert own[:4].tolist() == matrix["first"]
            assert own[-1:].tolist() == matrix["last"]
            assert hashlib.sha256(own.astype("<i8")).hexdigest() == matrix["positions"]
            assert inserted[:4].astype("<f4").tobytes().hex() == matrix["values"]
            assert hashlib.sha256(inserted.astype("<f4")).hexdigest() == matrix["all values"]


class TestSubstitute:
    @given(architecture=SMALL, units=UNITS)
    def test_exactly_the_positions_change(self, key, nonce, architecture, units):
        weights = tuple(
            Layer(np.full(shape, 100, np.float32), np.arange(shape[0], dtype=np.float32))
            for shape in architecture.shapes
        )
        (positions,) = keyed_positions(key, nonce, architecture, units / 10_000, [0])
        values = key_weights(key, nonce, architecture, {0: positions})
        substitute(alone(weights), [positions], values)
        (values,) = values
        for (weight, bias), (out, into), places, inserted in zip(
            weights, architecture.shapes, positions, values, strict=True
        ):
            assert weight.shape == (out, into)
            assert np.flatnonzero(weight != 100).tolist() == places.tolist()  # no key weight is 100
            np.testing.assert_array_equal(weight.ravel()[places], inserted)
            np.testing.assert_array_equal(bias, np.arange(out))

    @pytest.mark.parametrize("order", ["C", "F"])
    def test_positions_count_row_by_row(self, order):
        matrix = np.zeros((2, 3), np.float32, order=order)
        substitute(
            alone([Layer(matrix, np.zeros(2, np.float32))]),
            [(np.array([1, 3]),)],
            [(np.array([5, 6], np.float32),)],
        )
        assert matrix.tolist() == [[0, 5, 0], [6, 0, 0]]

    def test_as_many_layers_as_there_are(self, key, nonce, architecture, weights):
        (positions,) = keyed_positions(key, nonce, architecture, 0.25, [0])
        values = key_weights(key, nonce, architecture, {0: positions})
        with pytest.raises(ValueError, match="shorter"):
            substitute(stack([weights]), [positions[:-1]], values)
        with pytest.raises(ValueError, match="longer"):
            substitute(stack([weights]), [], values)
