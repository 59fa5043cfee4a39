"""Checkpoints: whole, private, and only for the run that wrote them."""

import numpy as np
import pytest
import torch
from sirensong.training.loop import Snapshot
from sirensong.training.parameters import Parameters

from sirensong.errors import FormatError
from sirensong.training.checkpoint import Checkpoint, discard, read_nonce

CPU = torch.device("cpu")
NONCE, SECRET, CONTEXT, ENTROPY = (bytes([number]) * 32 for number in (1, 2, 3, 4))

MASKS = [(np.array([1, 5]), np.array([0])), (np.array([2, 3]), np.array([7]))]


def lists(masks):
    return [[places.tolist() for places in positions] for positions in masks]


@pytest.fixture
def snapshot():
    def parameters():
        return Parameters(
            *(
                torch.randn(shape)
                for shape in ((1, 4, 2), (2, 1, 4, 4), (1, 3, 4), (3, 1, 4), (1, 3))
            )
        )

    return Snapshot(
        "cover", 7, 1.5, parameters(), [torch.randn(3), torch.tensor(5)], (parameters(), 0.25)
    )


@pytest.fixture
def written(tmp_path, snapshot):
    checkpoint = Checkpoint(tmp_path / "run.checkpoint", NONCE, SECRET, CONTEXT, ENTROPY)
    checkpoint.part, checkpoint.masks = 2, MASKS
    checkpoint.write(snapshot)
    return tmp_path / "run.checkpoint"


def test_what_is_read_is_what_was_written(written, snapshot):
    checkpoint = Checkpoint(written, read_nonce(written), SECRET, CONTEXT, b"")
    read = checkpoint.read(CPU)
    assert checkpoint.entropy == ENTROPY
    assert checkpoint.part == 2
    assert lists(checkpoint.masks) == lists(MASKS)
    assert (read.stage, read.step, read.spent, read.best[1]) == ("cover", 7, 1.5, 0.25)
    pairs = [(read.shared, snapshot.shared), (read.best[0], snapshot.best[0])]
    tensors = [
        pair
        for mine, theirs in pairs
        for pair in zip(mine.tensors(), theirs.tensors(), strict=True)
    ]
    for mine, theirs in [*tensors, *zip(read.optimizer, snapshot.optimizer, strict=True)]:
        assert torch.equal(mine, theirs)


def test_only_its_owner_may_read_the_file_and_it_shows_nothing_but_the_nonce(written, snapshot):
    data = written.read_bytes()
    assert written.stat().st_mode & 0o777 == 0o600
    assert read_nonce(written) == NONCE
    for hidden in (
        SECRET,
        ENTROPY,
        b"cover",
        b"shared",
        snapshot.shared.hidden.numpy().tobytes()[:16],
    ):
        assert hidden not in data


@pytest.mark.parametrize(("secret", "context"), [(bytes(32), CONTEXT), (SECRET, bytes(32))])
def test_another_run_cannot_read_it(written, secret, context):
    with pytest.raises(FormatError, match="does not belong to this run"):
        Checkpoint(written, NONCE, secret, context, b"").read(CPU)


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: data[:100], lambda data: data[:200] + b"!" + data[201:]],
)
def test_damage_is_noticed(written, damage):
    written.write_bytes(damage(written.read_bytes()))
    with pytest.raises(FormatError, match="damaged"):
        Checkpoint(written, NONCE, SECRET, CONTEXT, b"").read(CPU)


@pytest.mark.parametrize(
    "content",
    [b"x", b"SRNGCKP1", b"no checkpoint at all, but long enough to hold a nonce and the rest"],
)
def test_another_file_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="is no checkpoint"):
        read_nonce(path)


def test_snapshots_are_kept_at_intervals_not_at_every_step(tmp_path, snapshot, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("sirensong.training.checkpoint.time.monotonic", lambda: now[0])
    path = tmp_path / "run.checkpoint"
    checkpoint = Checkpoint(path, NONCE, SECRET, CONTEXT, b"")
    checkpoint.keep(snapshot)
    assert not path.exists()
    now[0] = 1000.0
    checkpoint.keep(snapshot)
    assert path.exists()
    path.unlink()
    checkpoint.keep(snapshot)
    assert not path.exists()


@pytest.mark.parametrize("masks", [None, MASKS])
def test_finished_parts_are_kept(tmp_path, weights, masks):
    path = tmp_path / "run.checkpoint"
    Checkpoint(path, NONCE, SECRET, CONTEXT, ENTROPY).finish([weights, weights[::-1]], masks)

    checkpoint = Checkpoint(path, NONCE, SECRET, CONTEXT, b"")
    assert checkpoint.read(CPU) is None
    assert (checkpoint.part, checkpoint.masks, checkpoint.entropy) == (1, None, ENTROPY)
    assert checkpoint.finished(1) is None
    tiles, read = checkpoint.finished(0)
    assert (None if masks is None else lists(masks)) == (None if read is None else lists(read))
    for mine, theirs in zip(tiles, [weights, weights[::-1]], strict=True):
        for layer, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(layer.weight, other.weight)
            np.testing.assert_array_equal(layer.bias, other.bias)

    files = [path, *(tmp_path / "run.checkpoint.tiles").iterdir()]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 2
    assert all(file.read_bytes().startswith(b"SRNGCKP1" + NONCE) for file in files)


def test_a_damaged_part_is_noticed(tmp_path, weights):
    path = tmp_path / "run.checkpoint"
    Checkpoint(path, NONCE, SECRET, CONTEXT, ENTROPY).finish([weights], None)
    part = tmp_path / "run.checkpoint.tiles" / "0"
    for damage in (part.read_bytes()[:-1], b"SRNGCKP1", b"!" * 99):
        part.write_bytes(damage)
        with pytest.raises(FormatError, match="checkpoint"):
            Checkpoint(path, NONCE, SECRET, CONTEXT, b"").finished(0)


def test_nothing_is_left_of_a_discarded_checkpoint(tmp_path, weights):
    path = tmp_path / "run.checkpoint"
    discard(path)
    Checkpoint(path, NONCE, SECRET, CONTEXT, ENTROPY).finish([weights], None)
    discard(path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_part_of_it_is_not_deleted_with_it(tmp_path, weights):
    path = tmp_path / "run.checkpoint"
    Checkpoint(path, NONCE, SECRET, CONTEXT, ENTROPY).finish([weights], None)
    (tmp_path / "run.checkpoint.tiles" / "holiday.jpg").write_text("mine")
    discard(path)
    assert [file.name for file in tmp_path.rglob("*")] == ["run.checkpoint.tiles", "holiday.jpg"]
