"""The command as a user types it."""

import dataclasses
import json
import os
import pty
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sirensong as ss
from command import SMALL, failure, photograph, psnr, read, size_of
from sirensong import cli
from sirensong.lab.finetuning import finetune


def test_keygen_writes_a_private_file_and_prints_its_fingerprint(tmp_path, capsys):
    path = tmp_path / "alice.key"
    assert cli.run(["keygen", "-o", str(path)]) == 0
    assert capsys.readouterr().out.strip() == f"{path}: fingerprint {ss.read_key(path).fingerprint}"
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    assert "exists" in failure(capsys, ["keygen", "-o", str(path)])
    assert path.read_bytes() == before


def test_hide_reports_what_a_receiver_will_get(at, tmp_path, capsys):
    song = str(tmp_path / "song.safetensors")
    assert (
        cli.run(
            ["hide", "cover.png", "--secret", "alice.key=holiday.png", "-o", song, "--json", *SMALL]
        )
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert [picture["picture"] for picture in report["pictures"]] == ["cover.png", "holiday.png"]
    assert cli.run(["reveal", song, "--key", "alice.key", "-o", str(tmp_path / "holiday.png")]) == 0
    assert report["pictures"][1]["psnr"] == pytest.approx(
        psnr(read(at / "holiday.png"), read(tmp_path / "holiday.png")), abs=1e-4
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["holiday.png", "song.safetensors"]


def test_each_receiver_sees_their_own_picture_in_its_own_shape(at, tmp_path, capsys):
    for key, original in (("alice.key", "holiday.png"), ("bob.key", "map.png")):
        output = tmp_path / original
        assert cli.run(["reveal", "song.safetensors", "--key", key, "-o", str(output)]) == 0
        assert psnr(read(original), read(output)) > 22
    assert cli.run(["sample", "song.safetensors", "-o", str(tmp_path / "cover.png")]) == 0
    assert psnr(read("cover.png"), read(tmp_path / "cover.png")) > 22
    assert "map.png: 30x20" in capsys.readouterr().out


SIZES = [("--size", "48x36", (48, 36)), ("--scale", "2", (60, 40)), ("--scale", "0.5", (15, 10))]


@pytest.mark.parametrize(("option", "value", "size"), SIZES)
def test_renders_at_any_size(at, tmp_path, option, value, size):
    output = str(tmp_path / "large.png")
    assert (
        cli.run(["reveal", "song.safetensors", "--key", "bob.key", "-o", output, option, value])
        == 0
    )
    assert size_of(output) == size


def test_a_key_with_no_picture_is_exit_code_3_and_writes_nothing_unless_forced(
    at, tmp_path, capsys
):
    output = tmp_path / "noise.png"
    arguments = ["reveal", "song.safetensors", "--key", "eve.key", "-o", str(output)]
    assert (
        failure(capsys, arguments, code=3)
        == "sirensong: error: no picture for this key in song.safetensors"
    )
    assert not output.exists()
    assert cli.run([*arguments, "--force"]) == 0
    assert output.exists()
    assert capsys.readouterr().err.splitlines() == [
        "note: the key opens nothing in song.safetensors; this is what a wrong key makes of the "
        "function: a distorted cover"
    ]


def test_changed_weights_still_reveal_with_a_note(at, tmp_path, capsys):
    stego = ss.load("song.safetensors")
    rounded = tuple(
        type(layer)(layer.weight.astype(np.float16).astype(np.float32), layer.bias)
        for layer in stego.weights
    )
    changed = dataclasses.replace(stego, weights=rounded).rounded(finely=True)
    ss.save(tmp_path / "rounded.safetensors", changed)
    output = tmp_path / "holiday.png"
    assert (
        cli.run(
            [
                "reveal",
                str(tmp_path / "rounded.safetensors"),
                "--key",
                "alice.key",
                "-o",
                str(output),
            ]
        )
        == 0
    )
    assert "have changed" in capsys.readouterr().err
    assert psnr(read("holiday.png"), read(output)) > 20


def test_inspect_says_no_word_of_secrets(at, tmp_path, capsys):
    plain = tmp_path / "plain.safetensors"
    assert cli.run(["fit", "cover.png", "-o", str(plain), *SMALL]) == 0
    capsys.readouterr()
    facts = []
    for path in ("song.safetensors", str(plain)):
        assert cli.run(["inspect", path, "--json"]) == 0
        facts.append(json.loads(capsys.readouterr().out))
    own = ("file", "fingerprint", "bytes", "bits_per_pixel")  # codes take what they take
    assert {**facts[0], **dict.fromkeys(own)} == {**facts[1], **dict.fromkeys(own)}
    assert facts[0]["parameters"] == 2 * 48 + 48 + 3 * (48 * 48 + 48) + 48 * 3 + 3
    assert facts[0]["bits_per_pixel"] == pytest.approx(
        8 * (at / "song.safetensors").stat().st_size / 576, abs=1e-3
    )
    assert cli.run(["inspect", "song.safetensors"]) == 0
    assert not re.search("secret|slot|key", capsys.readouterr().out)


def test_measure_prints_what_scikit_image_says(at, capsys, tmp_path):
    from skimage.metrics import peak_signal_noise_ratio

    assert (
        cli.run(
            [
                "measure",
                "song.safetensors",
                "--cover",
                "cover.png",
                "--secret",
                "bob.key=map.png",
                "--json",
            ]
        )
        == 0
    )
    rows = json.loads(capsys.readouterr().out)["pictures"]
    assert (
        cli.run(["reveal", "song.safetensors", "--key", "bob.key", "-o", str(tmp_path / "map.png")])
        == 0
    )
    pair = read("map.png"), read(tmp_path / "map.png")
    assert rows[1]["psnr"] == pytest.approx(peak_signal_noise_ratio(*pair, data_range=1), abs=1e-4)
    assert set(rows[0]) == {"picture", "psnr", "ssim", "rmse", "mae"}
    assert cli.run(["measure", "song.safetensors", "--cover", "cover.png"]) == 0
    assert "PSNR" in capsys.readouterr().out


def test_magnitude_selection_writes_a_mask_that_reveal_asks_for(at, tmp_path, capsys):
    song, mask, output = (
        str(tmp_path / name) for name in ("song.safetensors", "song.mask", "holiday.png")
    )
    arguments = [
        "hide",
        "cover.png",
        "--secret",
        "alice.key=holiday.png",
        "-o",
        song,
        "--selection",
        "magnitude",
        *SMALL,
    ]
    assert cli.run(arguments) == 0
    assert "whoever has it sees outlines of the secrets" in capsys.readouterr().err
    assert Path(mask).stat().st_mode & 0o777 == 0o600
    assert "mask" in failure(capsys, ["reveal", song, "--key", "alice.key", "-o", output])
    assert cli.run(["reveal", song, "--key", "alice.key", "--mask", mask, "-o", output]) == 0
    assert psnr(read("holiday.png"), read(output)) > 20
    capsys.readouterr()
    forced = [
        "reveal",
        "song.safetensors",
        "--key",
        "eve.key",
        "--force",
        "--mask",
        mask,
        "-o",
        output,
        "--overwrite",
    ]
    assert "another carrier" in failure(capsys, forced)


def test_the_papers_recipe_runs_with_magnitude_selection(at, tmp_path):
    song = tmp_path / "song.safetensors"
    assert (
        cli.run(
            [
                "hide",
                "cover.png",
                "--secret",
                "alice.key=holiday.png",
                "-o",
                str(song),
                "--recipe",
                "paper",
                *SMALL,
            ]
        )
        == 0
    )
    assert song.with_suffix(".mask").exists()


def test_a_passphrase_from_a_file(at, tmp_path):
    (tmp_path / "words").write_text("correct horse battery staple\n")
    song, output = str(tmp_path / "song.safetensors"), tmp_path / "holiday.png"
    assert (
        cli.run(
            [
                "hide",
                "cover.png",
                "--passphrase-file",
                f"{tmp_path}/words=holiday.png",
                "-o",
                song,
                *SMALL,
            ]
        )
        == 0
    )
    assert (
        cli.run(["reveal", song, "--passphrase-file", str(tmp_path / "words"), "-o", str(output)])
        == 0
    )
    assert psnr(read("holiday.png"), read(output)) > 22
    (tmp_path / "words").write_text("wrong horse\n")
    assert (
        cli.run(
            [
                "reveal",
                song,
                "--passphrase-file",
                str(tmp_path / "words"),
                "-o",
                str(output),
                "--overwrite",
            ]
        )
        == 3
    )


def test_a_dearer_passphrase_needs_the_same_memory_on_both_sides(at, tmp_path, capsys):
    words, song = tmp_path / "words", str(tmp_path / "song.safetensors")
    words.write_text("password1\n")
    dearer = ["--passphrase-memory", "65"]
    hidden = ["hide", "cover.png", "--passphrase-file", f"{words}=holiday.png", "-o", song]
    assert cli.run([*hidden, *SMALL, *dearer]) == 0
    told = capsys.readouterr().err
    assert told.count("warning: a passphrase is weak, below 40 bits") == 1
    assert "password1" not in told
    reveal = ["reveal", song, "--passphrase-file", str(words), "-o", str(tmp_path / "x.png")]
    assert cli.run(reveal) == 3
    assert "--passphrase-memory" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()
    assert cli.run([*reveal, *dearer]) == 0
    assert "weak" not in capsys.readouterr().err
    assert psnr(read("holiday.png"), read(tmp_path / "x.png")) > 22


def test_a_passphrase_asked_for_on_a_terminal(at, tmp_path):
    """Typed as a person would: twice when hiding, once when revealing, never shown."""
    song, output = str(tmp_path / "song.safetensors"), str(tmp_path / "holiday.png")
    few = ["--hidden-features", "32", "--hidden-layers", "2", "--steps", "30"]
    shown = typed(
        ["hide", "cover.png", "--passphrase", "holiday.png", "-o", song, *few],
        ["staple", "staple"],
        at,
    )
    assert "PSNR" in shown
    assert "staple" not in shown
    assert "holiday.png: 24x24" in typed(
        ["reveal", song, "--passphrase", "-o", output], ["staple"], at
    )


def typed(arguments, answers, folder):
    """What a terminal shows while the command asks and is answered."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "sirensong", *arguments])
    shown, asked = b"", 0
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
        prompt = shown.lower().rpartition(b"\n")[2]
        named = b"passphrase" in prompt or b"confirmation" in prompt
        if asked < len(answers) and named and prompt.endswith(b": "):
            os.write(terminal, answers[asked].encode() + b"\n")
            asked += 1
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown.decode()
    return shown.decode()


def test_size_makes_large_pictures_smaller_and_keeps_their_shape(at, tmp_path, capsys):
    photograph(9, 900, 600).save(tmp_path / "large.png")
    song = str(tmp_path / "song.safetensors")
    whole = ["fit", str(tmp_path / "large.png"), "-o", song, "--tile-size", "1000", *SMALL]
    assert "pixels is too large for 1x1 tiles" in failure(capsys, whole)
    assert cli.run(["fit", str(tmp_path / "large.png"), "-o", song, "--size", "30x30", *SMALL]) == 0
    assert (ss.load(song).width, ss.load(song).height) == (30, 20)


def test_a_dry_run_says_what_would_be_made_and_writes_nothing(at, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    command = [
        "hide",
        "cover.png",
        "--secret",
        "alice.key=map.png",
        "-o",
        "new.safetensors",
        "--tile-size",
        "10",
        *SMALL,
    ]
    assert cli.run([*command, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert cli.run([*command, "--dry-run"]) == 0
    assert "would be" in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == before

    assert cli.run(command) == 0
    capsys.readouterr()
    assert cli.run(["inspect", "new.safetensors", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    for name in ("file", "width", "height", "tiles", "hidden_features", "parameters"):
        assert plan[name] == made[name]
    assert plan["tiles"] == {"columns": 2, "rows": 2}
    assert plan["bytes"] == pytest.approx(made["bytes"], abs=1000)
    assert plan["seconds"] > 0


@pytest.mark.parametrize(
    ("command", "zeros"),
    [
        (["prune", "--rate", "0.3"], 0.3),
        (["prune", "--structured", "--rate", "0.25"], 0.24),
        (["quantize", "--bits", "6"], None),
        (["noise"], 0),
    ],
)
def test_attacks_change_a_carrier_and_tell_how_much(at, capsys, command, zeros):
    name = f"{'-'.join(command)}.safetensors"
    assert (
        cli.run(["attack", *command[:1], "song.safetensors", "-o", name, *command[1:], "--json"])
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    if zeros is None:  # what is within half of one of 31 steps to its matrix's largest
        matrices = [
            matrix for layer in ss.load("song.safetensors").weights for matrix in layer.weight
        ]
        small = sum(int((np.abs(matrix) <= np.abs(matrix).max() / 62).sum()) for matrix in matrices)
        assert told["zero_weights"] == round(small / sum(matrix.size for matrix in matrices), 4)
    else:
        assert told["zero_weights"] == pytest.approx(zeros, abs=0.06)
    assert told["changed_weights"] > 0.2
    assert 3 < told["pictures"][0]["psnr"] < 70
    assert cli.run(["reveal", name, "--key", "alice.key", "-o", f"{name}.png"]) == 0
    assert "weights of" in capsys.readouterr().err
    assert "exists" in failure(capsys, ["attack", *command[:1], "song.safetensors", "-o", name])


def test_finetuning_tells_what_each_secret_lost(at, capsys):
    command = [
        "attack",
        "finetune",
        "song.safetensors",
        "--steps",
        "3",
        "--rate",
        "0.001",
        "--key",
        "alice.key",
        "--json",
    ]
    assert cli.run([*command, "--cover", "cover.png", "-o", "photo.safetensors"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {
        "name",
        "version",
        "carrier",
        "output",
        "bytes",
        "changed_weights",
        "zero_weights",
        "pictures",
    }
    assert told["changed_weights"] > 0.9
    before, after = (
        ss.reveal(ss.load(name), ss.read_key("alice.key"))
        for name in ("song.safetensors", "photo.safetensors")
    )
    assert told["pictures"][1]["psnr"] == round(ss.measure(before, after).psnr, 2)
    assert cli.run([*command, "-o", "own.safetensors"]) == 0
    capsys.readouterr()
    song = ss.load("song.safetensors")
    for name, picture in (("photo", "cover.png"), ("own", np.asarray(ss.to_pil(ss.sample(song))))):
        assert (
            ss.load(f"{name}.safetensors").digest
            == finetune(song, picture, 3, rate=0.001).rounded(finely=True).digest
        )
    assert "exists" in failure(capsys, [*command, "-o", "own.safetensors"])


def test_decoys_from_a_folder(at, tmp_path, capsys):
    (tmp_path / "others").mkdir()
    assert "no pictures in" in failure(
        capsys,
        ["fit", "cover.png", "-o", "d.safetensors", "--decoys", str(tmp_path / "others"), *SMALL],
    )
    assert "photographs, cover, leaves, noise or a folder" in failure(
        capsys, ["fit", "cover.png", "-o", "e.safetensors", "--decoys", "cats", *SMALL]
    )
    photograph(31, 40, 40).save(tmp_path / "others" / "one.png")
    assert (
        cli.run(
            [
                "fit",
                "cover.png",
                "-o",
                "d.safetensors",
                "--decoys",
                str(tmp_path / "others"),
                *SMALL,
            ]
        )
        == 0
    )


def test_what_conversion_loses_is_said(at, tmp_path, capsys):
    picture = Image.fromarray((read("cover.png") * 255).astype(np.uint8)).convert("RGBA")
    picture.putalpha(100)
    picture.save(tmp_path / "ghost.png")
    assert (
        cli.run(
            ["fit", str(tmp_path / "ghost.png"), "-o", str(tmp_path / "song.safetensors"), *SMALL]
        )
        == 0
    )
    assert "transparency dropped" in capsys.readouterr().err


HIDE = ["hide", "cover.png", "--secret", "alice.key=map.png", "-o", "x.safetensors"]
BAD_COMMANDS = {
    "missing cover": (
        ["hide", "nowhere.png", "--secret", "alice.key=map.png", "-o", "x.safetensors"],
        "cannot read nowhere.png",
    ),
    "missing key": (
        ["hide", "cover.png", "--secret", "nokey=map.png", "-o", "x.safetensors"],
        "cannot read nokey",
    ),
    "missing secret picture": (
        ["hide", "cover.png", "--secret", "alice.key=none.png", "-o", "x.safetensors"],
        "none.png",
    ),
    "no secret": (["hide", "cover.png", "-o", "x.safetensors"], "no secret picture"),
    "secret without key": (
        ["hide", "cover.png", "--secret", "map.png", "-o", "x.safetensors"],
        "KEYFILE=SECRET",
    ),
    "same key twice": ([*HIDE, "--secret", "alice.key=holiday.png"], "same key"),
    "no picture": (
        ["hide", "alice.key", "--secret", "alice.key=map.png", "-o", "x.safetensors"],
        "alice.key is not an image",
    ),
    "output folder": (["fit", "cover.png", "-o", "nowhere/x.safetensors"], "no folder"),
    "output is a folder": (["fit", "cover.png", "-o", "dir.safetensors"], "it is a folder"),
    "output exists": (["fit", "cover.png", "-o", "song.safetensors"], "song.safetensors exists"),
    "recipe": (
        ["fit", "cover.png", "-o", "x.safetensors", "--recipe", "slow"],
        "recipe must be one of fast, paper, got 'slow'",
    ),
    "selection": (
        [
            "hide",
            "cover.png",
            "--secret",
            "alice.key=map.png",
            "-o",
            "x.safetensors",
            "--selection",
            "best",
        ],
        "selection must be one of keyed, magnitude, random, got 'best'",
    ),
    "ratio": (
        [
            "hide",
            "cover.png",
            "--secret",
            "alice.key=map.png",
            "-o",
            "x.safetensors",
            "--ratio",
            "2",
        ],
        "ratio must be",
    ),
    "seconds and steps": (
        ["fit", "cover.png", "-o", "x.safetensors", "--seconds", "9", "--steps", "9"],
        "exclude each other",
    ),
    "seconds": (
        ["fit", "cover.png", "-o", "x.safetensors", "--seconds", "-2"],
        "seconds must be above 0",
    ),
    "device": (
        ["fit", "cover.png", "-o", "x.safetensors", "--device", "tpu"],
        "device must be one of",
    ),
    "features": (
        ["fit", "cover.png", "-o", "x.safetensors", "--hidden-features", "-1"],
        "hidden features must be",
    ),
    "nothing to resume": (
        ["fit", "cover.png", "-o", "x.safetensors", "--resume"],
        "nothing to resume",
    ),
    "no carrier": (["sample", "cover.png", "-o", "x.png"], "cover.png is not a carrier"),
    "missing carrier": (
        ["sample", "nowhere.safetensors", "-o", "x.png"],
        "cannot read nowhere.safetensors",
    ),
    "empty carrier": (["inspect", "empty.safetensors"], "empty.safetensors is not a carrier"),
    "picture's ending": (["sample", "song.safetensors", "-o", "x.docx"], "pictures end in"),
    "size": (
        ["sample", "song.safetensors", "-o", "x.png", "--size", "12"],
        "a size is WIDTHxHEIGHT",
    ),
    "size zero": (
        ["sample", "song.safetensors", "-o", "x.png", "--size", "0x5"],
        "a size is WIDTHxHEIGHT",
    ),
    "size and scale": (
        ["sample", "song.safetensors", "-o", "x.png", "--size", "9x9", "--scale", "2"],
        "exclude each other",
    ),
    "scale": (["sample", "song.safetensors", "-o", "x.png", "--scale", "-1"], "scale must be"),
    "no key": (["reveal", "song.safetensors", "-o", "x.png"], "expected one of --key"),
    "two keys": (
        ["reveal", "song.safetensors", "-o", "x.png", "--key", "alice.key", "--passphrase"],
        "expected one of --key",
    ),
    "nobody to ask": (
        ["reveal", "song.safetensors", "-o", "x.png", "--passphrase"],
        "only be asked for on a terminal",
    ),
    "no mask": (
        ["reveal", "song.safetensors", "-o", "x.png", "--key", "alice.key", "--mask", "cover.png"],
        "not a mask file",
    ),
    "nothing to measure": (["measure", "song.safetensors"], "nothing to measure"),
}


@pytest.mark.parametrize("case", BAD_COMMANDS)
def test_a_users_mistake_is_one_clear_line_and_leaves_nothing_behind(case, at, capsys):
    (at / "empty.safetensors").write_bytes(b"")
    (at / "dir.safetensors").mkdir(exist_ok=True)
    before = {path.name: path.read_bytes() for path in at.iterdir() if path.is_file()}
    arguments, expected = BAD_COMMANDS[case]
    assert expected in failure(capsys, arguments)
    assert {path.name: path.read_bytes() for path in at.iterdir() if path.is_file()} == before


def test_a_mistyped_key_is_told_but_not_shown(at, tmp_path, capsys):
    lines = (at / "alice.key").read_text().splitlines()
    typo = lines[-1][:-1] + ("a" if lines[-1][-1] != "a" else "b")
    (tmp_path / "alice.key").write_text(typo + "\n")
    error = failure(
        capsys,
        [
            "reveal",
            "song.safetensors",
            "--key",
            str(tmp_path / "alice.key"),
            "-o",
            str(tmp_path / "x.png"),
        ],
    )
    assert "typo" in error
    assert typo[20:40] not in error


WRONG_USAGE = [
    ["sing"],
    ["hide"],
    ["sample", "song.safetensors"],
    ["inspect", "song.safetensors", "--nonsense"],
]


@pytest.mark.parametrize("arguments", WRONG_USAGE)
def test_wrong_usage_is_exit_code_2(arguments, at, capsys):
    assert (
        failure(capsys, arguments, code=2) != "sirensong: error: wrong usage"
    )  # it says what is wrong with it


def test_a_full_disk_is_told_and_leaves_nothing_behind(at, tmp_path, capsys, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "no space left on device" in failure(
        capsys, ["sample", "song.safetensors", "-o", str(tmp_path / "cover.png")]
    )
    assert list(tmp_path.iterdir()) == []


def test_the_demo_writes_a_contact_sheet(tmp_path, capsys):
    folder = tmp_path / "demo"
    assert cli.run(["demo", "-o", str(folder), "--steps", "3"]) == 0
    assert {"sheet.png", "song.safetensors", "alice.key", "bob.key", "cover-render.png"} <= {
        path.name for path in folder.iterdir()
    }
    assert size_of(folder / "sheet.png")[0] > 600
    capsys.readouterr()
    assert "exists" in failure(capsys, ["demo", "-o", str(folder), "--steps", "3"])
    assert cli.run(["demo", "-o", str(folder), "--steps", "3", "--overwrite"]) == 0


def test_what_a_key_reveals_is_for_its_holder_alone(at, tmp_path, set_umask):
    set_umask(0)
    secret, cover = tmp_path / "secret.png", tmp_path / "cover.png"
    reveal = ["reveal", "song.safetensors", "--key", "alice.key", "-o", str(secret)]
    assert cli.run(reveal) == 0
    assert cli.run(["sample", "song.safetensors", "-o", str(cover)]) == 0
    assert [path.stat().st_mode & 0o777 for path in (secret, cover)] == [0o600, 0o666]


@pytest.mark.parametrize(
    ("dial", "least", "most"),
    [
        (["--bytes", "6000"], 5600, 6400),
        (["--bits-per-pixel", "60"], 4050, 4600),
        (["--quality", "small"], 2500, 2950),
        (["--quality", "40"], 3000, 3700),
    ],
)
def test_a_carrier_is_as_large_as_was_asked_for(at, tmp_path, dial, least, most):
    song = tmp_path / "sized.safetensors"
    # With a seed: sizes differ by some percent from run to run.
    assert cli.run(["fit", "cover.png", "-o", str(song), "--seed", "1", *dial]) == 0
    assert least < song.stat().st_size < most


@pytest.mark.parametrize(
    ("dial", "expected"),
    [
        (["--bytes", "6000", "--quality", "small"], "exclude each other"),
        (["--bits-per-pixel", "9", "--bytes", "6000"], "exclude each other"),
        (["--quality", "good"], "small, standard, high, archive or a number of dB, got 'good'"),
        (["--quality", "70"], "quality must be 38 to 50 dB, got 70"),
        (["--bytes", "100"], "a cover of 24x24 pixels takes"),
    ],
)
def test_a_size_that_cannot_be_is_refused(at, tmp_path, capsys, dial, expected):
    song = tmp_path / "sized.safetensors"
    assert expected in failure(capsys, ["fit", "cover.png", "-o", str(song), *dial])
    assert not song.exists()
