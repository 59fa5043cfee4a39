"""What those make of a carrier who know a part of a key, or nothing of it."""

from dataclasses import replace

import numpy as np
import pytest

from sirensong.lab.secrecy.knowledge import (
    Insertion,
    Knowledge,
    PartlyRight,
    in_carriers_order,
    renders_of,
    replacements,
    with_key,
)
from sirensong.network.rendering import render
from sirensong.network.substitution import key_weights, keyed_positions


def known(secret, share, values, seed=3):
    right, wrong = replacements(secret), replacements(with_key(secret, seed))
    return PartlyRight(secret, right, wrong, Knowledge(share, values), seed)


def test_what_a_key_replaces_is_what_its_stream_says(secret, key):
    stego = secret.stego
    for own in replacements(secret):
        tiles = [own.tile]
        (positions,) = keyed_positions(key, stego.nonce, stego.architecture, 0.1, tiles)
        chosen = {own.tile: positions}
        (values,) = key_weights(key, stego.nonce, stego.architecture, chosen, 2.0)
        for mine, theirs in zip((*own.positions, *own.values), (*positions, *values), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert sorted(own.tile for own in replacements(secret)) == [0, 1]


def test_whoever_knows_all_of_a_key_renders_its_picture(secret):
    whole = render(known(secret, 1.0, Insertion.RIGHT), (6, 9))
    np.testing.assert_array_equal(whole, render(secret, (6, 9)))


def test_whoever_knows_nothing_renders_what_another_key_makes(secret):
    # With a grid whose tiles are not shuffled, or are by both keys alike.
    wrong = replace(with_key(secret, 3))
    mine = {own.tile: own for own in replacements(wrong)}
    function = known(secret, 0.0, Insertion.RANDOM)
    for index, right in enumerate(replacements(secret)):
        made = function.tiles([index])
        for matrix, layer in enumerate(made):
            theirs = mine[right.tile]
            got = layer.weight[0].ravel()[theirs.positions[matrix]]
            np.testing.assert_array_equal(got, theirs.values[matrix])


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_a_known_share_of_positions_is_right_and_as_many_are_replaced(secret, share):
    original = secret.stego.tiles([0])
    zeroed = known(secret, share, Insertion.ZEROS).tiles([0])
    own = next(own for own in replacements(secret) if own.tile == 0)
    for matrix, (before, after) in enumerate(zip(original, zeroed, strict=True)):
        changed = np.flatnonzero(before.weight != after.weight)
        right = own.positions[matrix]
        assert len(changed) == len(right)
        assert np.isin(changed, right).sum() >= round(share * len(right))
        assert (after.weight.ravel()[changed] == 0).all()


def test_random_values_are_no_key_values(secret):
    right, made = replacements(secret)[0], known(secret, 1.0, Insertion.RANDOM).tiles([0])
    for matrix, layer in enumerate(made):
        got = layer.weight[0].ravel()[right.positions[matrix]]
        assert not np.isin(got, right.values[matrix]).any()


def test_renders_differ_from_draw_to_draw_and_are_the_same_again(secret):
    knowledge = Knowledge(0.5, Insertion.RIGHT, shuffle=False)
    first, second = renders_of(secret, knowledge, (6, 9), draws=2)
    again, _ = renders_of(secret, knowledge, (6, 9), draws=2)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)


def test_in_the_carriers_order_only_a_tiles_own_replacements_differ(secret):
    made = in_carriers_order(secret)
    for own in replacements(secret):
        for matrix, layer in enumerate(made):
            published = secret.stego.weights[matrix].weight[own.tile]
            changed = np.flatnonzero(layer.weight[own.tile] != published)
            np.testing.assert_array_equal(changed, own.positions[matrix])
