"""Statistics of the weights of tiles, against NumPy's and SciPy's of each tile alone."""

import numpy as np
import pytest
from scipy import stats

from functions import initial, stack
from sirensong.lab.steganalysis.statistics import (
    correlation,
    joint_statistics,
    layer_statistics,
    moments,
)
from sirensong.network.siren import Layer


@pytest.fixture
def tiles(architecture):
    """The weights of three tiles."""
    rng = np.random.default_rng(3)
    return stack([initial(architecture, rng) for _ in range(3)])


def test_each_tile_has_its_own_statistics(tiles):
    alone = layer_statistics(tuple(Layer(w[1:2], b[1:2]) for w, b in tiles))
    found = layer_statistics(tiles)
    assert found.shape == (3, 34 * len(tiles))
    np.testing.assert_allclose(found[1], alone[0], rtol=1e-9)
    assert not np.allclose(found[0], found[1])


def test_statistics_of_a_layer_are_those_of_numpy_and_scipy(tiles):
    found = layer_statistics(tiles).reshape(3, len(tiles), 34)[2, 1]
    weight, bias = (array[2].astype(np.float64) for array in tiles[1])
    flat = weight.ravel()
    assert found[:4] == pytest.approx(four(flat))
    assert found[4:8] == pytest.approx(four(bias))
    assert found[8:12] == pytest.approx(four(np.sqrt((weight**2).sum(1))))
    assert found[12:16] == pytest.approx(four(np.sqrt((weight**2).sum(0))))
    assert found[19] == pytest.approx(np.median(np.abs(flat)) / flat.std())
    assert found[24] == pytest.approx(np.log(np.linalg.norm(weight, -2)), rel=1e-6)
    assert found[31] == pytest.approx(np.log(np.linalg.norm(weight, 2)), rel=1e-6)
    assert found[32] == pytest.approx(stats.kurtosis(weight, axis=1).mean())
    assert found[33] == pytest.approx(stats.kurtosis(weight, axis=0).mean())


def four(values):
    return [values.mean(), np.log(values.std()), stats.skew(values), stats.kurtosis(values)]


def test_a_constant_has_finite_moments():
    assert np.isfinite(moments(np.zeros((2, 5)))).all()


def test_joint_statistics_are_of_the_neurons_between_two_layers(tiles):
    found = joint_statistics(tiles).reshape(3, len(tiles) - 1, 5)[1, 1]
    first, second = (layer.weight[1].astype(np.float64) for layer in tiles[1:3])
    incoming, outgoing = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=0)
    bias = np.abs(tiles[1].bias[1])
    assert found[0] == pytest.approx(np.corrcoef(incoming, outgoing)[0, 1])
    assert found[1] == pytest.approx(np.corrcoef(incoming, bias)[0, 1], rel=1e-5)
    assert found[2] == pytest.approx(np.corrcoef(outgoing, bias)[0, 1], rel=1e-5)


def test_directions_that_go_on_are_told_from_those_that_do_not():
    """The second matrix takes in what the first puts out, or what it does not."""
    first = np.diag([4.0, 3, 2, 1, 0.1, 0.1, 0.1, 0.1])
    bias = np.zeros((1, 8), np.float32)
    on, off = (
        joint_statistics((layer_of(first, bias), layer_of(second, bias)))[0]
        for second in (first, first[:, ::-1])
    )
    assert on[3] == pytest.approx(np.log(1 / 4))  # four ones among 4 x 4 cosines
    assert off[3] < -20
    product, squares = np.trace(first**4), np.trace(first**2)
    assert on[4] == pytest.approx(np.log(8 * product / squares**2), rel=1e-6)
    assert off[4] < on[4]


def layer_of(weight, bias):
    return Layer(weight[None].astype(np.float32), bias)


def test_a_constant_goes_with_nothing():
    assert correlation(np.ones(5), np.arange(5.0)) == 0
