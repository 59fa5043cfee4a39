"""What is settled before training: exact budgets, groups, randomness and decoys."""

import dataclasses
import hashlib
import time

import numpy as np
import pytest
import torch

import sirensong as ss
from sirensong.errors import FormatError, SettingError
from sirensong.pictures.image import fill
from sirensong.pictures.pool import add_payloads, add_picture, open_pool, remove_kinds
from sirensong.training.batches import Sampler
from sirensong.training.job import Job, _entropy, prepare
from sirensong.training.parameters import Parameters
from sirensong.training.train import State

SMALL = dataclasses.replace(
    ss.FAST, tile=8, hidden_features=16, hidden_layers=2, omega=10.0, decoys="cover", functions=0
).with_steps(6, cover=3)
CPU = torch.device("cpu")


def picture(seed, height=16, width=16):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def key(number):
    return ss.SecretKey(bytes([number]) * 32)


def job_of(secrets=(), decoys=(), *, cover=None, recipe=SMALL, **options):
    cover = picture(0) if cover is None else cover
    return prepare(cover, secrets, recipe, ss.Options(**options), decoys)


@pytest.fixture
def clock(monkeypatch):
    """Stands still but for what a test adds to its one entry."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def one_tile_at_a_time(monkeypatch):
    monkeypatch.setattr("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 1})


# Time.


@pytest.mark.usefixtures("one_tile_at_a_time")
def test_a_budget_is_shared_by_groups_and_by_stages_as_they_evaluate(clock):
    """Three steps of one function, six of three and a wrong key's: 3 / 27 for the cover."""
    secrets = [(key(1), picture(1)), (key(2), picture(2))]
    job = job_of(secrets, seconds=84.0)
    assert [list(tiles) for tiles in job.groups] == [[0], [1], [2], [3]]
    first, second, _, last = job.groups
    assert job.elapsed == 0
    assert job.seconds_for("cover", first, 0.0) == pytest.approx(84 / 4 * 3 / 27)
    assert job.seconds_for("joint", first, 0.0) == 84 / 4
    clock[0] += 12.0
    assert job.elapsed == 12
    assert job.seconds_for("joint", second, 0.0) == 72 / 3
    assert job.seconds_for("joint", second, 2.5) == 2.5 + 72 / 3
    assert job.seconds_for("joint", last, 0.0) == 72.0
    clock[0] += 100.0
    assert job.seconds_for("joint", last, 1.5) == 1.5
    assert job.seconds_for("cover", last, 0.0) == 0.0


def test_a_run_without_a_budget_has_none():
    job = job_of()
    assert job.seconds_for("cover", job.groups[0], 5.0) is None


def test_a_run_begins_with_its_call_or_when_it_is_said_to_have_begun(clock):
    assert job_of().started == 1000.0
    assert job_of(started=990.5).started == 990.5
    assert job_of(started=990.5).elapsed == 9.5


def test_a_resumed_run_counts_the_time_that_it_had_taken(clock, tmp_path):
    path = tmp_path / "run.checkpoint"
    job = job_of(checkpoint=path, seed=1)
    job.checkpoint.write("cover", job.groups[0], state(), elapsed=40.0)
    clock[0] = 5000.0
    resumed = job_of(checkpoint=path, resume=True)
    assert (resumed.started, resumed.elapsed) == (4960.0, 40.0)
    assert (resumed.nonce, resumed.entropy) == (job.nonce, job.entropy)


def state():
    tensors = (torch.zeros(1, 16, 2), torch.zeros(1, 1, 16, 16), torch.zeros(1, 3, 16))
    biases = (torch.zeros(2, 1, 16), torch.zeros(1, 3))
    return State(Parameters(*tensors, *biases), Sampler(torch.Generator()))


# What is trained.


def test_what_is_trained_is_the_cover_then_secrets_then_decoys():
    cover, secret = picture(0), picture(1, 5, 9)
    recipe = dataclasses.replace(SMALL, functions=4)
    job = job_of([(key(1), secret)], cover=cover, recipe=recipe)
    assert job.cover is cover
    assert [own.picture is secret for own in job.secrets] == [True]
    assert job.secrets[0].key.secret == key(1).secret
    assert job.trained == job.secrets + job.decoys
    assert len(job.decoys) == 3
    assert [id(one) for one in job.pictures] == [
        id(one) for one in (cover, secret, *(decoy.picture for decoy in job.decoys))
    ]
    assert job.pictures[2].shape == cover.shape
    assert len({own.key.secret for own in job.trained}) == 4


