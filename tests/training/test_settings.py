"""Settings at their limits, and the numbers that recipes reckon with."""

from dataclasses import replace

import pytest

import sirensong as ss
from sirensong.errors import SettingError
from sirensong.network.substitution import Selection
from sirensong.network.tiles import Grid
from sirensong.training.options import Options
from sirensong.training.phase import Phase
from sirensong.training.recipe import FAST, FINETUNING, PAPER


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": 1e-3},
        {"psnr": 1e-3},
        {"psnr": 99.9},
        {"seed": 0},
        {"seed": 2**64 - 1},
        {"threads": 1},
        {"resume": True, "checkpoint": "run.checkpoint"},
        *({"device": device} for device in ("auto", "cpu", "cuda")),
        *({"precision": precision} for precision in ("auto", "fp32", "mixed")),
    ],
)
def test_options_at_their_limits_are_taken(change):
    options = Options(**change)
    assert {name: getattr(options, name) for name in change} == change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seconds": 0.0}, "seconds must be above 0, got 0"),
        ({"seconds": float("nan")}, "seconds must be above 0, got nan"),
        ({"psnr": 100.0}, "the target PSNR must be between 0 and 100 dB, got 100"),
        ({"seed": 2**64}, "the seed must be 0 to 2^64 - 1, got 18446744073709551616"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda; got 'tpu'"),
        ({"precision": "int8"}, "precision must be one of auto, fp32, mixed; got 'int8'"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"resume": True}, "resuming needs a checkpoint"),
    ],
)
def test_options_that_are_refused_are_named(change, message):
    with pytest.raises(SettingError) as caught:
        Options(**change)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 1},
        {"pruning": 0.0},
        {"pruning": 0.99},
        {"noise": 0.99},
        {"hold": 0.0},
        {"hold": 1.0},
        {"batches": ((0.0, 1.0),)},
        {"batches": ((0.0, 1e-6), (0.5, 0.5), (0.999, 1.0))},
    ],
)
def test_phases_at_their_limits_are_taken(change):
    assert Phase(**{"steps": 3} | change) == replace(Phase(3), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"pruning": 1.0}, "pruning and noise must be at least 0 and below 1, got 1 and 0"),
        ({"pruning": -0.5}, "pruning and noise must be at least 0 and below 1, got -0.5 and 0"),
        ({"noise": 1.0}, "pruning and noise must be at least 0 and below 1, got 0 and 1"),
        ({"noise": -0.1}, "pruning and noise must be at least 0 and below 1, got 0 and -0.1"),
        ({"hold": -0.1}, "hold must be 0 to 1, got -0.1"),
        ({"hold": 1.1}, "hold must be 0 to 1, got 1.1"),
        (
            {"batches": ((0.0, 0.5), (0.6, 0.5), (0.4, 0.5))},
            "batches must begin at 0 and grow below 1, got [0.0, 0.6, 0.4]",
        ),
    ],
)
def test_phases_that_are_refused_are_named(change, message):
    with pytest.raises(SettingError) as caught:
        Phase(**{"steps": 3} | change)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "change",
    [
        {"tile": 1},
        {"tile": None},
        {"functions": 0},
        {"functions": 64},
        {"stego_weight": 0.01},
        {"hidden_features": 1},
        {"omega": 1e-3},
        {"stego_weight": 0.99},
        {"optimizer": "adam"},
        {"optimizer": "muon"},
        *({"decoys": kind} for kind in ("photographs", "cover", "leaves", "noise")),
    ],
)
def test_recipes_at_their_limits_are_taken(change):
    recipe = replace(FAST, **change)
    assert {name: getattr(recipe, name) for name in change} == change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer must be muon or adam, got 'sgd'"),
        ({"tile": 0}, "tile must be at least 1, got 0"),
        ({"hidden_features": 0}, "hidden features must be at least 1, got 0"),
        ({"omega": 0.0}, "omega must be above 0, got 0"),
        ({"omega": float("nan")}, "omega must be above 0, got nan"),
        ({"functions": 65}, "functions must be 0 to 64, got 65"),
        ({"functions": -1}, "functions must be 0 to 64, got -1"),
        ({"decoys": "cats"}, "decoys must be one of photographs, cover, leaves, noise, got 'cats'"),
        ({"stego_weight": 0.0}, "the stego weight must be between 0 and 1, got 0"),
        ({"stego_weight": 1.0}, "the stego weight must be between 0 and 1, got 1"),
        ({"selection": "x"}, "selection must be one of keyed, magnitude, random, got 'x'"),
    ],
)
def test_recipes_that_are_refused_are_named(change, message):
    with pytest.raises(SettingError) as caught:
        replace(FAST, **change)
    assert str(caught.value) == message


