"""Functions with secrets against functions without: which are trained, and how they are judged."""

import numpy as np
import pytest
import schemes_for_tests as schemes

from sirensong.errors import SettingError
from sirensong.lab.compare import detect_weights
from sirensong.lab.compare.detect_weights import (
    _by_tile,
    functions_of,
    weights_detectability,
)
from sirensong.lab.steganalysis import weights
from sirensong.network.tiles import Grid


@pytest.fixture
def pictures():
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (8, 12, 3), np.uint8) for _ in range(12)]


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(weights, "_TREES", 5)


def test_a_covers_functions_differ_in_what_they_hide_alone(pictures, tmp_path):
    method = schemes.Function()
    nothing, something = functions_of(method, pictures, 11, tmp_path)
    np.testing.assert_array_equal(method.view(nothing), pictures[11])
    np.testing.assert_array_equal(method.view(something), pictures[11])
    assert (nothing[0], something[0]) == (1, 5)


def test_secrets_are_the_pictures_that_follow(pictures, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        schemes.Function, "hide", lambda self, *given: seen.append(given) or bytes(35)
    )
    functions_of(schemes.Function(), pictures, 11, tmp_path)
    ((cover, secrets, keys),) = seen
    for shown, picture in zip(
        [cover, *secrets], [pictures[11], pictures[0], pictures[1]], strict=True
    ):
        np.testing.assert_array_equal(shown, picture)
    assert len({key.secret for key in keys}) == 2


def test_what_was_trained_is_not_trained_again_and_other_settings_are(
    pictures, tmp_path, monkeypatch
):
    method = schemes.Function()
    first = functions_of(method, pictures, 0, tmp_path)
    others = [
        functions_of(method, pictures, 1, tmp_path),
        functions_of(method, pictures, 0, tmp_path, seed=1),
        functions_of(schemes.Function("full"), pictures, 0, tmp_path),
        functions_of(schemes.Function(secrets=3), pictures, 0, tmp_path),
    ]
    for place in (0, 1):
        assert len({pair[place] for pair in (first, *others)}) == 5
    swapped = [pictures[0], *pictures[:0:-1]]
    nothing, something = functions_of(method, swapped, 0, tmp_path)
    assert (nothing == first[0], something == first[1]) == (True, False)
    monkeypatch.setattr(schemes.Function, "_file", pytest.fail)
    assert functions_of(method, pictures, 0, tmp_path) == first


def test_a_scheme_that_shows_is_told_apart(pictures, tmp_path):
    found = weights_detectability(schemes.Function(), pictures, tmp_path, permutations=20)
    assert found.sizes == (12, 12)
    assert max(one.auc for one in found.detections) == 1
    assert found.p == 1 / 21


def test_functions_without_secrets_come_first(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(detect_weights, "detect_by_weights", lambda *both, **_: both)
    sizes = [
        [np.std(one.weights[1].weight) for one in functions]
        for functions in weights_detectability(schemes.Function(), pictures, tmp_path)
    ]
    assert max(sizes[0]) < 2 < min(sizes[1])


def test_seed_and_permutations_arrive_at_the_detectors(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(detect_weights, "detect_by_weights", lambda *_, **given: given)
    found = weights_detectability(schemes.Function(), pictures, tmp_path, seed=3, permutations=20)
    assert found == {"seed": 3, "permutations": 20}


def test_too_few_pictures_are_refused_before_anything_is_trained(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(schemes.Function, "_file", pytest.fail)
    with pytest.raises(SettingError, match="at least 5 pictures here, got 4"):
        weights_detectability(schemes.Function(), pictures[:4], tmp_path)


def test_tiles_show_their_parts_of_the_picture():
    picture = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    parts = _by_tile(picture, Grid(2, 3))
    assert parts.shape == (6, 2, 2, 3)
    np.testing.assert_allclose(parts[4], picture[2:4, 2:4] / 127.5 - 1)
