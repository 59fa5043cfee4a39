"""sirensong decoys: add, list, remove; and hide draws from the pool or says that there is none."""

import json

import pytest

from command import SMALL, failure, photograph
from sirensong import cli
from sirensong.pictures.pool import open_pool


@pytest.fixture
def pool(tmp_path, monkeypatch):
    folder = tmp_path / "pool"
    monkeypatch.setenv("SIRENSONG_DECOYS", str(folder))
    return folder


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "deeper").mkdir(parents=True)
    photograph(1, 30, 20).save(folder / "one.png")
    photograph(2, 30, 20).save(folder / "deeper" / "two.png")
    photograph(1, 30, 20).save(folder / "same.png")
    (folder / "hostile.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    return folder


def test_pictures_are_added_listed_and_removed(pool, pictures, capsys):
    add = ["decoys", "add", str(pictures), "--kind", "photograph", "--json"]
    assert cli.run(add) == 0
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    assert (facts["added"], facts["known"], facts["skipped"]) == (2, 1, 1)
    assert "note: skipped: " in printed.err
    assert "hostile.png" in printed.err
    assert cli.run(["decoys", "list", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["folder"] == str(pool)
    assert facts["kinds"] == {"photograph": {"pictures": 2, "share": 1.0}}
    assert cli.run(["decoys", "remove", "--all"]) == 0
    assert not pool.exists()


def test_what_cannot_be_is_refused(pool, pictures, capsys):
    error = failure(capsys, ["decoys", "add", str(pictures / "hostile.png")])
    assert "none of these files is an image" in error
    assert "kinds are" in failure(capsys, ["decoys", "add", str(pictures), "--kind", "cat"])
    assert "name kinds to remove" in failure(capsys, ["decoys", "remove"])
    assert not pool.exists()


def test_fit_says_once_that_there_is_no_pool_and_draws_from_one(
    at, tmp_path, pool, pictures, capsys
):
    fit = ["fit", "cover.png", *SMALL]
    assert cli.run([*fit, "-o", str(tmp_path / "a.safetensors")]) == 0
    assert capsys.readouterr().err.count("there is no pool of decoys") == 1
    assert cli.run(["decoys", "add", str(pictures), "--kind", "drawing"]) == 0
    capsys.readouterr()
    assert cli.run([*fit, "-o", str(tmp_path / "b.safetensors")]) == 0
    assert "no pool" not in capsys.readouterr().err
    for path in open_pool(pool):
        path.write_bytes(b"no image")  # so that drawing from it shows
    assert "not an image" in failure(capsys, [*fit, "-o", str(tmp_path / "c.safetensors")])


def test_hide_warns_of_a_secret_whose_kind_the_pool_lacks(at, tmp_path, pool, pictures, capsys):
    assert cli.run(["decoys", "add", str(pictures), "--kind", "payload"]) == 0
    hide = ["hide", "cover.png", "--secret", "alice.key=holiday.png", *SMALL, "--dry-run"]
    assert cli.run([*hide, "-o", str(tmp_path / "a.safetensors")]) == 0
    assert "holiday.png looks like a " in capsys.readouterr().err
