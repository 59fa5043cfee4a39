"""sirensong attack all: lines, JSON, and a page that only its owner can read."""

import json
import stat

import pytest

from sirensong import cli
from sirensong.carrier.file import save
from sirensong.carrier.slots import Slot
from sirensong.keys.secret import write_key
from sirensong.network.substitution import Selection


@pytest.fixture
def files(make_stego, key, tmp_path):
    save(
        tmp_path / "song.safetensors",
        make_stego([(key, Slot(Selection.KEYED, 0.1, 6, 9, bytes(6)))]),
    )
    write_key(tmp_path / "alice.key", key)
    return tmp_path


def command(files, *more):
    song, key = str(files / "song.safetensors"), str(files / "alice.key")
    return cli.run(["attack", "all", song, "--key", key, *more])


def test_a_page_and_a_line_for_each_test(files, capsys):
    page = files / "page.html"
    assert command(files, "-o", str(page)) == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n  ") == 8
    assert "With another key" in printed.out
    assert "shows the secret pictures" in printed.err
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert page.read_text().startswith("<!doctype html>")
    assert command(files, "-o", str(page)) == 1
    assert "exists" in capsys.readouterr().err


def test_json_has_numbers_and_verdicts(files, capsys):
    assert command(files, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "attack all"
    (lines,) = told["keys"]
    assert {"tried", "verdict", "bad"} <= lines[0].keys()
    assert -1 <= lines[0]["edges"] <= 1


@pytest.mark.parametrize(
    ("name", "words"), [("page.txt", "must end in .html"), ("song.safetensors", "the carrier")]
)
def test_outputs_that_cannot_be_are_refused_before_any_work(files, capsys, name, words):
    assert command(files, "-o", str(files / name)) == 1
    assert words in capsys.readouterr().err


def test_a_key_without_a_picture_is_refused(files, other_key, capsys):
    write_key(files / "bob.key", other_key)
    assert command(files, "--key", str(files / "bob.key")) == 3
    assert "no picture for this key" in capsys.readouterr().err
