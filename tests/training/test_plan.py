"""Estimates of size and memory, reckoned by hand."""

import dataclasses

import numpy as np
import pytest

import sirensong as ss
from sirensong.training import plan as plans
from sirensong.training.job import prepare
from sirensong.training.plan import plan_for
from sirensong.training.quality import overhead

RECIPE = dataclasses.replace(
    ss.FAST,
    tile=8,
    hidden_features=16,
    hidden_layers=3,
    omega=10.0,
    functions=2,
    decoys="cover",
    joint=ss.Phase(10, ((0.0, 1 / 4), (0.3, 1 / 2), (0.6, 1 / 8))),
)
WEIGHTS = 16 * 2 + 16 + 2 * (16 * 16 + 16) + 3 * 16 + 3
"""Of one tile's function: 643."""


def black(height, width):
    return np.zeros((height, width, 3), np.uint8)


def planned(height=16, width=32, secret=(10, 10)):
    key = ss.SecretKey(bytes(32))
    job = prepare(black(height, width), [(key, black(*secret))], RECIPE, ss.Options(seed=1))
    return plan_for(job, 12.5)


def test_a_plan_counts_the_weights_of_all_tiles():
    plan = planned()
    assert plan.grid == ss.Grid(2, 4)
    assert plan.architecture == ss.Architecture(16, 3, 10.0)
    assert plan.parameters == 8 * WEIGHTS
    assert plan.seconds == 12.5


def test_a_plan_has_the_length_of_the_carrier():
    """After training, whatever the pictures are; and codes take the bits that were asked for."""
    rng, key, options = np.random.default_rng(1), ss.SecretKey(bytes(32)), ss.Options(seed=1)
    noise = [rng.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(2)]
    for cover, secret in (noise, (black(64, 64), black(10, 10))):
        recipe = dataclasses.replace(ss.FAST, bits=20.0).with_steps(300)
        made = ss.hide(cover, [(key, secret)], recipe=recipe, options=options).stego
        plan = ss.plan(cover, [(key, secret)], recipe=recipe, options=options)
        assert plan.carrier_bytes == pytest.approx(len(ss.dumps(made)), rel=0.06)
        assert plan.carrier_bytes == pytest.approx(
            20 * 64 * 64 / 8 + overhead(plan.grid, 6), rel=0.01
        )


def test_memory_is_the_program_pictures_weights_and_what_a_step_works_on(monkeypatch):
    """Four functions (a wrong key's too) of eight tiles at once, on half of a tile's pixels."""
    monkeypatch.setattr(plans, "_DECODED", 0)
    buffers = 4 * 8 * 4 * (3 * 3 * 16 * 32 + 12 * WEIGHTS)
    pictures = 2 * 3 * 16 * 32 + 300  # the cover and a decoy of its size, and the secret
    assert planned().memory_bytes == 300 * 10**6 + pictures + 4 * 8 * WEIGHTS + buffers


def test_the_largest_picture_counts_a_secret_too(monkeypatch):
    monkeypatch.setattr(plans, "_DECODED", 0)
    buffers = 4 * 8 * 4 * (3 * 3 * 16 * 256 + 12 * WEIGHTS)  # of 4096 pixels in eight tiles
    pictures = 2 * 3 * 16 * 32 + 3 * 64 * 64
    assert planned(secret=(64, 64)).memory_bytes == (
        300 * 10**6 + pictures + 4 * 8 * WEIGHTS + buffers
    )


def test_decoding_the_largest_picture_counts_where_it_takes_more_than_training(monkeypatch):
    monkeypatch.setattr(plans, "_DECODED", 10**6)
    pictures = 2 * 3 * 16 * 32 + 300
    assert planned().memory_bytes == (300 * 10**6 + pictures + 4 * 8 * WEIGHTS + 10**6 * 16 * 32)


def test_weights_that_live_in_files_are_no_memory(monkeypatch):
    """Of the matrices and biases of all tiles those of more bytes than that; the rest stay."""
    matrix, bias = 4 * 8 * 16 * 16, 4 * 8 * 16
    whole = planned().memory_bytes
    monkeypatch.setattr(plans, "IN_MEMORY", matrix)
    assert planned().memory_bytes == whole
    monkeypatch.setattr(plans, "IN_MEMORY", matrix - 1)
    assert planned().memory_bytes == whole - 2 * matrix
    monkeypatch.setattr(plans, "IN_MEMORY", bias - 1)
    small = 4 * 8 * 3
    assert planned().memory_bytes == whole - 4 * 8 * WEIGHTS + small
