"""A pool of decoys: private files, whole and once each, drawn by the shares of their kinds."""

import dataclasses
import stat
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sirensong.errors import FileError, SettingError
from sirensong.pictures import pool as pools
from sirensong.pictures.kinds import guess_kind
from sirensong.pictures.pool import Pool, add_payloads, add_picture, open_pool, remove_kinds
from sirensong.pictures.reading import read_picture


def noise(seed, height=20, width=30):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_a_picture_is_kept_without_loss_under_its_kind_for_its_owner_alone(tmp_path):
    folder = tmp_path / "data" / "decoys"
    assert add_picture(folder, noise(1), "drawing") == ("drawing", True)
    (path,) = open_pool(folder)
    assert path.parent == folder / "drawing"
    np.testing.assert_array_equal(read_picture(path).rgb, noise(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, path.parent)] == [0o700] * 2


def test_the_kind_is_guessed_if_none_is_given(tmp_path):
    assert add_picture(tmp_path, noise(1)) == ("noise", True)
    assert list(open_pool(tmp_path).pictures) == ["noise"]


def test_a_picture_is_known_again_by_its_pixels_whatever_its_kind(tmp_path):
    add_picture(tmp_path, noise(1), "drawing")
    assert add_picture(tmp_path, noise(1), "document") == ("document", False)
    assert add_picture(tmp_path, noise(2), "document") == ("document", True)
    assert len(open_pool(tmp_path)) == 2


def test_a_large_picture_is_made_smaller_in_its_shape_and_a_small_one_is_left(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(pools, "SHORTER_SIDE", 10)
    add_picture(tmp_path, noise(1, 20, 30), "drawing")
    add_picture(tmp_path, noise(1, 8, 30), "document")
    sizes = [read_picture(path).size for path in open_pool(tmp_path)]
    assert sizes == [(8, 30), (10, 15)]  # documents come first


def test_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"kinds are photograph, .* got 'cat'"):
        add_picture(tmp_path / "new", noise(1), "cat")
    with pytest.raises(SettingError, match="kinds are"):
        remove_kinds(tmp_path, ["../photograph"])
    assert not (tmp_path / "new").exists()


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FileError, match="no space left"):
        add_picture(tmp_path, noise(1), "drawing")
    assert list((tmp_path / "drawing").iterdir()) == []


def test_only_the_pools_own_files_are_drawn_and_removed(tmp_path):
    add_picture(tmp_path, noise(1), "drawing")
    (own,) = open_pool(tmp_path)
    stranger, link = own.parent / "mine.png", own.parent / f"1x1-{'0' * 32}.png"
    stranger.write_bytes(b"x")
    link.symlink_to(own)
    assert list(open_pool(tmp_path)) == [own]
    assert remove_kinds(tmp_path, ["document"]) == {"document": 0}
    assert remove_kinds(tmp_path)["drawing"] == 1
    assert stranger.exists()
    assert link.is_symlink()
    assert not own.exists()


def test_an_emptied_pool_leaves_no_folder(tmp_path):
    add_picture(tmp_path / "decoys", noise(1), "drawing")
    remove_kinds(tmp_path / "decoys")
    assert list(tmp_path.iterdir()) == []
    assert len(open_pool(tmp_path / "decoys")) == 0


def test_each_kind_has_the_same_share(tmp_path):
    for seed, kind in enumerate(("photograph", "photograph", "photograph", "drawing")):
        add_picture(tmp_path, noise(seed), kind)
    assert open_pool(tmp_path).shares == {"photograph": 0.5, "drawing": 0.5}


def imagined(**counts):
    pictures = {
        kind: tuple(Path(f"{kind}/9x9-{index:032x}.png") for index in range(count))
        for kind, count in counts.items()
    }
    return Pool(Path("x"), pictures, dict.fromkeys(pictures, 1 / len(pictures)))


def test_kinds_are_drawn_by_their_shares_and_not_by_their_numbers():
    pool = dataclasses.replace(
        imagined(photograph=50, drawing=2), shares={"photograph": 0.2, "drawing": 0.8}
    )
    rng = np.random.default_rng(1)
    kinds = Counter(path.parent.name for _ in range(1000) for path in pool.draw(2, (9, 9), rng))
    assert kinds["drawing"] / 2000 == pytest.approx(0.8, abs=0.04)  # 4 standard errors


