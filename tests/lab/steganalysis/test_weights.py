"""Detectors in the space of weights: they find what is there, and nothing where nothing is."""

import json

import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score, roc_curve

from functions import initial, stack
from sirensong import cli
from sirensong.carrier.file import save
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import SettingError
from sirensong.lab.steganalysis.weights import area, detect, histogram, roc, statistics
from sirensong.network.tiles import Grid


@pytest.fixture(scope="module")
def population(architecture):
    """Make functions of random weights, whose second matrix is scaled by `gain`."""

    def make(count, gain, seed):
        rng = np.random.default_rng(seed)
        functions = []
        for _ in range(count):
            tiles = stack([initial(architecture, rng) for _ in range(2)])
            first, second, *rest = tiles
            changed = (
                first,
                second._replace(weight=(second.weight * gain).astype(np.float32)),
                *rest,
            )
            functions.append(
                StegoFunction(
                    architecture, Grid(1, 2), changed, 4, 6, rng.bytes(32), rng.bytes(2048)
                )
            )
        return functions

    return make


def test_equal_populations_are_not_told_apart(population):
    for detection in detect(population(30, 1.0, 1), population(30, 1.0, 2)):
        assert 0.2 < detection.auc < 0.8, detection
        assert detection.low <= detection.auc <= detection.high
    assert (
        sum(
            detection.guessing
            for detection in detect(population(30, 1.0, 3), population(30, 1.0, 4))
        )
        >= 4
    )


def test_another_spread_of_one_layer_is_found_by_statistics(population):
    found = {
        detection.name: detection
        for detection in detect(population(20, 1.0, 1), population(20, 1.3, 2))
    }
    for name in (
        "statistics, logistic regression",
        "statistics, gradient boosting",
        "best single statistic",
    ):
        assert found[name].auc > 0.9
        assert not found[name].guessing


def test_twins_are_judged_together(population):
    """Each function of one side is a copy of one of the other: a detector that had seen the twin would answer wrong, not guess."""
    twins = population(25, 1.0, 5)
    for detection in detect(twins, twins):
        assert detection.auc == pytest.approx(0.5, abs=0.12), detection


def test_the_histogram_is_of_all_parameters(population):
    (stego,) = population(1, 1.0, 7)
    shares = histogram(stego, (-0.5, 0.5))
    values = np.concatenate([array.ravel() for layer in stego.weights for array in layer])
    assert shares.shape == (100,)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx((values < -0.49).mean())
    assert shares[50] == pytest.approx(((values >= 0) & (values < 0.01)).mean(), abs=1e-3)


def test_statistics_are_those_of_numpy(population):
    (stego,) = population(1, 1.0, 8)
    features = statistics(stego).reshape(4, -1)
    weight = stego.weights[1].weight
    assert features[1, :2] == pytest.approx([weight.mean(), weight.std()], rel=1e-5)
    largest = np.mean([np.linalg.norm(tile, 2) for tile in weight])
    assert features[1, -9] == pytest.approx(largest, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_area_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    negative, positive = rng.integers(0, 9, 40).astype(float), rng.integers(2, 11, 30).astype(float)
    expected = roc_auc_score([0] * 40 + [1] * 30, [*negative, *positive])
    assert area(negative, positive) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_is_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    negative, positive = rng.integers(0, 9, 40).astype(float), rng.integers(2, 11, 30).astype(float)
    expected = roc_curve([0] * 40 + [1] * 30, [*negative, *positive], drop_intermediate=False)
    found = roc(negative, positive)
    np.testing.assert_allclose(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1])
    assert auc(*found) == pytest.approx(area(negative, positive))


def test_too_few_functions_are_refused(population):
    with pytest.raises(SettingError, match="at least 5 functions of each kind, got 4 and 5"):
        detect(population(4, 1.0, 1), population(5, 1.0, 2))


def test_the_command(population, tmp_path, capsys):
    for name, gain in (("clean", 1.0), ("stego", 1.5)):
        (tmp_path / name).mkdir()
        for index, stego in enumerate(population(8, gain, len(name))):
            save(tmp_path / name / f"{index}.safetensors", stego)
    assert (
        cli.run(["attack", "weights", str(tmp_path / "clean"), str(tmp_path / "stego"), "--json"])
        == 0
    )
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["best single statistic"]["auc"] > 0.9
    assert cli.run(["attack", "weights", str(tmp_path / "clean"), str(tmp_path / "stego")]) == 0
    assert "tells them apart" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert cli.run(["attack", "weights", str(tmp_path / "clean"), str(tmp_path / "empty")]) == 1
    assert "no carriers in" in capsys.readouterr().err
    assert cli.run(["attack", "weights", str(tmp_path / "clean"), str(tmp_path / "nowhere")]) == 1
