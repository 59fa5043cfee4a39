"""sirensong attack all: lines, JSON, and a page that only its owner can read."""

import json
import stat

import numpy as np
import pytest

from functions import initial, stack, steps_of
from sirensong import cli
from sirensong.carrier.file import save
from sirensong.carrier.slots import Slot
from sirensong.carrier.stego import StegoFunction
from sirensong.cli.comparing import standing_lines
from sirensong.keys.secret import write_key
from sirensong.lab.secrecy import blind
from sirensong.lab.steganalysis import calibration, weights
from sirensong.lab.steganalysis.significance import Comparison, Detection, Detector
from sirensong.lab.steganalysis.weights import Standing, _shares_below
from sirensong.network.mask import Mask, write_mask
from sirensong.network.substitution import Selection, magnitude_positions
from sirensong.network.tiles import Grid

GRID = Grid(2, 2)


@pytest.fixture(autouse=True)
def small_budgets(monkeypatch):
    monkeypatch.setattr(blind, "PHOTOGRAPHS", 10)
    monkeypatch.setattr(blind, "MASK_STEPS", 3)
    monkeypatch.setattr(blind, "CLIMBS", 1)
    monkeypatch.setattr("sirensong.cli.auditing._GUESSES", 4)
    monkeypatch.setattr(weights, "_TREES", 5)
    monkeypatch.setattr(calibration, "STEPS", 1)


@pytest.fixture
def files(make_stego, key, other_key, tmp_path):
    slot = Slot(Selection.KEYED, 0.1, 6, 9, bytes(6))
    save(tmp_path / "song.safetensors", make_stego([(key, slot), (other_key, slot)]))
    write_key(tmp_path / "alice.key", key)
    write_key(tmp_path / "bob.key", other_key)
    return tmp_path


def command(files, *more):
    return cli.run(["attack", "all", str(files / "song.safetensors"), *map(str, more)])


def test_a_page_and_a_line_for_each_test(files, capsys):
    page = files / "page.html"
    assert command(files, "--key", files / "alice.key", "-o", page) == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n  ") == 3 + 9
    assert "whoever knows half of the key" in printed.out
    assert "shows the secret pictures" in printed.err
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert page.read_text().startswith("<!doctype html>")
    assert "This page shows the secret pictures" in page.read_text()
    assert command(files, "--key", files / "alice.key", "-o", page) == 1
    assert "exists" in capsys.readouterr().err


def test_without_a_key_it_shows_what_searches_end_with(files, capsys):
    page = files / "page.html"
    assert command(files, "-o", page) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("Without a key:\n")
    assert printed.out.count("nothing to compare with here") == 3
    assert "secret" not in printed.err
    assert "This page shows the secret pictures" not in page.read_text()
    assert page.read_text().count("data:image/png") == 1 + 3 * 2
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_holders_of_two_keys_are_set_on_each_other(files, capsys):
    keys = ["--key", files / "alice.key", "--key", files / "bob.key"]
    assert command(files, *keys, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "attack all"
    titles = ["Without a key", "The picture of alice.key", "The picture of bob.key"]
    assert [part["title"] for part in told["parts"]] == titles
    _, alice, bob = (part["lines"] for part in told["parts"])
    assert {"who", "tried", "verdict", "bad"} <= alice[0].keys()
    assert -1 <= alice[0]["edges"] <= 1
    assert [line["who"] for line in alice[-2:]] == ["whoever holds bob.key"] * 2
    assert [line["who"] for line in bob[-2:]] == ["whoever holds alice.key"] * 2
    assert 0 <= bob[-1]["area"] <= 1


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["-o", "page.txt"], 1, "must end in .html"),
        (["-o", "song.safetensors"], 1, "the output is the carrier too"),
        (["--key", "carol.key"], 3, "no picture for this key in"),
        (["--key", "alice.key", "--key", "again.key"], 1, "a key was given twice"),
        (["--clean", ".", "--stego", "none"], 1, "no folder none"),
        (["--clean", "."], 1, "--clean and --stego are compared with each other"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    files, capsys, monkeypatch, key, more, code, words
):
    monkeypatch.chdir(files)
    monkeypatch.setattr("sirensong.cli.auditing._attack", None)
    write_key(files / "again.key", key)
    write_key(files / "carol.key", type(key)(bytes(32)))
    assert command(files, *more) == code
    assert words in capsys.readouterr().err


