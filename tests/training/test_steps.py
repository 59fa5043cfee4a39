"""The four steps of section 3, each by itself: what it takes, what it returns, what it tells."""

import dataclasses
import hashlib
import itertools
import time

import numpy as np
import pytest
import torch

import sirensong as ss
from functions import stack, steps_of, unstack
from sirensong.carrier.slots import SLOT_BYTES
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import StoppedError
from sirensong.network.lattice import codes_of, start_codes, tensors, values_of
from sirensong.network.siren import evaluate, initial_weights
from sirensong.network.substitution import (
    key_weights,
    keyed_positions,
    magnitude_positions,
    random_positions,
)
from sirensong.training.job import prepare
from sirensong.training.parameters import Parameters
from sirensong.training.problem import target_of
from sirensong.training.step import TrainingPass
from sirensong.training.steps import (
    continue_training,
    estimate_seconds,
    represent_cover,
    secret_weights,
    select_weights,
    train_jointly,
)

STILL = dataclasses.replace(
    ss.FAST,
    tile=8,
    hidden_features=16,
    hidden_layers=3,
    omega=10.0,
    decoys="cover",
    functions=2,
    rate=0.0,
    adam_rate=0.0,
    last_rate=0.0,
    bits=None,
    coarseness=0.01,
    decay=0.0,
).with_steps(3, cover=2)
"""Nothing moves."""
MOVING = dataclasses.replace(STILL, rate=0.03, adam_rate=0.01, last_rate=0.01)
CPU = torch.device("cpu")


def picture(seed, height=16, width=16):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def key(number):
    return ss.SecretKey(bytes([number]) * 32)


def job_of(recipe=STILL, secrets=None, **options):
    pairs = [(key(1), picture(1, 9, 21))] if secrets is None else secrets
    return prepare(picture(0), pairs, recipe, ss.Options(**options))


@pytest.fixture
def two_tiles_at_a_time(monkeypatch):
    """Of three functions with 16 features each."""
    monkeypatch.setattr("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 96})


@pytest.fixture
def slow_clock(monkeypatch):
    """A minute passes at each look at the clock, so that every step is reported."""
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: 60.0 * next(looks))


def jointly(job, tiles):
    covers = represent_cover(job, tiles)
    selected = select_weights(job, tiles, covers)
    return train_jointly(job, tiles, covers, selected, secret_weights(job, tiles, selected))


def rounded(array, step):
    return values_of(codes_of(array, step), step)


def assert_equal(one, other):
    for mine, theirs in zip(one, other, strict=True):
        for array, expected in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(array, expected)


# Section 3.2.


def test_a_cover_function_starts_from_its_tiles_own_random_weights():
    job = job_of()
    tiles = range(1, 3)
    rngs = [np.random.default_rng(job.number(f"initial weights/{tile}")) for tile in tiles]
    expected = initial_weights(job.architecture, rngs, ss.FAST.gain)
    own = represent_cover(job, tiles).to_weights()
    assert_equal(own[1:], expected[1:])


def test_the_first_layer_starts_where_the_nonce_says():
    job = job_of()
    tiles = range(1, 3)
    start = start_codes(job.architecture, job.steps, job.nonce, tiles)
    for array, codes, step in zip(
        represent_cover(job, tiles).to_weights()[0], start, job.steps, strict=False
    ):
        np.testing.assert_array_equal(array, (codes * np.float64(step)).astype(np.float32))


def test_initial_weights_are_the_same_in_every_release(monkeypatch):
    """Else a run that is resumed after an upgrade would begin its later tiles otherwise."""
    monkeypatch.setattr("os.urandom", lambda count: bytes(range(count)))
    job = job_of(dataclasses.replace(STILL, functions=0))
    start = represent_cover(job, range(2)).to_weights()
    data = b"".join(array.astype("<f4").tobytes() for layer in start for array in layer)
    assert hashlib.sha256(data).hexdigest()[:16] == "a52a8c2d72046931"


def test_the_cover_stage_is_on_the_cover_alone():
    heard = []
    job = job_of(MOVING, on_progress=heard.append)
    represent_cover(job, range(4))
    assert [(event.stage, len(event.psnr)) for event in heard] == [("cover", 1)]


# Section 3.3 and 3.4.


def test_each_key_selects_for_itself_in_each_tile():
    job, tiles = job_of(), range(1, 3)
    selected = select_weights(job, tiles, represent_cover(job, tiles))
    assert len(selected) == 2
    for own, positions in zip(job.trained, selected, strict=True):
        expected = keyed_positions(own.key, job.nonce, job.architecture, 0.2, tiles)
        assert_equal(positions, expected)


