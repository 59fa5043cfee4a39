"""The page in real browsers, and what it saved in the hands of Sirensong's own reader."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serving import png

import sirensong as ss
from web.receiver import NODE, WEB, needs_node

BROWSERS = {
    "chrome": ("chromium", "chromium-browser", "google-chrome"),
    "firefox": ("firefox-esr", "firefox"),
}
FOUND = [name for name, commands in BROWSERS.items() if any(map(shutil.which, commands))]
SECRET = "<img src=x onerror=alert(1)>.png"
LETTER = bytes(range(50))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, shared):
    """Pictures to drop, and then what the browsers have saved."""
    folder = tmp_path_factory.mktemp("sender")
    (folder / "cover.png").write_bytes(png(0, 32, 32))
    (folder / SECRET).write_bytes(png(1, 32, 24))
    (folder / "letter.bin").write_bytes(LETTER)
    address = f"http://127.0.0.1:{shared.port}/#{shared.headers['x-sirensong-token']}"
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=tap", "test/browser/sender.test.js"],
        env=os.environ | {"SONGS": str(folder), "ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        cwd=WEB,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout
    return folder


@needs_node
@pytest.mark.skipif(not FOUND, reason="neither Chromium nor Firefox is installed")
@pytest.mark.parametrize("name", FOUND)
def test_what_was_dropped_is_revealed(folder, name):
    saved = Path(folder / f"{name}.safetensors")
    song, key = ss.load(saved), ss.read_key(folder / f"{name}.key")
    cover, secret, letter = json.loads((folder / f"{name}.json").read_text("utf-8"))
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
    assert (folder / f"{name}.html").read_text("utf-8") == ss.page(song)
