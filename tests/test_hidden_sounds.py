"""Sounds as secrets are files: what comes back is decoded to the same samples."""

import io

import numpy as np
import pytest
import soundfile

from command import photograph
from sirensong import cli

RATE = 16_000


def spoken(seconds):
    """A voice that glides, with overtones: (samples,), in [-1, 1]."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(4 * np.pi * time)) / RATE
    overtones = sum(np.sin(number * phase) / number for number in range(1, 8))
    return 0.3 * overtones * np.hanning(len(time))


@pytest.mark.parametrize(
    ("codec", "side", "quality"),
    [
        ("OPUS", 56, "high"),
        pytest.param("VORBIS", 64, "archive", marks=pytest.mark.slow),
    ],
)
def test_a_clip_plays_after_reveal(codec, side, quality, tmp_path):
    sent, song, folder = (tmp_path / name for name in ("hello.ogg", "song.safetensors", "inbox"))
    soundfile.write(sent, spoken(0.1), RATE, format="OGG", subtype=codec, compression_level=1.0)
    photograph(1, side, side).save(tmp_path / "cover.png")
    key = tmp_path / "alice.key"
    folder.mkdir()
    assert cli.run(["keygen", "-o", str(key)]) == 0
    hide = ["hide", str(tmp_path / "cover.png"), "--secret", f"{key}={sent}", "-o", str(song)]
    assert cli.run([*hide, "--quality", quality, "--steps", "300", "--seed", "1"]) == 0
    assert cli.run(["reveal", str(song), "--key", str(key), "-o", f"{folder}/"]) == 0

    received = (folder / "hello.ogg").read_bytes()
    assert received == sent.read_bytes()
    assert soundfile.info(io.BytesIO(received)).subtype == codec
    played, rate = soundfile.read(io.BytesIO(received))
    expected, _ = soundfile.read(sent)
    assert rate == RATE
    assert np.array_equal(played, expected)
    assert np.corrcoef(played, spoken(0.1))[0, 1] > 0.9
