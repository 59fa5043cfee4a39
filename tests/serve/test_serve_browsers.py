"""The page in real browsers, and what it saved in the hands of Sirensong's own reader."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serving import png

import sirensong as ss
from web.receiver import browse, each_browser, needs_node

SECRET = "<img src=x onerror=alert(1)>.png"
LETTER = bytes(range(50))


@pytest.fixture
def folder(tmp_path):
    """Pictures to drop."""
    (tmp_path / "cover.png").write_bytes(png(0, 32, 32))
    (tmp_path / SECRET).write_bytes(png(1, 32, 24))
    (tmp_path / "letter.bin").write_bytes(LETTER)
    return tmp_path


@needs_node
@each_browser()
def test_what_was_dropped_is_revealed(folder, shared, browser):
    address = f"http://127.0.0.1:{shared.port}/#{shared.headers['x-sirensong-token']}"
    browse("sender", browser, SONGS=str(folder), ADDRESS=address)
    saved = Path(folder / f"{browser}.safetensors")
    song, key = ss.load(saved), ss.read_key(folder / f"{browser}.key")
    cover, secret, letter = json.loads((folder / f"{browser}.json").read_text("utf-8"))
    for row, picture, original in (
        (cover, ss.sample(song), "cover.png"),
        (secret, ss.reveal(song, key), SECRET),
    ):
        wanted = np.asarray(Image.open(folder / original))
        quality = ss.measure(wanted, ss.to_pil(picture))
        assert row[1] == f"{quality.psnr:.2f}"
        assert row[2] == f"{quality.ssim:.4f}"
    assert [cover[0], secret[0], letter[0]] == [
        "cover.png",
        "_img src=x onerror=alert(1)_.png",
        "letter.bin",
    ]
    assert letter[1].startswith("came back exactly; ")
    phrase = ss.Passphrase("grey lamp over nine hills")
    assert ss.reveal_file(song, phrase) == ss.HiddenFile("letter.bin", LETTER)
    assert (folder / f"{browser}.html").read_text("utf-8") == ss.page(song)
