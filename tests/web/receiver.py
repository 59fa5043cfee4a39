"""The receiver in JavaScript, run by Node, and songs for it that no training is needed for."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import sirensong as ss
from golden import make

WEB = Path(__file__).parents[2] / "web"
BINARIES = WEB / "build/binaries.js"
NODE = shutil.which("node")

BROWSERS = {
    "chrome": ("chromium", "chromium-browser", "google-chrome"),
    "firefox": ("firefox-esr", "firefox"),
}

needs_node = pytest.mark.skipif(
    NODE is None or not BINARIES.exists(),
    reason="the pages' own tests need Node 20 and what `make web` builds",
)


def each_browser(*wanted):
    """A test for each browser, or some; Firefox's takes half a minute more and is a slow one."""
    found = {name: any(map(shutil.which, commands)) for name, commands in BROWSERS.items()}
    marks = {
        name: [pytest.mark.skipif(not there, reason=f"{name} is not installed")]
        for name, there in found.items()
    }
    marks["firefox"].append(pytest.mark.slow)
    return pytest.mark.parametrize(
        "browser", [pytest.param(name, marks=marks[name]) for name in wanted or BROWSERS]
    )


def browse(test, browser, **variables):
    """Run one of web/test/browser in a real browser, which must find nothing wrong."""
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=tap", f"test/browser/{test}.test.js"],
        env=os.environ | {"BROWSERS": browser} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        cwd=WEB,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout
    assert "# pass 0" not in done.stdout


def answers(jobs):
    """What the receiver says to each job (web/test/answer.js)."""
    done = subprocess.run(
        [NODE, "test/answer.js"],
        input=json.dumps(jobs, default=str),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=WEB,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def picture_of(path, answer):
    """The picture that the receiver wrote."""
    pixels = np.fromfile(path, np.uint8).reshape(answer["height"], answer["width"], 4)
    assert (pixels[..., 3] == 255).all()
    return pixels[..., :3]


def assert_alike(found, expected):
    """At most a level, in at most one of 10,000 values: docs/format.md says why not none."""
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= max(3, 1e-4 * difference.size)


def song(shape, grid, size, seed):
    """A random function, about as smooth and as bright as those of photographs.

    Args:
        shape: (features, layers).
        grid: (rows, columns) of tiles.
        size: (height, width) of the cover.
        seed: of the weights.
    """
    features, layers = shape
    hidden, last = 60 / features**0.5, 35 / features**0.5
    spread = [3, 2, *[hidden, 10] * (layers - 1), last, 6]
    steps = [0.05, 0.1, *[0.02] * (2 * layers)]
    return make.function(shape, 12.0, grid, size, steps, make.drawn(shape, grid, spread, seed))


def saved(path, stego):
    ss.save(path, stego)
    return path
