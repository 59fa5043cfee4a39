"""Rounding while training: what is seen, what learns, and what is published in the end."""

import dataclasses
import os

import numpy as np
import pytest
import torch

import sirensong as ss
from sirensong.carrier.file import dumps
from sirensong.network.lattice import codes_of, start_codes, tensors, values_of
from sirensong.network.siren import Layer, initial_weights
from sirensong.network.substitution import key_weights, keyed_positions
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem, Tile, target_of
from sirensong.training.rounding import Rounding
from sirensong.training.train import Schedule, State, train

NETWORK = ss.Architecture(hidden_features=16, hidden_layers=4, omega=20.0)
CPU, NONCE = torch.device("cpu"), bytes(range(32, 64))
STEPS = tuple(float(np.float32(step)) for step in np.linspace(0.01, 0.1, 10))
"""Another one for each tensor."""
TILES = range(1, 4)
START = start_codes(NETWORK, STEPS, NONCE, TILES)


def picture(seed, height=16, width=16):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def initial():
    """Of three tiles, the first layer where the nonce has it start, but for a third of a step."""
    weights = initial_weights(NETWORK, [np.random.default_rng(tile) for tile in TILES])
    first = Layer(*map(values_of, START, STEPS))
    whole = tensors((first, *weights[1:]))
    moved = [array + np.float32(step / 3) for array, step in zip(whole, STEPS, strict=True)]
    return tuple(map(Layer, moved[::2], moved[1::2]))


def parameters():
    return Parameters.from_weights(initial(), CPU)


def seen(shared, steps=STEPS):
    return Rounding(steps, START, CPU).seen(shared)


def problem_of(rounding):
    """A picture and one under a key, in each tile."""
    key = ss.SecretKey(bytes(32))
    positions = keyed_positions(key, NONCE, NETWORK, 0.2, TILES)
    drawn = key_weights(key, NONCE, NETWORK, dict(zip(TILES, positions, strict=True)), 2.0)
    pictures = [picture(seed) for seed in range(2)]
    tiles = [
        Tile([target_of(tile, each, ss.Grid(2, 2), CPU) for each in pictures], [(where, values)])
        for tile, where, values in zip(TILES, positions, drawn, strict=True)
    ]
    return Problem(NETWORK, tiles, [0.5, 0.5], rounding=rounding)


def one_step(shared, rounding, recipe=ss.FAST, steps=1):
    """The state after so many steps at the full rate."""
    phase = ss.Phase(steps, ((0.0, 1 / 2),))
    state = State.begin(shared.clone(), seed=1)
    train(problem_of(rounding), recipe, Schedule(phase), state)
    return state


# What is seen.


def test_each_tensor_is_seen_on_its_own_lattice():
    rounded = seen(parameters()).to_weights()
    for array, own, step in zip(tensors(initial()), tensors(rounded), STEPS, strict=True):
        np.testing.assert_array_equal(own, values_of(codes_of(array, step), step))
        assert (array != own).any()


def test_what_is_seen_is_what_a_carrier_holds():
    """To the last bit: of a function of the same weights its file has these."""
    grid, slots = ss.Grid(1, 3), bytes(1024)
    start = start_codes(NETWORK, STEPS, NONCE, range(3))
    weights = Rounding(STEPS, start, CPU).seen(parameters()).to_weights()
    stego = ss.StegoFunction(NETWORK, grid, weights, STEPS, 16, 16, NONCE, slots)
    loaded = ss.loads(dumps(stego))
    for array, own in zip(tensors(weights), tensors(loaded.weights), strict=True):
        np.testing.assert_array_equal(array, own)


def test_rounding_leaves_the_weights_behind_as_they_are():
    shared = parameters()
    seen(shared)
    for mine, expected in zip(shared.tensors(), parameters().tensors(), strict=True):
        assert torch.equal(mine, expected)


def test_a_half_goes_to_the_even_code():
    shared = parameters()
    halves = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    shared.last[0, 0, :6] = halves / 4
    rounded = seen(shared, (*STEPS[:8], 0.25, STEPS[9]))
    assert (rounded.last[0, 0, :6] * 4).tolist() == [-2, -2, 0, 0, 2, 2]


@pytest.mark.parametrize("sign", [-1, 1])
def test_codes_end_where_a_carrier_s_do_counted_from_the_start_in_the_first_layer(sign):
    """Another magnitude in each tensor, all beyond."""
    shared = parameters()
    for tensor in shared.tensors():
        tensor.fill_(sign * 1e6)
    rounded = seen(shared)
    ends = [np.full(array.shape, sign * 32_767) for array in tensors(initial())]
    ends[0] += START[0]
    ends[1] += START[1]
    for array, end, step in zip(tensors(rounded.to_weights()), ends, STEPS, strict=True):
        np.testing.assert_array_equal(array, values_of(end, step))


def test_the_last_code_is_seen_as_it_is():
    shared = parameters()
    shared.last.fill_(32_767 * STEPS[8])
    shared.hidden.fill_(-32_767 * STEPS[2])
    rounded = seen(shared)
    assert torch.equal(rounded.last, torch.full((3, 3, 16), 32_767 * STEPS[8]))
    assert torch.equal(rounded.hidden[0], torch.full((3, 16, 16), -32_767 * STEPS[2]))


def test_a_weight_that_is_no_number_stays_so():
    """So that a training that diverges is told of."""
    shared = parameters()
    shared.hidden[1, 2, 3, 4] = float("nan")
    assert seen(shared).hidden.isnan().nonzero().tolist() == [[1, 2, 3, 4]]


