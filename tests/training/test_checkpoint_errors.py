"""What is said when a checkpoint cannot be made, read or deleted, and what it looks like inside."""

import json
import re

import pytest
import torch
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from safetensors.numpy import load as unpack

from sirensong.errors import FileError, FormatError
from sirensong.keys.stream import derive
from sirensong.training import checkpoint as checkpoints
from sirensong.training.batches import Sampler
from sirensong.training.checkpoint import Checkpoint, discard, is_checkpoint, read_nonce
from sirensong.training.parameters import Parameters
from sirensong.training.train import State

CPU = torch.device("cpu")
NONCE, SECRET, CONTEXT, ENTROPY = (bytes([number]) * 32 for number in (1, 2, 3, 4))


def parameters(value=1.0):
    shapes = ((1, 4, 2), (2, 1, 4, 4), (1, 3, 4), (3, 1, 4), (1, 3))
    return Parameters(*(torch.full(shape, value) for shape in shapes))


def state():
    """As after three steps."""
    sampler = Sampler(torch.Generator().manual_seed(5), [torch.arange(4).view(2, 2)], 3)
    return State(parameters(), sampler, step=3, spent=1.5, moments=[torch.zeros(2)])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.checkpoint"


@pytest.fixture
def checkpoint(path):
    begun = Checkpoint(path, NONCE, SECRET, CONTEXT)
    begun.begin(ENTROPY)
    return begun


def test_a_folder_that_cannot_be_made_is_named(checkpoint, path):
    path.with_name("run.checkpoint.tiles").write_text("a file")
    with pytest.raises(FileError, match=r"^cannot make .*run\.checkpoint\.tiles"):
        checkpoint.finish("cover", range(1), parameters(), [0.5], elapsed=0.0)


def test_a_checkpoint_that_cannot_be_deleted_is_named(checkpoint, path, monkeypatch):
    checkpoint.write("cover", range(1), state(), elapsed=0.0)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(FileError, match=r"^cannot delete .*run\.checkpoint"):
        discard(path)


def test_a_file_that_cannot_be_read_is_named(path, monkeypatch):
    path.write_bytes(b"SRNGCKP1")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(FileError, match=r"^cannot read .*run\.checkpoint"):
        is_checkpoint(path)


@pytest.mark.parametrize("size", [1, 8, 8 + 32 + 12])
def test_a_file_that_is_only_a_head_is_not_a_checkpoint(path, size):
    path.write_bytes((b"SRNGCKP1" + bytes(100))[:size])
    with pytest.raises(FormatError, match=re.escape(f"{path} is not a checkpoint")):
        read_nonce(path)


def test_the_shortest_checkpoint_is_a_head_and_a_byte(path):
    path.write_bytes(b"SRNGCKP1" + bytes(range(32)) + bytes(13))
    assert read_nonce(path) == bytes(range(32))


