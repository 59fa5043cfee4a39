"""Recipes, phases and schedules: the paper's numbers, and time budgets that end annealed."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sirensong.errors import SettingError
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid
from sirensong.training.batches import Sampler
from sirensong.training.options import Options
from sirensong.training.phase import Phase
from sirensong.training.recipe import FAST, PAPER, find_recipe
from sirensong.training.train import Schedule, State


def test_the_papers_recipe_is_that_of_section_4_1():
    assert PAPER.cover == Phase(20_000, ((0.0, 1.0),), keep_best=True)
    assert PAPER.joint == Phase(50_000, ((0.0, 1.0),))
    assert PAPER.optimizer == "adam"
    assert PAPER.rate == PAPER.adam_rate == PAPER.last_rate == 1e-3
    assert PAPER.adam_betas == (0.9, 0.999)
    assert (PAPER.selection, PAPER.share, PAPER.stego_weight) == ("magnitude", 0.05, None)
    assert [PAPER.joint.rate_at(progress) for progress in (0, 0.5, 0.999, 1)] == [1, 1, 1, 1]
    assert PAPER.grid(1000, 3000) == Grid()
    assert PAPER.architecture(128, 128) == Architecture(128, 8, 30.0)


def test_the_network_grows_with_a_tile_of_the_cover():
    sized, whole = replace(FAST, tile=32, bits=None), replace(FAST, bits=None)
    assert FAST.grid(128, 64) == Grid(4, 2)
    assert FAST.architecture(128, 128) == FAST.architecture(32, 32) == Architecture(26, 6, 16.0)
    assert sized.architecture(128, 128) == sized.architecture(32, 32) == Architecture(48, 6, 16.0)
    assert whole.architecture(128, 128) == Architecture(192, 6, 60.0)
    assert whole.architecture(512, 128) == whole.architecture(256, 256)
    assert whole.architecture(256, 256) == Architecture(384, 6, 60.0)
    assert whole.architecture(1, 1).hidden_features == 16
    assert replace(whole, omega=33.0).architecture(128, 128).omega == 33
    assert replace(FAST, hidden_features=20).architecture(128, 128) == Architecture(20, 6, 16.0)


def test_the_rate_holds_and_then_falls_to_zero():
    phase = Phase(1, hold=0.2)
    rates = [phase.rate_at(progress) for progress in (0, 0.1, 0.2, 0.6, 1)]
    assert rates == pytest.approx([1, 1, 1, 0.5, 0])


def test_batches_grow_at_their_time():
    phase = Phase(1, ((0.0, 0.25), (0.5, 0.5)))
    assert [phase.share_at(progress) for progress in (0, 0.49, 0.5, 1)] == [0.25, 0.25, 0.5, 0.5]
    assert phase.parts() == [(0.5, 0.25), (0.5, 0.5)]
    assert PAPER.joint.parts() == [(1.0, 1.0)]


def test_epochs_count_pixels():
    assert Phase(8, ((0.0, 0.25), (0.5, 0.5))).epochs() == [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3]
    assert Phase(3).epochs() == [0, 1, 2, 3]


@given(st.floats(0, 1))
def test_time_and_steps_are_each_others_inverse(progress):
    growing, even = FAST.joint, PAPER.joint
    assert growing.progress_at(growing.time_share(progress)) == pytest.approx(progress, abs=1e-9)
    assert even.time_share(progress) == pytest.approx(progress, abs=1e-9)


def test_steps_that_take_longer_have_a_larger_share_of_the_time():
    phase = Phase(1, ((0.0, 1 / 8), (0.5, 7 / 8)))  # and 1 / 8 for each step's rest: 1 to 4
    assert phase.time_share(0.5) == pytest.approx(0.2)
    assert phase.progress_at(0.2) == pytest.approx(0.5)


def test_a_recipe_with_other_steps_is_otherwise_the_same():
    assert FAST.with_steps(5, cover=3) == replace(
        FAST, joint=replace(FAST.joint, steps=5), cover=replace(FAST.cover, steps=3)
    )
    assert FAST.with_steps(None) == FAST


def test_a_robust_recipe_perturbs_its_joint_stage_alone():
    robust = FAST.robust()
    assert robust == replace(FAST, joint=replace(FAST.joint, pruning=0.25, noise=0.01))


def test_recipes_are_found_by_name():
    assert find_recipe("fast") is FAST
    assert find_recipe(PAPER) is PAPER
    with pytest.raises(SettingError, match="one of fast, paper, got 'best'"):
        find_recipe("best")


@pytest.mark.parametrize(
    "change",
    [
        {"ratio": 0},
        {"ratio": 1.5},
        {"ratio": 0.00005},
        {"tile": 0},
        {"stego_weight": 1.0},
        {"selection": "best"},
        {"optimizer": "sgd"},
        {"decoys": "cats"},
        {"functions": 65},
        {"hidden_features": 0},
        {"omega": 0.0},
        {"functions": -1},
        {"bits": 0.0},
        {"bits": -1.0},
        {"bits": math.nan},
        {"coarseness": 0.0},
        {"coarseness": -1.0},
        {"coarseness": math.nan},
        {"decay": -0.001},
        {"decay": 1.0},
        {"decay": math.nan},
    ],
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(SettingError):
        replace(FAST, **change)


@pytest.mark.parametrize("change", [{"coarseness": 1e-6}, {"decay": 0.0}, {"decay": 0.999}])
def test_settings_near_the_ends_of_their_ranges_are_taken(change):
    (name,) = change
    assert getattr(replace(FAST, **change), name) == change[name]


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"pruning": 1.0},
        {"noise": -0.1},
        {"hold": 1.1},
        {"batches": ()},
        {"batches": ((0.1, 0.5),)},
        {"batches": ((0.0, 0.5), (0.0, 1.0))},
        {"batches": ((0.0, 0.5), (1.0, 1.0))},
        {"batches": ((0.0, 0.0),)},
        {"batches": ((0.0, 1.5),)},
    ],
)
def test_phases_out_of_range_are_refused(change):
    with pytest.raises(SettingError):
        Phase(**{"steps": 3} | change)


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": 0},
        {"seconds": -1},
        {"psnr": 0},
        {"psnr": 100},
        {"seed": -1},
        {"seed": 2**64},
        {"device": "tpu"},
        {"precision": "int8"},
        {"threads": 0},
        {"resume": True},
    ],
)
def test_options_out_of_range_are_refused(change):
    with pytest.raises(SettingError):
        Options(**change)


def state():
    return State(None, Sampler(torch.Generator()))


def test_a_schedule_in_steps():
    schedule, now = Schedule(Phase(4)), state()
    assert schedule.seconds_left(now) is None
    shares = []
    while not schedule.finished(now):
        shares.append(schedule.progress(now))
        now.step += 1
        now.spent += 2
    assert shares == [0, 0.25, 0.5, 0.75]
    assert (schedule.steps(now), schedule.seconds_left(now)) == (4, 0)


def test_the_time_that_is_left_counts_that_later_steps_take_longer():
    schedule, now = Schedule(Phase(8, ((0.0, 1 / 8), (0.5, 7 / 8)))), state()
    now.step, now.spent = 4, 10.0  # half the steps, a fifth of the time
    assert schedule.seconds_left(now) == pytest.approx(40)


def test_the_time_that_is_left_is_guessed_from_steps_since_the_resumption():
    schedule, now = Schedule(Phase(10), begun=(4, 1000.0)), state()
    now.step, now.spent = 4, 1000.0
    assert schedule.seconds_left(now) is None
    now.step, now.spent = 6, 1006.0
    assert schedule.seconds_left(now) == pytest.approx(12)
    now.step, now.spent = 10, 1018.0
    assert schedule.seconds_left(now) == 0


def test_a_schedule_in_seconds_ends_with_the_time_however_slow_the_steps():
    schedule, now = Schedule(Phase(10**6), seconds=10.0), state()
    while not schedule.finished(now):
        now.step += 1
        now.spent += 3
    assert (now.step, schedule.progress(now), schedule.seconds_left(now)) == (4, 1.0, 0)


def test_a_schedule_in_seconds_tells_how_many_steps_there_will_be():
    schedule, now = Schedule(Phase(10**6), seconds=10.0), state()
    steps = []
    for now.step, now.spent in itertools.islice(zip(range(9), range(0, 90, 2), strict=False), 4):
        steps.append(schedule.steps(now))
    assert steps == [0, 5, 5, 5]


def test_a_schedule_without_time_left_takes_one_step():
    schedule, now = Schedule(Phase(10), seconds=0.0), state()
    assert not schedule.finished(now)
    now.step += 1
    assert schedule.finished(now)
