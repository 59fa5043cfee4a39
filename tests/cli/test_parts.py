"""Parts of the command by themselves: sizes, words, bars, prompts, what is asked and planned."""

import contextlib
import dataclasses
import inspect
import io
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import typer

import sirensong as ss
from sirensong import cli
from sirensong.batch import Order, Outcome
from sirensong.cli import (
    arguments,
    batching,
    console,
    inspecting,
    keys,
    options,
    passphrases,
    planning,
    progress,
    receiving,
    running,
    sending,
)
from sirensong.cli.console import duration, print_facts, print_json
from sirensong.cli.outputs import Files
from sirensong.cli.parsing import with_options
from sirensong.errors import NoPictureError, SettingError, SirensongError, StoppedError
from sirensong.pictures.metrics import Quality
from sirensong.training.options import Progress
from sirensong.training.plan import Plan
from sirensong.verify import Expected, Measured

# Sizes.


@pytest.mark.parametrize(
    ("text", "size"),
    [("512x384", (384, 512)), (" 1X2 ", (2, 1)), ("99999×10", (10, 99999)), ("007x3", (3, 7))],
)
def test_a_size_is_width_and_height(text, size):
    assert arguments.parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "5", "x", "0x5", "5x00", "5x-1", "1.5x2", "100000x1", "5x5x5"]
)
def test_other_texts_are_no_size(text):
    with pytest.raises(SettingError) as caught:
        arguments.parse_size(text)
    assert str(caught.value) == f"a size is WIDTHxHEIGHT, such as 512x384, got {text!r}"


@pytest.mark.parametrize(
    ("size", "scale", "found"),
    [
        (None, None, (10, 20)),
        ("5x7", None, (7, 5)),
        (None, 1.5, (15, 30)),
        (None, 1000.0, (10_000, 20_000)),
        (None, 0.01, (1, 1)),
        (None, 0.15, (2, 3)),
    ],
)
def test_a_render_has_its_own_size_or_the_one_that_was_asked_for(size, scale, found):
    assert arguments.render_size((10, 20), size, scale) == found


@pytest.mark.parametrize("scale", [0.0, -1.0, 1000.5, float("nan")])
def test_a_scale_out_of_range_is_refused(scale):
    with pytest.raises(SettingError, match="the scale must be above 0 and at most 1000, got"):
        arguments.render_size((10, 20), None, scale)


def test_size_and_scale_exclude_each_other():
    with pytest.raises(SettingError, match="exclude each other"):
        arguments.render_size((10, 20), "5x5", 1.0)


# Words.


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (61, "1 min 01 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (7 * 3600 + 5 * 60 + 59, "7 h 05 min"),
    ],
)
def test_a_duration_is_said_in_two_units_at_most(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (999, "1 kB"),
        (999_000, "999 kB"),
        (10**6, "1 MB"),
        (999_000_000, "999 MB"),
        (10**9, "1.0 GB"),
        (3_450_000_000, "3.5 GB"),
    ],
)
def test_sizes_are_said_in_thousands(count, words):
    assert planning._bytes(count) == words


def test_defaults_are_the_recipes_own():
    assert options._default(options._tile) == "fast: by the quality, paper: the whole picture"
    assert options._default(options._omega) == "fast: by the tile's side, paper: 30"
    assert options._default(options._features) == (
        "fast: by the quality, paper: 1 times a tile's side"
    )
    assert options._default(lambda recipe: recipe.share) == "fast: 0.2, paper: 0.05"


# Progress.


def event(stage="joint", step=3, done=0, at_once=1, tiles=1, left=65.0):
    return Progress(stage, step, 9, (30.04, 25.06, 1.0), left, done, at_once, tiles)


class Bar:
    """Keeps what is shown: for each task its last (done, total, detail)."""

    def __init__(self):
        self.shown, self.names = {}, []

    def add_task(self, name, detail):
        assert detail == ""
        self.names.append(name)
        return len(self.names) - 1

    def update(self, task, *, completed, total, detail):
        self.shown[self.names[task]] = (completed, total, detail)


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_bar_shows_each_stage_and_all_tiles(clock):
    bar = Bar()
    show = progress._on_bar(bar, ["stego", "secret 1"])
    show(event("cover"))
    show(event())
    detail = "step 3 of 9, stego 30.0, secret 1 25.1 dB, about 1 min 05 s left"
    assert bar.shown == {"cover function": (3, 9, detail), "all functions": (3, 9, detail)}
    show(event(done=2, at_once=2, tiles=8, left=None))
    clock[0] += 30.0
    show(event(done=4, at_once=2, tiles=8, left=None))
    assert bar.shown["all tiles"] == (4, 8, "4 of 8, about 1 min 00 s left")
    assert bar.shown["all functions"] == (3, 9, "step 3 of 9, stego 30.0, secret 1 25.1 dB")
    assert bar.names == ["cover function", "all functions", "all tiles"]


