"""Guessing keys by looks: what counts as natural, and how right and partly right keys fare."""

import json

import numpy as np
import pytest
from skimage import data

from sirensong import cli
from sirensong.carrier.file import save
from sirensong.carrier.slots import Slot
from sirensong.errors import NoPictureError
from sirensong.keys.secret import SecretKey, write_key
from sirensong.lab.steganalysis import guessing
from sirensong.lab.steganalysis.guessing import STATISTICS, guess, hill, naturalness
from sirensong.network.substitution import Selection, keyed_matrices
from sirensong.pictures.decoys import spectral_noise
from sirensong.pictures.image import from_uint8
from sirensong.reveal import reveal, unlock


@pytest.fixture
def song(make_stego, key):
    return make_stego([(key, Slot(Selection.KEYED, 0.05, 6, 9, bytes(6)))])


def photograph():
    return from_uint8(data.astronaut()[64:256, 64:256])


def test_a_photograph_is_more_natural_than_noise_by_every_statistic():
    rng = np.random.default_rng(1)
    white = np.clip(rng.normal(0.5, 0.5, (192, 192, 3)), 0, 1).astype(np.float32)
    assert (naturalness(photograph()) > naturalness(white)).all()
    assert (naturalness(from_uint8(spectral_noise(white, rng))) > naturalness(white))[
        [0, 1, 3]
    ].all()


def test_a_flat_picture_has_finite_scores():
    assert np.isfinite(naturalness(np.full((16, 16, 3), 0.5, np.float32))).all()


def test_ranks_count_the_wrong_keys_that_look_better(song, key, monkeypatch):
    """With looks that are numbers drawn from the render itself, worked out one by one."""
    wrong = [SecretKey(bytes([number]) * 32) for number in range(1, 20)]
    monkeypatch.setattr(
        guessing, "naturalness", lambda picture: np.repeat(float(picture.mean()), 4)
    )
    means = [reveal(song, other, size=(64, 64), force=True).mean() for other in (key, *wrong)]
    found = guess(song, key, wrong)
    assert found.wrong_keys == 19
    assert found.ranks == dict.fromkeys(
        (*STATISTICS, "sum of all"), 1 + sum(mean >= means[0] for mean in means[1:])
    )
    assert found.seconds_a_key > 0
    assert found.years_for_all_keys > 1e60


def test_a_mixture_goes_from_the_wrong_function_to_the_right_one(song, key, other_key):
    right, wrong = unlock(song, key), unlock(song, other_key, force=True)
    for part in ("matrices", "weights"):
        for share, expected in ((0.0, wrong), (1.0, right)):
            mixed = guessing._Mixed(right, wrong, share, part, 1).tiles([0])
            for mine, theirs in zip(mixed, expected.tiles([0]), strict=True):
                np.testing.assert_array_equal(mine.weight, theirs.weight)
    half = guessing._Mixed(right, wrong, 0.5, "weights", 1).tiles([0])
    middle = keyed_matrices(song.architecture)
    for index, (mine, theirs) in enumerate(zip(half, right.tiles([0]), strict=True)):
        alike = (mine.weight == theirs.weight).mean()
        assert (alike < 1) == (index in middle)


def test_a_hill_begins_where_wrong_keys_are(song, key):
    wrong = [SecretKey(bytes([number]) * 32) for number in range(1, 8)]
    curves = hill(song, key, wrong, (0.0, 1.0))
    for curve in curves.values():
        assert curve[0] == pytest.approx(0, abs=1e-6)
        assert abs(curve[1]) > 0.01


def test_a_key_without_a_picture_is_refused(song, other_key):
    with pytest.raises(NoPictureError):
        guess(song, other_key, [SecretKey(bytes(32))] * 2)


def test_the_command(song, key, tmp_path, capsys):
    save(tmp_path / "song.safetensors", song)
    write_key(tmp_path / "alice.key", key)
    command = [
        "attack",
        "guess",
        str(tmp_path / "song.safetensors"),
        "--key",
        str(tmp_path / "alice.key"),
        "--keys",
        "20",
    ]
    assert cli.run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert 1 <= told["rank by sum of all"] <= 21
    assert len(told["partly_right"]["matrices"]) == len(told["partly_right"]["shares"])
    assert cli.run([*command[:-1], "2"]) == 0
    assert "partly right key" in capsys.readouterr().out
    assert cli.run([*command[:-1], "1"]) == 1
    assert "at least 2 wrong keys" in capsys.readouterr().err