# What learns.


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_the_gradient_is_that_of_the_rounded_weights(optimizer, compiled, request):
    """Optimizers have heard the same as from an unrounded problem that is there already."""
    if not compiled:
        request.getfixturevalue("uncompiled")
    recipe = dataclasses.replace(ss.FAST, optimizer=optimizer)
    behind, coarse = parameters(), Rounding(STEPS, START, CPU)
    rounded = one_step(behind, coarse, recipe)
    there = one_step(coarse.seen(behind), None, recipe)
    elsewhere = one_step(behind, None, recipe)
    for mine, same, other in zip(rounded.moments, there.moments, elsewhere.moments, strict=True):
        assert torch.equal(mine, same)
        assert mine.ndim == 0 or not torch.equal(mine, other)


def test_it_moves_the_weights_behind_from_where_they_are():
    """By as much as it moves the rounded ones of the unrounded problem."""
    recipe = dataclasses.replace(ss.FAST, decay=0.0)
    behind, coarse = parameters(), Rounding(STEPS, START, CPU)
    rounded, there = one_step(behind, coarse, recipe), one_step(coarse.seen(behind), None, recipe)
    starts = behind.tensors(), coarse.seen(behind).tensors()
    for before, after, begun, ended in zip(
        starts[0], rounded.shared.tensors(), starts[1], there.shared.tensors(), strict=True
    ):
        torch.testing.assert_close(after - before, ended - begun, atol=1e-6, rtol=1e-3)
        assert (after != before).any()


def test_moves_of_less_than_a_step_add_up():
    """One changes nothing that is seen; of many most weights have gone to other codes."""
    coarse = Rounding((0.02,) * 10, start_codes(NETWORK, (0.02,) * 10, NONCE, TILES), CPU)
    slow = dataclasses.replace(
        ss.FAST, optimizer="adam", rate=1e-3, adam_rate=1e-3, last_rate=1e-3, adam_betas=(0.9, 0.99)
    )
    begun = coarse.seen(parameters())
    once, often = (one_step(begun, coarse, slow, steps) for steps in (1, 60))
    for before, after, last in zip(
        begun.tensors(), once.shared.tensors(), often.shared.tensors(), strict=True
    ):
        assert 0 < (after - before).abs().max() < 0.002
        assert (last - before).abs().max() < 0.1
    for before, after, last in zip(
        begun.tensors(),
        coarse.seen(once.shared).tensors(),
        coarse.seen(often.shared).tensors(),
        strict=True,
    ):
        assert torch.equal(after, before)
        assert (last != before).float().mean() > 0.2


# What is published.

SMALL = dataclasses.replace(
    ss.FAST,
    tile=8,
    hidden_features=16,
    hidden_layers=3,
    omega=10.0,
    bits=None,
    coarseness=1.0,
    decoys="cover",
)


def hidden(steps):
    recipe = dataclasses.replace(SMALL, joint=ss.Phase(steps, ((0.0, 1 / 2),)), lock=None)
    secrets = [(ss.SecretKey(bytes([1]) * 32), picture(1))]
    return ss.hide(picture(0), secrets, recipe=recipe.with_steps(cover=3)).stego


def test_what_is_published_is_what_another_step_would_look_at(monkeypatch):
    """From the same randomness, at a rate that stays."""
    monkeypatch.setattr(os, "urandom", lambda count: bytes(range(count)))
    looked_at = []

    class Watched(Rounding):
        def seen(self, shared):
            looked_at.append(super().seen(shared))
            return looked_at[-1]

    published = hidden(8)
    monkeypatch.setattr("sirensong.training.steps.Rounding", Watched)
    another = hidden(9)
    assert another.nonce == published.nonce
    assert another.digest != published.digest
    last_step, result = looked_at[8].to_weights(), looked_at[9].to_weights()
    assert len(looked_at) == 10
    for weights, stego in ((last_step, published), (result, another)):
        for array, own in zip(tensors(weights), tensors(stego.weights), strict=True):
            np.testing.assert_array_equal(array, own)
    assert published.is_rounded


def test_the_pictures_that_are_published_are_those_that_were_measured():
    """At a lattice so coarse that rounding afterwards would show."""
    secrets = [(ss.SecretKey(bytes([1]) * 32), picture(1))]
    recipe = dataclasses.replace(SMALL, coarseness=4.0, tile=16).with_steps(30, cover=5)
    made = ss.hide(picture(0), secrets, recipe=recipe, options=ss.Options(seed=1))
    stego = ss.loads(dumps(made.stego))
    renders = [ss.sample(stego), ss.reveal(stego, secrets[0][0])]
    measured = [ss.measure(picture(seed), render).psnr for seed, render in enumerate(renders)]
    assert list(made.psnr) == pytest.approx(measured, abs=0.02)


def test_training_that_sees_the_lattice_is_better_than_rounding_in_the_end(monkeypatch):
    y, x = np.mgrid[:32, :32] / 32
    waves = [np.sin(9 * x + shift) * np.cos(7 * y) for shift in range(3)]
    cover = (np.stack(waves, axis=2) / 2 + 0.5).astype(np.float32)
    changes = {"tile": 32, "coarseness": 4.0, "functions": 0}
    recipe = dataclasses.replace(SMALL, **changes).with_steps(300)
    song = ss.fit(cover, recipe=recipe, options=ss.Options(seed=1))

    class Blind(Rounding):
        """Rounds only what is published: the last look."""

        looks = 0

        def seen(self, shared):
            self.looks += 1
            return super().seen(shared) if self.looks > 300 else shared

    monkeypatch.setattr("sirensong.training.steps.Rounding", Blind)
    without = ss.fit(cover, recipe=recipe, options=ss.Options(seed=1))
    assert without.is_rounded
    better, worse = (ss.measure(cover, ss.sample(each)).psnr for each in (song, without))
    assert better > worse + 4