def test_a_bar_of_no_steps_is_not_divided_by_them():
    bar = Bar()
    progress._on_bar(bar, [])(dataclasses.replace(event(), steps=0))
    assert bar.shown["all functions"][:2] == (3, 1)


def test_the_time_for_all_tiles_is_guessed_from_those_that_were_done_meanwhile(clock):
    tiles = progress._AllTiles()
    assert tiles.text(event(done=4, tiles=16)) == "4 of 16"
    clock[0] += 10.0
    assert tiles.text(event(done=4, tiles=16)) == "4 of 16"
    assert tiles.text(event(done=8, tiles=16)) == "8 of 16, about 20 s left"


def test_lines_come_ten_seconds_apart(clock, monkeypatch, capsys):
    monkeypatch.setattr(console, "_notes", console.Console(stderr=True, soft_wrap=True))
    show = progress._line_by_line(["stego"])
    for seconds in (0.0, 9.5, 0.5, 9.0, 1.0):
        clock[0] += seconds
        show(event(step=int(clock[0]), left=None))
    assert capsys.readouterr().err.splitlines() == [
        "all functions: step 110 of 9, stego 30.0 dB",
        "all functions: step 120 of 9, stego 30.0 dB",
    ]
    clock[0] += 10.0
    show(event("cover", done=1, at_once=1, tiles=4))
    assert capsys.readouterr().err.splitlines() == [
        "tiles 1 of 4; cover function: step 3 of 9, stego 30.0 dB, about 1 min 05 s left"
    ]


@pytest.mark.parametrize(
    ("secrets", "names"), [(0, "cover 30.0"), (2, "stego 30.0, secret 1 25.1, secret 2 1.0")]
)
def test_pictures_are_named_in_order(secrets, names, clock, capsys, monkeypatch):
    monkeypatch.setattr(console, "_notes", console.Console(stderr=True, soft_wrap=True))
    with progress.training_bar(secrets) as show:
        clock[0] += 10.0
        show(event(left=None))
    assert f"step 3 of 9, {names} dB\n" in capsys.readouterr().err


def test_things_are_tracked_as_they_are_taken(clock, capsys, monkeypatch):
    monkeypatch.setattr(console, "_notes", console.Console(stderr=True, soft_wrap=True))
    taken = []
    for thing in console.tracked("abc", "letters"):
        taken.append(thing)
        clock[0] += 10.0
    assert taken == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == ["letters: 1 of 3", "letters: 2 of 3"]


# What is printed.


def test_facts_are_a_table_with_large_numbers_in_groups(capsys, monkeypatch):
    monkeypatch.setattr(console, "out", console.Console(width=80))
    print_facts("[a] title", {"two_words": 9999, "large": 10_000, "text": "x"}, json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["[a]", "title"], ["two", "words", "9999"], ["large", "10,000"], ["text", "x"]]


def test_facts_are_json_for_machines(capsys):
    print_facts("title", {"two_words": 1}, json=True)
    assert capsys.readouterr().out == '{\n  "two_words": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        print_json(float("nan"))


def test_the_text_of_a_key_is_never_printed(capsys, monkeypatch):
    monkeypatch.setattr(console, "err", console.Console(stderr=True, soft_wrap=True))
    text = ss.SecretKey(bytes(range(32))).to_text()
    console.print_error(f"not found: {text} and {text.upper()}", "look [there]")
    shown = capsys.readouterr().err
    assert text.lower() not in shown.lower()
    assert shown.count("...") == 2
    assert shown.splitlines()[0].startswith("sirensong: error: not found: ")
    assert shown.splitlines()[1] == "hint: look [there]"


