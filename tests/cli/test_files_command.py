"""Files by the command: hidden by --secret, --as-file and --text, revealed into folders."""

import io
import json
import sys

import numpy as np
import pytest

from command import failed, failure, photograph
from sirensong import cli
from sirensong.errors import FormatError
from sirensong.reveal import SecretFunction

KEYS = ("alice", "bob", "carol")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("files")
    for name in KEYS:
        assert cli.run(["keygen", "-o", str(made / f"{name}.key")]) == 0
    photograph(1, 64, 48).save(made / "cover.png")
    photograph(2, 8, 8).save(made / "holiday.png")
    (made / "letter.pdf").write_bytes(b"%PDF-1.7 " + bytes(range(80)))
    (made / "empty.txt").write_bytes(b"")
    (made / "byte.bin").write_bytes(b"x")
    return made


def hide(folder, output, *more):
    return [
        "hide",
        str(folder / "cover.png"),
        *more,
        "-o",
        str(output),
        "--seed",
        "1",
        "--steps",
        "300",
    ]


def given(folder, option, key, what):
    return [option, f"{folder / key}.key={what}"]


@pytest.fixture(scope="module")
def song(folder):
    path = folder / "song.safetensors"
    arguments = hide(
        folder, path,
        *given(folder, "--secret", "alice", folder / "letter.pdf"),
        *given(folder, "--as-file", "bob", folder / "holiday.png"),
        *given(folder, "--text", "carol", "meet me = noon"),
        "--quality", "high",
    )  # fmt: skip
    assert cli.run(arguments) == 0
    return path


def reveal(folder, song, key, output, *more):
    return ["reveal", str(song), "--key", str(folder / f"{key}.key"), "-o", str(output), *more]


def test_files_come_back_under_their_own_names(folder, song, tmp_path, capsys):
    out = tmp_path / "out"
    for key in KEYS:
        assert cli.run(reveal(folder, song, key, f"{out}/")) == 0
    names = ["holiday.png", "letter.pdf", "message.txt"]
    assert sorted(path.name for path in out.iterdir()) == names
    for name in names[:2]:
        assert (out / name).read_bytes() == (folder / name).read_bytes()
        assert (out / name).stat().st_mode & 0o777 == 0o600
    assert (out / "message.txt").read_text() == "meet me = noon"
    assert f"{out}/letter.pdf: 89 bytes" in capsys.readouterr().out
    assert "letter.pdf exists" in failure(capsys, reveal(folder, song, "alice", out))
    assert cli.run(reveal(folder, song, "alice", out, "--overwrite")) == 0


def test_a_file_is_written_under_another_name_or_to_standard_output(
    folder, song, tmp_path, monkeypatch
):
    assert cli.run(reveal(folder, song, "alice", tmp_path / "other.bin")) == 0
    assert (tmp_path / "other.bin").read_bytes() == (folder / "letter.pdf").read_bytes()
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stream)
    assert cli.run(reveal(folder, song, "carol", "-")) == 0
    assert stream.buffer.getvalue() == b"meet me = noon"


def test_a_name_that_is_there_is_refused_before_the_file_is_read(
    folder, song, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(SecretFunction, "read_file", lambda self: pytest.fail("was read"))
    (tmp_path / "there").write_text("mine")
    assert "there exists" in failure(capsys, reveal(folder, song, "alice", tmp_path / "there"))


def test_a_file_has_no_size(folder, song, tmp_path, capsys):
    arguments = reveal(folder, song, "alice", tmp_path / "out", "--scale", "2")
    assert "opens a file, which has no --size" in failure(capsys, arguments)


def test_what_is_hidden_is_measured_exactly(folder, song, capsys):
    arguments = ["measure", str(song), "--json"]
    arguments += given(folder, "--secret", "alice", folder / "letter.pdf")
    arguments += given(folder, "--as-file", "bob", folder / "holiday.png")
    arguments += given(folder, "--text", "carol", "meet me = noon")
    assert cli.run(arguments) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["pictures"] == []
    sizes = {file["file"]: file["bytes"] for file in facts["files"]}
    assert list(sizes.values()) == [89, (folder / "holiday.png").stat().st_size, 14]
    assert all(0 <= file["mended"] < file["coded"] for file in facts["files"])
    other = given(folder, "--text", "carol", "meet me = nine")
    assert "is not the file" in failure(capsys, ["measure", str(song), *other])
    wrong = given(folder, "--secret", "alice", folder / "holiday.png")
    assert "opens a file, not a picture" in failure(capsys, ["measure", str(song), *wrong])


def test_hide_says_what_came_back(folder, tmp_path, capsys):
    secret = given(folder, "--secret", "alice", folder / "byte.bin")
    assert cli.run(hide(folder, tmp_path / "song.safetensors", *secret)) == 0
    printed = capsys.readouterr()
    assert "byte.bin: 1 bytes, read back exactly; " in printed.out
    assert "byte.bin is no picture: it is hidden as a file" in printed.err


def test_an_empty_file_is_hidden_too(folder, tmp_path):
    song = tmp_path / "song.safetensors"
    assert cli.run(hide(folder, song, *given(folder, "--secret", "bob", folder / "empty.txt"))) == 0
    assert cli.run(reveal(folder, song, "bob", f"{tmp_path}/")) == 0
    assert (tmp_path / "empty.txt").read_bytes() == b""


def test_a_text_comes_from_standard_input(folder, tmp_path, monkeypatch):
    song = tmp_path / "song.safetensors"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("höre".encode())))
    assert cli.run(hide(folder, song, *given(folder, "--text", "bob", "-"))) == 0
    assert cli.run(reveal(folder, song, "bob", tmp_path / "text")) == 0
    assert (tmp_path / "text").read_text(encoding="utf-8") == "höre"