def test_a_selection_may_be_given_by_its_name():
    assert replace(FAST, selection="random").selection is Selection.RANDOM
    assert replace(FAST, selection=Selection.MAGNITUDE).selection is Selection.MAGNITUDE


def test_the_weights_of_the_loss_add_up_to_one():
    """Eq. 9: lambda of the stego image, then those of the secrets, all alike."""
    assert PAPER.loss_weights(1) == [1.0]
    assert PAPER.loss_weights(4) == [0.25] * 4
    assert replace(FAST, emphasis=2.0).loss_weights(3) == [0.5, 0.25, 0.25]
    assert replace(FAST, stego_weight=0.4).loss_weights(4) == pytest.approx([0.4, 0.2, 0.2, 0.2])
    assert FAST.loss_weights(1) == [1.0]


def test_tiles_are_as_near_to_the_side_as_can_be():
    assert replace(FAST, tile=32).grid(47, 49) == Grid(1, 2)
    assert replace(FAST, tile=10).grid(100, 24) == Grid(10, 2)


@pytest.mark.parametrize(
    ("side", "features"),
    [(1, 16), (15, 16), (16, 32), (21, 32), (27, 48), (341, 512), (360, 512), (1000, 512)],
)
def test_features_come_in_sixteens_up_to_512(side, features):
    """One and a half for each pixel of a tile's side."""
    whole = replace(FAST, bits=None)
    assert whole.architecture(side, side).hidden_features == features


def test_omega_grows_with_a_tiles_side_up_to_60():
    whole = replace(FAST, tile=1000)
    assert whole.architecture(16, 16).omega == 8.0
    assert whole.architecture(32, 8).omega == 8.0
    assert whole.architecture(118, 118).omega == 59.0
    assert whole.architecture(121, 121).omega == 60.0
    assert replace(FAST, tile=16).architecture(32, 32).omega == 8.0


def test_the_rate_of_a_constant_phase_is_one_to_its_end():
    assert Phase(1, hold=1.0).rate_at(1.0) == 1.0
    falling = Phase(1, hold=0.75)
    assert [falling.rate_at(progress) for progress in (0.0, 0.74, 0.75, 0.875, 1.0)] == [
        1.0,
        1.0,
        1.0,
        0.5,
        0.0,
    ]


def test_time_goes_by_pixels_and_by_the_rest_of_each_step():
    """Shares of 1/8, 3/8 and 7/8 take 2, 4 and 8 eighths; for 1/2, 1/4 and 1/4 of the steps."""
    phase = Phase(1, ((0.0, 1 / 8), (0.5, 3 / 8), (0.75, 7 / 8)))
    assert [phase.time_share(progress) for progress in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx(
        [0, 1 / 8, 1 / 4, 1 / 2, 1]
    )
    assert [phase.progress_at(share) for share in (0, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)] == (
        pytest.approx([0, 0.25, 0.5, 0.625, 0.75, 0.875, 1])
    )


def test_parts_of_a_phase_are_its_sizes_of_batches():
    phase = Phase(1, ((0.0, 1 / 8), (0.5, 3 / 8), (0.75, 7 / 8)))
    assert phase.parts() == [(0.5, 1 / 8), (0.25, 3 / 8), (0.25, 7 / 8)]


def test_a_recipe_without_a_change_of_steps_is_itself():
    assert FAST.with_steps() is FAST
    assert FAST.with_steps(7).cover is FAST.cover
    assert FAST.with_steps(cover=7).joint is FAST.joint
    assert FAST.with_steps(cover=7).cover == replace(FAST.cover, steps=7)


def test_fine_tuning_is_adams_and_of_the_cover_alone():
    assert (FINETUNING.optimizer, FINETUNING.cover) == ("adam", Phase(200))
    assert FINETUNING.rate == FINETUNING.adam_rate == FINETUNING.last_rate == 1e-4
    assert ss.FAST is FAST