def test_what_a_file_says_cannot_steer_the_terminal(capsys, monkeypatch):
    for name in ("err", "_notes"):
        monkeypatch.setattr(console, name, console.Console(stderr=True, soft_wrap=True))
    text = "a\x1b[2Jb\nc\x85d\u2028e é [f]"
    shown = r"a\x1b[2Jb\nc\x85d\u2028e é [f]"
    console.print_error(text, text)
    console.print_note(text)
    lines = [f"sirensong: error: {shown}", f"hint: {shown}", f"note: {shown}"]
    assert capsys.readouterr().err == "\n".join(lines) + "\n"


def test_bits_of_a_pixel_are_shown_to_a_tenth(monkeypatch, stego, tmp_path):
    shown = []
    monkeypatch.setattr(inspecting, "print_facts", lambda *a, **k: shown.append((a, k)))
    path = tmp_path / "song.safetensors"
    ss.save(path, stego)
    assert cli.run(["inspect", str(path)]) == 0
    ((title, facts), named) = shown[0]
    assert (title, named) == (str(path), {"json": False})
    assert facts["bits_per_pixel"] == round(8 * path.stat().st_size / (6 * 9), 1)
    assert isinstance(facts["bits_per_pixel"], float)
    assert facts["tiles"] == "1x1"
    assert "file" not in facts


def test_a_picture_on_standard_output_is_not_told_there_too(monkeypatch):
    written, told = [], []
    monkeypatch.setattr(receiving, "write_picture_output", lambda *a, **k: written.append((a, k)))
    monkeypatch.setattr(receiving.out, "print", lambda text, **_: told.append(text))
    picture = np.zeros((4, 6, 3), np.uint8)
    receiving._write(Path("-"), picture, overwrite=False, secret=True)
    assert told == []
    receiving._write(Path("x.png"), picture, overwrite=True, secret=False)
    assert told == ["x.png: 6x4"]
    assert [(path, named) for (path, _), named in written] == [
        (Path("-"), {"overwrite": False, "secret": True}),
        (Path("x.png"), {"overwrite": True, "secret": False}),
    ]


# Passphrases.


@pytest.mark.parametrize("twice", [True, False])
def test_a_passphrase_is_asked_for_out_of_sight_and_a_new_one_twice(twice, monkeypatch):
    asked = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", lambda *a, **k: asked.append((a, k)) or "correct horse")
    answer = passphrases.ask_passphrase("passphrase for x", twice=twice)
    assert answer == ss.Passphrase("correct horse")
    named = {"hide_input": True, "confirmation_prompt": twice, "err": True}
    assert asked == [(("passphrase for x",), named)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbfone two", "begins with a byte order mark"),
        ("one two".encode("utf-16"), "not text in UTF-8"),
        (b"one two\n\xff", "not text in UTF-8"),
        (b"one\rtwo", "neither in LF nor in CR LF"),
        (b"one two\r", "neither in LF nor in CR LF"),
        (b"\none two", "passphrase is empty"),
        (b"\r\none two", "passphrase is empty"),
        (b"x" * 4097, "too large"),
    ],
)
def test_what_is_no_passphrase_file(data, message, tmp_path):
    (tmp_path / "phrase").write_bytes(data)
    with pytest.raises(SirensongError, match=message) as caught:
        passphrases.read_passphrase(tmp_path / "phrase")
    assert "two" not in caught.value.message


def test_a_passphrase_is_not_trimmed(tmp_path):
    (tmp_path / "phrase").write_bytes(" caf\u00e9\t \u00a0\r\n".encode())
    assert passphrases.read_passphrase(tmp_path / "phrase") == ss.Passphrase(" caf\u00e9\t \u00a0")


def test_a_passphrase_file_is_its_first_line(tmp_path):
    path = tmp_path / "phrase"
    for data in (b"one two", b"one two\n", b"one two\r\nthree\nfour", b"one two\n\n"):
        path.write_bytes(data)
        assert passphrases.read_passphrase(path) == ss.Passphrase("one two")


# Groups of options.


@dataclasses.dataclass(frozen=True)
class Group:
    one: Annotated[int, "first"] = 1
    two: Annotated[str, "second"] = "b"


