"""Names that would destroy a file, or that no file can have, are refused before training."""

import os
import re
import shutil

import pytest

import sirensong as ss
from command import SMALL, failed, failure
from sirensong import cli
from sirensong.training.checkpoint import MAGIC

SECRET = ["--secret", "alice.key=map.png"]
MAGNITUDE = ["--selection", "magnitude"]
NEW = ["-o", "new.safetensors"]


@pytest.fixture
def own(folder, tmp_path, monkeypatch):
    """Stand in a folder of one's own, where training is an error."""
    for path in folder.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path / path.name)
    (tmp_path / "words").write_text("correct horse")
    (tmp_path / "decoys").mkdir()
    shutil.copy("/dev/null", tmp_path / "decoys" / "nothing.txt")
    shutil.copy(folder / "cover.png", tmp_path / "decoys" / "one.png")
    (tmp_path / "linked.safetensors").symlink_to("alice.key")
    (tmp_path / "hard.safetensors").hardlink_to(tmp_path / "alice.key")
    shutil.copy(folder / "map.png", tmp_path / "map.safetensors")
    monkeypatch.setattr("sirensong.cli.running.train", forbidden)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def forbidden(*_, **__):
    raise AssertionError("it was trained")


SAME = {
    "checkpoint is the output": (
        ["hide", "cover.png", *SECRET, *NEW, "--checkpoint", "./new.safetensors"],
        "the output is the checkpoint too: new.safetensors",
    ),
    "checkpoint is a key": (
        ["hide", "cover.png", *SECRET, *NEW, "--checkpoint", "alice.key"],
        "the checkpoint is a key file too: alice.key",
    ),
    "checkpoint is a secret picture": (
        ["hide", "cover.png", *SECRET, *NEW, "--checkpoint", "decoys/../map.png"],
        "the checkpoint is a secret too: decoys/../map.png",
    ),
    "checkpoint is the cover": (
        ["fit", "cover.png", *NEW, "--checkpoint", "cover.png"],
        "the checkpoint is the cover too: cover.png",
    ),
    "checkpoint is a passphrase file": (
        ["hide", "cover.png", "--passphrase-file", "words=map.png", *NEW, "--checkpoint", "words"],
        "the checkpoint is a passphrase file too: words",
    ),
    "checkpoint is a decoy": (
        ["fit", "cover.png", *NEW, "--decoys", "decoys", "--checkpoint", "decoys/one.png"],
        "the checkpoint is a decoy too: decoys/one.png",
    ),
    "checkpoint is the mask": (
        ["hide", "cover.png", *SECRET, *NEW, *MAGNITUDE, "--checkpoint", "new.mask"],
        "the checkpoint is the mask too: new.mask",
    ),
    "output is a link to a key": (
        ["hide", "cover.png", *SECRET, "-o", "linked.safetensors"],
        "the output is a key file too: linked.safetensors",
    ),
    "output is a hard link to a key": (
        ["hide", "cover.png", *SECRET, "-o", "hard.safetensors"],
        "the output is a key file too: hard.safetensors",
    ),
    "output is a secret picture": (
        ["hide", "cover.png", "--secret", "alice.key=map.safetensors", "-o", "map.safetensors"],
        "the output is a secret too: map.safetensors",
    ),
}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize("case", SAME)
def test_one_name_for_two_files_is_refused(case, overwrite, own, capsys):
    before = contents(own)
    arguments, expected = SAME[case]
    assert failure(capsys, [*arguments, *overwrite]) == f"sirensong: error: {expected}"
    assert contents(own) == before


@pytest.mark.parametrize("more", [[], ["--overwrite"], ["--resume"]])
def test_a_file_that_is_not_a_checkpoint_is_never_one(more, own, capsys):
    before = contents(own)
    command = ["fit", "cover.png", *NEW, "--checkpoint", "holiday.png", *more]
    assert failure(capsys, command) == (
        "sirensong: error: holiday.png exists and is not a checkpoint"
    )
    assert contents(own) == before


def test_a_checkpoint_that_is_there_is_neither_lost_nor_taken_unasked(own, capsys):
    (own / "new.safetensors.checkpoint").write_bytes(MAGIC)
    error, hint = failed(capsys, ["fit", "cover.png", *NEW])
    assert error == "sirensong: error: new.safetensors.checkpoint exists: an unfinished run"
    assert hint == "hint: --resume goes on with it, --overwrite begins anew"


@pytest.mark.parametrize(
    ("name", "got"), [("s.png", ".png"), ("q", "no ending"), ("k.key", ".key")]
)
@pytest.mark.parametrize("command", [["fit", "cover.png"], ["hide", "cover.png", *SECRET]])
def test_carriers_end_in_safetensors(command, name, got, own, capsys):
    error, hint = failed(capsys, [*command, "-o", name, "--overwrite"])
    assert error == (
        f"sirensong: error: cannot write {name}: carriers end in .safetensors, got {got}"
    )
    assert hint == f"hint: -o {name.split('.')[0]}.safetensors"


