"""The training loop by itself: what it counts, tells, keeps and stops for."""

import dataclasses
import time

import numpy as np
import pytest
import torch

import sirensong as ss
from functions import alone, initial
from sirensong.errors import TrainingDivergedError
from sirensong.network.siren import evaluate, initial_weights
from sirensong.network.substitution import magnitude_positions
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem, Tile, target_of
from sirensong.training.train import Schedule, State, train

ARCHITECTURE = ss.Architecture(hidden_features=16, hidden_layers=2, omega=10)
CPU, ONE_TILE = torch.device("cpu"), ss.Grid()
STILL = dataclasses.replace(ss.FAST, rate=0.0, adam_rate=0.0, last_rate=0.0, decay=0.0)
"""Nothing moves, so the errors of a step are those of the parameters that it began with."""


def picture(seed, height=8, width=8):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def parameters(tiles=1, seed=1):
    rngs = [np.random.default_rng([seed, tile]) for tile in range(tiles)]
    return Parameters.from_weights(initial_weights(ARCHITECTURE, rngs), CPU)


def problem_of(*pictures, grid=ONE_TILE):
    """Each tile's functions of these pictures, without any key weights."""
    tiles = [
        Tile([target_of(tile, picture, grid, CPU) for picture in pictures])
        for tile in range(grid.tiles)
    ]
    return Problem(ARCHITECTURE, tiles, [1 / len(pictures)] * len(pictures))


def flat(colour, height=8, width=8):
    return np.full((height, width, 3), colour, np.uint8)


def white():
    """Parameters whose render is 1 everywhere, exactly."""
    still = parameters()
    still.last.zero_()
    still.last_bias.fill_(1.0)
    return still