@pytest.mark.parametrize(
    ("secrets", "functions", "decoys"),
    [(0, 0, 0), (3, 0, 0), (2, 1, 0), (0, 1, 2), (1, 3, 3), (3, 2, 1), (9, 2, 7), (33, 2, 31)],
)
def test_there_are_as_many_functions_as_the_class_that_holds_them(secrets, functions, decoys):
    recipe = dataclasses.replace(SMALL, functions=functions)
    pairs = [(key(number), picture(number)) for number in range(secrets)]
    job = job_of(pairs, recipe=recipe)
    assert (len(job.secrets), len(job.decoys)) == (secrets, decoys)


def test_groups_are_for_all_functions_of_a_tile(monkeypatch):
    """16 features each, and 96 at once: two tiles of three functions, six of one."""
    monkeypatch.setattr("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 96})
    three, one = (dataclasses.replace(SMALL, functions=count) for count in (2, 0))
    assert job_of(recipe=three).groups == (range(2), range(2, 4))
    assert job_of(recipe=one).groups == (range(4),)


def test_a_job_has_its_recipes_grid_and_network():
    wide = job_of(cover=picture(0, 8, 24))
    assert (wide.grid, wide.architecture) == (ss.Grid(1, 3), ss.Architecture(16, 2, 10.0))
    assert wide.device == CPU
    assert wide.checkpoint is None
    assert wide.recipe is SMALL
    grown = dataclasses.replace(SMALL, tile=1000, hidden_features=None, bits=None)
    assert job_of(cover=picture(0, 8, 24), recipe=grown).architecture.hidden_features == 16
    assert job_of(cover=picture(0, 50, 50), recipe=grown).architecture.hidden_features == 80


def test_a_ratio_that_selects_too_little_is_refused_if_there_is_a_key():
    least = dataclasses.replace(SMALL, ratio=0.02)
    with pytest.raises(SettingError, match="selects fewer than 8"):
        job_of([(key(1), picture(1))], recipe=least)
    with pytest.raises(SettingError, match="selects fewer than 8"):
        job_of(recipe=dataclasses.replace(least, functions=1))
    assert job_of(recipe=least).trained == ()


def test_sixty_four_keys_are_taken_and_no_more():
    pairs = [(key(number), picture(1, 2, 2)) for number in range(65)]
    assert len(job_of(pairs[:64]).secrets) == 64
    with pytest.raises(SettingError, match="at most 64 secrets, got 65"):
        job_of(pairs)


# Randomness.


def test_a_runs_entropy_gives_the_same_in_every_release(monkeypatch):
    """Else a run could not be resumed after an upgrade."""
    monkeypatch.setattr("os.urandom", lambda count: bytes(range(count)))
    job = job_of([(key(1), picture(1))], recipe=dataclasses.replace(SMALL, functions=3))
    assert job.nonce.hex() == DRAWN["nonce"]
    assert f"{job.number('a purpose'):x}" == DRAWN["number"]
    assert [own.key.secret.hex() for own in job.decoys] == DRAWN["decoys"]
    pictures = [hashlib.sha256(own.picture).hexdigest()[:16] for own in job.decoys]
    assert pictures == DRAWN["pictures"]


def test_a_seed_gives_the_same_entropy_in_every_release():
    """Else a run could not be repeated after an upgrade."""
    entropies = [_entropy(seed, [key(1), key(2)], bytes(32)).hex() for seed in (0, 2**64 - 1)]
    assert entropies == DRAWN["entropies"]


def test_a_seeds_entropy_takes_in_each_key_bound_to_the_seed():
    """So that passphrases are stretched, and seeds tell nothing of each other's runs."""
    salts = []

    class Recorded(ss.SecretKey):
        def bind(self, nonce):
            salts.append(nonce)
            return super().bind(nonce)

    _entropy(3, [Recorded(bytes(32)), Recorded(bytes(32))], bytes(32))
    assert salts == [hashlib.sha256(b"sirensong seed" + bytes([0] * 7 + [3])).digest()] * 2


DRAWN = {
    "decoys": [
        "76c0348a3e589e95968046dcff65f1eb1361c73ba53abedae7950a215f750f55",
        "c30352744f815b134d3ae75e170192743b38ab2ceb26e37dd1d672798b3a9f17",
        "a804d2d709eb09418f39de7b53e482a9c68c2b7616587dd4f06612876c67f682",
    ],
    "entropies": [
        "e2d9f2f2eb0d8cb30f98efe3735a68d6ef2a10aaa4edfe5f37eb70865517e180",
        "5a4b96893050b24ce26fd99255efbdd001c0bd8d6f04e145371e8436ffd640ed",
    ],
    "nonce": "c6281a748cb445e84bcad0a3607ee135b9909d5978a5680050d5c06ecd4a3f26",
    "number": "5e901cc5cc760b7c115e652f30d1fbb3deaf10797d92aef2a54a8f99e338944d",
    "pictures": [
        "b6754307c708c67d",
        "7b0d125d5f6707da",
        "3c9af873c7d88160",
    ],
}


def test_a_run_without_a_seed_takes_the_systems_randomness(monkeypatch):
    monkeypatch.setattr("os.urandom", lambda count: bytes(range(count)))
    assert job_of().entropy == bytes(range(32))


def test_what_a_run_draws_hangs_on_keys_pictures_settings_and_budget():
    pairs = [(key(1), picture(1))]
    nonces = [
        job_of(pairs, seed=1).nonce,
        job_of(pairs, seed=2).nonce,
        job_of([(key(2), picture(1))], seed=1).nonce,
        job_of([(key(1), picture(2))], seed=1).nonce,
        job_of(pairs, seed=1, cover=picture(7)).nonce,
        job_of(pairs, seed=1, seconds=5.0).nonce,
        job_of(pairs, seed=1, recipe=dataclasses.replace(SMALL, ratio=0.06)).nonce,
        job_of(pairs, [picture(3)], seed=1).nonce,
    ]
    assert len(set(nonces)) == len(nonces)
    assert job_of(pairs, seed=1).nonce == nonces[0]
    assert job_of(pairs, seed=1, psnr=30.0, threads=1).nonce == nonces[0]


def test_numbers_of_other_purposes_or_runs_are_others():
    one, other = job_of(seed=1), job_of(seed=2)
    numbers = {one.number("a"), one.number("b"), other.number("a"), other.number("b")}
    assert len(numbers) == 4
    assert max(numbers) > 2**240
    assert one.number("a") == job_of(seed=1).number("a")


# Decoys.


def test_decoys_are_taken_from_given_pictures_in_turn():
    """Each once before any comes again, in an order that is drawn, in the cover's shape."""
    given = [picture(number, 20, 30) for number in range(10, 13)]
    filled = [fill(one, 16, 16) for one in given]
    recipe, orders = dataclasses.replace(SMALL, functions=6), set()
    for seed in range(8):
        job = job_of(decoys=given, recipe=recipe, seed=seed)
        order = [which(own.picture, filled) for own in job.decoys]
        assert sorted(order[:3]) == [0, 1, 2]
        assert order[3:] == (order[:3] * 2)[:5]
        orders.add(tuple(order))
    assert len(orders) > 1


def which(one, of):
    (found,) = [index for index, other in enumerate(of) if np.array_equal(one, other)]
    return found


def test_decoys_are_of_the_recipes_kind():
    """The cover's own pixels, turned; or leaves, which have none of them."""
    recipe, cover = dataclasses.replace(SMALL, functions=2), picture(0) // 8 * 8
    turned, _ = job_of(cover=cover, recipe=recipe, seed=1).decoys
    leaves, _ = job_of(
        cover=cover, recipe=dataclasses.replace(recipe, decoys="leaves"), seed=1
    ).decoys
    assert set(np.unique(turned.picture % 8)) <= {0, 7}
    assert len(set(np.unique(leaves.picture % 8))) > 2
    assert leaves.picture.shape == cover.shape


def pool_of(folder, *seeds):
    for seed in seeds:
        add_picture(folder, picture(seed, 16, 16), "drawing")
    return open_pool(folder)


def test_decoys_are_drawn_from_a_pool(tmp_path):
    pool = pool_of(tmp_path, 3, 4)
    recipe = dataclasses.replace(SMALL, functions=2)
    drawn = job_of(decoys=pool, recipe=recipe).decoys
    assert sorted(which(own.picture, [picture(3), picture(4)]) for own in drawn) == [0, 1]


def test_a_run_whose_decoys_have_changed_is_not_resumed(tmp_path):
    """Of a folder as of a pool: as many pictures, but others."""
    path, recipe = tmp_path / "run.checkpoint", dataclasses.replace(SMALL, functions=2)
    same = {"checkpoint": path, "recipe": recipe}
    pool = pool_of(tmp_path / "pool", 3, 4)
    job = job_of(decoys=pool, **same)
    job.checkpoint.write("cover", job.groups[0], state(), elapsed=0.0)
    again = job_of(decoys=pool, resume=True, **same)
    pairs = zip(again.decoys, job.decoys, strict=True)
    assert all(np.array_equal(one.picture, other.picture) for one, other in pairs)
    assert [own.key.secret for own in again.decoys] == [own.key.secret for own in job.decoys]
    for changed in (pool_of(tmp_path / "other", 5, 6), [picture(5), picture(6)]):
        with pytest.raises(FormatError, match="is of a run with other decoys"):
            job_of(decoys=changed, resume=True, **same)


def test_a_resumed_run_has_the_same_payloads(tmp_path):
    path, recipe = tmp_path / "run.checkpoint", dataclasses.replace(SMALL, functions=4)
    same = {"checkpoint": path, "recipe": recipe, "cover": picture(0, 40, 40)}
    add_payloads(tmp_path / "pool")
    pool = pool_of(tmp_path / "pool", 3)
    job = job_of(decoys=pool, seed=2, **same)
    assert len({own.picture.shape for own in job.decoys}) > 1
    job.checkpoint.write("cover", job.groups[0], state(), elapsed=0.0)
    again = job_of(decoys=pool, resume=True, **same)
    pairs = list(zip(again.decoys, job.decoys, strict=True))
    assert all(np.array_equal(one.picture, other.picture) for one, other in pairs)
    assert all(one.key.secret == other.key.secret for one, other in pairs)
    remove_kinds(tmp_path / "pool", ["payload"])
    with pytest.raises(FormatError, match="is of a run with other decoys"):
        job_of(decoys=open_pool(tmp_path / "pool"), resume=True, **same)


# Checkpoints.


def test_a_job_keeps_a_checkpoint_only_where_it_is_told_to(tmp_path):
    path = tmp_path / "run.checkpoint"
    job = job_of(checkpoint=path)
    assert list(tmp_path.iterdir()) == []
    job.checkpoint.write("cover", job.groups[0], state(), elapsed=0.0)
    assert [file.name for file in tmp_path.iterdir()] == ["run.checkpoint"]


@pytest.mark.parametrize(
    "change",
    [
        {"cover": picture(9)},
        {"secrets": [(key(2), picture(1))]},
        {"secrets": [(key(1), picture(2))]},
        {"recipe": dataclasses.replace(SMALL, gain=1.1)},
        {"seconds": 50.0},
        {"decoys": [picture(3)]},
    ],
)
def test_only_the_same_run_can_be_resumed(change, tmp_path):
    path = tmp_path / "run.checkpoint"
    same = {"secrets": [(key(1), picture(1))]}
    job = job_of(**same, checkpoint=path)
    job.checkpoint.write("cover", job.groups[0], state(), elapsed=0.0)
    assert job_of(**same, checkpoint=path, resume=True).entropy == job.entropy
    with pytest.raises(FormatError, match="does not belong to this run"):
        job_of(**same | change, checkpoint=path, resume=True)


def test_groups_of_another_size_cannot_be_resumed(tmp_path, monkeypatch):
    """They depend on the device, and a finished stage is a group's."""
    path = tmp_path / "run.checkpoint"
    job = job_of(checkpoint=path)
    job.checkpoint.write("cover", job.groups[0], state(), elapsed=0.0)
    monkeypatch.setattr("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 16})
    with pytest.raises(FormatError, match="does not belong to this run"):
        job_of(checkpoint=path, resume=True)


def test_a_job_shows_no_randomness():
    job = job_of(seed=1)
    assert isinstance(job, Job)
    assert repr(job.nonce) not in repr(job)
    assert repr(job.entropy) not in repr(job)
