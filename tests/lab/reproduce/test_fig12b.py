"""Figure 12b: who is trained on and who is judged, what the control is, and what the table says.

It says where 50 % says nothing.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sirensong.errors import MissingDependencyError, SettingError
from sirensong.lab.reproduce import functions, siastegnet, study
from sirensong.lab.steganalysis import siastegnet as detector
from sirensong.training import recipe as recipes

TINY = dataclasses.replace(
    recipes.FAST.with_steps(2, cover=1), tile=1000, features=0.25, hidden_layers=2, ratio=0.05
)
(FIG12B,) = siastegnet.EXPERIMENTS


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(siastegnet, "_STEPS", 1)
    monkeypatch.setattr(siastegnet, "_PAIRS", 2)
    monkeypatch.setattr(siastegnet, "_CROP", 12)
    monkeypatch.setattr(siastegnet, "SIDE", 40)


@pytest.fixture
def setting(tmp_path):
    return study.Study(None, 1, TINY, tmp_path)


def judged(comparison, pairs, unseen):
    """The result of an item that judged 50 pictures."""
    settings = {"comparison": comparison, "pairs": pairs, "pictures": 100, "steps": 9}
    return settings | {"known": 1.0, "unseen": unseen, "judged": 50}


def verdicts(*records):
    kept = {"function": "decoys", "index": 0, "path": "x"}
    table, _ = siastegnet._show(study.Results(Path("nowhere"), [kept, *records]))
    return [(cells[1], cells[2], cells[-1]) for cells in table.rows]


def test_it_runs_and_is_not_done_again(setting, monkeypatch):
    results = study.run_items(FIG12B, setting)
    pairs = [record["pairs"] for record in results.records if "comparison" in record]
    assert pairs == [1, 2, 3] * 3
    assert len(list((setting.output / "functions").rglob("*.safetensors"))) == 8
    table, figure = FIG12B.show(results)
    assert {len(cells) for cells in table.rows} == {len(table.columns)}
    assert "4 pictures" in table.notes[0]
    assert "1 of them held out" in table.notes[0]
    assert all(x == [1, 2, 3] for x, _ in figure.lines.values())
    monkeypatch.setattr(siastegnet, "keep", pytest.fail)
    monkeypatch.setattr(siastegnet, "_train_and_judge", pytest.fail)
    assert study.run_items(FIG12B, setting) == results


def test_no_picture_is_trained_on_and_judged(setting, monkeypatch):
    """With a detector that keeps what it is shown."""
    shown = []
    monkeypatch.setattr(detector, "train", lambda *given: shown.append(given[:2]))
    monkeypatch.setattr(detector, "accuracy", lambda _, *given: shown.append(given) or 0.5)
    siastegnet._train_and_judge(setting, "control", 4, 2, 1)
    (known, known_stego), again, (unseen, unseen_stego) = shown
    photographs = [siastegnet._look(setting, "photograph", index) for index in range(4)]
    np.testing.assert_array_equal(known, photographs[1:3])
    np.testing.assert_array_equal(unseen, photographs[:1])
    np.testing.assert_array_equal(again, (known, known_stego))
    for covers, stegos in ((known, known_stego), (unseen, unseen_stego)):
        assert set(np.unique(covers.astype(int) - stegos)) == {-1, 0, 1}


def test_a_render_is_looked_at_in_grey(setting):
    path = functions.member(setting, "decoys", 2, siastegnet.SIDE)
    seen = siastegnet._look(setting, "decoys", 2)
    colours = siastegnet.sample(siastegnet.load(path)).clip(0, 1) * 255
    luma = colours @ [0.299, 0.587, 0.114]
    assert (seen.shape, seen.dtype) == ((40, 40), np.uint8)
    assert np.abs(seen - luma).max() < 1.01


def test_lsb_matching_changes_a_quarter_by_one():
    grey = np.random.default_rng(1).integers(0, 256, (200, 200), np.uint8)
    grey[:50], grey[50:100] = 0, 255
    change = siastegnet.matched(grey, np.random.default_rng(2)).astype(int) - grey
    assert set(np.unique(change)) == {-1, 0, 1}
    assert (change != 0).mean() == pytest.approx(0.25, abs=0.01)
    assert (change[100:] > 0).mean() == pytest.approx(0.125, abs=0.01)
    assert (change[:50] >= 0).all()
    assert (change[50:100] <= 0).all()


def test_the_table_says_where_chance_says_nothing():
    told = verdicts(
        judged("control", 20, 0.88),
        judged("control", 75, 0.9),
        judged("paper", 20, 0.52),
        judged("paper", 75, 0.52),
        judged("secrets", 20, 0.66),  # 33 of 50: beyond 1.96 deviations, 31.93
        judged("secrets", 75, 0.64),
    )
    assert told == [
        ("photograph with LSB matching", "20", "control FAILED: below 90 %"),
        ("photograph with LSB matching", "75", "control passed"),
        ("render of a stego function", "20", "nothing: the control failed"),
        ("render of a stego function", "75", "no better than chance, where the control is found"),
        ("render of a stego function", "20", "tells them apart"),
        ("render of a stego function", "75", "tells them apart"),
    ]
    told = verdicts(judged("control", 9, 0.95), judged("paper", 9, 0.62))
    assert told[1][2] == "no better than chance, where the control is found"


def test_pictures_grow_with_n_but_none_comes_twice(setting, tmp_path):
    folder = tmp_path / "data" / study.DATA_SETS[0]
    folder.mkdir(parents=True)
    for index in range(30):
        Image.new("RGB", (8, 8)).save(folder / f"{index}.png")
    counts = [
        siastegnet._count(dataclasses.replace(setting, data=tmp_path / "data", images=images))
        for images in (1, 2, 4, 5, 10)
    ]
    assert counts == [6, 6, 16, 25, 30]
    assert siastegnet._count(setting) == 4
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    with pytest.raises(SettingError, match="needs two pictures"):
        siastegnet._count(dataclasses.replace(setting, data=tmp_path / "data"))


def test_it_says_that_torch_is_missing(setting, monkeypatch):
    monkeypatch.delitem(sys.modules, "sirensong.lab.steganalysis.siastegnet")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="SiaStegNet needs torch"):
        siastegnet._train_and_judge(setting, "control", 4, 2, 1)
