"""A run while it lasts: its plan, its progress, and the user who stops it."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

import sirensong as ss
from command import QUICK, SMALL, failure
from sirensong import cli
from sirensong.cli import console, planning, progress, running
from sirensong.cli.planning import Request, announce
from sirensong.training.fused import FusedPass
from sirensong.training.step import TrainingPass
from sirensong.verify import expect

SONG = "new.safetensors"
HIDE = ["hide", "cover.png", "--secret", "alice.key=holiday.png", "-o", SONG, *SMALL]
FIT = ["fit", "cover.png", "-o", SONG, *SMALL]


@pytest.fixture(autouse=True)
def heard_signals():
    """Tests that run in the background may have been told to ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def own(at, tmp_path, monkeypatch):
    """Stand in a folder with the same pictures and keys, and nothing else."""
    for name in ("cover.png", "holiday.png", "alice.key"):
        (tmp_path / name).symlink_to(at / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(folder):
    return {path.name for path in folder.iterdir() if not path.is_symlink()}


def listen_with(monkeypatch, listener):
    """Have the command train with this listener, in place of its progress."""
    monkeypatch.setattr(running, "training_bar", lambda *_: nullcontext(listener))


# What was made is what training said.


@pytest.mark.parametrize("command", [HIDE, FIT])
def test_a_picture_far_below_what_training_reported_is_an_error(command, own, monkeypatch, capsys):
    """Training that says 60 dB of what is as good as it is."""
    trained = running.train

    def boasting(*arguments, **options):
        hidden = trained(*arguments, **options)
        return replace(hidden, psnr=(60.0, *hidden.psnr[1:]))

    monkeypatch.setattr(running, "train", boasting)
    assert cli.run(command) == 1
    printed = capsys.readouterr()
    errors = printed.err.splitlines()
    assert re.fullmatch(
        r"sirensong: error: cover\.png has [2-4]\d\.\d dB where training reported 60\.0", errors[-2]
    )
    assert errors[-1] == (
        f"hint: this is a defect, please report it: {SONG} and {SONG}.checkpoint are kept"
    )
    assert "cover.png" in printed.out
    assert made(own) == {SONG, f"{SONG}.checkpoint", f"{SONG}.checkpoint.tiles"}


def test_all_else_leaves_the_carrier_alone(own):
    assert cli.run(HIDE) == 0
    assert made(own) == {SONG}


# Sizes.


def test_size_is_the_covers_and_a_secret_keeps_its_own(own, capsys):
    assert cli.run([*HIDE, "--size", "16x16"]) == 0
    stego, key = ss.load(SONG), ss.read_key("alice.key")
    assert (stego.width, stego.height) == (16, 16)
    assert (ss.unlock(stego, key).width, ss.unlock(stego, key).height) == (24, 24)
    printed = capsys.readouterr()
    notes = [line for line in printed.err.splitlines() if "smaller from" in line]
    assert notes == ["note: cover.png: made smaller from 24x24 to 16x16"]
    assert printed.out.count("against the original, enlarged back") == 1


def test_a_secret_is_made_smaller_where_that_is_asked_for(own, capsys):
    assert cli.run([*HIDE, "--secret-size", "18x12"]) == 0
    stego = ss.load(SONG)
    revealed = ss.unlock(stego, ss.read_key("alice.key"))
    assert (stego.width, revealed.width, revealed.height) == (24, 12, 12)
    notes = [line for line in capsys.readouterr().err.splitlines() if "smaller from" in line]
    assert notes == ["note: holiday.png: made smaller from 24x24 to 12x12"]


# The plan.


def test_hide_says_first_how_large_the_carrier_will_be(own, capsys):
    assert cli.run(FIT) == 0
    decoys, plan, short = capsys.readouterr().err.splitlines()
    assert decoys.startswith("note: there is no pool of decoys")
    assert plan == f"note: {SONG} takes about 10 kB, in 1x1 tiles"
    assert re.fullmatch(
        r"note: cover.png has .* dB where photographs have 50: more --steps.*", short
    )
    assert (own / SONG).stat().st_size == pytest.approx(10_000, abs=500)


def request(seconds=None, side=16, recipe=QUICK):
    cover = expect(ss.to_pil(ss.sample(ss.fit("cover.png", recipe=QUICK.with_steps(1)))), "cover")
    cover = replace(cover, rgb=cover.rgb.repeat(side // 8, 0).repeat(side // 8, 1))
    return Request("hide", cover, [], recipe, [], ss.Options(seconds=seconds))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(9.0, ""), (10.0, ", and about 10 s"), (754.0, ", and about 12 min 34 s")],
)
def test_times_from_ten_seconds_on_are_said_and_that_they_are_estimates(at, seconds, said, capsys):
    assert announce(request(seconds), Path(SONG), ask=True) == 0
    assert re.fullmatch(
        rf"note: {SONG} takes about \d+ kB, in \dx\d tiles{said}\n", capsys.readouterr().err
    )


def test_small_jobs_are_not_timed_large_ones_are_resumed_ones_are_not(at, monkeypatch):
    timed = []

    def plan(*_, **__):
        timed.append(True)
        return ss.Plan(ss.Grid(), ss.Architecture(16, 2), 1, 1, 1, 1.0, None)

    monkeypatch.setattr(planning, "plan", plan)
    small, large = request(), request(side=256, recipe=ss.FAST)
    announce(small, Path(SONG), ask=True)
    assert len(timed) == 0
    announce(large, Path(SONG), ask=True)
    assert len(timed) == 1
    options = ss.Options(checkpoint="c", resume=True)
    announce(replace(large, options=options), Path(SONG), ask=True)
    assert len(timed) == 1


ASKING = """
import sys
from sirensong.cli import main, planning
planning.LARGE = 1000
main()
"""


def on_a_terminal(script, arguments, answer, folder):
    """What a terminal shows, whether the command asked a question there, and its exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-c", script, *arguments])
    shown, answered = b"", False
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
        if not answered and b"[y/N]: " in shown:
            os.write(terminal, answer)
            answered = True
    return shown.decode(), answered, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


QUICK_FIT = [*FIT, "--steps", "120"]


def test_a_large_carrier_is_asked_about_on_a_terminal(own):
    shown, asked, code = on_a_terminal(ASKING, QUICK_FIT, b"n\n", own)
    assert asked
    assert code == 1
    assert "sirensong: error: nothing was made" in shown
    assert made(own) == set()
    shown, asked, code = on_a_terminal(ASKING, QUICK_FIT, b"y\n", own)
    assert (asked, code) == (True, 0)
    assert made(own) == {SONG}


@pytest.fixture
def terminal(monkeypatch):
    """Standard input and error are terminals, and a question is an error."""

    def forbidden(*_, **__):
        raise AssertionError("they were asked")

    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(planning.typer, "confirm", forbidden)


@pytest.mark.usefixtures("terminal")
def test_yes_is_the_answer_before_the_question_and_small_carriers_have_none(own, monkeypatch):
    assert cli.run(FIT) == 0
    monkeypatch.setattr(planning, "LARGE", 1000)
    assert cli.run([*FIT, "--overwrite", "--yes"]) == 0
    with pytest.raises(AssertionError, match="they were asked"):
        cli.run([*FIT, "--overwrite"])


@pytest.mark.usefixtures("terminal")
def test_ten_minutes_are_not_long_and_a_second_more_is(at, monkeypatch):
    announce(request(600.0), Path(SONG), ask=True)
    with pytest.raises(AssertionError, match="they were asked"):
        announce(request(601.0), Path(SONG), ask=True)


@pytest.mark.usefixtures("terminal", "eager")
def test_whoever_resumes_has_been_asked_before(own, monkeypatch):
    listen_with(monkeypatch, Signals(signal.SIGINT))
    assert cli.run(FIT) == 130
    listen_with(monkeypatch, Signals(signal.SIGINT, times=0))
    monkeypatch.setattr(planning, "LARGE", 1000)
    assert cli.run([*FIT, "--resume"]) == 0


def test_nobody_is_asked_without_a_terminal(own, monkeypatch):
    monkeypatch.setattr(planning, "LARGE", 1000)
    assert cli.run(FIT) == 0


# Progress.


@pytest.fixture
def clock(monkeypatch):
    """The time, which a test may move: a list of one number."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def event(step, **changes):
    facts = {"stage": "joint", "seconds_left": 72.4} | changes
    return ss.Progress(step=step, steps=100, psnr=(40.04, 30.0, 20.0), **facts)


def test_a_line_of_progress_every_ten_seconds_where_no_terminal_is(clock, capsys):
    with progress.training_bar(1) as show:
        for clock[0] in (101.0, 109.0, 110.0, 119.0, 121.0):
            show(event(int(clock[0]) - 100))
    assert capsys.readouterr().err.splitlines() == [
        "all functions: step 10 of 100, stego 40.0, secret 1 30.0 dB, about 1 min 12 s left",
        "all functions: step 21 of 100, stego 40.0, secret 1 30.0 dB, about 1 min 12 s left",
    ]


def test_lines_tell_of_tiles_and_the_time_that_all_of_them_take(clock, capsys):
    with progress.training_bar(0) as show:
        show(event(1, tiles=9, tiles_at_once=2, tiles_done=1))
        clock[0] += 30
        show(event(2, stage="cover", tiles=9, tiles_at_once=2, tiles_done=3, seconds_left=None))
    assert capsys.readouterr().err.splitlines() == [
        "tiles 3 of 9, about 1 min 30 s left; cover function: step 2 of 100, cover 40.0 dB",
    ]


def test_long_loops_tell_how_far_they_are(clock, capsys):
    with console.counting() as advance:
        for done in range(4):
            clock[0] += 6
            advance("carriers", done, 4)
    assert capsys.readouterr().err.splitlines() == ["carriers: 1 of 4", "carriers: 3 of 4"]
    for _ in console.tracked("abc", "keys"):
        clock[0] += 10
    assert capsys.readouterr().err.splitlines() == ["keys: 1 of 3", "keys: 2 of 3"]


def test_the_command_prints_progress_and_quiet_stops_it_and_notes(own, monkeypatch, capsys):
    monkeypatch.setattr(console, "LINE_EVERY", 0.0)
    assert cli.run(HIDE) == 0
    assert "all functions: step 120 of 120" in capsys.readouterr().err
    assert cli.run([*HIDE, "--overwrite", "--quiet", "--size", "16x16"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "PSNR" in printed.out
    assert cli.run(["inspect", SONG]) == 0
    console.print_note("the next command is not quiet")
    assert capsys.readouterr().err == "note: the next command is not quiet\n"
    assert failure(capsys, [*HIDE, "--quiet"]) == f"sirensong: error: {SONG} exists"
    assert cli.run([*HIDE, "--overwrite"]) == 0
    assert "note: " in capsys.readouterr().err


# Stopping.


class Signals:
    """Progress that sends signals at its first report, as a user would; hears what comes then."""

    def __init__(self, number, times=1):
        self.number, self.times, self.heard = number, times, []

    def __call__(self, progress):
        self.heard.append(progress)
        if len(self.heard) == 1:
            for _ in range(self.times):
                signal.raise_signal(self.number)


@pytest.fixture
def eager(monkeypatch):
    """Every step reports."""
    monkeypatch.setattr("sirensong.training.train._REPORT_EVERY", -1.0)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_at_the_next_report_and_keeps_what_is_done(
    number, own, monkeypatch, capsys
):
    handlers = [signal.getsignal(one) for one in running.STOP_SIGNALS]
    listener = Signals(number)
    listen_with(monkeypatch, listener)
    assert failure(capsys, HIDE, code=130) == (
        "sirensong: error: interrupted: 0 of 1 tiles are done and 1 under way, "
        f"kept in {SONG}.checkpoint"
    )
    assert len(listener.heard) == 1
    assert made(own) == {f"{SONG}.checkpoint"}
    assert [signal.getsignal(one) for one in running.STOP_SIGNALS] == handlers

    resumed = Signals(number, times=0)
    listen_with(monkeypatch, resumed)
    assert cli.run([*HIDE, "--resume"]) == 0
    assert (resumed.heard[0].stage, resumed.heard[0].step) == ("cover", 2)
    assert made(own) == {SONG}


def test_a_carrier_that_came_into_being_meanwhile_is_not_replaced(own, monkeypatch, capsys):
    listen_with(monkeypatch, lambda _: (own / SONG).write_bytes(b"another's"))
    assert failure(capsys, HIDE) == f"sirensong: error: {SONG} exists"
    assert (own / SONG).read_bytes() == b"another's"
    assert (own / f"{SONG}.checkpoint").exists()


@pytest.mark.usefixtures("eager")
def test_overwrite_begins_anew_where_a_run_was_stopped(own, monkeypatch, capsys):
    listen_with(monkeypatch, Signals(signal.SIGINT))
    assert cli.run(HIDE) == 130
    again = Signals(signal.SIGINT, times=0)
    listen_with(monkeypatch, again)
    assert cli.run([*HIDE, "--overwrite"]) == 0
    assert (again.heard[0].stage, again.heard[0].step) == ("cover", 1)


@pytest.mark.usefixtures("eager")
def test_the_message_counts_the_tiles_that_are_done(own, monkeypatch, capsys):
    monkeypatch.setattr("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 1})

    def stop_at_the_third_tile(progress):
        if progress.tiles_done == 2:
            signal.raise_signal(signal.SIGINT)

    listen_with(monkeypatch, stop_at_the_third_tile)
    assert failure(capsys, [*HIDE, "--tile-size", "12"], code=130) == (
        "sirensong: error: interrupted: 2 of 4 tiles are done and 1 under way, "
        f"kept in {SONG}.checkpoint"
    )


def test_a_signal_before_the_first_report_waits_for_it(own, monkeypatch, capsys):
    from sirensong.training import steps

    begin = steps._initial

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return begin(*arguments)

    monkeypatch.setattr(steps, "_initial", interrupted)
    assert "0 of 1 tiles are done" in failure(capsys, [*HIDE, "--seconds", "600"], code=130)
    assert made(own) == {f"{SONG}.checkpoint"}


@pytest.mark.parametrize("one_pass", [FusedPass, TrainingPass])
def test_the_second_signal_stops_at_once(one_pass, own, monkeypatch, capsys, request):
    steps, run = [], one_pass.run
    if one_pass is TrainingPass:
        request.getfixturevalue("uncompiled")

    def interrupted(self, *arguments):
        steps.append(self)
        if len(steps) in (3, 5):
            signal.raise_signal(signal.SIGINT)
        return run(self, *arguments)

    monkeypatch.setattr(one_pass, "run", interrupted)
    monkeypatch.setattr("sirensong.training.train._REPORT_EVERY", 1e9)
    assert failure(capsys, HIDE, code=130) == "sirensong: error: interrupted: nothing is kept"
    assert len(steps) == 5
    assert made(own) == set()


def test_a_signal_that_was_ignored_before_stays_ignored():
    """As in a job that was started in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with running.stoppable() as stopped:
            signal.raise_signal(signal.SIGINT)
            assert not stopped()
    finally:
        signal.signal(signal.SIGINT, before)


STARTED = """
import signal, sys
from sirensong.cli import main
from sirensong.training import recipe
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background may ignore it
main()
"""


def test_a_process_that_is_stopped_says_what_is_kept(own):
    command = [sys.executable, "-c", STARTED, *HIDE, "--seconds", "600"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    plan = f"note: {SONG} takes about 10 kB, in 1x1 tiles, and about 10 min 00 s\n"
    assert process.stderr.readline().startswith("note: there is no pool of decoys")
    assert process.stderr.readline() == plan
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines() == [
        "sirensong: error: interrupted: 0 of 1 tiles are done and 1 under way, "
        f"kept in {SONG}.checkpoint",
        "hint: the same command with --resume goes on from here",
    ]
    assert made(own) >= {f"{SONG}.checkpoint"}
    assert SONG not in made(own)


def test_sigterm_before_training_is_told_like_ctrl_c():
    script = """
import os, signal
from sirensong import cli
cli.keys.write_key = lambda *_: os.kill(os.getpid(), signal.SIGTERM)
cli.main(["keygen", "-o", "x.key"])
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (result.returncode, result.stderr) == (130, "sirensong: error: interrupted\n")


def test_ctrl_c_that_comes_before_the_command_has_begun_is_one_line(monkeypatch, capsys):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "make_app", interrupted)
    assert cli.run(["keygen", "-o", "a.key"]) == 130
    assert capsys.readouterr().err == "sirensong: error: interrupted\n"
