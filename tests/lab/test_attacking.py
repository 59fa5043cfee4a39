"""What `sirensong attack` says of a carrier that it has changed."""

import json
from dataclasses import replace

import numpy as np
import pytest

import sirensong
from functions import initial
from sirensong import cli
from sirensong.carrier.file import load, save
from sirensong.carrier.slots import DIGEST_BYTES, Slot
from sirensong.keys.secret import write_key
from sirensong.lab.robustness import perturb, prune
from sirensong.network.lattice import start_codes, values_of
from sirensong.network.substitution import Selection
from sirensong.network.tiles import Grid
from sirensong.pictures.metrics import measure
from sirensong.reveal import reveal, sample


@pytest.fixture
def carrier(make_stego, architecture, key, tmp_path, monkeypatch):
    """A carrier song.safetensors and its key alice.key, in the working directory."""
    monkeypatch.chdir(tmp_path)
    functions = [initial(architecture, np.random.default_rng(seed)) for seed in range(2)]
    slot = Slot(Selection.KEYED, 0.1, 6, 9, bytes(DIGEST_BYTES))
    song = make_stego([(key, slot)], weights=functions, grid=Grid(1, 2)).rounded()
    save("song.safetensors", song)
    write_key("alice.key", key)
    return tmp_path / "song.safetensors"


@pytest.mark.parametrize(
    "attack",
    [
        ["prune", "--rate", "0.2"],
        ["quantize", "--bits", "6"],
        ["noise"],
        ["finetune", "--steps", "2"],
    ],
)
def test_json_has_one_shape(carrier, capsys, attack):
    command = ["attack", attack[0], "song.safetensors", "-o", "new.safetensors", *attack[1:]]
    assert cli.run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    before, after = load("song.safetensors"), load("new.safetensors")
    matrices = [
        (old.weight, new.weight) for old, new in zip(before.weights, after.weights, strict=True)
    ]
    total = sum(new.size for _, new in matrices)
    changed = sum(np.count_nonzero(old != new) for old, new in matrices)
    zero = sum(np.count_nonzero(new == 0) for _, new in matrices)
    assert told == {
        "name": f"attack {attack[0]}",
        "version": sirensong.__version__,
        "carrier": "song.safetensors",
        "output": "new.safetensors",
        "bytes": (carrier.parent / "new.safetensors").stat().st_size,
        "changed_weights": round(changed / total, 4),
        "zero_weights": round(zero / total, 4),
        "pictures": [
            {"picture": "cover", "psnr": round(measure(sample(before), sample(after)).psnr, 2)}
        ],
    }
    assert changed
    assert cli.run([*command, "--overwrite"]) == 0
    assert "cover PSNR" in capsys.readouterr().out


def test_what_each_secret_loses(carrier, key, capsys):
    command = ["attack", "finetune", "song.safetensors", "-o", "new.safetensors", "--steps", "2"]
    assert cli.run([*command, "--key", "alice.key", "--json"]) == 0
    _, secret = json.loads(capsys.readouterr().out)["pictures"]
    before, after = (reveal(load(name), key) for name in ("song.safetensors", "new.safetensors"))
    assert secret == {"picture": "secret 1", "psnr": round(measure(before, after).psnr, 2)}


def test_no_file_that_is_read_is_written_over(carrier, capsys):
    before = [(carrier.parent / name).read_bytes() for name in ("song.safetensors", "alice.key")]
    for name, what in (("song.safetensors", "the carrier"), ("alice.key", "a key")):
        command = ["attack", "finetune", "song.safetensors", "--key", "alice.key", "-o", name]
        assert cli.run([*command, "--overwrite"]) == 1
        assert f"the output is {what} too" in capsys.readouterr().err
    after = [(carrier.parent / name).read_bytes() for name in ("song.safetensors", "alice.key")]
    assert after == before


def test_an_equal_picture_has_no_psnr(carrier, capsys):
    command = ["attack", "prune", "song.safetensors", "-o", "new.safetensors", "--rate", "0"]
    assert cli.run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pictures"] == [{"picture": "cover", "psnr": None}]
    assert told["changed_weights"] == 0


def test_a_carrier_that_stays_on_its_lattice_keeps_its_steps(carrier, capsys):
    command = ["attack", "prune", "song.safetensors", "-o", "new.safetensors", "--rate", "0.3"]
    assert cli.run(command) == 0
    capsys.readouterr()
    before, after = load("song.safetensors"), load("new.safetensors")
    assert after.steps == before.steps
    assert after.digest == prune(before, 0.3).digest


def test_all_weights_can_be_pruned_wherever_the_first_layer_starts(carrier, capsys):
    """Also where zero is farther from the start than codes of the carrier's own steps reach."""
    song = load("song.safetensors")
    layers = [layer._replace(weight=np.zeros_like(layer.weight)) for layer in song.weights]
    fine = replace(song, weights=tuple(layers), steps=(2.0**-13, *song.steps[1:]))
    begins = start_codes(fine.architecture, fine.steps, fine.nonce, range(2))
    assert np.abs(begins[0]).max() > 32_767
    layers[0] = layers[0]._replace(weight=values_of(begins[0], fine.steps[0]))
    save("song.safetensors", replace(fine, weights=tuple(layers)), overwrite=True)
    command = ["attack", "prune", "song.safetensors", "-o", "new.safetensors", "--rate", "1"]
    assert cli.run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["zero_weights"] == 1
    assert not any(layer.weight.any() for layer in load("new.safetensors").weights)


def test_noise_is_that_of_its_seed(carrier, capsys):
    for seed in ("1", "2"):
        command = ["attack", "noise", "song.safetensors", "-o", f"{seed}.safetensors"]
        assert cli.run([*command, "--seed", seed, "--strength", "0.1"]) == 0
    capsys.readouterr()
    for seed in (1, 2):
        expected = perturb(load("song.safetensors"), 0.1, np.random.default_rng(seed))
        assert load(f"{seed}.safetensors").digest == expected.rounded(finely=True).digest
    assert (
        cli.run(["attack", "noise", "song.safetensors", "-o", "3.safetensors", "--seed", "-1"]) == 2
    )
    assert "--seed" in capsys.readouterr().err