def test_a_groups_fields_are_options_and_the_command_gets_the_group():
    got = []

    @with_options
    def command(path: "Annotated[str, 'a path']", group: Group, flag: Annotated[bool, "f"] = False):
        """What it does."""
        got.append((path, group, flag))

    parameters = inspect.signature(command).parameters
    assert list(parameters) == ["path", "one", "two", "flag"]
    assert {own.kind for own in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    annotations = [own.annotation for own in parameters.values()]
    assert annotations == [
        Annotated[str, "a path"],
        Annotated[int, "first"],
        Annotated[str, "second"],
        Annotated[bool, "f"],
    ]
    assert [own.default for own in parameters.values()] == [inspect.Parameter.empty, 1, "b", False]
    assert (command.__name__, command.__doc__) == ("command", "What it does.")
    command(path="x", one=5, two="c", flag=True)
    assert got == [("x", Group(5, "c"), True)]


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_help_calls_the_command_by_its_name(words, capsys):
    assert cli.run(words) == 0
    assert "Usage: sirensong [OPTIONS]" in capsys.readouterr().out


# What is said before a run.


def request(height=32, width=64, *, secret=None, **changes):
    cover, other = (
        np.zeros(shape, np.uint8) for shape in ((height, width, 3), secret or (8, 8, 3))
    )
    recipe = dataclasses.replace(ss.FAST, hidden_features=16, hidden_layers=3, omega=10.0)
    return planning.Request(
        "hide",
        Expected("cover.png", cover, cover),
        [Expected("secret.png", other, other, ss.SecretKey(bytes(32)))],
        recipe,
        [],
        ss.Options(**changes),
    )


PLANNED = Plan(
    ss.Grid(2, 3),
    ss.Architecture(16, 3, 10.0),
    12_345,
    5 * 10**6,
    2 * 10**9,
    75.0,
    (41.2, 40.6),
)


def test_a_plan_is_printed_as_a_table(monkeypatch, capsys):
    monkeypatch.setattr(planning, "plan", lambda **_: PLANNED)
    monkeypatch.setattr(console, "out", console.Console(width=80))
    planning.print_plan(request(), Path("song"), json=False)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "song would be",
        "tiles 3x2",
        "network 3 layers of 16 features",
        "parameters 12,345",
        "bytes 5,000,000",
        "quality cover 41 dB, secrets 41 dB, as two photographs have it",
        "memory about 2.0 GB",
        "time about 1 min 15 s",
    ]


def test_a_plan_is_asked_for_what_was_requested(monkeypatch):
    asked = []
    monkeypatch.setattr(planning, "plan", lambda **named: asked.append(named) or PLANNED)
    own = request(seed=4)
    assert own.plan() is PLANNED
    (named,) = asked
    assert named["cover"] is own.cover.rgb
    assert named["secrets"] == [(own.secrets[0].key, own.secrets[0].rgb)]
    assert (named["recipe"], named["decoys"], named["options"]) == (own.recipe, [], own.options)


def test_operations_are_six_a_weight_and_pixel():
    """100 steps on an eighth of the cover; 620 of three functions on the largest picture."""
    own = request(secret=(64, 64, 3))
    weights = own.recipe.architecture(32, 64).parameters
    looks = 100 / 8 * 32 * 64 + own.recipe.joint.epochs()[-1] * 3 * 64 * 64
    assert planning._operations(own) == pytest.approx(6 * looks * weights)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "limit", "asked"),
    [(600.0, 10**9, False), (601.0, 10**9, True), (1.0, 0, True), (1.0, 10**9, False)],
)
def test_only_much_is_asked_about(seconds, limit, asked, monkeypatch, clock):
    told, questions = [], []
    monkeypatch.setattr(planning, "LARGE", limit)
    monkeypatch.setattr(planning, "print_note", told.append)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())

    def confirm(question, *, err):
        assert err
        questions.append(question)
        clock[0] += 7.0
        return True

    monkeypatch.setattr(typer, "confirm", confirm)
    waited = planning.announce(request(seconds=seconds), Path("song"), ask=True)
    assert (questions, waited) == ((["go on?"], 7.0) if asked else ([], 0.0))
    assert planning.announce(request(seconds=seconds), Path("song"), ask=False) == 0.0
    size = "4 kB"  # 2 tiles of 643 weights, header and slots
    time_text = f", and about {duration(seconds)}" if seconds >= 10 else ""
    assert told == [f"song takes about {size}, in 2x1 tiles{time_text}"] * 2
    assert len(questions) == asked


