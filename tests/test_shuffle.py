"""A secret's tiles lie in the carrier in the order of its key."""

from dataclasses import replace

import numpy as np
import pytest

import sirensong as ss
from functions import on_lattice, steps_of
from sirensong.carrier.slots import Slot
from sirensong.lab.steganalysis import guessing
from sirensong.network.siren import initial_weights
from sirensong.network.substitution import Selection, secret_places
from sirensong.reveal import SecretFunction, unlock

NONCE = bytes(range(32, 64))
GRID = ss.Grid(2, 3)


@pytest.fixture(scope="module")
def stego():
    network = ss.Architecture(16, 4, 10.0)
    rngs = [np.random.default_rng(tile) for tile in range(6)]
    weights = on_lattice(initial_weights(network, rngs, 1.0))
    ends = 20, 30, NONCE, bytes(64 * 16)
    return ss.StegoFunction(network, GRID, weights, steps_of(weights), *ends)


@pytest.mark.parametrize("selection", [Selection.KEYED, Selection.RANDOM])
def test_a_tile_of_the_secret_is_made_of_the_carriers_tile_that_the_key_says(stego, selection):
    key = ss.SecretKey(bytes(range(32)))
    rule = Slot(selection, 0.3, 20, 30, b"")
    secret = SecretFunction(stego, key, rule)
    places = secret_places(key, NONCE, 6)
    assert sorted(places) == list(range(6)) != places.tolist()
    made = secret.tiles([4, 1])
    for index, tile in enumerate((4, 1)):
        assert np.array_equal(made[0].bias[index], stego.weights[0].bias[places[tile]])
        changed = made[2].weight[index] != stego.weights[2].weight[places[tile]]
        assert changed.mean() == pytest.approx(0.3, abs=0.01)


def test_a_key_that_opens_no_slot_leaves_them_in_order(stego):
    wrong = unlock(stego, ss.SecretKey(bytes(32)), force=True)
    made = wrong.tiles(range(6))
    assert np.array_equal(made[0].bias, stego.weights[0].bias)


def test_two_keys_have_two_orders():
    first, second = (secret_places(ss.SecretKey(bytes([n]) * 32), NONCE, 6) for n in (1, 2))
    assert first.tolist() != second.tolist()


def test_a_picture_of_another_shape_comes_back_from_a_grid_that_is_not_square():
    rng = np.random.default_rng(3)
    cover = np.repeat(np.repeat(rng.random((2, 3, 3)), 12, 0), 12, 1)
    secret = np.repeat(np.repeat(rng.random((2, 3, 3)), 14, 0), 9, 1)
    key = ss.SecretKey(bytes(range(32)))
    recipe = replace(ss.FAST, tile=12).with_steps(250)
    stego = ss.hide(cover, {key: secret}, recipe=recipe, options=ss.Options(seed=1)).stego
    assert stego.grid == GRID
    assert ss.measure(secret, ss.reveal(stego, key)).psnr > 25


def test_a_partly_right_key_is_mixed_with_a_wrong_one_in_the_same_tile_of_the_carrier(stego):
    right = SecretFunction(
        stego, ss.SecretKey(bytes(range(32))), Slot(Selection.KEYED, 0.3, 20, 30, b"")
    )
    wrong = unlock(stego, ss.SecretKey(bytes(32)), force=True)
    for share in (0.0, 0.5):
        mixed = guessing._Mixed(right, wrong, share, "weights", 1).tiles([1])
        published = stego.tiles([int(right.places[1])])
        assert np.array_equal(mixed[0].weight, published[0].weight)
        assert (mixed[2].weight != published[2].weight).mean() < 0.52
