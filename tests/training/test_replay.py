"""Steps replayed from a recording are the steps themselves.

A GPU records which operations work on which memory, and repeats those. So does the tape here, on
any device: whatever a step would take from elsewhere (a number of Python's, a new place in memory)
stays as it was at the recording, and the results differ.
"""

import dataclasses
import gc
import weakref

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import sirensong as ss
from sirensong.carrier.file import dumps
from sirensong.network.siren import initial_weights
from sirensong.training import device as devices
from sirensong.training import fused
from sirensong.training.parameters import Parameters
from sirensong.training.problem import cover_problem
from sirensong.training.train import Schedule, State, train

WAITING = {
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "lift_fresh",
    "repeat_interleave.Tensor",
}
RECIPE = dataclasses.replace(ss.FAST, tile=16).with_steps(25, cover=9)
CPU = torch.device("cpu")


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
def recorded(monkeypatch, uncompiled):
    """Have steps on the CPU replayed from tapes. Returns how many operations each tape has.

    A tape has PyTorch's operations, and a GPU no others.
    """
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

    monkeypatch.setattr(devices, "_RECORDERS", {"cpu": record})
    return lengths


def hidden(recipe):
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (32, 24, 3), np.uint8) for _ in range(2)]
    secrets = {ss.SecretKey(bytes(32)): pictures[1]}
    options = ss.Options(seed=1, threads=1)
    return dumps(ss.hide(pictures[0], secrets, recipe=recipe, options=options).stego)


@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_replayed_steps_give_the_same_function(optimizer, recorded, monkeypatch, torch_threads):
    torch_threads(1)
    recipe = dataclasses.replace(RECIPE, optimizer=optimizer)
    replayed = hidden(recipe)
    assert len(recorded) == len(recipe.cover.batches) + len(recipe.joint.batches)
    assert min(recorded) > 50
    monkeypatch.setattr(devices, "_RECORDERS", {})
    assert replayed == hidden(recipe)


def test_what_is_kept_of_the_cover_stage_is_its_best(recorded, monkeypatch, torch_threads):
    torch_threads(1)
    best = dataclasses.replace(RECIPE.cover, keep_best=True)
    recipe = dataclasses.replace(RECIPE, cover=best, rate=0.3).with_steps(1)
    replayed = hidden(recipe)
    monkeypatch.setattr(devices, "_RECORDERS", {})
    assert replayed == hidden(recipe)


def test_a_tape_notices_what_a_recording_would_not(recorded):
    count = torch.zeros(())
    runs = iter(range(100))
    work = devices.replayed(lambda: count.add_(next(runs)), CPU)
    assert [int(work()) for _ in range(6)] == [0, 1, 3, 6, 9, 12]  # 3 is what the recording saw
    waiting = devices.replayed(lambda: count.add_(float(count)), CPU)
    with pytest.raises(AssertionError, match="waits for the device"):
        [waiting() for _ in range(6)]


def test_perturbed_steps_are_not_recorded(recorded):
    hidden(RECIPE.with_steps(6).robust())
    assert len(recorded) == 1


@pytest.mark.parametrize("name", ["FusedPass", "TrainingPass"])
def test_a_stages_buffers_go_with_it(name, monkeypatch):
    """Thousands of stages follow each other: none may wait for the garbage collector."""
    made, one_pass = [], getattr(fused, name)

    def make(*arguments, **named):
        new = one_pass(*arguments, **named)
        made.append(weakref.ref(new))
        return new

    monkeypatch.setattr(fused, name, make)
    architecture = ss.Architecture(8, 2, 10)
    picture = np.zeros((8, 8, 3), np.uint8)
    problem = cover_problem(architecture, range(1), picture, ss.Grid(), CPU)
    weights = initial_weights(architecture, [np.random.default_rng(1)])
    precision = {"FusedPass": "fp32", "TrainingPass": "mixed"}[name]
    gc.disable()
    try:
        state = State.begin(Parameters.from_weights(weights, CPU), seed=1)
        train(problem, RECIPE, Schedule(ss.Phase(3)), state, precision=precision)
        assert [reference() for reference in made] == [None]
    finally:
        gc.enable()