def test_the_bound_holds_for_every_place_and_every_test_of_a_kind():
    """Of a share p, a kind comes in a decoy at least p times as often as in a secret."""
    pool = imagined(photograph=5, document=5, drawing=5, noise=5)
    rng = np.random.default_rng(2)
    draws = [pool.draw(2, (9, 9), rng) for _ in range(4000)]
    for place in (0, 1):
        seen = Counter(draw[place].parent.name for draw in draws)
        assert all(4000 / count < 4 * 1.15 for count in seen.values())
    pairs = Counter(tuple(path.parent.name for path in draw) for draw in draws)
    assert len(pairs) == 16  # places are independent
    assert all(4000 / count < 16 * 1.3 for count in pairs.values())


def test_no_picture_comes_again_before_all_of_its_kind():
    pool = imagined(drawing=3)
    drawn = pool.draw(7, (9, 9), np.random.default_rng(1))
    assert len(set(drawn[:3])) == 3
    assert drawn[3:6] == drawn[:3]


def test_pictures_that_would_be_enlarged_are_left_out_where_others_are_there():
    small, large = Path("drawing") / f"9x9-{0:032x}.png", Path("drawing") / f"40x20-{1:032x}.png"
    pool = Pool(Path("x"), {"drawing": (small, large)}, {"drawing": 1.0})
    assert set(pool.draw(4, (20, 40), np.random.default_rng(1))) == {large}
    assert set(pool.draw(4, (40, 20), np.random.default_rng(1))) == {small, large}


def test_a_secret_of_a_kind_that_is_missing_is_told(tmp_path):
    add_picture(tmp_path, noise(1), "drawing")
    pool = open_pool(tmp_path)
    assert pool.lacking("a.png", guess_kind(noise(3))).startswith(
        "a.png looks to be of the kind noise, of which"
    )
    add_picture(tmp_path, noise(2), "noise")
    assert open_pool(tmp_path).lacking("a.png", guess_kind(noise(3))) is None


# Payloads.


def test_payloads_need_no_pictures_and_are_a_kind_like_others(tmp_path):
    folder = tmp_path / "decoys"
    add_payloads(folder)
    add_payloads(folder)
    assert open_pool(folder).shares == {"payload": 1.0}
    assert open_pool(folder)
    assert len(open_pool(folder)) == 0
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    add_picture(folder, noise(1), "drawing")
    assert open_pool(folder).shares == {"drawing": 0.5, "payload": 0.5}


def test_a_pool_without_anything_is_none(tmp_path):
    assert not open_pool(tmp_path)


def test_payloads_are_drawn_by_their_share_and_have_no_file(tmp_path):
    add_picture(tmp_path, noise(1), "drawing")
    add_payloads(tmp_path)
    draws = open_pool(tmp_path).draw(2000, (9, 9), np.random.default_rng(1))
    assert draws.count(None) / 2000 == pytest.approx(0.5, abs=0.05)
    assert set(draws) == {None, *open_pool(tmp_path)}


def test_payloads_are_removed_by_themselves_or_with_all(tmp_path):
    folder = tmp_path / "decoys"
    add_payloads(folder)
    add_picture(folder, noise(1), "drawing")
    assert remove_kinds(folder, ["payload"]) == {"payload": 1}
    assert open_pool(folder).shares == {"drawing": 1.0}
    assert remove_kinds(folder, ["payload"]) == {"payload": 0}
    add_payloads(folder)
    remove_kinds(folder)
    assert not folder.exists()


def test_a_picture_cannot_be_added_as_a_payload(tmp_path):
    with pytest.raises(SettingError, match="got 'payload'"):
        add_picture(tmp_path, noise(1), "payload")


def test_a_file_is_told_where_all_decoys_are_pictures(tmp_path):
    add_picture(tmp_path, noise(1), "noise")
    note = open_pool(tmp_path).lacking("a.pdf", "payload")
    assert note.startswith("a.pdf is hidden as a file, and all decoys are pictures")
    add_payloads(tmp_path)
    assert open_pool(tmp_path).lacking("a.pdf", "payload") is None