def test_a_file_beyond_the_cap_is_refused(path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_LARGEST", 99)
    path.write_bytes(b"SRNGCKP1" + bytes(92))
    with pytest.raises(FormatError, match="checkpoint"):
        read_nonce(path)


def test_a_missing_file_cannot_be_resumed(checkpoint):
    with pytest.raises(FileError, match=r"run\.checkpoint"):
        checkpoint.resume()


def test_a_link_is_not_a_checkpoint(checkpoint, path, tmp_path):
    checkpoint.write("cover", range(1), state(), elapsed=0.0)
    (tmp_path / "link").symlink_to(path)
    assert is_checkpoint(path)
    assert not is_checkpoint(tmp_path / "link")


def test_a_checkpoint_is_encrypted_as_the_page_says(checkpoint, path):
    """Opened here without the library: AES-256-GCM under a key derived for checkpoints."""
    checkpoint.write("joint", range(3, 5), state(), elapsed=7.5)
    data = path.read_bytes()
    assert data[:40] == b"SRNGCKP1" + NONCE
    cipher = AESGCM(derive(SECRET, NONCE, "checkpoint"))
    arrays = unpack(cipher.decrypt(data[40:52], data[52:], CONTEXT + b"state"))
    assert json.loads(arrays.pop("header").tobytes()) == {
        "entropy": ENTROPY.hex(),
        "elapsed": 7.5,
        "stage": ["joint", 3],
        "step": 3,
        "spent": 1.5,
        "drawn": 3,
        "errors": [],
    }
    shared = [f"shared.{index}" for index in range(5)]
    assert sorted(arrays) == ["moments.0", "order.0", "rng.0", *shared]


def test_each_writing_has_a_nonce_of_its_own(checkpoint, path):
    """The same key under the same nonce twice would show both."""
    drawn = set()
    for _ in range(3):
        checkpoint.write("cover", range(1), state(), elapsed=0.0)
        drawn.add(path.read_bytes()[40:52])
    assert len(drawn) == 3


def test_more_than_ten_arrays_come_back_in_their_order(checkpoint, path):
    kept = state()
    kept.moments = [torch.full((2,), float(index)) for index in range(12)]
    checkpoint.write("cover", range(1), kept, elapsed=0.0)
    again = Checkpoint(path, NONCE, SECRET, CONTEXT)
    again.resume()
    read = again.state("cover", range(1), CPU)
    assert [moment[0].item() for moment in read.moments] == list(range(12))
    assert read.best is None


def test_what_is_read_may_be_written_to(checkpoint, path):
    checkpoint.write("cover", range(1), state(), elapsed=0.0)
    again = Checkpoint(path, NONCE, SECRET, CONTEXT)
    again.resume()
    read = again.state("cover", range(1), CPU)
    read.shared.hidden.add_(1)
    assert read.shared.hidden.unique().item() == 2.0


def test_a_written_state_is_not_taken_again(checkpoint, path):
    """Of the next group of tiles none is under way."""
    checkpoint.write("cover", range(1), state(), elapsed=0.0)
    again = Checkpoint(path, NONCE, SECRET, CONTEXT)
    again.resume()
    assert again.state("cover", range(1), CPU) is not None
    again.finish("cover", range(1), parameters(), [0.5], elapsed=1.0)
    assert again.state("cover", range(1), CPU) is None


def test_the_interval_begins_anew_with_each_writing(checkpoint, path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("sirensong.training.checkpoint.time.monotonic", lambda: now[0])
    started = Checkpoint(path, NONCE, SECRET, CONTEXT)
    started.begin(ENTROPY)
    now[0] = 15.0
    started.finish("cover", range(1), parameters(), [0.5], elapsed=0.0)
    before = path.read_bytes()
    now[0] = 30.0
    started.keep("joint", range(1), state(), elapsed=0.0)
    assert path.read_bytes() == before
    now[0] = 35.0
    started.keep("joint", range(1), state(), elapsed=12.5)
    assert path.read_bytes() != before
    again = Checkpoint(path, NONCE, SECRET, CONTEXT)
    assert again.resume() == (ENTROPY, 12.5)
    assert again.state("joint", range(1), CPU).step == 3


def test_a_second_finished_stage_goes_into_the_same_folder(checkpoint, path):
    for stage, value in (("cover", 1.0), ("joint", 2.0)):
        checkpoint.finish(stage, range(4, 6), parameters(value), [value], elapsed=0.0)
    folder = path.with_name("run.checkpoint.tiles")
    assert sorted(file.name for file in folder.iterdir()) == ["4.cover", "4.joint"]
    assert folder.stat().st_mode & 0o777 == 0o700
    for stage, value in (("cover", 1.0), ("joint", 2.0)):
        trained, errors = checkpoint.finished(stage, range(4, 6), CPU)
        assert (trained.hidden.unique().item(), errors) == (value, [value])


def test_a_folder_goes_with_its_file_only_where_it_is_empty(checkpoint, path):
    checkpoint.finish("cover", range(1), parameters(), [0.5], elapsed=0.0)
    folder = path.with_name("run.checkpoint.tiles")
    (folder / "10.cover").mkdir()
    discard(path)
    assert not path.exists()
    assert [file.name for file in folder.iterdir()] == ["10.cover"]


def test_a_folder_without_its_file_is_discarded_too(checkpoint, path):
    checkpoint.finish("cover", range(12, 13), parameters(), [0.5], elapsed=0.0)
    path.unlink()
    discard(str(path))
    assert not path.with_name("run.checkpoint.tiles").exists()