def test_no_is_an_answer(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    with pytest.raises(SirensongError, match="nothing was made"):
        planning.announce(request(seconds=601.0), Path("song"), ask=True)


@pytest.mark.parametrize("name", ["stdin", "stderr"])
def test_nobody_is_asked_who_is_not_there(name, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(sys, name, io.StringIO())
    assert planning.announce(request(seconds=601.0), Path("song"), ask=True) == 0.0


def test_time_is_found_out_where_it_is_worth_it(monkeypatch):
    monkeypatch.setattr(planning, "plan", lambda **_: PLANNED)
    assert planning._seconds(request(seconds=3.0)) == 3.0
    assert planning._seconds(request()) is None
    monkeypatch.setattr(planning, "_WORTH_TIMING", 1.0)
    assert planning._seconds(request()) == 75.0
    assert planning._seconds(request(resume=True, checkpoint="x")) is None


# Tables, keys, and what becomes of a run.


def test_quality_is_a_table_with_a_row_for_the_original_where_it_was_larger(capsys, monkeypatch):
    monkeypatch.setattr(console, "out", console.Console(width=80))
    small, nan = Quality(30.125, 0.91237, 7.954, 5.0), Quality(20.0, float("nan"), 25.5, 1.0)
    console.quality_table(
        [Measured("[a].png", small, original=nan), Measured("b.png", small)], "[song]"
    )
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    numbers = ["30.12", "0.9124", "7.95", "5.00"]
    assert lines[0] == ["[song]"]
    assert [word for word in lines[2] if word.isalpha()] == [
        "picture",
        "PSNR",
        "dB",
        "SSIM",
        "RMSE",
        "MAE",
    ]
    rows = [[word for word in line if word != "│"] for line in lines[4:7]]
    assert rows == [
        ["[a].png", *numbers],
        ["against", "the", "original,", "enlarged", "back", "20.00", "-", "25.50", "1.00"],
        ["b.png", *numbers],
    ]


@pytest.mark.parametrize("twice", [True, False])
def test_what_locks_a_picture_is_read_or_asked_for(twice, tmp_path, monkeypatch):
    asked = []

    def ask(prompt, *, twice):
        asked.append((prompt, twice))
        return ss.Passphrase("three words")

    monkeypatch.setattr(keys, "ask_passphrase", ask)
    ss.write_key(tmp_path / "alice.key", ss.SecretKey(bytes(32)))
    (tmp_path / "phrase").write_text("one two\n")
    picture = tmp_path / "a.png"
    options = keys.SecretOptions(
        [f"{tmp_path}/alice.key={picture}"],
        [picture],
        [f"{tmp_path}/phrase={picture}"],
        passphrase_memory=65,
    )
    by_key, by_asking, by_file = options.locked()
    assert [one.picture for one in options.locked()] == [picture] * 3
    assert by_key.key(twice=twice) == ss.SecretKey(bytes(32))
    assert by_file.key(twice=twice) == ss.Passphrase("one two", memory=65)
    assert asked == []
    assert by_asking.key(twice=twice) == ss.Passphrase("three words", memory=65)
    assert asked == [(f"passphrase for {picture}", twice)]
    assert by_asking.files() == [("a secret", picture)]
    assert by_key.files() == [
        ("a secret", picture),
        ("a key file", tmp_path / "alice.key"),
    ]
    assert by_file.files() == [
        ("a secret", picture),
        ("a passphrase file", tmp_path / "phrase"),
    ]


IDENTITY = ss.Identity(bytes(range(32)))
RECIPIENT = IDENTITY.recipient


@pytest.mark.parametrize("file", [None, "recipient", "me.age"])
def test_a_recipient_is_named_or_read(file, tmp_path):
    """As text, from a file with it, or from an identity file."""
    picture, text = tmp_path / "a.png", RECIPIENT.to_text()
    (tmp_path / "recipient").write_text(f"# Alice\n{text}\n")
    ss.write_identity(tmp_path / "me.age", IDENTITY)
    named = text if file is None else str(tmp_path / file)
    (locked,) = keys.RecipientOptions([f"{named}={picture}"]).locked()
    assert locked.key(twice=True) == RECIPIENT
    files = [] if file is None else [("a recipient's file", tmp_path / file)]
    assert locked.files() == [("a secret", picture), *files]


def test_recipients_are_in_the_order_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ss.write_identity("age1.me", ss.Identity(bytes(32)))
    given = ["age1.me=a.png", f"{RECIPIENT.to_text()}=b.png", "age1.me=c.png"]
    locked = keys.RecipientOptions(given).locked()
    assert [str(one.picture) for one in locked] == ["a.png", "b.png", "c.png"]
    other = ss.Identity(bytes(32)).recipient
    assert [one.key(twice=False) for one in locked] == [other, RECIPIENT, other]


def test_the_demo_is_run_as_asked_for_and_shows_its_progress(monkeypatch, tmp_path):
    asked, told = [], []

    @contextlib.contextmanager
    def bar(secrets):
        yield f"bar of {secrets}"

    def run(output, **named):
        asked.append((output, named))
        return output / "sheet.png", ["measured"]

    monkeypatch.setattr(sending, "training_bar", bar)
    monkeypatch.setattr(sending, "run_demo", run)
    monkeypatch.setattr(sending, "load", lambda path: f"read from {path.name}")
    monkeypatch.setattr(sending, "report", lambda *a, **k: told.append((a, k)))
    sending.demo(tmp_path, steps=7, overwrite=True, json=True)
    named = {"steps": 7, "overwrite": True, "on_progress": "bar of 2"}
    assert asked == [(tmp_path, named)]
    ((given, more),) = told
    song = tmp_path / "song.safetensors"
    assert given == ("demo", song, "read from song.safetensors", ["measured"])
    assert (more["json"], more["sheet"]) == (True, str(tmp_path / "sheet.png"))


def files_in(folder):
    return Files(folder / "song.safetensors", None, False, False, False)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (None, "interrupted: kept in {}"),
        (event(done=4, at_once=3, tiles=9), "4 of 9 tiles are done and 3 under way, kept in {}"),
        (event(done=8, at_once=3, tiles=9), "8 of 9 tiles are done and 1 under way, kept in {}"),
    ],
)
def test_an_interrupted_run_says_what_is_kept(last, message, tmp_path):
    files = files_in(tmp_path)
    nothing = running._interrupted(files, last)
    assert (nothing.message, nothing.hint) == ("interrupted: nothing is kept", None)
    files.checkpoint.write_text("kept")
    kept = running._interrupted(files, last)
    assert kept.message.removeprefix("interrupted: ") == (
        message.format(files.checkpoint).removeprefix("interrupted: ")
    )
    assert kept.hint == "the same command with --resume goes on from here"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_the_second_an_order(number):
    before = signal.signal(number, signal.default_int_handler)  # a shell's job ignores SIGINT
    try:
        with running.stoppable() as stopped:
            assert not stopped()
            signal.raise_signal(number)
            assert stopped()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_a_signal_that_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with running.stoppable() as stopped:
            signal.raise_signal(signal.SIGINT)
            assert not stopped()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


