"""A small carrier of two tiles with one key, for all tests of adversaries."""

import pytest

from sirensong.carrier.slots import Slot
from sirensong.network.substitution import Selection
from sirensong.network.tiles import Grid
from sirensong.reveal import unlock


@pytest.fixture
def secret(make_stego, weights, key):
    entries = [(key, Slot(Selection.KEYED, 0.1, 6, 9, bytes(6)))]
    return unlock(make_stego(entries, weights=[weights] * 2, grid=Grid(1, 2)), key)
