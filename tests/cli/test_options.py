"""What the user says reaches training."""

import dataclasses
import sys
import time

import numpy as np
import pytest

import sirensong as ss
from command import QUICK, failure
from sirensong import cli
from sirensong.cli import planning, sending
from sirensong.cli.options import DecoyOptions, QualityOptions, SelectionOptions, build_recipe
from sirensong.training.recipe import ROBUST

HIDE = ["hide", "cover.png", "--secret", "alice.key=map.png", "-o", "x.safetensors"]


class HeardError(Exception):
    """Ends a command once what it asks for is known."""


@pytest.fixture
def asked(at, monkeypatch):
    """Run a command up to its training, and return what it asks of that."""
    heard = {}

    def hear(*arguments, **options):
        heard.update(options, positional=arguments)
        raise HeardError

    def ask(*arguments):
        monkeypatch.setattr("sirensong.cli.running.train", hear)
        monkeypatch.setattr("sirensong.cli.sending.run_batch", hear)
        with pytest.raises(HeardError):
            cli.run(list(arguments))
        return heard

    return ask


EVERY = {
    "selection": ("random", ss.PAPER.selection.RANDOM),
    "ratio": ("0.1", 0.1),
    "stego-weight": ("0.7", 0.7),
    "omega": ("17", 17.0),
    "tile-size": ("12", 12),
    "hidden-features": ("20", 20),
    "hidden-layers": ("3", 3),
    "functions": ("5", 5),
    "decoys": ("leaves", "leaves"),
}
FIELDS = {"tile-size": "tile"}


@pytest.mark.parametrize("option", EVERY)
def test_each_setting_of_the_recipe_is_changed_alone(option, asked):
    text, value = EVERY[option]
    changed = asked(*HIDE, f"--{option}", text)["recipe"]
    name = FIELDS.get(option, option.replace("-", "_"))
    assert changed == dataclasses.replace(QUICK, **{name: value})


def test_no_option_changes_nothing(asked):
    assert asked(*HIDE)["recipe"] == QUICK
    assert asked("fit", "cover.png", "-o", "x.safetensors")["recipe"] == QUICK
    heard = asked(*HIDE, "--recipe", "paper")
    assert heard["recipe"] == ss.PAPER.with_steps(4, cover=4)


def test_steps_and_robust(asked):
    joint = asked(*HIDE, "--steps", "7", "--robust")["recipe"].joint
    assert joint == dataclasses.replace(QUICK.joint, steps=7, **ROBUST)


def test_how_it_is_run(asked):
    words = ["--seconds", "9", "--psnr", "33", "--seed", "4", "--device", "cpu"]
    options = asked(*HIDE, *words, "--checkpoint", "kept")["options"]
    assert (options.seconds, options.psnr, options.seed, options.device) == (9, 33, 4, "cpu")
    assert (str(options.checkpoint), options.resume) == ("kept", False)
    options = asked(*HIDE)["options"]
    assert (options.seconds, options.psnr, options.seed, options.device) == (
        None,
        None,
        None,
        "auto",
    )
    assert str(options.checkpoint) == "x.safetensors.checkpoint"


def test_pictures_keys_and_decoys(asked, at, tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    more = ["--secret", "bob.key=holiday.png", "--decoys", str(tmp_path)]
    heard = asked(*HIDE, *more)
    assert heard["cover"].shape == (24, 24, 3)
    keys = [ss.read_key("alice.key"), ss.read_key("bob.key")]
    assert [key for key, _ in heard["secrets"]] == keys
    assert [picture.shape for _, picture in heard["secrets"]] == [(20, 30, 3), (24, 24, 3)]
    assert heard["decoys"] == [tmp_path / "a.JPG", tmp_path / "b.png"]


def test_a_batch_has_the_same_settings(asked, at):
    words = ["--size", "20x10", "--secret-size", "8x9", "--seed", "3", "--device", "cpu"]
    heard = asked("hide", "--batch", "l.csv", "-o", ".", *words, "--ratio", "0.2", "--workers", "7")
    batch, _, order = heard["positional"]
    assert (str(batch.batch), batch.workers, batch.cluster) == ("l.csv", 7, None)
    recipe = dataclasses.replace(QUICK, ratio=0.2)
    assert (order.recipe, order.within, order.secret_within) == (recipe, (10, 20), (9, 8))
    assert (order.seed, order.device, order.decoys) == (3, "cpu", ())


SINGLE = [
    ["--seconds", "3"],
    ["--psnr", "30"],
    ["--checkpoint", "c"],
    ["--resume"],
    ["--dry-run"],
    ["--overwrite"],
    ["--secret", "alice.key=map.png"],
    ["cover.png"],
]


@pytest.mark.parametrize("option", SINGLE)
def test_a_batch_takes_nothing_that_is_one_carriers(option, at, capsys):
    error = failure(capsys, ["hide", "--batch", "l.csv", "-o", ".", *option])
    assert error == "sirensong: error: --batch takes cover and secrets from its list"


def test_a_recipe_without_any_option_is_the_one_of_that_name():
    assert build_recipe(QualityOptions(), DecoyOptions(), SelectionOptions()) == QUICK


def test_the_time_that_a_user_takes_to_answer_is_not_the_budgets(asked, monkeypatch):
    now = [1000.0]

    def answer(*_, **__):
        now[0] += 50
        return True

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(planning.typer, "confirm", answer)
    monkeypatch.setattr(planning, "LARGE", 1000)
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert asked(*HIDE, "--seconds", "9")["options"].started == 1050
    assert asked(*HIDE, "--seconds", "9", "--yes")["options"].started == 1050
    assert asked(*HIDE, "--seconds", "700")["options"].started == 1100


def test_secrets_much_larger_than_the_cover_are_noted(asked, capsys):
    asked(*HIDE, "--size", "9x9")
    assert "map.png has more pixels than the cover" in capsys.readouterr().err
    asked(*HIDE, "--size", "9x9", "--hidden-features", "20")
    assert "more pixels" not in capsys.readouterr().err


def test_a_dry_run_trains_nothing(at, monkeypatch):
    monkeypatch.setattr(sending, "make", None)
    assert cli.run([*HIDE, "--dry-run"]) == 0
    assert not (at / "x.safetensors").exists()


def test_passphrases_are_words_of_the_first_line(asked, at, tmp_path):
    (tmp_path / "words").write_bytes("früh am Morgen\r\nmore\n".encode())
    arguments = ["hide", "cover.png", "--passphrase-file", f"{tmp_path}/words=map.png"]
    heard = asked(*arguments, "-o", "x.safetensors")
    ((key, picture),) = heard["secrets"]
    assert key == ss.Passphrase("früh am Morgen")
    assert np.array_equal(picture.shape, (20, 30, 3))


def test_a_new_passphrase_is_asked_for_twice_and_a_known_one_once(asked, monkeypatch, capsys):
    questions = []

    def answer(prompt, *, twice):
        questions.append((prompt, twice))
        return ss.Passphrase("words")

    monkeypatch.setattr("sirensong.cli.keys.ask_passphrase", answer)
    asked("hide", "cover.png", "--passphrase", "map.png", "-o", "x.safetensors")
    assert cli.run(["measure", "song.safetensors", "--passphrase", "map.png"]) == 3
    assert cli.run(["reveal", "song.safetensors", "--passphrase", "-o", "x.png"]) == 3
    of_a_picture = "passphrase for map.png"
    assert questions == [(of_a_picture, True), (of_a_picture, False), ("passphrase", False)]
