"""What is tried without a key, by anybody and by holders of other keys."""

from dataclasses import replace

import numpy as np
import pytest
from skimage.metrics import mean_squared_error

from sirensong.keys.secret import SecretKey
from sirensong.lab.secrecy import blind
from sirensong.lab.secrecy.audit import controls_for
from sirensong.lab.secrecy.blind import (
    Ended,
    found_line,
    gradients_line,
    public_lines,
    searcher_of,
)
from sirensong.lab.secrecy.insiders import View
from sirensong.lab.secrecy.knowledge import in_carriers_order
from sirensong.lab.secrecy.positions import replaced_weights
from sirensong.lab.secrecy.search import Climbed
from sirensong.network.rendering import render
from sirensong.network.substitution import keyed_counts
from sirensong.reveal import sample, unlock


@pytest.fixture
def searcher(secret, monkeypatch):
    monkeypatch.setattr(blind, "PHOTOGRAPHS", 10)
    monkeypatch.setattr(blind, "MASK_STEPS", 3)
    monkeypatch.setattr(blind, "CLIMBS", 2)
    monkeypatch.setattr(blind, "CANDIDATES", 4)
    return searcher_of(secret.stego)


def test_searches_replace_as_many_weights_as_a_key(secret, searcher):
    mask, climber = searcher.seek(0.1)
    assert "3 steps" in mask.tried
    assert "2 times the best of 4" in climber.tried
    counts = keyed_counts(secret.stego.architecture, 0.1)
    for end in (mask, climber):
        assert np.isfinite(end.likeness)
        for chosen, count in zip(end.found.sets, counts, strict=True):
            assert chosen.sum((1, 2)).tolist() == [count, count]


def test_without_a_key_the_reader_judges(secret, searcher):
    probe = unlock(secret.stego, SecretKey(bytes(32)), force=True)
    lines = public_lines(searcher, probe, searcher.seek(0.1))
    assert [line.verdict.split(":")[0] for line in lines] == ["nothing to compare with here"] * 3
    assert not any(line.bad for line in lines)
    for line in lines:
        assert [picture.shape for _, picture in line.pictures] == [(6, 9, 3)] * 2
    mean = lines[0].pictures[0][1]
    against = 255 * mean_squared_error(sample(secret.stego), mean) ** 0.5
    assert lines[0].numbers == {"rmse": pytest.approx(against, rel=1e-5)}
    assert lines[1].numbers["photographs"] == searcher.typical


def test_an_end_that_is_the_secret_is_found_in_the_keys_order(secret):
    end = Climbed(secret.grid, in_carriers_order(secret), [], range(2), 0.0)
    picture = render(secret, (6, 9))
    line = found_line(secret, Ended("anybody", "luck", end, 0.0), controls_for(picture))
    np.testing.assert_array_equal(line.pictures[0][1], picture)
    assert line.verdict.startswith("the picture shows, in its ")
    assert line.bad
    cover = replace(end, weights=secret.stego.weights)
    nothing = found_line(secret, Ended("anybody", "no luck", cover, 0.0), controls_for(picture))
    assert not nothing.bad


def test_holders_search_from_their_own_picture_on(secret, searcher, monkeypatch):
    monkeypatch.setattr(blind, "MASK_STEPS", 0)
    end = searcher.seek_from(secret, "alice", 0.1)
    assert end.who == "alice"
    counts = keyed_counts(secret.stego.architecture, 0.1)
    layers = zip(end.found.weights, in_carriers_order(secret), counts, strict=True)
    for found, own, count in layers:
        assert (found.weight[0] != own.weight[0]).sum() == count


@pytest.mark.parametrize(("sign", "area", "bad"), [(1, 1.0, True), (-1, 0.0, False)])
def test_gradients_are_judged_by_the_positions_that_they_find(secret, monkeypatch, sign, area, bad):
    own = replaced_weights([secret])
    seen = []

    def view(stego, cover, holders):
        seen.extend(holders)
        np.testing.assert_allclose(cover, sample(stego), atol=0.5 / 255 + 1e-6)
        return View(np.zeros((len(own), 1), np.float32), sign * own.astype(float), own | ~own)

    monkeypatch.setattr(blind, "view", view)
    line = gradients_line(secret, [secret], "whoever holds alice.key")
    assert line.numbers == {"area": area}
    assert line.bad == bad
    assert [holder.secret for holder in seen] == [secret]
