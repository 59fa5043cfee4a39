"""Steps replayed from a recording are the steps themselves.

A GPU records which operations work on which memory, and repeats those. So does the tape here, on any device: whatever a step would
take from elsewhere (a number of Python's, a new place in memory) stays as it was at the recording, and the results differ.
"""

import dataclasses
import gc
import weakref

import numpy as np
import pytest
import torch
from sirensong.training.loop import JOINT_STAGE, Stage, Surroundings
from sirensong.training.parameters import Parameters
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import sirensong as ss
from functions import initial, stack
from sirensong.carrier.file import to_bytes
from sirensong.training import replay
from sirensong.training.problem import Problem, Target, Tile

WAITING = {
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "lift_fresh",
    "repeat_interleave.Tensor",
}
RECIPE = dataclasses.replace(ss.FAST, tile=16, cover_steps=9, joint_steps=25)


class Tape(TorchDispatchMode):
    """Takes operations down while they are done; undo: have it as if they had not been."""

    def __init__(self):
        super().__init__()
        self.calls, self.before = [], {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().removeprefix("aten::")
        assert not {name, name.partition(".")[0]} & WAITING, (
            f"{name} waits for the device, or copies from the host"
        )
        for tensor in tensors((args, kwargs)):
            storage = tensor.untyped_storage()
            self.before.setdefault(storage.data_ptr(), (storage, storage.clone()))
        result = function(*args, **(kwargs or {}))
        self.calls.append((function, args, kwargs or {}, result))
        return result

    def undo(self):
        for storage, before in self.before.values():
            storage.copy_(before)

    def play(self):
        for function, args, kwargs, result in self.calls:
            for mine, again in zip(
                tensors(result), tensors(function(*args, **kwargs)), strict=True
            ):
                mine.copy_(again)


def tensors(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


@pytest.fixture
def recorded(monkeypatch):
    """Have steps on the CPU replayed from tapes. Returns how many operations each tape has."""
    lengths = []

    def record(work):
        with Tape() as tape:
            result = work()
        tape.undo()
        lengths.append(len(tape.calls))

        def again():
            tape.play()
            return result

        return again

    monkeypatch.setattr(replay, "_RECORDERS", {"cpu": record})
    return lengths


def hidden(recipe):
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (32, 24, 3), np.uint8) for _ in range(2)]
    return to_bytes(
        ss.hide(
            pictures[0], {ss.SecretKey(bytes(32)): pictures[1]}, recipe=recipe, seed=1, threads=1
        ).stego
    )


@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_replayed_steps_give_the_same_function(optimizer, recorded, monkeypatch, torch_threads):
    torch_threads(1)
    recipe = dataclasses.replace(RECIPE, optimizer=optimizer)
    replayed = hidden(recipe)
    assert len(recorded) == 1 + len(
        recipe.batches
    )  # one for the cover's batches, one for each size of the joint stage's
    assert min(recorded) > 50
    monkeypatch.setattr(replay, "_RECORDERS", {})
    assert replayed == hidden(recipe)


def test_what_is_kept_of_the_cover_stage_is_its_best(recorded, monkeypatch, torch_threads):
    torch_threads(1)
    recipe = dataclasses.replace(RECIPE, keep_best=True, joint_steps=1, rate=0.3)
    replayed = hidden(recipe)
    monkeypatch.setattr(replay, "_RECORDERS", {})
    assert replayed == hidden(recipe)


def test_a_tape_notices_what_a_recording_would_not(recorded):
    count = torch.zeros(())
    runs = iter(range(100))
    work = replay.replayed(lambda: count.add_(next(runs)), torch.device("cpu"))
    assert [int(work()) for _ in range(6)] == [0, 1, 3, 6, 9, 12]  # 3 is what the recording saw
    waiting = replay.replayed(lambda: count.add_(float(count)), torch.device("cpu"))
    with pytest.raises(AssertionError, match="waits for the device"):
        [waiting() for _ in range(6)]


def test_disturbed_steps_are_not_recorded(recorded):
    hidden(dataclasses.replace(RECIPE, pruning=0.1, joint_steps=6))
    assert len(recorded) == 1


def test_a_stages_buffers_go_with_it():
    """Thousands of stages follow each other in a large picture: none may wait for the garbage collector."""
    picture = np.zeros((8, 8, 3), np.uint8)
    architecture = ss.Architecture(8, 2, 10)
    problem = Problem(
        architecture,
        [Tile([Target(picture, ss.Grid().patch(0, (8, 8)), torch.device("cpu"))])],
        [1.0],
    )
    shared = Parameters.from_weights(
        stack([initial(architecture, np.random.default_rng(1))]), torch.device("cpu")
    )
    gc.disable()
    try:
        stage = Stage(JOINT_STAGE, problem, shared, RECIPE, Surroundings(1))
        stage.run()
        gone = weakref.ref(stage)
        del stage
        assert gone() is None
    finally:
        gc.enable()
