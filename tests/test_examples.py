"""The scripts and the notebook in examples/ do what they say, with small photographs."""

import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

import sirensong as ss
from sirensong.pictures.image import fill, to_pil
from sirensong.pictures.photographs import NAMES, photograph

EXAMPLES = Path(__file__).parent.parent / "examples"
SIDE = 24


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder of scikit-image's photographs, scaled down."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in NAMES:
        Image.fromarray(fill(photograph(name), SIDE, SIDE)).save(folder / f"{name}.png")
    return folder


def run(example, *arguments, then=""):
    """Run an example as a script in a fresh interpreter where warnings are errors.

    then: what the interpreter does after it.
    """
    script = (
        "import runpy, sys\n"
        f"sys.argv[1:] = {[str(argument) for argument in arguments]!r}\n"
        f"runpy.run_path({str(EXAMPLES / example)!r}, run_name='__main__')\n"
    )
    command = [sys.executable, "-W", "error", "-c", script + then]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


def psnr(original, render):
    """PSNR in dB between two picture files, by NumPy alone."""
    error = np.asarray(Image.open(original), float) - np.asarray(Image.open(render), float)
    return 10 * np.log10(255**2 / np.square(error).mean())


@pytest.fixture(scope="module")
def hidden(photographs, tmp_path_factory):
    """What examples/hide_and_reveal.py writes: Alice has the cat, Bob has the coffee."""
    folder = tmp_path_factory.mktemp("hidden")
    names = [photographs / f"{name}.png" for name in ("astronaut", "chelsea", "coffee")]
    done = run("hide_and_reveal.py", *names, folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


@pytest.mark.parametrize(
    ("name", "original"), [("everybody", "astronaut"), ("alice", "chelsea"), ("bob", "coffee")]
)
def test_hide_and_reveal_gives_each_their_picture(hidden, photographs, name, original):
    assert psnr(photographs / f"{original}.png", hidden / f"{name}.png") > 30


def test_a_receiver_needs_no_torch(hidden, tmp_path):
    arguments = (hidden / "song.safetensors", hidden / "alice.key", tmp_path / "alice.png")
    done = run("receiver.py", *arguments, then="print('torch' in sys.modules)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")
    assert (tmp_path / "alice.png").read_bytes() == (hidden / "alice.png").read_bytes()


def test_a_receiver_with_a_wrong_key_is_told_so(hidden, tmp_path):
    ss.write_key(tmp_path / "eve.key", ss.SecretKey.generate())
    carrier = hidden / "song.safetensors"
    done = run("receiver.py", carrier, tmp_path / "eve.key", tmp_path / "eve.png")
    assert (done.returncode, done.stderr) == (1, f"{carrier}: no picture for this key\n")
    assert not (tmp_path / "eve.png").exists()


@pytest.mark.slow
def test_own_decoys_give_carriers_of_one_form(photographs, tmp_path):
    cover, secret = photographs / "astronaut.png", photographs / "chelsea.png"
    done = run("own_decoys.py", cover, secret, photographs, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    song, plain = tmp_path / "song.safetensors", tmp_path / "plain.safetensors"
    assert song.stat().st_size == pytest.approx(plain.stat().st_size, rel=0.02)

    key = ss.read_key(tmp_path / "secret.key")
    to_pil(ss.reveal(ss.load(song), key)).save(tmp_path / "revealed.png")
    assert psnr(secret, tmp_path / "revealed.png") > 30
    with pytest.raises(ss.NoPictureError):
        ss.reveal(ss.load(plain), key)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(EXAMPLES / "tour.ipynb", as_version=4)
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data"}
    assert sum("image/png" in output.data for output in outputs) == 3


def test_the_notebook_is_stored_without_output():
    notebook = nbformat.read(EXAMPLES / "tour.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert {(len(cell.outputs), cell.execution_count) for cell in code} == {(0, None)}
