"""What is published: three files, made of the carrier alone, whole or not at all."""

import dataclasses
import hashlib
import io
import re
import stat

import numpy as np
import pytest
from PIL import Image

import sirensong as ss
from sirensong.errors import FileError, FormatError, SettingError
from sirensong.hub import folders

NAMES = ["README.md", "preview.png", "song.safetensors"]


def publish(carrier, folder, **options):
    return ss.publish(carrier, folder, **{"license_id": "cc0-1.0"} | options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_gets_three_files(carrier, song, tmp_path, set_umask):
    set_umask(0o022)
    told = publish(carrier, tmp_path / "out")
    assert names(tmp_path / "out") == sorted(told.files) == NAMES
    for name, data in told.files.items():
        path = tmp_path / "out" / name
        assert path.read_bytes() == data
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert told.digest(name) == hashlib.sha256(data).hexdigest()
    assert told.files["song.safetensors"] == song
    assert names(tmp_path) == [carrier.name, "out"]


def test_the_preview_is_the_function_s_own_render(carrier, tmp_path):
    data = publish(carrier, tmp_path / "out").files["preview.png"]
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.info) == ("PNG", {})
        np.testing.assert_array_equal(
            np.asarray(image), ss.render_uint8(ss.load(carrier), (30, 40))
        )


def test_a_large_picture_has_a_small_preview(make_stego, tmp_path):
    large = dataclasses.replace(make_stego(), height=500, width=260)
    ss.save(tmp_path / "large.safetensors", dataclasses.replace(large, height=512, width=256))
    told = publish(tmp_path / "large.safetensors", tmp_path / "out")
    with Image.open(io.BytesIO(told.files["preview.png"])) as image:
        assert max(image.size) <= 512


def test_the_card_has_what_repositories_look_for(carrier, song, tmp_path):
    text = publish(carrier, tmp_path / "out", license_id="cc-by-4.0").card
    fields = text.split("---\n")[1]
    assert "library_name: sirensong\n" in fields
    assert "license: cc-by-4.0\n" in fields
    assert "pipeline_tag: " in fields
    assert "tags:\n- " in fields
    assert "![" in text
    assert "](preview.png)" in text
    assert hashlib.sha256(song).hexdigest() in text
    assert f"{len(song)} bytes" in text
    assert ss.loads(song).fingerprint in text
    assert "30 x 40" not in text
    assert "40 x 30 pixels" in text


def test_the_card_s_code_runs(carrier, tmp_path, monkeypatch):
    text = publish(carrier, tmp_path / "out").card
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    monkeypatch.chdir(tmp_path / "out")
    exec(code, {})
    with Image.open("picture.png") as image:
        assert image.size == (40, 30)


def test_nothing_tells_of_names_places_and_the_time(carrier, tmp_path, monkeypatch):
    other = tmp_path / "another name"
    other.mkdir()
    monkeypatch.setattr("time.time", lambda: 0.0)
    first = publish(carrier, tmp_path / "here")
    monkeypatch.undo()
    (other / "x.safetensors").write_bytes(carrier.read_bytes())
    second = publish(other / "x.safetensors", other / "there")
    assert first.files == second.files
    told = b"".join(first.files[name] for name in ("README.md", "preview.png"))
    for word in (b"alice", b"cat", b"here", str(tmp_path).encode()):
        assert word not in told


SHORT = dataclasses.replace(
    ss.FAST, tile=16, hidden_features=16, hidden_layers=2, omega=10.0, decoys="cover"
).with_steps(2, cover=1)


def form(path, tmp_path):
    """What a publication says, but for what the carrier's bytes say of themselves."""
    told = publish(path, tmp_path / f"{path.stem} out")
    data, text = told.files["song.safetensors"], told.card
    mine = (hashlib.sha256(data).hexdigest(), ss.loads(data).fingerprint, f"{len(data)} bytes")
    for value in mine:
        assert text.count(value) == 1
        text = text.replace(value, "...")
    with Image.open(io.BytesIO(told.files["preview.png"])) as image:
        return list(told.files), text, (image.format, image.size, image.mode, image.info)


def test_with_secrets_and_without_the_form_is_the_same(tmp_path):
    rng = np.random.default_rng(3)
    cover, secret = rng.integers(0, 256, (2, 32, 32, 3), np.uint8)
    keys = [ss.SecretKey(bytes([number]) * 32) for number in range(2)]
    secrets = {keys[0]: secret, keys[1]: ss.HiddenFile("letter.txt", b"a")}
    ss.save(tmp_path / "with.safetensors", ss.hide(cover, secrets, recipe=SHORT).stego)
    ss.save(tmp_path / "without.safetensors", ss.fit(cover, recipe=SHORT))
    with_secrets, without = (
        form(tmp_path / f"{name}.safetensors", tmp_path) for name in ("with", "without")
    )
    assert with_secrets == without


