"""Which schemes a detector is set on, with which pictures, and what is shown of it."""

import numpy as np
import pytest
import schemes_for_tests as schemes
from PIL import Image

from sirensong.errors import SettingError
from sirensong.lab.compare import detecting
from sirensong.lab.compare.contenders import Contender
from sirensong.lab.compare.contest import Contest
from sirensong.lab.compare.detect import Detectability
from sirensong.lab.compare.entries import Entry
from sirensong.lab.compare.processes import ProcessDiedError
from sirensong.lab.steganalysis import weights


class Here:
    """Runs work in this process."""

    def run(self, owner, work, *given):
        return work(*given)


class Dead:
    """Has no process."""

    def run(self, owner, work, *given):
        raise ProcessDiedError("its process died")


@pytest.fixture
def contest(tmp_path):
    for name, count in (("coco", 5), ("div2k", 3)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(count):
            picture = Image.fromarray(np.full((16, 16, 3), 10 * index, np.uint8))
            picture.save(tmp_path / "data" / name / f"{index}.png")
    return Contest(tmp_path / "data", 2, 16, tmp_path / "out")


@pytest.fixture
def asked(monkeypatch):
    """What the detector was asked, with an answer that says how many pictures there were."""
    found = []

    def answer(source, pictures, *, kept):
        found.append((source, pictures, kept))
        return Detectability(len(pictures), 0.75, 0.5, 0.875, 0.0625)

    monkeypatch.setattr(detecting, "detectability", answer)
    monkeypatch.setattr(
        detecting, "false_alarms", lambda pictures, *, kept: answer(None, pictures, kept=kept)
    )
    return found


WENG = Contender(Entry("weng", "small", 2), schemes.Open)
FUNCTION = Contender(Entry("lsb", "plain", 2), schemes.Keyed)
ELSEWHERE = Contender(Entry("weng", "small", 1), schemes.Open)


def test_pictures_of_the_first_table_are_judged_beside_controls(contest, asked):
    items = detecting.detect_items(contest, [WENG, FUNCTION, ELSEWHERE], 4, Here())
    named = [(item.key["set"], item.key.get("control") or item.key["scheme"]) for item in items]
    controls = list(detecting._CONTROLS)
    assert named == [(name, control) for name in ("coco", "div2k") for control in controls] + [
        ("coco", "weng"),
        ("div2k", "weng"),
    ]
    assert all(item.key["kind"] == "detect" and item.key["index"] == 0 for item in items)
    assert items[-2].work() == {"found": 4, "auc": 0.75, "low": 0.5, "high": 0.875, "p": 0.0625}
    assert items[-1].work()["found"] == 3  # there are no more
    source, pictures, kept = asked[0]
    assert (source.name, source.secrets) == ("weng-small-2", 2)
    assert [int(picture[0, 0, 0]) for picture in pictures] == [0, 10, 20, 30]
    assert kept.is_relative_to(contest.output)
    assert [item.work()["found"] for item in items[:3]] == [4, 4, 4]
    assert asked[2][0] is None  # covers against covers
    assert [one.name for one, _, _ in asked[3:5]] == ["lsb-matching-0.4", "hill-0.4"]


def test_what_goes_wrong_is_told_in_its_row(contest, monkeypatch):
    def refuses(*_, **__):
        raise SettingError("a detector needs more pictures")

    monkeypatch.setattr(detecting, "detectability", refuses)
    items = detecting.detect_items(contest, [WENG], 4, Here())
    failed = items[1].key | items[1].work()
    assert failed["failed"] == "a detector needs more pictures"
    assert items[-1].work() == {"failed": "a detector needs more pictures"}
    dead = detecting.detect_items(contest, [WENG], 4, Dead())
    assert dead[-1].work() == {"failed": "its process died"}
    row = detecting.detect_table([failed]).rows[0]
    assert row[1:] == [
        "LSB matching, 0.4 bits a sample", "0", "not judged: a detector needs more pictures", "-",
    ]  # fmt: skip


SONG = Contender(Entry("inrsteg", "small", 2), schemes.Function)


def test_functions_of_the_first_table_are_trained_in_pairs_and_judged(contest, monkeypatch):
    monkeypatch.setattr(weights, "_TREES", 5)
    items = detecting.function_items(contest, [WENG, FUNCTION, SONG], 5, Here())
    named = [(item.key["set"], item.key["kind"], item.key["index"]) for item in items]
    assert named == [
        *(("coco", "train functions", index) for index in range(5)),
        ("coco", "detect functions", 0),
        *(("div2k", "train functions", index) for index in range(3)),
        ("div2k", "detect functions", 0),
    ]
    assert {item.key["scheme"] for item in items} == {"inrsteg"}
    assert items[1].work() == {"bytes": [35 + 3 * 16 * 16] * 2}
    kept = contest.make_path("functions", "inrsteg-small-2")
    assert len(list(kept.iterdir())) == 2
    found = items[5].work()
    assert len(list(kept.iterdir())) == 10
    assert (found["found"], len(found["detections"])) == (5, 5)
    assert "scores" not in found["detections"][0]
    assert items[-1].work() == {"failed": "a detector needs at least 5 pictures here, got 3"}


def test_the_best_detector_of_functions_is_shown_and_what_failed():
    key = {"set": "coco", "scheme": "inrsteg", "variant": "small"}
    detections = [
        {"name": "one", "auc": 0.5, "low": 0.25, "high": 0.75, "p": 0.5},
        {"name": "other", "auc": 0.75, "low": 0.5, "high": 0.875, "p": 0.25},
    ]
    records = [
        key | {"found": 5, "p": 0.375, "detections": detections},
        key | {"failed": "too few"},
    ]
    assert detecting.functions_table(records).rows == [
        ["coco", "inrsteg, small", "5", "0.75 [0.50, 0.88]", "other", "0.375"],
        ["coco", "inrsteg, small", "0", "not judged: too few", "-", "-"],
    ]


def test_a_scheme_that_refuses_or_dies_says_so_for_its_pair(contest, monkeypatch):
    def refuses(*_):
        raise SettingError("no")

    monkeypatch.setattr(schemes.Function, "hide_nothing", refuses)
    assert detecting.function_items(contest, [SONG], 5, Here())[0].work() == {"failed": "no"}
    dead = detecting.function_items(contest, [SONG], 5, Dead())
    assert dead[0].work() == dead[-1].work() == {"failed": "its process died"}


def test_the_table_has_areas_with_intervals(contest, asked):
    item = detecting.detect_items(contest, [WENG], 4, Here())[-2]
    (row,) = detecting.detect_table([item.key | item.work()]).rows
    assert row == ["coco", "weng, small", "4", "0.75 [0.50, 0.88]", "0.062"]
