"""`--json` has one shape."""

import json
import math

import numpy as np
import pytest

import sirensong as ss
from command import SMALL
from sirensong import cli
from sirensong.cli import reporting
from sirensong.pictures.writing import write_picture

CARRIER = [
    "name",
    "version",
    "file",
    "format",
    "bytes",
    "width",
    "height",
    "tiles",
    "hidden_features",
    "hidden_layers",
    "omega",
    "parameters",
    "bits_per_pixel",
    "fingerprint",
]
MEASURED = [*CARRIER, "seconds", "pictures"]
PICTURE = ["picture", "psnr", "ssim", "rmse", "mae"]


@pytest.fixture
def printed(at, capsys):
    """Run a command that ends well, and take what it prints."""

    def run(*arguments):
        capsys.readouterr()
        assert cli.run([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def check(facts, name, path, pictures):
    stego = ss.load(path)
    assert (facts["name"], facts["version"]) == (name, ss.__version__)
    assert facts["file"] == str(path)
    assert facts["bytes"] == path.stat().st_size
    assert (facts["width"], facts["height"]) == (stego.width, stego.height)
    assert facts["tiles"] == {"columns": stego.grid.columns, "rows": stego.grid.rows}
    assert facts["fingerprint"] == stego.fingerprint
    assert [picture["picture"] for picture in facts.get("pictures", [])] == pictures


def test_inspect(printed, at):
    facts = printed("inspect", str(at / "song.safetensors"))
    assert list(facts) == CARRIER
    check(facts, "inspect", at / "song.safetensors", [])


def test_hide_and_fit(printed, at, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    noise = np.random.default_rng(1).random((24, 24, 3))  # of which little is left at half its size
    write_picture("noise.png", noise)
    secret = ["--secret", "alice.key=map.png"]
    facts = printed("hide", "noise.png", *secret, "-o", str(one), "--size", "12x12", *SMALL)
    assert list(facts) == MEASURED
    check(facts, "hide", one, ["noise.png", "map.png"])
    cover, secret = facts["pictures"]
    assert list(cover) == [*PICTURE, "original"]
    assert list(cover["original"]) == PICTURE[1:]
    assert cover["psnr"] > cover["original"]["psnr"]
    assert list(secret) == PICTURE
    assert 0 < facts["seconds"] < 100
    facts = printed("fit", "cover.png", "-o", str(two), *SMALL)
    assert list(facts) == MEASURED
    check(facts, "fit", two, ["cover.png"])


def test_measure(printed, at):
    facts = printed("measure", str(at / "song.safetensors"), "--cover", "cover.png")
    assert list(facts) == MEASURED
    check(facts, "measure", at / "song.safetensors", ["cover.png"])


def test_the_demo(printed, tmp_path):
    facts = printed("demo", "-o", str(tmp_path), "--steps", "3")
    assert list(facts) == [*CARRIER, "seconds", "sheet", "pictures"]
    assert len(facts["pictures"]) == 3
    names = [picture["picture"] for picture in facts["pictures"]]
    check(facts, "demo", tmp_path / "song.safetensors", names)
    assert facts["sheet"] == str(tmp_path / "sheet.png")


def test_a_batch(at, tmp_path, capsys):
    rows = ["output,cover,secrets", "a.safetensors,cover.png,alice.key=map.png"]
    rows += ["b.safetensors,nowhere.png,alice.key=map.png"]
    (at / "jobs.csv").write_text("\n".join(rows))
    command = ["hide", "--batch", "jobs.csv", "-o", str(tmp_path), "--workers", "1", *SMALL]
    capsys.readouterr()
    assert cli.run([*command, "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert list(facts) == ["name", "version", "seconds", "jobs"]
    good, bad = facts["jobs"]
    of_a_job = ["done_before", "seconds", "pictures"]
    assert list(good) == ["file", "error", *CARRIER[3:], *of_a_job]
    assert [picture["picture"] for picture in good["pictures"]] == ["cover.png", "map.png"]
    assert good["fingerprint"] == ss.load(tmp_path / "a.safetensors").fingerprint
    assert list(bad) == ["file", "error", *of_a_job]
    assert bad["file"] == str(tmp_path / "b.safetensors")
    assert "nowhere.png" in bad["error"]
    assert bad["pictures"] == []


def test_fractions_have_four_decimals_at_every_depth(capsys):
    value = {"a": 1 / 3, "b": [{"c": 2 / 3, "d": 7, "e": None, "f": "x"}], "g": (1,)}
    reporting.print_result("x", value)
    assert json.loads(capsys.readouterr().out) == {
        "name": "x",
        "version": ss.__version__,
        "a": 0.3333,
        "b": [{"c": 0.6667, "d": 7, "e": None, "f": "x"}],
        "g": [1],
    }


def test_what_has_no_number_is_null(printed, at, tmp_path):
    """The PSNR of equal pictures, the SSIM of pictures below its window."""
    render, song = str(tmp_path / "render.png"), str(at / "song.safetensors")
    assert cli.run(["sample", song, "-o", render]) == 0
    (picture,) = printed("measure", song, "--cover", render)["pictures"]
    assert picture["psnr"] is None
    assert picture["ssim"] == pytest.approx(1)
    assert not math.isnan(picture["rmse"])