def test_a_file_that_does_not_come_back_leaves_no_carrier(folder, tmp_path, capsys, monkeypatch):
    def fails(self):
        raise FormatError("the hidden file cannot be read")

    monkeypatch.setattr(SecretFunction, "read_file", fails)
    song = tmp_path / "song.safetensors"
    arguments = hide(folder, song, *given(folder, "--secret", "alice", folder / "byte.bin"))
    assert cli.run(arguments) == 1
    printed = capsys.readouterr().err
    assert f"cannot be read: {song} was not kept" in printed
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_too_large_is_refused_before_training(folder, tmp_path, capsys):
    large = tmp_path / "large.bin"
    large.write_bytes(np.random.default_rng(0).bytes(5000))
    arguments = hide(folder, tmp_path / "s.safetensors", *given(folder, "--secret", "bob", large))
    error, hint = failed(capsys, arguments)
    assert "large.bin takes 5015 bytes, and " in error
    assert hint == "hint: a larger cover holds more"


def test_a_damaged_picture_is_not_taken_for_a_file(folder, tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    arguments = given(folder, "--secret", "bob", tmp_path / "broken.png")
    assert "broken.png" in failure(capsys, hide(folder, tmp_path / "s.safetensors", *arguments))


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--text", "alice.key", "--text takes KEYFILE=TEXT"),
        ("--as-file", "alice.key", "--as-file takes KEYFILE=FILE"),
        ("--as-file", "{key}=none.bin", "none.bin"),
    ],
)
def test_mistakes_are_one_line(folder, tmp_path, capsys, option, value, told):
    value = value.format(key=folder / "alice.key")
    assert told in failure(capsys, hide(folder, tmp_path / "s.safetensors", option, value))


def test_a_text_that_is_a_mistake_is_not_quoted(folder, tmp_path, capsys):
    arguments = hide(folder, tmp_path / "s.safetensors", "--text", "secretly meet me")
    assert "secretly" not in failure(capsys, arguments)


def test_capacity_says_what_hide_takes(folder, tmp_path, capsys):
    assert cli.run(["capacity", str(folder / "cover.png"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    rooms = {entry["secrets"]: entry["bytes_each"] for entry in facts["capacity"]}
    assert list(rooms) == [1, 2, 4, 8]
    file = tmp_path / "a"
    for size, fits in ((rooms[1] - 7, True), (rooms[1] - 6, False)):
        file.write_bytes(np.random.default_rng(0).bytes(size))
        secret = given(folder, "--as-file", "bob", file)
        planned = hide(folder, tmp_path / "s.safetensors", *secret, "--dry-run")
        assert cli.run(planned) == (0 if fits else 1)
    capsys.readouterr()
    assert cli.run(["capacity", str(folder / "cover.png")]) == 0
    assert f"{rooms[8]}" in capsys.readouterr().out


def test_a_carrier_whose_file_is_damaged_says_so_and_writes_nothing(
    folder, song, tmp_path, capsys, monkeypatch
):
    def fails(self):
        raise FormatError("the hidden file cannot be read: the carrier was altered")

    monkeypatch.setattr(SecretFunction, "read_file", fails)
    error = failure(capsys, reveal(folder, song, "alice", f"{tmp_path}/out/"))
    assert f"{song}: the hidden file cannot be read" in error
    assert list(tmp_path.iterdir()) == []


def test_a_picture_goes_into_a_folder_too(folder, tmp_path, capsys):
    song = tmp_path / "song.safetensors"
    secret = given(folder, "--secret", "alice", folder / "holiday.png")
    assert cli.run(hide(folder, song, *secret)) == 0
    assert cli.run(reveal(folder, song, "alice", tmp_path)) == 0
    assert (tmp_path / "secret.png").stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert "secret.png exists" in failure(capsys, reveal(folder, song, "alice", tmp_path))