# Batches.


@pytest.fixture
def batched(monkeypatch):
    """A batch of three jobs that are not done: what was asked for, and the outcomes to be."""
    quality = Quality(30.125, 0.9, 7.0, 5.0)
    pictures = (Measured("a.png", quality), Measured("b.png", Quality(41.0, 0.9, 7.0, 5.0)))
    outcomes = [
        Outcome("x.safetensors", pictures, seconds=2.5, notes=("made smaller",)),
        Outcome("[y].safetensors", error="no [such] file"),
        Outcome("z.safetensors", done_before=True),
    ]
    asked = []

    def run(jobs, order, **named):
        asked.append((jobs, order, named))
        yield from outcomes

    monkeypatch.setattr(batching, "read_jobs", lambda path, folder: (["jobs", path, folder], []))
    monkeypatch.setattr(batching, "run_jobs", run)
    return asked, outcomes


def test_a_batch_tells_what_became_of_each_job(batched, tmp_path, capsys):
    asked, _ = batched
    options = batching.BatchOptions(tmp_path / "jobs.csv", workers=2, cluster="tcp://there")
    order = Order(ss.FAST)
    with pytest.raises(SirensongError) as caught:
        batching.run_batch(options, tmp_path, order, json=False)
    assert str(caught.value) == "1 of 3 jobs failed"
    assert asked == [
        (["jobs", tmp_path / "jobs.csv", tmp_path], order, {"workers": 2, "cluster": "tcp://there"})
    ]
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "x.safetensors: PSNR 30.12 / 41.00 dB",
        "z.safetensors: done before",
    ]
    assert "[y].safetensors: failed: no [such] file" in printed.err.splitlines()


def test_a_batch_without_failures_is_no_error(batched, tmp_path):
    _, outcomes = batched
    del outcomes[1]
    options = batching.BatchOptions(tmp_path / "jobs.csv")
    assert batching.run_batch(options, tmp_path, Order(ss.FAST), json=False) is None


