"""What several tests share: fixed keys, a small random function, and the golden vectors."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from functions import NONCE, STEP, initial, on_lattice, stack
from sirensong.carrier.slots import seal_slots
from sirensong.carrier.stego import StegoFunction
from sirensong.keys.secret import SecretKey
from sirensong.network.siren import Architecture, Layer
from sirensong.network.tiles import Grid

# The networks here are so small that a second thread costs more than it gains; in the processes
# that tests start too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

GRID = Grid()  # of one tile

# Examples are the same in every run, so that a failure is a change of the code and can be repeated.
settings.register_profile("tests", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def ordinary_priority():
    """No test leaves its process with real-time priority, which starves all that run after it."""
    policy = getattr(os, "sched_getscheduler", lambda pid: None)  # macOS and Windows have none
    before = policy(0)
    yield
    assert policy(0) == before


@pytest.fixture(scope="session")
def golden():
    """Values that no release may change: what one has hidden the next must reveal."""
    return json.loads((Path(__file__).parent / "golden" / "keys.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def key():
    return SecretKey(bytes(range(32)))


@pytest.fixture(scope="session")
def other_key():
    return SecretKey(bytes(range(100, 132)))


@pytest.fixture(scope="session")
def nonce():
    return NONCE


@pytest.fixture(scope="session")
def architecture():
    return Architecture(hidden_features=12, hidden_layers=3, omega=20.0)


@pytest.fixture(scope="session")
def steps(architecture):
    return (STEP,) * (2 * len(architecture.shapes))


@pytest.fixture(scope="session")
def weights(architecture, steps):
    """Of one function, on the lattice."""
    layers = on_lattice(initial(architecture, np.random.default_rng(7)))
    for array in (array for layer in layers for array in layer):
        array.flags.writeable = False  # shared by all tests, so none may change it
    return layers


@pytest.fixture(scope="session")
def make_stego(architecture, steps, weights, nonce):
    """Build a small stego function. entries: (key, slot) pairs. weights: of each tile."""

    def make(entries=(), *, weights=(weights,), grid=GRID, entropy=bytes(range(50, 82))):
        slots = seal_slots(nonce, entries, entropy)
        return StegoFunction(architecture, grid, stack(weights), steps, 6, 9, nonce, slots)

    return make


@pytest.fixture(scope="session")
def stego(make_stego):
    """A small function without any secret."""
    return make_stego()


@pytest.fixture(scope="session")
def fixed_weights():
    """Make weights by arithmetic alone, the same on every machine, for golden vectors."""

    def make(architecture):
        def fixed(shape, shift):
            count = int(np.prod(shape))
            return (
                (((np.arange(count) * 37 + shift) % 101 - 50) / 64)
                .astype(np.float32)
                .reshape(shape)
            )

        return tuple(
            Layer(fixed(shape, index), fixed(shape[:1], 7 * index))
            for index, shape in enumerate(architecture.shapes)
        )

    return make


@pytest.fixture
def set_umask():
    """Set the process's umask for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.fixture
def torch_threads():
    """Set the number of threads for one test."""
    import torch

    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def uncompiled(monkeypatch):
    """Have PyTorch do all, as where llvmlite is not installed."""
    from sirensong.training import native

    monkeypatch.setattr(native, "routines_for", lambda *_: None)
