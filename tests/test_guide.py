"""docs/guide.md: its commands are run, in order, in one folder, as it says."""

import shlex

import numpy as np
import pytest
from PIL import Image

import sirensong as ss
from command import photograph
from sirensong import cli
from test_docs import code

LINES = [line for line in code("docs/guide.md") if line.startswith("sirensong ")]
MADE = {
    "from-you.png", "map-again.png", "nothing.png", "everybody.png", "plain.safetensors",
    "song.safetensors", "song.html", "viewer.html", "letters.safetensors", "for-me.safetensors",
    "inbox", "mail", "site", "plain-site",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(("cover.png", "holiday.jpg", "map.png")):
        photograph(place, 64, 48).save(tmp_path / name, quality=95)
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7\n" + bytes(range(100)))
    return tmp_path


def test_the_guide_does_what_it_says(folder, capsys, monkeypatch):
    shortened = []
    for line in LINES:
        arguments = shlex.split(line)[1:]
        if arguments[0] in ("hide", "fit"):
            arguments += ["--steps", "300"]
            shortened.append(line)
        if "-o" in arguments and arguments[arguments.index("-o") + 1] == "-":
            continue  # what standard output gets is tested where it is not captured
        assert cli.run(arguments) == 0, (line, capsys.readouterr().err)
    assert len(shortened) >= 4
    assert {path.name for path in folder.iterdir()} > MADE
    letter = (folder / "letter.pdf").read_bytes()
    assert (folder / "inbox" / "letter.pdf").read_bytes() == letter
    assert (folder / "mail" / "letter.pdf").read_bytes() == letter
    text = ss.reveal_file(ss.load("letters.safetensors"), ss.read_key("bob.key"))
    assert (text.name, text.content) == ("message.txt", b"meet me at noon")
    for mine, theirs in (("holiday.jpg", "from-you.png"), ("map.png", "map-again.png")):
        assert ss.measure(mine, theirs).psnr > 25
    assert ss.measure("map.png", "nothing.png").psnr < 20
    assert np.asarray(Image.open("everybody.png")).shape == (96, 128, 3)