@pytest.mark.parametrize("selection", ["random", "magnitude"])
def test_a_mask_is_every_keys(selection):
    job, tiles = job_of(dataclasses.replace(STILL, selection=selection)), range(1, 3)
    covers = represent_cover(job, tiles)
    selected = select_weights(job, tiles, covers)
    expected = magnitude_positions(covers.to_weights(), 0.05)
    if selection == "random":
        expected = random_positions(job.nonce, job.architecture, 0.05, tiles)
    assert len(selected) == 2
    for positions in selected:
        assert_equal(positions, expected)


def test_each_secret_has_its_own_keys_weights_in_each_tile():
    job, tiles = job_of(), range(1, 3)
    selected = select_weights(job, tiles, represent_cover(job, tiles))
    values = secret_weights(job, tiles, selected)
    assert len(values) == 2
    for own, positions, drawn in zip(job.trained, selected, values, strict=True):
        by_tile = dict(zip(tiles, positions, strict=True))
        assert_equal(drawn, key_weights(own.key, job.nonce, job.architecture, by_tile, 2.0))


# Section 3.5.


@pytest.mark.parametrize("selection", ["keyed", "random", "magnitude"])
def test_only_a_mask_that_all_keys_share_is_frozen(selection):
    job, tiles = job_of(dataclasses.replace(MOVING, selection=selection)), range(1, 3)
    covers = represent_cover(job, tiles)
    selected = select_weights(job, tiles, covers)
    before, steps = unstack(covers.to_weights()), job.steps[::2]
    values = secret_weights(job, tiles, selected)
    after = unstack(train_jointly(job, tiles, covers, selected, values)[0])
    for index, (one, other) in enumerate(zip(before, after, strict=True)):
        masks, free = [positions[index] for positions in selected], []
        for layer, (old, new) in enumerate(zip(one, other, strict=True)):
            # Also where nothing is trained, weights are those of a carrier in the end.
            np.testing.assert_array_equal(new.weight, rounded(new.weight, steps[layer]))
            moved = (np.abs(new.weight - old.weight) > 0.5001 * steps[layer]).ravel()
            own = [moved[mask[layer]].mean() for mask in masks if len(mask[layer])]
            assert (max(own, default=1) == 0) == (selection != "keyed")
            free.append(np.delete(moved, masks[0][layer]) if selection != "keyed" else moved)
            assert free[-1].any()
        assert np.concatenate(free).mean() > 0.9


def test_without_a_key_nothing_is_frozen():
    recipe = dataclasses.replace(MOVING, selection="magnitude", functions=0)
    job = job_of(recipe, secrets=[])
    covers = represent_cover(job, range(4))
    before = covers.clone()
    after = Parameters.from_weights(train_jointly(job, range(4), covers, [], [])[0], CPU)
    assert ((before.hidden != after.hidden).float().mean()) > 0.99


def test_errors_are_those_of_whole_renders_of_the_cover_and_of_each_secret():
    """Of the trained functions, in 8 bits; the oracle is the cover's on NumPy."""
    job = job_of(MOVING)
    functions, errors = jointly(job, range(4))
    squares = []
    for tile in range(4):
        target = target_of(tile, job.cover, job.grid, CPU)
        layers = [(layer.weight[tile], layer.bias[tile]) for layer in functions]
        render = np.clip(evaluate(layers, target.coords.numpy()), -1, 1)
        levels = np.rint((render + 1) * 127.5) / 127.5 - 1
        squares.append(np.square(levels - target.colours.numpy()))
    assert errors[0] == pytest.approx(np.concatenate(squares).mean(), rel=1e-4)
    assert len(set(errors)) == 3


@pytest.mark.usefixtures("two_tiles_at_a_time", "slow_clock")
def test_progress_says_which_stage_of_which_tiles_is_how_far():
    heard = []
    job = job_of(on_progress=heard.append)
    assert job.groups == (range(2), range(2, 4))
    jointly(job, job.groups[1])
    told = [dataclasses.replace(event, psnr=(), seconds_left=None) for event in heard]
    expected = [
        ss.Progress(stage, step, of, (), None, tiles_done=2, tiles_at_once=2, tiles=4)
        for stage, of in (("cover", 2), ("joint", 3))
        for step in range(1, of + 1)
    ]
    assert told == expected
    assert [len(event.psnr) for event in heard] == [1, 1, 3, 3, 3]
    assert [event.seconds_left for event in heard[:2]] == [120.0, 0.0]