def test_a_damaged_carrier_is_one_line(files, capsys):
    song = files / "song.safetensors"
    song.write_bytes(song.read_bytes()[:-9])
    assert command(files) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_carrier_of_magnitude_selection_is_attacked_with_its_mask(
    files, make_stego, key, capsys, architecture
):
    slot = Slot(Selection.MAGNITUDE, 0.1, 6, 9, bytes(6))
    stego = make_stego([(key, slot)])
    save(files / "song.safetensors", stego, overwrite=True)
    positions = tuple(magnitude_positions(stego.weights, 0.1))
    write_mask(files / "song.mask", Mask(architecture, 0.1, positions, stego.nonce[:8]))
    alice = ["--key", files / "alice.key"]
    assert command(files, *alice) == 1
    assert "--mask" in capsys.readouterr().err
    assert command(files, *alice, "--mask", files / "song.mask") == 0
    assert "which render looks natural" not in capsys.readouterr().out


def population(folder, architecture, count, gain, seed):
    """Write carriers of random weights, whose second matrix is scaled."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    for index in range(count):
        layers = stack([initial(architecture, rng) for _ in range(GRID.tiles)])
        scaled = layers[1]._replace(weight=(layers[1].weight * gain).astype(np.float32))
        changed = (layers[0], scaled, *layers[2:])
        nonce, slots = rng.bytes(32), rng.bytes(1024)
        form = architecture, GRID, changed, steps_of(changed), 6, 9, nonce, slots
        save(folder / f"{index}.safetensors", StegoFunction(*form).rounded(), overwrite=True)


def test_a_carrier_is_compared_with_folders_without_itself(
    files, architecture, capsys, monkeypatch
):
    monkeypatch.setattr("sirensong.cli.auditing._attack", lambda *_: [])
    population(files / "clean", architecture, 11, 1.0, 1)
    population(files / "stego", architecture, 11, 1.5, 2)
    song = files / "song.safetensors"
    song.write_bytes((files / "stego" / "3.safetensors").read_bytes())
    assert command(files, "--clean", files / "clean", "--stego", files / "stego", "--json") == 0
    printed = capsys.readouterr()
    (part,) = json.loads(printed.out)["parts"]
    assert part["title"] == "Secrets or none: compared with clean and stego"
    assert f"left out {files / 'stego' / '3.safetensors'}: it is the carrier itself" in printed.err
    best = part["lines"][4]
    assert best["tried"] == "a detector: weights, best single statistic"
    assert best["auc"] > 0.9
    assert best["among clean"] > 0.9
    assert best["among stego"] > 0
    assert best["bad"]


def test_another_form_than_the_folders_is_refused(files, architecture, capsys, monkeypatch):
    monkeypatch.setattr("sirensong.cli.auditing._attack", None)
    wider = type(architecture)(hidden_features=16, hidden_layers=3, omega=20.0)
    population(files / "clean", wider, 5, 1.0, 1)
    population(files / "stego", wider, 5, 1.0, 2)
    assert command(files, "--clean", files / "clean", "--stego", files / "stego") == 1
    assert "carriers must have one grid and architecture" in capsys.readouterr().err


def test_shares_are_of_members_that_a_detector_has_not_seen():
    """A judge that fails where it has seen what it judges, and scores by the feature itself."""

    def judge(known, labels, unseen):
        assert not set(unseen[:, 0]) & set(known[:, 0])
        assert len(labels) == len(known)
        return unseen[:, 0]

    features = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 5.5])[:, None]
    assert _shares_below(Detector("own", features, judge), (5, 6), 0) == (1.0, 0.0)
    features[-1] = 3.5
    assert _shares_below(Detector("own", features, judge), (5, 6), 0) == (0.6, 0.0)


@pytest.mark.parametrize(
    ("size", "p", "low", "clean", "hiding", "words", "bad"),
    [
        (9, 0.04, 0.8, 1.0, 0.5, "fewer than 10 carriers a folder", False),
        (10, 0.06, 0.8, 1.0, 0.5, "not shown to tell the folders apart", False),
        (10, 0.04, 0.5, 1.0, 0.5, "not shown to tell the folders apart", False),
        (10, 0.04, 0.8, 0.9, 0.5, "looks like those that hide pictures", True),
        (10, 0.04, 0.8, 0.5, 0.1, "looks like those that hide nothing", False),
        (10, 0.04, 0.8, 1.0, 0.0, "unlike both", False),
        (10, 0.04, 0.8, 0.5, 0.5, "could be of either kind", False),
    ],
)
def test_a_verdict_needs_folders_that_are_told_apart(size, p, low, clean, hiding, words, bad):
    detection = Detection("d", 0.9, low, 1.0, p, ())
    standing = Standing(Comparison((size, size), (detection,), p, 20), (clean,), (hiding,))
    (line,) = standing_lines(standing)
    assert words in line.verdict
    assert line.bad == bad
    assert line.numbers == {"auc": 0.9, "among clean": clean, "among stego": hiding}
