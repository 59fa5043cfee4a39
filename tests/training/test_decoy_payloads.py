"""Decoys that are payloads: made as files are, of every size that a file may have, by entropy."""

import dataclasses
import functools
import math

import numpy as np
import pytest

import sirensong as ss
from sirensong.payload.code import coded_bytes
from sirensong.payload.envelope import OVERHEAD
from sirensong.payload.payload import Layout
from sirensong.payload.samples import Modulation
from sirensong.pictures.pool import add_payloads, add_picture, open_pool
from sirensong.training import capacity
from sirensong.training.capacity import decoy_payload, even_room, largest_layout, payload_for
from sirensong.training.job import prepare

COVER = (64, 64)
TWO = dataclasses.replace(ss.FAST, functions=2)
RECIPES = {
    "usual": (ss.FAST, 2, 16),
    "precise": (dataclasses.replace(ss.FAST, bits=80.0), 4, 12),
    "robust": (ss.FAST.robust(), 1, 128),
}


@pytest.fixture(autouse=True)
def bits_known(monkeypatch):
    """What takes long is the same for each draw."""
    monkeypatch.setattr(capacity, "_bits", functools.cache(capacity._bits))


def drawn(recipe, cover, count=600):
    rng = np.random.default_rng(5)
    return [decoy_payload(recipe, cover, rng).layout for _ in range(count)]


def noise(seed, side=64):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def layouts_of_files(recipe, cover):
    """The layout of a file of every length that fits."""
    empty = len(ss.HiddenFile("a", b"").packed)
    most = largest_layout(recipe, cover, 1).room
    noise = np.random.default_rng(1).bytes(most)
    files = (ss.HiddenFile("a", noise[:length]) for length in range(most - empty + 1))
    return [payload_for(file, recipe, cover, 1).layout for file in files]


# What they are.


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("cover", [(48, 48), (32, 70)])
def test_a_decoys_picture_has_the_size_and_the_kind_of_a_file_and_every_files_comes(name, cover):
    recipe, bits, step = RECIPES[name]
    made, real = set(drawn(recipe, cover)), set(layouts_of_files(recipe, cover))
    assert made <= real
    assert len(made) > 0.9 * len(real)
    modulations = {layout.modulation for layout in made}
    assert modulations == {Modulation(bits, step)}


def test_a_decoys_samples_have_the_values_of_a_file_each_as_often(tmp_path):
    add_payloads(tmp_path)
    values = np.array([104, 120, 136, 152])  # 127.5 - 24 and so on, a half to the even
    counts = np.zeros(4)
    for seed in range(8):
        for own in decoys_of(open_pool(tmp_path), seed):
            assert set(np.unique(own.picture)) <= set(values)
            counts += [(own.picture == value).sum() for value in values]
    shares = counts / counts.sum()
    np.testing.assert_allclose(shares, 0.25, atol=5 * math.sqrt(0.25 * 0.75 / counts.sum()))


def test_a_decoys_key_would_read_an_empty_file(tmp_path):
    """So it went the whole way: sealed, coded, and spread by its own key."""
    add_payloads(tmp_path)
    job = job_of(open_pool(tmp_path), 1)
    for own in job.decoys:
        layout = Layout(own.kind, own.picture.shape[:2])
        file, wrong = layout.read(own.picture / 255, own.key, job.nonce)
        assert (file.content, wrong) == (b"", 0)


# Their sizes.


def test_every_factor_of_lengths_is_as_likely():
    least, most = coded_bytes(7 + OVERHEAD), coded_bytes(5000 + OVERHEAD)
    rng = np.random.default_rng(5)
    rooms = np.array([even_room(7, 5000, rng) for _ in range(20_000)])
    assert (rooms.min(), rooms.max()) >= (7, 4950)
    assert rooms.max() <= 5000
    coded = np.array([coded_bytes(room + OVERHEAD) for room in rooms])
    places = np.log(coded / least) / math.log(most / least)  # even in [0, 1]
    for share in (0.2, 0.4, 0.6, 0.8):
        assert np.mean(places <= share) == pytest.approx(share, abs=0.02)


def test_where_no_file_fits_they_are_the_smallest():
    assert largest_layout(ss.FAST, (8, 8), 1).room == 0
    smallest = {layout.room >= 7 and layout.size for layout in drawn(ss.FAST, (8, 8), 20)}
    assert smallest == {(9, 9)}


# In a run.


def job_of(pool, seed=None, secrets=(), recipe=TWO, **options):
    return prepare(noise(0), secrets, recipe, ss.Options(seed=seed, **options), pool)


def decoys_of(pool, seed, **changes):
    return job_of(pool, seed, **changes).decoys


def kinds_of(decoys):
    return [own.kind for own in decoys]


def mixed(folder):
    add_picture(folder, noise(1), "photograph")
    add_payloads(folder)
    return open_pool(folder)


def test_shares_are_those_of_the_pool_in_every_place(tmp_path):
    pool = dataclasses.replace(mixed(tmp_path), shares={"photograph": 0.25, "payload": 0.75})
    recipe = dataclasses.replace(TWO, functions=8)
    runs = np.array([kinds_of(decoys_of(pool, seed, recipe=recipe)) for seed in range(30)])
    assert set(np.unique(runs)) == {0, 8}
    assert np.mean(runs == 8) == pytest.approx(0.75, abs=0.14)  # 5 standard errors
    assert all(0 < np.mean(place == 8) < 1 for place in runs.T)


def test_a_pool_of_payloads_alone_is_a_pool(tmp_path):
    add_payloads(tmp_path)
    assert kinds_of(decoys_of(open_pool(tmp_path), 1)) == [8, 8]


def test_a_file_beside_decoys_is_one_among_its_like(tmp_path):
    add_payloads(tmp_path)
    key = ss.SecretKey(bytes(32))
    payload = payload_for(ss.HiddenFile("a", b"noon"), TWO, COVER, 1)
    job = job_of(open_pool(tmp_path), 1, secrets=[(key, payload)])
    assert kinds_of(job.trained) == [8, 8]
    assert len(job.decoys) == 1


def test_lengths_and_kinds_hang_on_the_runs_entropy_alone(tmp_path):
    pool = mixed(tmp_path)
    sizes = {tuple(own.picture.shape for own in decoys_of(pool, seed)) for seed in range(12)}
    assert len(sizes) > 6
    for one, same in zip(decoys_of(pool, 3), decoys_of(pool, 3), strict=True):
        np.testing.assert_array_equal(one.picture, same.picture)
        assert one.key.secret == same.key.secret