def test_a_page_is_published_as_index_html(carrier, tmp_path):
    told = publish(carrier, tmp_path / "out", page=True)
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert page == ss.page(ss.load(tmp_path / "out" / "song.safetensors"))
    assert "](index.html)" in told.card
    assert "index.html" not in publish(carrier, tmp_path / "bare").card


# Whole or not at all.


def test_what_was_published_is_not_replaced_unless_told(carrier, songs, tmp_path):
    publish(carrier, tmp_path / "out", page=True)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    carrier.write_bytes(songs[1])
    with pytest.raises(FileError, match=r"out/song.safetensors exists: two versions") as failed:
        publish(carrier, tmp_path / "out")
    assert "--overwrite" in failed.value.hint
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    publish(carrier, tmp_path / "out", overwrite=True)
    assert names(tmp_path / "out") == NAMES
    assert (tmp_path / "out" / "song.safetensors").read_bytes() == songs[1]
    assert names(tmp_path) == [carrier.name, "out"]


def test_a_folder_with_other_files_is_left_alone(carrier, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "alice.key").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(FileError, match="it has other files"):
            publish(carrier, tmp_path / "out", overwrite=overwrite)
    assert names(tmp_path / "out") == ["alice.key"]


def test_an_empty_folder_is_filled_and_stays_as_open_as_it_was(carrier, tmp_path):
    (tmp_path / "out").mkdir(mode=0o750)
    publish(carrier, tmp_path / "out")
    assert names(tmp_path / "out") == NAMES
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o750


@pytest.mark.parametrize("exists", [False, True])
def test_a_failure_leaves_everything_as_it_was(exists, carrier, songs, tmp_path, monkeypatch):
    if exists:
        publish(carrier, tmp_path / "out")
        carrier.write_bytes(songs[1])
    write = folders.write_bytes

    def full(path, data, **options):
        if path.name == "preview.png":
            raise FileError("cannot write: no space left on device")
        write(path, data, **options)

    monkeypatch.setattr(folders, "write_bytes", full)
    with pytest.raises(FileError, match="no space left"):
        publish(carrier, tmp_path / "out", overwrite=True)
    assert names(tmp_path) == [carrier.name, "out"] if exists else [carrier.name]
    if exists:
        assert (tmp_path / "out" / "song.safetensors").read_bytes() == songs[0]


def test_a_folder_that_cannot_be_renamed_is_put_back(carrier, songs, tmp_path, monkeypatch):
    publish(carrier, tmp_path / "out")
    carrier.write_bytes(songs[1])
    rename = folders.Path.rename

    def refuse(path, target):
        if path.name == "new":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(folders.Path, "rename", refuse)
    with pytest.raises(FileError, match="input/output error"):
        publish(carrier, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "song.safetensors").read_bytes() == songs[0]


def test_what_is_no_folder_is_refused(carrier, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name, words in (
        ("file", "it is not a folder"),
        ("link", "it is not a folder"),
        ("none/out", "no folder"),
        ("file/out", "no folder|not a directory"),
    ):
        with pytest.raises(FileError, match=words):
            publish(carrier, tmp_path / name)
    assert names(tmp_path / "real") == []


# What is refused before.


def test_what_is_no_carrier_is_not_published(tmp_path):
    (tmp_path / "alice.key").write_text("sirensong-key-aaaa\n" * 3)
    with pytest.raises(FormatError, match=r"alice.key is not a carrier") as failed:
        publish(tmp_path / "alice.key", tmp_path / "out")
    assert "aaaa" not in failed.value.message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["", "CC-BY", "cc by", "a\nb", "a: b", "-a", "x" * 65])
def test_what_is_no_license_s_name_is_refused(name, carrier, tmp_path):
    with pytest.raises(SettingError, match="a license is named in small letters"):
        publish(carrier, tmp_path / "out", license_id=name)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "place", ["folder", "hf://me/name", "s3://bucket/a", "oci://registry.example/a:b"]
)
def test_a_dry_run_does_nothing(place, carrier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.socket.connect", None)
    told = publish(carrier, place, dry_run=True)
    assert sorted(told.files) == NAMES
    assert names(tmp_path) == [carrier.name]
    assert told.card.count(told.address) >= 3