class Clock:
    """Stands still but for what a test adds to `now`."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def every_step(clock, monkeypatch):
    """The clock; and every step is reported."""
    monkeypatch.setattr("sirensong.training.train._REPORT_EVERY", -1.0)
    return clock


def reports(problem, state, clock, steps, *, share=1.0, duration=60.0, **options):
    """Train, where each step takes so many seconds; what was reported after which step."""
    told = []

    def pass_time(_):
        clock.now += duration

    train(
        problem,
        STILL,
        Schedule(ss.Phase(steps, ((0.0, share),))),
        state,
        precision="fp32",
        on_step=pass_time,
        on_report=lambda now: told.append((now.step, tuple(now.errors))),
        **options,
    )
    return told


def test_a_stage_begins_with_nothing_but_its_parameters_and_its_seed():
    shared = parameters()
    state = State.begin(shared, seed=77)
    assert state.shared is shared
    assert state.sampler.rng.initial_seed() == 77
    assert (state.step, state.spent, state.moments, state.best, state.errors) == (
        0,
        0,
        [],
        None,
        [],
    )


def test_psnr_is_that_of_colours_from_zero_to_one():
    state = State.begin(parameters(), seed=1)
    state.errors = [4.0, 0.04, 0.0]
    assert state.psnr == pytest.approx((0.0, 20.0, float("inf")))


def test_reports_come_more_than_a_fifth_of_a_second_apart_and_at_the_end(clock):
    def steps_reported(duration):
        state = State.begin(parameters(), seed=1)
        told = reports(problem_of(picture(1)), state, clock, 7, duration=duration)
        return [step for step, _ in told]

    clock.now = 0.0
    assert steps_reported(0.0) == [7]
    clock.now = 0.0
    assert steps_reported(0.125) == [3, 5, 7]
    clock.now = 0.0
    assert steps_reported(0.25) == [2, 3, 4, 5, 6, 7]
    clock.now = 0.0
    assert steps_reported(0.1) == [4, 7]  # 0.2 after the second step is not more than that


def test_a_report_is_the_mean_over_the_steps_since_the_last_one(clock, monkeypatch):
    """On batches of a quarter of the pixels, each with another error."""
    problem = problem_of(picture(1), picture(2))
    with monkeypatch.context() as each:
        each.setattr("sirensong.training.train._REPORT_EVERY", -1.0)
        state = State.begin(parameters(), seed=5)
        single = [errors for _, errors in reports(problem, state, clock, 6, share=0.25)]
    assert len(set(single)) == 6
    state = State.begin(parameters(), seed=5)
    clock.now = 0.0
    told = reports(problem, state, clock, 6, share=0.25, duration=0.125)
    assert [step for step, _ in told] == [3, 5, 6]
    for (_, errors), of in zip(told, (single[:3], single[3:5], single[5:]), strict=True):
        assert errors == pytest.approx(np.mean(of, axis=0), rel=1e-6)


def test_errors_are_those_of_each_function_averaged_over_tiles(clock):
    pictures, grid = [picture(1, 8, 16), picture(2, 8, 16)], ss.Grid(1, 2)
    problem, shared = problem_of(*pictures, grid=grid), parameters(tiles=2)
    ((_, errors),) = reports(problem, State.begin(shared, seed=1), clock, 1)
    weights = shared.to_weights()
    for index, error in enumerate(errors):
        own = []
        for tile in range(2):
            target = target_of(tile, pictures[index], grid, CPU)
            layers = [(layer.weight[tile], layer.bias[tile]) for layer in weights]
            render = evaluate(layers, target.coords.numpy())
            own.append(np.square(render - target.colours.numpy()).mean())
        assert error == pytest.approx(np.mean(own), rel=1e-5)


@pytest.mark.parametrize(
    ("size", "share", "points"),
    [
        ((8, 8), 1.0, 64),
        ((8, 8), 0.25, 16),
        ((8, 8), 0.36, 16),
        ((8, 8), 0.38, 32),
        ((8, 8), 0.001, 16),
        ((4, 5), 1.0, 20),
        ((4, 5), 0.9, 16),
        ((4, 7), 0.99, 28),
        ((3, 4), 0.5, 12),
    ],
)
def test_a_batch_has_so_many_pixels_of_the_largest_picture(size, share, points, clock):
    """In sixteens, unless all pixels are taken."""
    problem = problem_of(picture(1, 2, 2), picture(2, *size))
    state = State.begin(parameters(), seed=1)
    reports(problem, state, clock, 1, share=share)
    assert [order.shape[1] for order in state.sampler.order] == [points, points]


def test_time_is_counted_on_from_what_a_resumed_stage_had_spent(clock):
    state = State.begin(parameters(), seed=1)
    state.spent = 30.0
    spent = []
    train(
        problem_of(picture(1)),
        STILL,
        Schedule(ss.Phase(10), seconds=36.0),
        state,
        on_step=lambda now: (spent.append(now.spent), setattr(clock, "now", clock.now + 2.5)),
    )
    assert spent == [30.0, 32.5, 35.0, 37.5]


@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_a_stage_goes_on_from_its_state_as_if_it_had_not_stopped(optimizer):
    recipe = dataclasses.replace(ss.FAST, optimizer=optimizer)
    problem = problem_of(picture(1), picture(2))
    schedule, halves = Schedule(ss.Phase(6, ((0.0, 0.25),), hold=0.5)), []

    def stop(state):
        halves.append(copied(state))
        if state.step == 3:
            raise KeyboardInterrupt

    whole = State.begin(parameters(), seed=5)
    train(problem, recipe, schedule, whole)
    with pytest.raises(KeyboardInterrupt):
        train(problem, recipe, schedule, State.begin(parameters(), seed=5), on_step=stop)
    train(problem, recipe, schedule, halves[-1])
    assert_same(halves[-1].shared, whole.shared)
    again = State.begin(parameters(), seed=5)
    again.step = 3
    again.shared.copy_(halves[-2].shared)
    train(problem, recipe, schedule, again)  # without moments and sampler it would not be
    assert not torch.equal(again.shared.hidden, whole.shared.hidden)


def copied(state):
    """A state that shares no memory, as a checkpoint gives it back."""
    sampler = state.sampler
    rng = torch.Generator()
    rng.set_state(sampler.rng.get_state())
    order = [tensor.clone() for tensor in sampler.order]
    return dataclasses.replace(
        state,
        shared=state.shared.clone(),
        sampler=dataclasses.replace(sampler, rng=rng, order=order),
        moments=[tensor.clone() for tensor in state.moments],
    )


def assert_same(one, other):
    for mine, theirs in zip(one.tensors(), other.tensors(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_moments_of_another_optimizer_are_refused():
    """A state belongs to its recipe."""
    state = State.begin(parameters(), seed=1)
    state.moments = [torch.zeros(1)]
    with pytest.raises(ValueError, match="zip"):
        train(problem_of(picture(1)), ss.FAST, Schedule(ss.Phase(1)), state)


def test_a_run_ends_at_the_report_at_which_all_pictures_have_the_target_psnr(every_step):
    """White is rendered: of black 0 dB, of white infinitely many."""
    pictures = [flat(255), flat(0)]

    def steps_until(target):
        state = State.begin(white(), seed=1)
        told = reports(problem_of(*pictures), state, every_step, 4, target_psnr=target)
        assert state.psnr == (float("inf"), 0.0)
        assert state.step == len(told)
        return state.step

    assert steps_until(None) == 4
    assert steps_until(0.5) == 4
    assert steps_until(0.0) == 1
    assert steps_until(-0.5) == 1


def test_a_run_goes_on_while_a_whole_render_is_below_the_target(every_step):
    """Whatever batches say: here they say that there is no error at all."""
    problem, heard = problem_of(flat(255)), []
    problem.errors = lambda shared: heard.append(shared) or [0.0, 4.01e-3]  # a little below 30 dB
    state = State.begin(white(), seed=1)
    reports(problem, state, every_step, 3, target_psnr=30.0)
    assert (state.step, state.psnr) == (3, (float("inf"),))
    assert len(heard) == 3
    assert all(shared is state.shared for shared in heard)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_one_function_that_diverges_ends_the_run(value, clock):
    """The secret's last matrix is not finite, or its error is not; the stego function's are."""
    shared = parameters()
    mask = magnitude_positions(shared.to_weights(), 0.05)[0]
    values = tuple(np.zeros(len(places), np.float32) for places in mask)
    values[-1][:] = value
    pictures = [picture(1), picture(2)]
    tile = Tile([target_of(0, each, ss.Grid(), CPU) for each in pictures], [(mask, values)], mask)
    problem = Problem(ARCHITECTURE, [tile], [0.5, 0.5])
    with pytest.raises(TrainingDivergedError, match="diverged") as caught:
        reports(problem, State.begin(shared, seed=1), clock, 1)
    assert "omega" in caught.value.hint


def test_the_best_is_of_the_steps_not_of_their_ends():
    """The error that a step reports is of the parameters before it: these are kept."""
    start = parameters()
    begun = start.clone()
    high = dataclasses.replace(ss.FAST, rate=5.0, adam_rate=1.0, last_rate=1.0)
    state = State.begin(start, seed=1)
    schedule = Schedule(ss.Phase(4, keep_best=True))
    best = train(problem_of(picture(1)), high, schedule, state)
    assert best is state.shared
    assert_same(best, begun)
    assert_same(state.best[0], begun)


def test_of_equal_errors_the_first_is_kept():
    still = Schedule(ss.Phase(3, keep_best=True))
    state, kept = State.begin(parameters(), seed=1), []
    train(problem_of(picture(1)), STILL, still, state, on_step=lambda now: kept.append(now.best[0]))
    assert kept[0] is kept[1] is kept[2]


def test_a_phase_that_keeps_the_last_has_no_best():
    state = State.begin(parameters(), seed=1)
    train(problem_of(picture(1)), ss.FAST, Schedule(ss.Phase(2)), state)
    assert state.best is None


@pytest.mark.parametrize("change", [{"pruning": 0.5}, {"noise": 0.5}])
def test_a_step_looks_at_perturbed_weights_and_changes_the_whole_ones(change, clock):
    told = []
    for own in ({}, change):
        state = State.begin(parameters(), seed=1)
        train(
            problem_of(picture(1)),
            STILL,
            Schedule(ss.Phase(1, **own)),
            state,
            on_report=lambda now: told.append(now.errors),
        )
        assert_same(state.shared, parameters())
    assert told[0] != told[1]


def test_a_schedule_that_is_over_time_has_none_left():
    state = State.begin(parameters(), seed=1)
    state.step, state.spent = 7, 12.0
    over = Schedule(ss.Phase(4), seconds=10.0)
    assert (over.progress(state), over.steps(state), over.seconds_left(state)) == (1.0, 7, 0.0)
    assert Schedule(ss.Phase(4), seconds=15.0).seconds_left(state) == 3.0
    assert Schedule(ss.Phase(4)).progress(state) == 1.0
    assert Schedule(ss.Phase(4), seconds=-1.0).progress(state) == 1.0
    assert Schedule(ss.Phase(4), seconds=0.5).progress(State.begin(parameters(), 1)) == 0.0


def test_steps_of_a_budget_are_told_from_those_that_are_done():
    state = State.begin(parameters(), seed=1)
    state.step, state.spent = 10, 4.0
    assert Schedule(ss.Phase(4), seconds=12.0).steps(state) == 30
    state.spent = 0.0
    assert Schedule(ss.Phase(4), seconds=12.0).steps(state) == 10


def test_the_functions_alone_are_the_initial_ones():
    """The helper's parameters are the library's own."""
    single = alone(initial(ARCHITECTURE, np.random.default_rng([1, 0])))
    assert_same(Parameters.from_weights(single, CPU), parameters())
