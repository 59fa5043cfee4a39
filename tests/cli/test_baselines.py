"""sirensong baseline: list, train, hide, reveal, as a user types them."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from command import failed, failure, photograph, size_of
from sirensong import cli
from sirensong.lab.baselines.catalogue import NAMES, open_method
from sirensong.lab.baselines.networks.crops import Crops
from sirensong.lab.baselines.networks.training import Budget
from sirensong.pictures.reading import read_picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs to train on, pictures to hide, and weights of a few steps."""
    made = tmp_path_factory.mktemp("baselines")
    (made / "photographs").mkdir()
    for place in range(2):
        photograph(place, 300, 260).save(made / "photographs" / f"{place}.png")
    for place, name in enumerate(("cover", "one", "two")):
        photograph(place, 40, 32).save(made / f"{name}.png")
    photograph(0, 39, 32).save(made / "odd.png")
    return made


@pytest.fixture(scope="module")
def weights(folder):
    path = folder / "isn.safetensors"
    method = open_method("isn", "small", 2)
    crops = Crops([folder / "photographs"], 32)
    method.train(crops, Budget(1e-3, batch=1), path, overwrite=False, tell=None)
    return path


def hide(folder, weights, output, *more, cover="cover.png", secrets=("one.png", "two.png")):
    named = [part for name in secrets for part in ("--secret", str(folder / name))]
    return [
        "baseline", "hide", "isn", str(folder / cover), *named,
        "--weights", str(weights), "-o", str(output), *more,
    ]  # fmt: skip


def test_the_list_names_all_methods(capsys):
    assert cli.run(["baseline", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:] if line[0] != " "] == list(NAMES)


def test_what_is_hidden_is_revealed(folder, weights, tmp_path, capsys):
    stego = tmp_path / "stego.png"
    assert cli.run(hide(folder, weights, stego)) == 0
    bits = 8 * stego.stat().st_size / (40 * 32)
    assert f"{bits:.1f} bits a pixel" in capsys.readouterr().out
    reveal = ["baseline", "reveal", "isn", str(stego), "--weights", str(weights)]
    assert cli.run([*reveal, "-o", str(tmp_path / "out")]) == 0
    names = ["cover.png", "secret-1.png", "secret-2.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert all(size_of(tmp_path / "out" / name) == (40, 32) for name in names)
    method = open_method("isn", weights=weights)
    for index, name in enumerate(names):
        file = stego.read_bytes()
        expected = method.reveal(file, index - 1) if index else method.view(file)
        np.testing.assert_array_equal(read_picture(tmp_path / "out" / name).rgb, expected)
    assert (tmp_path / "out" / "secret-1.png").stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    error = failure(capsys, [*reveal, "-o", str(tmp_path / "out")])
    assert "cover.png exists" in error


def test_training_writes_weights_that_hide(folder, tmp_path, capsys):
    output = tmp_path / "hinet.safetensors"
    train = ["baseline", "train", "hinet", "--photographs", str(folder / "photographs")]
    assert cli.run([*train, "--minutes", "0.001", "--seed", "4", "-o", str(output)]) == 0
    assert "1 steps of 2 sets" in capsys.readouterr().err
    method = open_method("hinet", weights=output)
    assert (method.variant, method.secrets) == ("small", 1)
    assert (method.facts["seed"], method.facts["batch"]) == ("4", "2")
    assert not output.with_name("hinet.safetensors.part").exists()


def test_an_interrupted_training_keeps_what_it_has(folder, tmp_path):
    output, begun = tmp_path / "hinet.safetensors", tmp_path / "begun"
    script = (
        "from sirensong.lab.baselines.networks.training import _Run; step = _Run.step;"
        f"_Run.step = lambda *given: (step(*given), open({str(begun)!r}, 'w').close());"
        "from sirensong.cli import main; main()"
    )
    command = [
        sys.executable, "-c", script, "baseline", "train", "hinet", "--minutes", "5",
        "--photographs", str(folder / "photographs"), "-o", str(output),
    ]  # fmt: skip
    part = output.with_name("hinet.safetensors.part")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        while not begun.exists() and run.poll() is None:
            time.sleep(0.05)
        os.kill(run.pid, signal.SIGTERM)
        _, told = run.communicate(timeout=60)
    assert run.returncode == 130
    assert f"kept in {output}.part" in told
    assert "Traceback" not in told
    assert part.exists()
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["hide", "none", "{cover}", "--secret", "{one}", "-o", "{out}.png"], "methods are "),
        (["hide", "isn", "{cover}", "--secret", "{one}", "-o", "{out}.png"], "trained weights"),
        (["hide", "isn", "{cover}", "--secret", "{one}", "-o", "{out}.jpg"], "end in .png"),
        (["hide", "isn", "{cover}", "--secret", "{one}", "-o", "{cover}"], "the cover too"),
        (["hide", "isn", "{out}.png", "--secret", "{one}", "-o", "{out}2.png"], "no such file"),
        (["train", "isn", "--photographs", "{out}", "-o", "{out}.safetensors"], "no folder"),
        (
            ["train", "isn", "--photographs", "{out}", "--minutes", "0", "-o", "{out}.safetensors"],
            "minutes must be above 0",
        ),
        (["reveal", "isn", "{cover}", "--key", "{one}", "-o", "{out}"], "isn has no keys"),
    ],
)
def test_mistakes_are_one_line(folder, tmp_path, capsys, arguments, told):
    names = {name: str(folder / f"{name}.png") for name in ("cover", "one")}
    names["out"] = str(tmp_path / "out")
    typed = ["baseline", *(part.format(**names) for part in arguments)]
    assert told in failure(capsys, typed)
    assert not (tmp_path / "out.png").exists()


