"""The pages in real browsers: `web/test/browser`, with songs and pictures that are made here."""

import shutil
from pathlib import Path

import pytest

import sirensong as ss
from golden import make
from sirensong.network.substitution import Selection
from sirensong.reveal import unlock
from sirensong.web.page import page_of
from sirensong.web.widget import Viewer
from web.receiver import browse, each_browser, needs_node, saved, song

pytestmark = needs_node
ACCEPT = Path(make.HERE) / "accept"
PHRASE = "Zw\u00f6lf Boxk\u00e4mpfer"


def write_picture(path, function, size=None):
    pixels = ss.render_uint8(function, size or (function.height, function.width))
    ss.to_pil(pixels).save(path)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A folder with pages, songs, keys, and the pictures that Python's receiver shows."""
    folder = tmp_path_factory.mktemp("songs")
    for path in ACCEPT.iterdir():
        shutil.copy(path, folder)
    shutil.copy(ACCEPT / "two-secrets.disk.key", folder / "<img src=x onerror=alert(1)>.key")
    plain = song((16, 3), (1, 2), (20, 30), 8)
    key = ss.Passphrase(PHRASE).bind(plain.nonce)
    passphrase = make.with_slots(plain, (key, Selection.KEYED, 0.1, 20, 30))
    saved(folder / "passphrase.safetensors", passphrase)
    write_picture(folder / "passphrase.secret.png", unlock(passphrase, key))
    plain = song((12, 5), (64, 64), (2048, 2048), 9)
    key = ss.SecretKey(bytes(range(7, 39)))
    large = make.with_slots(plain, (key, Selection.KEYED, 0.2, 1500, 2000))
    saved(folder / "large.safetensors", large)
    ss.write_key(folder / "large.key", key)
    write_picture(folder / "large.secret.png", unlock(large, key), (525, 700))
    six_tiles = ss.load(folder / "six-tiles.safetensors")
    write_picture(folder / "six-tiles.large.png", six_tiles, (200, 300))
    for path in list(folder.glob("*.safetensors")):
        path.with_suffix(".html").write_text(page_of(path.read_bytes()), "utf-8")
    sound = (folder / "two-secrets.safetensors").read_bytes()
    (folder / "damaged.html").write_text(page_of(sound[:-1]), "utf-8")
    frame = ss.load(folder / "one-tile.safetensors")._repr_html_()
    icon = '<link rel="icon" href="data:,">'
    notebook = f"<!doctype html><title>A notebook</title>{icon}{frame}"
    (folder / "notebook.html").write_text(notebook, "utf-8")
    (folder / "widget.js").write_text(Viewer._esm, "utf-8")
    (folder / "widget.html").write_text(f"<!doctype html><title>A widget</title>{icon}", "utf-8")
    (folder / "viewer.html").write_text(ss.viewer(), "utf-8")
    return folder


@each_browser()
def test_the_viewer(songs, browser):
    browse("viewer", browser, SONGS=str(songs))


@each_browser("chrome")
def test_the_gpu(songs, browser):
    """The GPU, in software if need be; Firefox has none without a driver."""
    browse("gpu", browser, SONGS=str(songs))