@pytest.mark.usefixtures("slow_clock")
@pytest.mark.parametrize(("answer", "steps"), [(None, 5), (True, 5), (0, 5), (False, 1)])
def test_a_listener_stops_a_run_with_false_and_nothing_else(answer, steps):
    heard = []
    job = job_of(on_progress=lambda event: (heard.append(event), answer)[1])
    if answer is False:
        with pytest.raises(StoppedError):
            jointly(job, range(4))
    else:
        jointly(job, range(4))
    assert len(heard) == steps


@pytest.mark.usefixtures("slow_clock")
def test_the_target_psnr_is_for_the_joint_stage_alone():
    """One that the initial weights have already, and one that they do not have."""
    for target, steps in ((1e-9, 1), (99.0, 3)):
        heard = []
        jointly(job_of(psnr=target, on_progress=heard.append), range(4))
        assert [event.step for event in heard if event.stage == "cover"] == [1, 2]
        assert [event.step for event in heard if event.stage == "joint"] == list(
            range(1, steps + 1)
        )


def test_on_step_hears_of_the_joint_steps_with_the_tiles_functions():
    heard = []
    job = job_of(
        MOVING, on_step=lambda step, tiles, functions: heard.append((step, tiles, functions()))
    )
    covers = represent_cover(job, range(2))
    assert heard == []
    begun = covers.clone().to_weights()
    selected = select_weights(job, range(2), covers)
    values = secret_weights(job, range(2), selected)
    trained, _ = train_jointly(job, range(2), covers, selected, values)
    assert [(step, tiles) for step, tiles, _ in heard] == [(n, range(2)) for n in range(4)]
    for array, own, step in zip(tensors(heard[0][2]), tensors(begun), job.steps, strict=True):
        np.testing.assert_array_equal(array, rounded(array, step))
        np.testing.assert_allclose(array, own, rtol=0, atol=0.5001 * step)
    assert_equal(heard[-1][2], trained)


def test_codes_count_from_the_start_of_their_own_tile():
    """Weights that are far away are seen at the last code, from where each tile starts."""
    heard, tiles = [], range(1, 3)
    job = job_of(on_step=lambda step, tiles, functions: heard.append(functions()))
    covers = represent_cover(job, tiles)
    selected = select_weights(job, tiles, covers)
    for tensor in covers.tensors():
        tensor.fill_(1e6)
    train_jointly(job, tiles, covers, selected, secret_weights(job, tiles, selected))
    start = start_codes(job.architecture, job.steps, job.nonce, tiles)
    for array, codes, step in zip(heard[0][0], start, job.steps, strict=False):
        np.testing.assert_array_equal(array, values_of(codes + 32_767, step))


# Checkpoints.


@pytest.mark.usefixtures("slow_clock")
def test_an_exception_of_a_listener_leaves_the_state_in_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("sirensong.training.checkpoint.INTERVAL", float("inf"))
    path = tmp_path / "run.checkpoint"

    def stop(event):
        if (event.stage, event.step) == ("joint", 2):
            raise KeyboardInterrupt

    job = job_of(checkpoint=path, on_progress=stop)
    with pytest.raises(KeyboardInterrupt):
        jointly(job, range(4))
    heard = []
    resumed = job_of(checkpoint=path, resume=True, on_progress=heard.append)
    jointly(resumed, range(4))
    assert [(event.stage, event.step) for event in heard] == [("joint", 3)]


@pytest.mark.usefixtures("slow_clock")
def test_a_run_that_is_killed_goes_on_from_the_last_step_that_was_kept(tmp_path):
    """Killed where nothing more can be written."""
    path, heard = tmp_path / "run.checkpoint", []

    def die(step, *_):
        if step == 2:
            raise KeyboardInterrupt

    job = job_of(checkpoint=path, on_step=die)
    with pytest.raises(KeyboardInterrupt):
        jointly(job, range(4))
    jointly(job_of(checkpoint=path, resume=True, on_progress=heard.append), range(4))
    assert [(event.stage, event.step) for event in heard] == [("joint", 3)]


@pytest.mark.usefixtures("slow_clock")
def test_a_resumed_run_guesses_its_end_from_its_own_steps(tmp_path, monkeypatch):
    """A minute a look at the clock before, and a second after."""
    recipe = dataclasses.replace(STILL, joint=ss.Phase(3))  # steps of one size
    path, heard = tmp_path / "run.checkpoint", []

    def stop(event):
        if (event.stage, event.step) == ("joint", 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jointly(job_of(recipe, checkpoint=path, on_progress=stop), range(4))
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(looks)))
    resumed = job_of(recipe, checkpoint=path, resume=True, on_progress=heard.append)
    jointly(resumed, range(4))
    left = [(event.step, event.seconds_left) for event in heard]
    assert left == [(2, pytest.approx(2.0)), (3, 0.0)]