def test_pictures_that_do_not_suit_are_refused(folder, weights, tmp_path, capsys):
    stego = tmp_path / "stego.png"
    odd = hide(folder, weights, stego, cover="odd.png", secrets=("odd.png", "odd.png"))
    assert "multiples of 2, got 39x32" in failure(capsys, odd)
    other = hide(folder, weights, stego, secrets=("one.png", "odd.png"))
    assert "secret 2 is 39x32" in failure(capsys, other)
    one = hide(folder, weights, stego, secrets=("one.png",))
    assert "another number of secrets: expected 1, got 2" in failure(capsys, one)


def test_a_trained_method_without_weights_says_how_to_get_them(folder, tmp_path, capsys):
    arguments = ["baseline", "hide", "isn", str(folder / "cover.png")]
    arguments += ["--secret", str(folder / "one.png"), "-o", str(tmp_path / "stego.png")]
    _, hint = failed(capsys, arguments)
    assert "baseline train isn" in hint


def test_each_key_of_a_keyed_method_reveals_its_own_picture(folder, tmp_path, capsys):
    stego = tmp_path / "stego.png"
    keys = [tmp_path / f"{name}.key" for name in ("alice", "bob", "eve")]
    for key in keys:
        assert cli.run(["keygen", "-o", str(key)]) == 0
    capsys.readouterr()
    for place in (0, 1, 2):
        photograph(place, 64, 64).save(tmp_path / f"{place}.png")
    flat = tmp_path / "0.png"
    secrets = [part for place in (1, 2) for part in ("--secret", str(tmp_path / f"{place}.png"))]
    given = [part for key in keys[:2] for part in ("--key", str(key))]
    hide = ["baseline", "hide", "lsb", str(flat), *secrets, "--variant", "codec3", "-o", str(stego)]
    assert "takes 2 keys, got 0" in failure(capsys, hide)
    assert cli.run([*hide, *given]) == 0
    reveal = ["baseline", "reveal", "lsb", str(stego), "--variant", "codec3", "-o"]
    capsys.readouterr()
    assert "reveals with a key" in failure(capsys, [*reveal, str(tmp_path / "none")])
    both, one = tmp_path / "both", tmp_path / "one"
    assert cli.run([*reveal, str(both), *given]) == 0
    assert cli.run([*reveal, str(one), "--key", str(keys[1])]) == 0
    shown = {path.name: read_picture(path).rgb for path in both.iterdir()}
    assert sorted(shown) == ["alice.png", "bob.png", "cover.png"]
    np.testing.assert_array_equal(read_picture(one / "bob.png").rgb, shown["bob.png"])
    for name, place in (("alice.png", 1), ("bob.png", 2)):
        original = np.asarray(photograph(place, 64, 64)).astype(float)
        assert np.abs(original - shown[name]).mean() < 4
    capsys.readouterr()
    wrong = [*reveal, str(tmp_path / "wrong"), "--key", str(keys[2])]
    assert "no picture" in failure(capsys, wrong, code=3)
    assert not (tmp_path / "wrong").exists()


def test_pictures_that_would_replace_what_is_read_are_refused(folder, weights, tmp_path, capsys):
    stego = tmp_path / "cover.png"
    assert cli.run(hide(folder, weights, stego)) == 0
    before = stego.read_bytes()
    reveal = ["baseline", "reveal", "isn", str(stego), "--weights", str(weights), "--overwrite"]
    capsys.readouterr()
    error = failure(capsys, [*reveal, "-o", str(tmp_path)])
    assert f"a picture is the stego file too: {stego}" in error
    assert stego.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cover.png"]
