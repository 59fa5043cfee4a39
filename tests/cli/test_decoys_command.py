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
    assert cli.run(["decoys", "add", str(pictures), "--kind", "noise"]) == 0
    hide = ["hide", "cover.png", "--secret", "alice.key=holiday.png", *SMALL, "--dry-run"]
    assert cli.run([*hide, "-o", str(tmp_path / "a.safetensors")]) == 0
    assert "holiday.png looks to be of the kind " in capsys.readouterr().err


# Payloads.


def test_payloads_are_added_listed_and_removed(pool, pictures, capsys):
    assert cli.run(["decoys", "add", "--payloads", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["added"], facts["pictures"]) == (0, 0)
    assert facts["kinds"] == {"payload": {"pictures": 0, "share": 1.0}}
    assert cli.run(["decoys", "add", str(pictures / "one.png"), "--kind", "drawing"]) == 0
    capsys.readouterr()
    assert cli.run(["decoys", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "  drawing: 1 pictures, share 50%",
        "  payload: made for each carrier, share 50%",
    ]
    assert cli.run(["decoys", "remove", "payload"]) == 0
    assert list(open_pool(pool).shares) == ["drawing"]


def test_pictures_and_payloads_are_added_in_one_go(pool, pictures):
    assert cli.run(["decoys", "add", str(pictures), "--kind", "document", "--payloads"]) == 0
    assert open_pool(pool).shares == {"document": 0.5, "payload": 0.5}


def test_bad_pictures_leave_no_payloads_either(pool, pictures, capsys):
    add = ["decoys", "add", str(pictures / "hostile.png"), "--payloads"]
    assert "none of these files is an image" in failure(capsys, add)
    assert not pool.exists()
    assert "name pictures to add, or --payloads" in failure(capsys, ["decoys", "add"])


def test_hide_warns_of_a_file_until_decoys_may_be_payloads(at, tmp_path, pool, pictures, capsys):
    note = tmp_path / "note.txt"
    note.write_text("noon")
    hide = ["hide", "cover.png", "--secret", f"alice.key={note}", *SMALL, "--dry-run"]
    hide += ["-o", str(tmp_path / "a.safetensors")]

    def warned(*more):
        assert cli.run([*hide, *more]) == 0
        return "is hidden as a file, and all decoys are pictures" in capsys.readouterr().err

    assert warned()
    assert not warned("--functions", "0")
    assert cli.run(["decoys", "add", str(pictures), "--kind", "drawing"]) == 0
    assert warned()
    assert cli.run(["decoys", "add", "--payloads"]) == 0
    assert not warned()
    assert warned("--decoys", "leaves")
    (pictures / "hostile.png").unlink()  # or it may be drawn
    assert warned("--decoys", str(pictures))


def test_a_pool_of_payloads_alone_is_used(at, tmp_path, pool, capsys, monkeypatch):
    assert cli.run(["decoys", "add", "--payloads"]) == 0
    fit = ["fit", "cover.png", *SMALL, "-o", str(tmp_path / "a.safetensors")]
    assert cli.run(fit) == 0
    assert "there is no pool" not in capsys.readouterr().err
    made = []
    monkeypatch.setattr(
        "sirensong.training.job.decoy_payload", lambda *given: made.append(given) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        cli.run([*fit, "--overwrite"])
    assert made[0][1] == (24, 24)
