"""Checkpoints: whole, private, and only for the run that wrote them."""

import shutil

import pytest
import torch

from sirensong.errors import FileError, FormatError
from sirensong.training.batches import Sampler
from sirensong.training.checkpoint import Checkpoint, discard, is_checkpoint, read_nonce
from sirensong.training.parameters import Parameters
from sirensong.training.train import State

CPU = torch.device("cpu")
NONCE, SECRET, CONTEXT, ENTROPY = (bytes([number]) * 32 for number in (1, 2, 3, 4))
FIRST, SECOND = range(3), range(3, 5)


def parameters():
    shapes = ((1, 4, 2), (2, 1, 4, 4), (1, 3, 4), (3, 1, 4), (1, 3))
    return Parameters(*(torch.randn(shape) for shape in shapes))


def tensors(state):
    best = state.best[0].tensors() if state.best else ()
    return [*state.shared.tensors(), *state.moments, *state.sampler.order, *best]


@pytest.fixture
def state():
    return State(
        shared=parameters(),
        sampler=Sampler(torch.Generator().manual_seed(5), [torch.arange(6).view(2, 3)], 7),
        step=7,
        spent=1.5,
        moments=[torch.randn(3), torch.tensor(5)],
        best=(parameters(), 0.25),
        errors=[0.5, 0.125],
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.checkpoint"


def begun(path, secret=SECRET, context=CONTEXT):
    checkpoint = Checkpoint(path, NONCE, secret, context)
    checkpoint.begin(ENTROPY)
    return checkpoint


def again(path, secret=SECRET, context=CONTEXT):
    checkpoint = Checkpoint(path, read_nonce(path), secret, context)
    return checkpoint, checkpoint.resume()


def test_what_is_read_is_what_was_written(path, state):
    begun(path).write("joint", SECOND, state, elapsed=12.5)
    checkpoint, (entropy, elapsed) = again(path)
    assert (entropy, elapsed) == (ENTROPY, 12.5)
    read = checkpoint.state("joint", SECOND, CPU)
    assert (read.step, read.spent, read.best[1], read.errors) == (7, 1.5, 0.25, [0.5, 0.125])
    assert read.sampler.drawn == 7
    for mine, theirs in zip(tensors(read), tensors(state), strict=True):
        assert torch.equal(mine, theirs)
    one, other = (torch.rand(5, generator=of.sampler.rng) for of in (read, state))
    assert torch.equal(one, other)


def test_a_state_is_for_its_own_stage_of_its_own_tiles(path, state):
    begun(path).write("joint", SECOND, state, elapsed=0)
    checkpoint, _ = again(path)
    for stage, tiles in (("cover", SECOND), ("joint", FIRST), ("joint", range(5, 8))):
        assert checkpoint.state(stage, tiles, CPU) is None


def test_a_state_without_a_best_has_none(path, state):
    state.best = None
    begun(path).write("cover", FIRST, state, elapsed=0)
    assert again(path)[0].state("cover", FIRST, CPU).best is None


def test_only_its_owner_may_read_the_file_and_it_shows_nothing_but_the_nonce(path, state):
    begun(path).write("cover", FIRST, state, elapsed=0)
    data = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_nonce(path) == NONCE
    for hidden in (SECRET, ENTROPY, b"cover", state.shared.hidden.numpy().tobytes()[:16]):
        assert hidden not in data


@pytest.mark.parametrize(("secret", "context"), [(bytes(32), CONTEXT), (SECRET, bytes(32))])
def test_another_run_cannot_read_it(path, state, secret, context):
    begun(path).write("cover", FIRST, state, elapsed=0)
    with pytest.raises(FormatError, match="does not belong to this run"):
        again(path, secret, context)


DAMAGES = {
    "a byte less": lambda data: data[:-1],
    "its beginning alone": lambda data: data[:100],
    "a byte changed": lambda data: data[:200] + b"!" + data[201:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_noticed(path, state, damage):
    begun(path).write("cover", FIRST, state, elapsed=0)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match="damaged"):
        again(path)


@pytest.mark.parametrize(
    "content", [b"x", b"SRNGCKP1", b"no checkpoint, but long enough to hold a nonce and the rest"]
)
def test_another_file_is_no_checkpoint(path, content):
    path.write_bytes(content)
    with pytest.raises(FormatError, match="is not a checkpoint"):
        read_nonce(path)


def test_states_are_kept_at_intervals_not_at_every_step(path, state, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("sirensong.training.checkpoint.time.monotonic", lambda: now[0])
    checkpoint = begun(path)
    for moment, written in ((0.0, False), (19.9, False), (20.0, True), (30.0, False), (40.0, True)):
        now[0] = moment
        checkpoint.keep("cover", FIRST, state, elapsed=0)
        assert path.exists() == written
        path.unlink(missing_ok=True)


def test_finished_stages_are_kept_and_the_state_of_the_last_is_gone(path, state):
    trained = parameters()
    checkpoint = begun(path)
    checkpoint.write("cover", FIRST, state, elapsed=1)
    checkpoint.finish("cover", FIRST, trained, [0.5], elapsed=2.5)

    checkpoint, (entropy, elapsed) = again(path)
    assert (entropy, elapsed) == (ENTROPY, 2.5)
    assert checkpoint.state("cover", FIRST, CPU) is None
    assert checkpoint.finished("joint", FIRST, CPU) is None
    assert checkpoint.finished("cover", SECOND, CPU) is None
    read, errors = checkpoint.finished("cover", FIRST, CPU)
    assert errors == [0.5]
    for mine, theirs in zip(read.tensors(), trained.tensors(), strict=True):
        assert torch.equal(mine, theirs)

    files = [path, *path.with_name("run.checkpoint.tiles").iterdir()]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 2
    assert all(file.read_bytes().startswith(b"SRNGCKP1" + NONCE) for file in files)


def test_finished_stages_cannot_be_swapped(path):
    checkpoint = begun(path)
    for tiles in (FIRST, SECOND):
        for stage in ("cover", "joint"):
            checkpoint.finish(stage, tiles, parameters(), [], elapsed=0)
    folder = path.with_name("run.checkpoint.tiles")
    for one, other in (("0.cover", "3.cover"), ("0.joint", "3.joint"), ("3.cover", "0.joint")):
        shutil.copy(folder / one, folder / "kept")
        shutil.copy(folder / other, folder / one)
        start, stage = one.split(".")
        tiles = FIRST if start == "0" else SECOND
        with pytest.raises(FormatError, match="does not belong to this run"):
            checkpoint.finished(stage, tiles, CPU)
        shutil.move(folder / "kept", folder / one)
        assert checkpoint.finished(stage, tiles, CPU) is not None


def test_a_damaged_stage_is_noticed(path):
    checkpoint = begun(path)
    checkpoint.finish("cover", FIRST, parameters(), [], elapsed=0)
    part = path.with_name("run.checkpoint.tiles") / "0.cover"
    for damage in (part.read_bytes()[:-1], b"SRNGCKP1", b"!" * 99):
        part.write_bytes(damage)
        with pytest.raises(FormatError, match="checkpoint"):
            checkpoint.finished("cover", FIRST, CPU)


def test_nothing_is_left_of_a_discarded_checkpoint(path, state, tmp_path):
    discard(path)
    checkpoint = begun(path)
    checkpoint.finish("cover", FIRST, parameters(), [], elapsed=0)
    checkpoint.write("joint", FIRST, state, elapsed=0)
    discard(path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_run_begins_without_what_another_has_left(path, state):
    begun(path).finish("cover", FIRST, parameters(), [], elapsed=0)
    checkpoint = begun(path, secret=bytes(32))
    assert checkpoint.finished("cover", FIRST, CPU) is None
    assert not path.exists()


def test_what_is_not_a_checkpoint_is_never_deleted(path, tmp_path):
    path.write_text("a key, a picture, a carrier")
    for delete in (discard, begun):
        with pytest.raises(FileError, match="exists and is not a checkpoint"):
            delete(path)
    assert path.read_text() == "a key, a picture, a carrier"
    assert not is_checkpoint(path)
    assert not is_checkpoint(tmp_path)
    assert not is_checkpoint(tmp_path / "missing")


def test_what_is_not_a_part_of_it_is_not_deleted_with_it(path, tmp_path):
    begun(path).finish("cover", FIRST, parameters(), [], elapsed=0)
    folder = path.with_name("run.checkpoint.tiles")
    (folder / "holiday.jpg").write_text("mine")
    (folder / "7.cover").write_text("mine, though it is called like a stage")
    shutil.copy(folder / "0.cover", folder / "12")
    discard(path)
    assert {file.name for file in folder.iterdir()} == {"holiday.jpg", "7.cover", "12"}


def test_a_linked_folder_is_not_emptied(path, tmp_path):
    begun(path).finish("cover", FIRST, parameters(), [], elapsed=0)
    folder, elsewhere = path.with_name("run.checkpoint.tiles"), tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    discard(path)
    assert [file.name for file in elsewhere.iterdir()] == ["0.cover"]
