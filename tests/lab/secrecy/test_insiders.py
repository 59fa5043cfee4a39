"""Insiders: what the gradients of known functions say of another key's positions."""

import numpy as np
import pytest

from sirensong.lab.secrecy.insiders import EMPHASIS, Holder, view
from sirensong.lab.secrecy.positions import OF_COVER, OF_WEIGHTS, replaced_weights, slopes


def picture(seed):
    return np.random.default_rng(seed).random((6, 9, 3)).astype(np.float32)


def test_insiders_see_all_weights_but_those_of_their_own_keys(secret):
    seen = view(secret.stego, picture(1), [Holder(secret, picture(2))])
    np.testing.assert_array_equal(seen.open, ~replaced_weights([secret]))
    assert len(seen.table) == len(seen.rest) == seen.open.sum()
    assert seen.table.shape[1] == len(OF_WEIGHTS) + len(OF_COVER) + 8
    assert np.isfinite(seen.table).all()


def test_what_is_left_is_the_sum_of_both_gradients(secret):
    stego, cover, own = secret.stego, picture(1), picture(2)
    seen = view(stego, cover, [Holder(secret, own)])
    whole = []
    for tile in range(2):
        public = slopes(stego, stego.tiles([tile]), tile, cover)
        private = slopes(secret, secret.tiles([tile]), tile, own)
        for (first, _), (second, _) in zip(public, private, strict=True):
            left = EMPHASIS * first + second
            whole.append((np.abs(left) / np.sqrt((left**2).mean())).ravel())
    np.testing.assert_allclose(-seen.rest, np.concatenate(whole)[seen.open], rtol=1e-6)


@pytest.mark.parametrize("holders", [1, 2])
def test_more_holders_bring_more_columns(secret, holders):
    seen = view(secret.stego, picture(1), [Holder(secret, picture(2))] * holders)
    assert seen.table.shape[1] == len(OF_WEIGHTS) + len(OF_COVER) + 6 + 2 * holders