def test_a_mask_replaces_nothing_but_a_mask(own, capsys):
    (own / "new.mask").write_bytes((own / "alice.key").read_bytes())
    command = ["hide", "cover.png", "--secret", "bob.key=map.png", *NEW, *MAGNITUDE, "--overwrite"]
    assert failure(capsys, command) == "sirensong: error: new.mask exists and is not a mask"


@pytest.mark.parametrize("length", [232, 300])
def test_a_name_that_is_too_long_is_refused_before_training(length, own, capsys):
    name = "x" * length + ".safetensors"
    error = failure(capsys, ["fit", "cover.png", "-o", name])
    assert re.fullmatch(r"sirensong: error: cannot (read|write) x+\S+: file name too long", error)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["sample", "song.png", "-o", "song.png"], "the carrier"),
        (["reveal", "song.safetensors", "--key", "k.png", "-o", "k.png"], "the key file"),
        (
            ["reveal", "song.safetensors", "--key", "k.png", "--mask", "m.png", "-o", "m.png"],
            "the mask",
        ),
        (
            ["reveal", "song.safetensors", "--passphrase-file", "w.png", "-o", "w.png"],
            "the passphrase file",
        ),
    ],
)
def test_a_receivers_picture_replaces_nothing_that_it_is_made_of(arguments, what, own, capsys):
    (own / "song.safetensors").rename(own / "song.png")
    name = arguments[-1]
    assert failure(capsys, [*arguments, "--overwrite"]) == (
        f"sirensong: error: the output is {what} too: {name}"
    )


@pytest.mark.parametrize("name", ["alice-original.png", "bob-render.png", "sheet.png"])
def test_the_demo_replaces_nothing_unless_it_is_told_to(name, own, capsys):
    (own / "song.safetensors").unlink()
    (own / name).write_bytes(b"mine")
    assert failure(capsys, ["demo", "-o", "."]) == f"sirensong: error: {name} exists"
    assert (own / name).read_bytes() == b"mine"


# Keys.


@pytest.fixture
def text(own):
    return ss.read_key("alice.key").to_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["reveal", "song.safetensors", "-o", "x.png", "--key", "KEY"],
        ["reveal", "song.safetensors", "-o", "x.png", "--passphrase-file", "KEY"],
        ["hide", "cover.png", *NEW, "--secret", "KEY=map.png"],
        ["hide", "cover.png", *NEW, "--secret", "KEY"],
        ["hide", "cover.png", *NEW, "--passphrase-file", "KEY=map.png"],
        ["hide", "KEY", *NEW, *SECRET],
        ["fit", "cover.png", *NEW, "--checkpoint", "KEY/x"],
        ["measure", "song.safetensors", "--secret", "KEY=map.png"],
        ["inspect", "KEY"],
    ],
)
@pytest.mark.parametrize("change", [str, str.upper])
def test_the_text_of_a_key_is_never_quoted(arguments, change, text, capsys):
    key = change(text)
    assert cli.run([word.replace("KEY", key) for word in arguments]) == 1
    printed = capsys.readouterr()
    assert key[20:30] not in printed.out + printed.err
    assert "sirensong: error: " in printed.err


@pytest.mark.parametrize("arguments", [["KEY"], ["inspect", "song.safetensors", "KEY"]])
def test_nor_after_wrong_usage(arguments, text, capsys):
    error = failure(capsys, [word.replace("KEY", text) for word in arguments], code=2)
    assert text[20:30] not in error


def test_a_pipe_is_not_waited_for(own, capsys):
    os.mkfifo("pipe")
    for command in (["inspect", "pipe"], ["reveal", "song.safetensors", "--key", "pipe"]):
        output = ["-o", "x.png"] if command[0] == "reveal" else []
        assert "not a regular file" in failure(capsys, [*command, *output])


def test_a_keys_text_in_place_of_its_file_has_a_hint(text, capsys):
    error, hint = failed(capsys, ["reveal", "song.safetensors", "-o", "x.png", "--key", text])
    assert error == "sirensong: error: expected the path of a key file, got the text of a key"
    assert "write the text to a file" in hint


@pytest.mark.parametrize(
    ("option", "pair", "form"),
    [
        ("--secret", "map.png=alice.key", "KEYFILE=SECRET"),
        ("--secret", "MAP.JPG=alice.key", "KEYFILE=SECRET"),
        ("--passphrase-file", "map.png=words", "FILE=SECRET"),
    ],
)
def test_a_swapped_pair_has_a_hint(option, pair, form, own, capsys):
    error, hint = failed(capsys, ["hide", "cover.png", option, pair, *NEW])
    assert error == f"sirensong: error: {option} takes {form}, got {pair!r}"
    assert hint == f"hint: swapped? {option} {form}"


def test_a_key_file_named_like_a_picture_is_taken(own, monkeypatch):
    """A swap is told by both names, so that a key may have any."""
    (own / "alice.key").rename("alice.png")
    monkeypatch.undo()
    monkeypatch.chdir(own)
    command = ["hide", "cover.png", "--secret", "alice.png=map.png", *NEW, *SMALL, "--steps", "100"]
    assert cli.run([*command, "--dry-run"]) == 0
