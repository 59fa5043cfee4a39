"""Checkpoints: whole, private, and only for the run that wrote them."""

import numpy as np
import pytest
import torch

from sirensong.errors import FormatError
from sirensong.training.checkpoint import Checkpoint, read_nonce
from sirensong.training.loop import Snapshot
from sirensong.training.parameters import Parameters

CPU = torch.device("cpu")
NONCE, SECRET, CONTEXT, ENTROPY = (bytes([number]) * 32 for number in (1, 2, 3, 4))


@pytest.fixture
def snapshot():
    def parameters():
        return Parameters(*(torch.randn(shape) for shape in ((4, 2), (2, 4, 4), (3, 4), (3, 4), (3,))))

    return Snapshot("cover", 7, 1.5, parameters(), [torch.randn(3), torch.tensor(5)], (parameters(), 0.25))


@pytest.fixture
def written(tmp_path, snapshot):
    checkpoint = Checkpoint(tmp_path / "run.checkpoint", NONCE, SECRET, CONTEXT)
    checkpoint.entropy = ENTROPY
    checkpoint.mask = (np.array([1, 5]), np.array([0]))
    checkpoint.write(snapshot)
    return tmp_path / "run.checkpoint"


def test_what_is_read_is_what_was_written(written, snapshot):
    checkpoint = Checkpoint(written, read_nonce(written), SECRET, CONTEXT)
    read = checkpoint.read(CPU)
    assert checkpoint.entropy == ENTROPY
    assert [places.tolist() for places in checkpoint.mask] == [[1, 5], [0]]
    assert (read.stage, read.step, read.spent, read.best[1]) == ("cover", 7, 1.5, 0.25)
    pairs = [(read.shared, snapshot.shared), (read.best[0], snapshot.best[0])]
    tensors = [pair for mine, theirs in pairs for pair in zip(mine.tensors(), theirs.tensors(), strict=True)]
    for mine, theirs in [*tensors, *zip(read.optimizer, snapshot.optimizer, strict=True)]:
        assert torch.equal(mine, theirs)


def test_only_its_owner_may_read_the_file_and_it_shows_nothing_but_the_nonce(written, snapshot):
    data = written.read_bytes()
    assert written.stat().st_mode & 0o777 == 0o600
    assert read_nonce(written) == NONCE
    for hidden in (SECRET, ENTROPY, b"cover", b"shared", snapshot.shared.hidden.numpy().tobytes()[:16]):
        assert hidden not in data


@pytest.mark.parametrize(("secret", "context"), [(bytes(32), CONTEXT), (SECRET, bytes(32))])
def test_another_run_cannot_read_it(written, secret, context):
    with pytest.raises(FormatError, match="does not belong to this run"):
        Checkpoint(written, NONCE, secret, context).read(CPU)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:100], lambda data: data[:200] + b"!" + data[201:]])
def test_damage_is_noticed(written, damage):
    written.write_bytes(damage(written.read_bytes()))
    with pytest.raises(FormatError, match="damaged"):
        Checkpoint(written, NONCE, SECRET, CONTEXT).read(CPU)


@pytest.mark.parametrize("content", [b"x", b"SRNGCKP1", b"no checkpoint at all, but long enough to hold a nonce and the rest"])
def test_another_file_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="is no checkpoint"):
        read_nonce(path)


def test_snapshots_are_kept_at_intervals_not_at_every_step(tmp_path, snapshot, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("sirensong.training.checkpoint.time.monotonic", lambda: now[0])
    path = tmp_path / "run.checkpoint"
    checkpoint = Checkpoint(path, NONCE, SECRET, CONTEXT)
    checkpoint.keep(snapshot)
    assert not path.exists()
    now[0] = 1000.0
    checkpoint.keep(snapshot)
    assert path.exists()
    path.unlink()
    checkpoint.keep(snapshot)
    assert not path.exists()
