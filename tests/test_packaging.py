"""What packages hold besides the code: the manual, completions, the recipe, the built page."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import sirensong as ss

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def command(arguments, **variables):
    """What `sirensong` prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "sirensong", *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


def test_the_manual_is_that_of_todays_command():
    manual = runpy.run_path(str(PACKAGING / "manpage.py"))["manual"]()
    assert (PACKAGING / "sirensong.1").read_text("utf-8") == manual


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_the_manual_is_shown_without_a_warning():
    done = subprocess.run(
        ["man", "--warnings", "-l", PACKAGING / "sirensong.1"],
        env=os.environ | {"MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert "sirensong reveal [OPTION...] CARRIER" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_those_of_todays_command(shell):
    found = command([], _SIRENSONG_COMPLETE=f"source_{shell}")
    assert (PACKAGING / f"completions/sirensong.{shell}").read_text("utf-8") == found


def test_the_recipe_asks_for_what_the_project_needs():
    recipe = (PACKAGING / "conda/recipe.yaml").read_text("utf-8")
    assert f'version: "{ss.__version__}"' in recipe
    listed = re.findall(r"^    - (\S+) (>=\S+)$", recipe, re.M)
    needed = [re.match(r"([\w-]+)(>=[\d.]+)", line).groups() for line in PROJECT["dependencies"]]
    extra = [
        re.match(r"([\w-]+)(>=[\d.]+)", line) for line in PROJECT["optional-dependencies"]["hide"]
    ]
    senders = [(found[1].replace("torch", "pytorch"), found[2]) for found in extra]
    assert listed[:2] == [("hatchling", ">=1.25"), ("python", PROJECT["requires-python"])]
    assert listed[2 : 2 + len(needed)] == needed
    assert set(listed[2 + len(needed) :]) <= set(senders)


@pytest.mark.slow
def test_wheel_and_sdist(tmp_path):
    """They build, are well formed, and hold what they should and nothing besides."""
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", tmp_path, ROOT], check=True, capture_output=True
    )
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", wheel, sdist],
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout
    names = zipfile.ZipFile(wheel).namelist()
    assert "sirensong/web/viewer.html" in names
    assert any(name.endswith("share/man/man1/sirensong.1") for name in names)
    assert wheel.stat().st_size < 2_000_000
    with tarfile.open(sdist) as archive:
        sources = archive.getnames()
    assert any(name.endswith("web/receiver/carrier.js") for name in sources)
    assert not any("node_modules" in name for name in sources)
    assert all("golden" in name for name in sources if name.endswith(".key"))
    assert sdist.stat().st_size < 5_000_000
