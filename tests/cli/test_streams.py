"""`-` is standard input, and standard output."""

import io
import os
import pty
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from command import SMALL, failure, read
from sirensong import cli

REVEAL = ["reveal", "song.safetensors", "--key", "bob.key"]


@pytest.mark.parametrize("command", [["sample", "song.safetensors"], REVEAL])
def test_a_picture_to_standard_output_is_a_png_and_nothing_else(command, at, tmp_path, capfdbinary):
    assert cli.run([*command, "-o", str(tmp_path / "file.png")]) == 0
    capfdbinary.readouterr()
    assert cli.run([*command, "-o", "-"]) == 0
    printed = capfdbinary.readouterr()
    assert printed.out.startswith(b"\x89PNG")
    assert printed.out.endswith(b"IEND\xaeB`\x82")
    with Image.open(io.BytesIO(printed.out)) as image:
        assert np.array_equal(np.asarray(image) / 255, read(tmp_path / "file.png"))
    assert printed.err == b""


def test_a_terminal_gets_no_picture(at):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sirensong", "sample", "song.safetensors", "-o", "-"]
    result = subprocess.run(
        command, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    os.close(ours)
    os.close(theirs)
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == (
        "sirensong: error: a picture is not written to a terminal"
    )


def with_input(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("command", [["fit"], ["hide", "--secret", "alice.key=map.png"]])
def test_a_cover_from_standard_input(command, at, tmp_path, monkeypatch):
    made = []
    for name, cover in (("one", "cover.png"), ("two", "-")):
        with_input(monkeypatch, (at / "cover.png").read_bytes())
        song = tmp_path / f"{name}.safetensors"
        arguments = [command[0], cover, *command[1:], "-o", str(song), "--seed", "1", *SMALL]
        assert cli.run(arguments) == 0
        made.append(song.read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"nonsense", "the image is not an image that can be read"),
        (b"", "the image is empty, expected an image"),
    ],
)
def test_what_is_not_a_picture_is_told_like_a_file(data, error, at, monkeypatch, capsys):
    with_input(monkeypatch, data)
    printed = failure(capsys, ["fit", "-", "-o", "x.safetensors"])
    assert printed == f"sirensong: error: {error}"


def test_measure_takes_the_cover_from_standard_input(at, monkeypatch, capsys):
    with_input(monkeypatch, (at / "cover.png").read_bytes())
    assert cli.run(["measure", "song.safetensors", "--cover", "-"]) == 0
    assert "standard input" in capsys.readouterr().out


CARRIER_COMMANDS = {
    "sample": ["sample", "-", "-o", "OUT"],
    "reveal": ["reveal", "-", "--key", "bob.key", "-o", "OUT"],
    "inspect": ["inspect", "-", "--json"],
    "measure": ["measure", "-", "--secret", "bob.key=map.png", "--json"],
}


@pytest.mark.parametrize("name", CARRIER_COMMANDS)
def test_a_carrier_from_standard_input(name, at, tmp_path, monkeypatch, capsys):
    """The same picture, or the same text but for the file's name and the time."""
    made = []
    for carrier in ("-", "song.safetensors"):
        with_input(monkeypatch, (at / "song.safetensors").read_bytes())
        output = str(tmp_path / "out.png")
        words = [{"-": carrier, "OUT": output}.get(word, word) for word in CARRIER_COMMANDS[name]]
        assert cli.run(words) == 0
        lines = capsys.readouterr().out.splitlines()
        made.append([line for line in lines if not line.startswith(('  "file"', '  "seconds"'))])
        if "OUT" in CARRIER_COMMANDS[name]:
            made[-1].append(read(output).tobytes())
            (tmp_path / "out.png").unlink()
    assert made[0] == made[1]


def test_a_pipeline_from_carrier_to_picture(at):
    command = [sys.executable, "-m", "sirensong", "reveal", "-", "--key", "bob.key", "-o", "-"]
    data = (at / "song.safetensors").read_bytes()
    result = subprocess.run(command, input=data, capture_output=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (0, b"")
    with Image.open(io.BytesIO(result.stdout)) as image:
        assert image.size == (30, 20)


def test_a_passphrase_comes_from_standard_input(at, tmp_path, monkeypatch):
    song, output = str(tmp_path / "song.safetensors"), str(tmp_path / "holiday.png")
    with_input(monkeypatch, b"correct horse\nbattery staple\n")
    hide = ["hide", "cover.png", "--passphrase-file", "-=holiday.png", "-o", song]
    assert cli.run([*hide, *SMALL, "--steps", "2"]) == 0
    for words, code in ((b"correct horse", 0), (b"another horse", 3)):
        with_input(monkeypatch, words)
        reveal = ["reveal", song, "--passphrase-file", "-", "-o", output, "--overwrite"]
        assert cli.run(reveal) == code
