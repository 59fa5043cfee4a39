"""Recipes and schedules: the paper's numbers, and budgets of time that end annealed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sirensong.training.schedule import Schedule

from sirensong.errors import SettingError
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid
from sirensong.training.options import Options
from sirensong.training.recipe import FAST, PAPER, architecture_for


def test_the_papers_recipe_is_that_of_section_4_1():
    assert (PAPER.cover_steps, PAPER.joint_steps) == (20_000, 50_000)
    assert (PAPER.optimizer, PAPER.rate, PAPER.adam_rate, PAPER.last_rate, PAPER.adam_betas) == (
        "adam",
        1e-3,
        1e-3,
        1e-3,
        (0.9, 0.999),
    )
    assert (PAPER.selection, PAPER.ratio, PAPER.stego_weight) == ("magnitude", 0.05, None)
    assert PAPER.batches is PAPER.cover_batch is PAPER.tile is None
    assert PAPER.keep_best
    assert [PAPER.rate_scale(progress) for progress in (0, 0.5, 0.999)] == [1, 1, 1]
    assert architecture_for(PAPER, 128, 128, Grid()) == Architecture(128, 8, 30.0)


def test_the_network_grows_with_a_tile_of_the_cover():
    assert (
        architecture_for(FAST, 128, 128, Grid(4, 4))
        == architecture_for(FAST, 32, 32, Grid())
        == Architecture(48, 5, 20.0)
    )
    assert architecture_for(FAST, 128, 128, Grid()) == Architecture(192, 5, 60.0)
    assert (
        architecture_for(FAST, 512, 128, Grid())
        == architecture_for(FAST, 256, 256, Grid())
        == Architecture(384, 5, 60.0)
    )
    assert architecture_for(FAST, 1, 1, Grid()).hidden_features == 16
    assert architecture_for(replace(FAST, omega=33.0), 128, 128, Grid()).omega == 33


def test_the_rate_holds_and_then_falls_to_zero():
    recipe = replace(FAST, hold=0.2)
    assert [recipe.rate_scale(progress) for progress in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx(
        [1, 1, 1, 0.5, 0]
    )


def test_batches_grow_at_their_time():
    recipe = replace(FAST, batches=((0.0, 0.25), (0.5, 0.5)))
    assert [recipe.batch_at(progress) for progress in (0, 0.49, 0.5, 1)] == [0.25, 0.25, 0.5, 0.5]


def test_epochs_count_pixels():
    recipe = replace(FAST, joint_steps=8, batches=((0.0, 0.25), (0.5, 0.5)))
    assert recipe.epochs() == [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3]
    assert replace(PAPER, joint_steps=3).epochs() == [0, 1, 2, 3]


@given(st.floats(0, 1))
def test_time_and_steps_are_each_others_inverse(progress):
    assert FAST.progress_at(FAST.time_share(progress)) == pytest.approx(progress, abs=1e-9)
    assert PAPER.time_share(progress) == pytest.approx(progress, abs=1e-9)


def test_dear_steps_take_a_larger_share_of_the_time():
    recipe = replace(FAST, batches=((0.0, 0), (0.5, 3 / 8)))  # 1 / 8 for each step's rest: 1 to 4
    assert recipe.time_share(0.5) == pytest.approx(0.2)
    assert recipe.progress_at(0.2) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"ratio": 0},
        {"ratio": 1.5},
        {"ratio": 0.00005},
        {"joint_steps": 0},
        {"tile": 0},
        {"stego_weight": 1.0},
        {"selection": "best"},
        {"optimizer": "sgd"},
    ],
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(SettingError):
        replace(FAST, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": 0},
        {"seconds": -1},
        {"seed": -1},
        {"seed": 2**64},
        {"device": "tpu"},
        {"precision": "int8"},
        {"resume": True},
    ],
)
def test_options_out_of_range_are_refused(change):
    with pytest.raises(SettingError):
        Options(**change)


class Clock:
    """A clock that tests move."""

    now = 100.0

    def __call__(self):
        return self.now


def test_a_schedule_in_steps():
    clock = Clock()
    schedule = Schedule(PAPER, 4, None, clock=clock)
    assert schedule.seconds_left is None
    shares = []
    while not schedule.finished:
        shares.append(schedule.progress)
        schedule.step += 1
        clock.now += 2
    assert shares == [0, 0.25, 0.5, 0.75]
    assert schedule.spent == 8
    assert schedule.seconds_left == 0


def test_a_schedule_in_seconds_ends_with_the_time_however_slow_the_steps():
    clock = Clock()
    schedule = Schedule(PAPER, 10**6, 10.0, clock=clock)
    while not schedule.finished:
        schedule.step += 1
        clock.now += 3
    assert (schedule.step, schedule.progress) == (4, 1.0)


def test_a_schedule_without_time_left_takes_one_step():
    schedule = Schedule(PAPER, 10, 0.0, clock=Clock())
    assert not schedule.finished
    schedule.step += 1
    assert schedule.finished


def test_a_resumed_schedule_counts_what_was_done():
    schedule = Schedule(PAPER, 10, 20.0, done=5, spent=15.0, clock=Clock())
    assert schedule.progress == 0.75
    assert schedule.seconds_left == 5


def test_loss_weights_are_those_of_equation_9():
    assert PAPER.loss_weights(3) == pytest.approx([1 / 3] * 3)
    assert replace(PAPER, stego_weight=0.6).loss_weights(3) == pytest.approx([0.6, 0.2, 0.2])
    assert replace(PAPER, emphasis=2).loss_weights(3) == pytest.approx([0.5, 0.25, 0.25])
    assert replace(PAPER, stego_weight=0.6).loss_weights(1) == [1.0]
