"""What fine-tuning on the cover changes."""

import numpy as np
import pytest

from functions import initial
from sirensong.lab.finetuning import finetune
from sirensong.lab.steganalysis.calibration import STEPS, calibration
from sirensong.lab.steganalysis.statistics import joint_statistics, layer_statistics
from sirensong.network.rendering import render_uint8
from sirensong.network.tiles import Grid


@pytest.fixture
def stego(make_stego, architecture):
    rng = np.random.default_rng(0)
    functions = [initial(architecture, rng) for _ in range(2)]
    return make_stego(weights=functions, grid=Grid(1, 2))


def test_differences_are_of_statistics_before_and_after(stego):
    picture = render_uint8(stego, (stego.height, stego.width))
    tuned = finetune(stego, picture, STEPS)
    layers, pairs = len(stego.weights), len(stego.weights) - 1
    found = calibration(stego)
    assert found.shape == (2, 34 * layers + 5 * pairs + layers)
    expected = layer_statistics(tuned.weights) - layer_statistics(stego.weights)
    np.testing.assert_allclose(found[:, : 34 * layers], expected, rtol=1e-3, atol=1e-6)
    joint = joint_statistics(tuned.weights) - joint_statistics(stego.weights)
    np.testing.assert_allclose(found[:, 34 * layers : -layers], joint, rtol=1e-3, atol=1e-6)
    moved = np.mean((tuned.weights[1].weight[1] - stego.weights[1].weight[1]) ** 2)
    assert found[1, -layers + 1] == pytest.approx(np.log(moved), rel=1e-3)