@pytest.mark.parametrize("workers", [0, -1])
def test_there_must_be_a_worker(workers):
    with pytest.raises(SettingError, match=f"workers must be at least 1, got {workers}"):
        batching.check_workers(workers)
    batching.check_workers(1)
    batching.check_workers(None)


def test_secrets_are_opened_with_their_keys(monkeypatch):
    """A new passphrase is asked for twice, one that is there already once."""
    opened = []

    class Named(keys.Locked):
        def key(self, *, twice):
            return f"key of {self.picture}, twice {twice}"

    def open_secret(path, *, within, key, exactly):
        opened.append((path, within, key, exactly))

    monkeypatch.setattr(keys, "open_secret", open_secret)
    for twice in (True, False):
        keys.open_secrets([Named(Path("a.png"), None)], within="5x5", twice=twice)
    assert opened == [
        (Path("a.png"), "5x5", "key of a.png, twice True", False),
        (Path("a.png"), "5x5", "key of a.png, twice False", False),
    ]


def test_a_batch_counts_carriers(batched, monkeypatch, tmp_path):
    counted = []

    @contextlib.contextmanager
    def counting():
        yield lambda *count: counted.append(count)

    monkeypatch.setattr(batching, "counting", counting)
    options = batching.BatchOptions(tmp_path / "jobs.csv")
    with pytest.raises(SirensongError):
        batching.run_batch(options, tmp_path, Order(ss.FAST), json=False)
    assert counted == [("carriers", done, 3) for done in range(4)]


def test_names_in_brackets_are_shown_as_they_are(tmp_path, capsys, clock, monkeypatch):
    """They would be markup."""
    path = tmp_path / "[bold]alice.key"
    keys.keygen(path)
    assert capsys.readouterr().out == (f"{path}: fingerprint {ss.read_key(path).fingerprint}\n")
    monkeypatch.setattr(console, "_notes", console.Console(stderr=True, soft_wrap=True))
    lines = console.Lines()
    clock[0] += 10.0
    lines.show("[bold]x: 1 of 2")
    console.print_note("[bold]y")
    assert capsys.readouterr().err == "[bold]x: 1 of 2\nnote: [bold]y\n"


@pytest.mark.parametrize(("pixels", "noted"), [(3, False), (4, True)])
def test_a_secret_of_more_than_one_and_a_half_covers_is_noted(pixels, noted, monkeypatch):
    """For the network is sized for the cover; unless its width is given."""
    notes = []
    monkeypatch.setattr(sending, "print_note", notes.append)
    own = request(1, 2, secret=(1, pixels, 3))
    sending._note_larger_secrets(own)
    assert notes == []
    grown = dataclasses.replace(own.recipe, hidden_features=None)
    sending._note_larger_secrets(dataclasses.replace(own, recipe=grown))
    assert bool(notes) == noted
    assert all(note.startswith("secret.png has more pixels than the cover") for note in notes)


# How the command ends.


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (SirensongError("wrong", hint="do that"), 1, ["wrong", "do that"]),
        (NoPictureError("none", hint="ask"), 3, ["none", "ask"]),
        (StoppedError("interrupted: kept", hint="go on"), 130, ["interrupted: kept", "go on"]),
        (typer.Abort(), 130, ["interrupted"]),
        (
            MemoryError(),
            1,
            ["not enough memory", "smaller pictures or fewer hidden features need less"],
        ),
    ],
)
def test_each_error_has_its_code_its_line_and_its_hint(error, code, lines, monkeypatch, capsys):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(cli, "make_app", lambda _: fail)
    assert cli.run(["hide"]) == code
    message, *hint = capsys.readouterr().err.splitlines()
    assert message == f"sirensong: error: {lines[0]}"
    assert hint == [f"hint: {line}" for line in lines[1:]]


@pytest.mark.parametrize(
    ("returned", "code", "printed"),
    [(None, 0, ""), (0, 0, ""), (130, 130, "sirensong: error: interrupted\n"), (1, 1, "")],
)
def test_an_interrupted_command_says_so(returned, code, printed, monkeypatch, capsys):
    monkeypatch.setattr(cli, "make_app", lambda _: lambda *_, **__: returned)
    assert cli.run(["hide"]) == code
    assert capsys.readouterr().err == printed
