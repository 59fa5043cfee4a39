"""Sounds and videos as secrets are files: what comes back plays as what was sent."""

import io
import multiprocessing

import av
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


def there_and_back(sent, side, quality):
    """Hide a file in a cover of a side, by the command, and reveal it; its bytes are the same."""
    song, key, folder = (sent.parent / name for name in ("song.safetensors", "alice.key", "inbox"))
    cover = sent.parent / "cover.png"
    photograph(1, side, side).save(cover)
    assert cli.run(["keygen", "-o", str(key)]) == 0
    hide = ["hide", str(cover), "--secret", f"{key}={sent}", "-o", str(song)]
    assert cli.run([*hide, "--quality", quality, "--steps", "300", "--seed", "1"]) == 0
    assert cli.run(["reveal", str(song), "--key", str(key), "-o", f"{folder}/"]) == 0
    received = (folder / sent.name).read_bytes()
    assert received == sent.read_bytes()
    return received


@pytest.mark.parametrize(
    ("codec", "side", "quality"),
    [
        ("OPUS", 56, "high"),
        pytest.param("VORBIS", 64, "archive", marks=pytest.mark.slow),
    ],
)
def test_a_clip_plays_after_reveal(codec, side, quality, tmp_path):
    sent = tmp_path / "hello.ogg"
    soundfile.write(sent, spoken(0.1), RATE, format="OGG", subtype=codec, compression_level=1.0)
    received = there_and_back(sent, side, quality)
    assert soundfile.info(io.BytesIO(received)).subtype == codec
    played, rate = soundfile.read(io.BytesIO(received))
    expected, _ = soundfile.read(sent)
    assert rate == RATE
    assert np.array_equal(played, expected)
    assert np.corrcoef(played, spoken(0.1))[0, 1] > 0.9


def moving(place):
    """A bright square that moves to the right: (48, 64, 3)."""
    frame = np.full((48, 64, 3), 40, np.uint8)
    frame[16:32, 4 * place : 4 * place + 16] = (240, 200, 80)
    return frame


def frames_of(data):
    with av.open(io.BytesIO(data)) as clip:
        assert clip.streams.video[0].codec_context.name in ("av1", "libdav1d")
        return [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]


def film(path):
    """Write eight frames of it as AV1."""
    with av.open(str(path), "w", format="ivf") as clip:
        stream = clip.add_stream("libsvtav1", rate=8, options={"crf": "40", "preset": "8"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for place in range(8):
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(moving(place), format="rgb24")))
        clip.mux(stream.encode())


def test_a_clip_of_av1_plays_after_reveal(tmp_path):
    sent = tmp_path / "hello.ivf"
    # Under root SVT-AV1 gives the thread that calls it real-time priority, and leaves it so.
    filming = multiprocessing.get_context("spawn").Process(target=film, args=(sent,))
    filming.start()
    filming.join()
    assert filming.exitcode == 0
    received = there_and_back(sent, 64, "archive")
    played, expected = frames_of(received), frames_of(sent.read_bytes())
    assert len(played) == 8
    assert all(np.array_equal(one, other) for one, other in zip(played, expected, strict=True))
    shown = np.abs(played[7].astype(int) - moving(7)).mean()
    assert shown < 12 < np.abs(played[0].astype(int) - moving(7)).mean()