def test_a_finished_stage_is_taken_from_the_checkpoint(tmp_path):
    path, heard = tmp_path / "run.checkpoint", []
    job = job_of(MOVING, checkpoint=path)
    trained, errors = jointly(job, range(4))
    again = job_of(MOVING, checkpoint=path, resume=True, on_progress=heard.append)
    kept, kept_errors = jointly(again, range(4))
    assert_equal(kept, trained)
    assert kept_errors == errors
    assert heard == []
    assert {file.name for file in (tmp_path / "run.checkpoint.tiles").iterdir()} == {
        "0.cover",
        "0.joint",
    }


# Plans.


def test_an_estimate_is_of_all_steps_at_their_size(monkeypatch, uncompiled):
    """On a clock on which a step takes a 1024th second for each of its pixels and functions."""
    now, points = [0.0], []

    class Timed(TrainingPass):
        def run(self, *arguments):
            now[0] += self.points * self.split * self.functions / 1024
            points.append((self.functions, self.points * self.split))
            return super().run(*arguments)

    monkeypatch.setattr("sirensong.training.fused.TrainingPass", Timed)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    recipe = dataclasses.replace(
        STILL,
        tile=16,
        cover=ss.Phase(5, ((0.0, 1 / 4),)),
        joint=ss.Phase(40, ((0.0, 1 / 16), (0.25, 1 / 2))),
    )
    job = prepare(picture(0), [(key(1), picture(1))], recipe, ss.Options(precision="fp32"))
    assert job.groups == (range(1),)
    cover = 5 * 64
    joint = 10 * 4 * 16 + 30 * 4 * 128
    assert estimate_seconds(job) == (cover + joint) / 1024
    assert set(points) == {(1, 64), (4, 16), (4, 128)}
    assert len(points) == 3 * (1 + 1 + 9)


def test_an_estimate_changes_nothing_of_the_run(tmp_path):
    heard = []
    job = job_of(MOVING, on_progress=heard.append, on_step=lambda *_: heard.append(1))
    assert estimate_seconds(job) >= 0
    assert heard == []


@pytest.mark.parametrize("selection", ["random", "magnitude"])
def test_an_estimate_needs_no_mask(selection):
    job = job_of(dataclasses.replace(STILL, selection=selection))
    assert estimate_seconds(job) >= 0


# Fine-tuning.


@pytest.mark.usefixtures("slow_clock")
def test_training_goes_on_from_what_is_published_a_group_of_tiles_after_another(monkeypatch):
    monkeypatch.setattr("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 48})
    architecture, grid, heard = ss.Architecture(16, 3, 10.0), ss.Grid(2, 2), []
    rngs = [np.random.default_rng(tile) for tile in range(4)]
    whole = initial_weights(architecture, rngs)
    ends = 16, 16, bytes(32), bytes(64 * SLOT_BYTES)
    stego = StegoFunction(architecture, grid, whole, steps_of(whole), *ends)
    parts = list(continue_training(stego, picture(0), STILL, heard.append))
    assert [tiles for tiles, _ in parts] == [range(3), range(3, 4)]
    assert_equal(stack([own for _, part in parts for own in unstack(part)]), whole)
    assert [
        (event.stage, event.step, event.tiles_done, event.tiles_at_once, event.tiles)
        for event in heard
    ] == [
        ("cover", 1, 0, 3, 4),
        ("cover", 2, 0, 3, 4),
        ("cover", 1, 3, 1, 4),
        ("cover", 2, 3, 1, 4),
    ]
    moved = [part for _, part in continue_training(stego, picture(0), MOVING, None)]
    assert (moved[0][1].weight != whole[1].weight[:3]).mean() > 0.9


@pytest.mark.parametrize(("selection", "functions"), [("keyed", 4), ("magnitude", 3)])
def test_a_plan_trains_as_many_functions_as_the_run_will(
    selection, functions, monkeypatch, uncompiled
):
    seen = set()

    class Counted(TrainingPass):
        def run(self, *arguments):
            seen.add(self.functions)
            return super().run(*arguments)

    monkeypatch.setattr("sirensong.training.fused.TrainingPass", Counted)
    recipe = dataclasses.replace(STILL, tile=16, selection=selection).with_steps(2, cover=1)
    job = prepare(picture(0), [(key(1), picture(1))], recipe, ss.Options())
    estimate_seconds(job)
    assert seen == {1, functions}
