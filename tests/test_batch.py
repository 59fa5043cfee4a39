"""Batches: every job once, a bad one alone, a dead worker's again, the same bytes anywhere."""

import contextlib
import dataclasses
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sirensong as ss
from sirensong import cli
from sirensong.batch import Job, Order, read_jobs, run_job, run_jobs
from sirensong.errors import FormatError
from sirensong.network.mask import mask_path, read_mask

TINY = dataclasses.replace(
    ss.FAST.with_steps(40, cover=4), hidden_features=24, hidden_layers=3, selection="magnitude"
)

LEARNING = dataclasses.replace(ss.FAST.with_steps(200, cover=20), hidden_features=32)

NETWORK = ["--hidden-features", "24", "--hidden-layers", "3", "--omega", "15", "--seed", "1"]
QUICK = [*NETWORK, "--steps", "5"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three pictures, two keys, a list of three jobs, and an output folder; stand in it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    for name in ("a", "b", "c"):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(f"{name}.png")
    for name in ("one", "two"):
        assert cli.run(["keygen", "-o", f"{name}.key"]) == 0
    write_jobs(
        "x,a.png,one.key=b.png", "y,b.png,one.key=a.png,two.key=c.png", "z,c.png,two.key=a.png"
    )
    Path("out").mkdir()
    return tmp_path


def write_jobs(*rows):
    """A list of jobs; outputs are given without their ending."""
    rows = [re.sub(r"^(\w+),", r"\1.safetensors,", row) for row in rows]
    Path("jobs.csv").write_text("\n".join(["output,cover,secrets", *rows]) + "\n")


def run_batch(*options, workers=1, code=0):
    """The command; with several workers in a process of its own, as they expect.

    Returns what it made, by name, and what it printed.
    """
    arguments = ["hide", "--batch", "jobs.csv", "-o", "out", f"--workers={workers}", *QUICK]
    found, printed = (alone if workers == 1 else in_a_process)([*arguments, *options])
    assert found == code, printed
    return {path.name: path.read_bytes() for path in Path("out").iterdir()}, printed


def alone(arguments):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        return cli.run(arguments), printed.getvalue()


def in_a_process(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "sirensong", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=200,
    )
    return done.returncode, done.stdout


def test_a_list_is_read_with_its_bad_rows_told(folder):
    write_jobs(
        "x,a.png,one.key=b.png",
        "",
        "../y,a.png,one.key=b.png",
        "z,a.png",
        "w,a.png,one.key",
        "x,b.png,one.key=a.png",
    )
    jobs, bad = read_jobs("jobs.csv", "out")
    assert jobs == [
        Job(
            folder / "out/x.safetensors",
            folder / "a.png",
            ((folder / "one.key", folder / "b.png"),),
        )
    ]
    assert [outcome.error.split(":")[0] for outcome in bad] == ["row 4", "row 5", "row 6", "row 7"]


def test_outputs_are_carriers_so_that_no_two_have_one_mask(folder):
    """a.one and a.two would both have the mask a.mask."""
    rows = ["a.one,a.png,one.key=b.png", "a.two,a.png,one.key=b.png"]
    rows += ["A.SAFETENSORS,a.png,one.key=b.png", "a.safetensors,a.png,one.key=b.png"]
    Path("jobs.csv").write_text("\n".join(["output,cover,secrets", *rows]))
    jobs, bad = read_jobs("jobs.csv", "out")
    assert [job.output.name for job in jobs] == ["a.safetensors"]
    assert [outcome.error for outcome in bad] == [
        f"row {row}: expected an output that ends in .safetensors, got {name!r}"
        for row, name in ((2, "a.one"), (3, "a.two"), (4, "A.SAFETENSORS"))
    ]


def test_names_that_no_file_can_have_fail_alone(folder):
    long = "x" * 300
    rows = [f"{long},a.png,one.key=b.png", "y,a\0.png,one.key=b.png", f"z,{long},one.key=b.png"]
    rows += ["w\0,a.png,one.key=b.png", "good,a.png,one.key=b.png", f"v,a.png,{long}=b.png"]
    write_jobs(*rows)
    made, printed = run_batch(code=1)
    assert list(made) == ["good.safetensors"]
    assert "sirensong: error: 5 of 6 jobs failed" in printed
    assert f"{long}.safetensors: failed: cannot write " in printed
    assert printed.count("file name too long") == 3
    assert printed.count("a name has a NUL character") == 2
    assert "Traceback" not in printed


def test_an_order_is_plain_data_that_any_worker_can_be_sent(folder):
    order = Order(ss.FAST.robust(), (64, 64), (32, 32), 1, "cpu", ("decoy.png",))
    sent = pickle.dumps(order)
    assert b"sirensong.cli" not in sent
    assert pickle.loads(sent) == order


def test_each_job_is_measured_against_what_training_reported(folder, monkeypatch):
    def boasting(*arguments, **options):
        hidden = ss.hide(*arguments, **options)
        return dataclasses.replace(hidden, psnr=(hidden.psnr[0], 99.0))

    jobs, _ = read_jobs("jobs.csv", "out")
    assert run_job(jobs[0], Order(LEARNING)).error is None
    monkeypatch.setattr("sirensong.batch.hide", boasting)
    outcome = run_job(jobs[2], Order(LEARNING))
    shown = outcome.pictures[1].quality.psnr
    assert outcome.error == f"a.png has {shown:.1f} dB where training reported 99.0"
    assert not jobs[2].output.exists()  # or the same list would take it for done
    monkeypatch.setattr("sirensong.batch.hide", ss.hide)
    again = run_job(jobs[2], Order(LEARNING))
    assert (again.error, again.done_before) == (None, False)


def test_a_job_is_run_as_the_order_says_and_on_one_thread(folder, monkeypatch):
    heard = {}

    def hear(cover, secrets, **options):
        heard.update(options, keys=[key for key, _ in secrets])
        raise ss.SettingError("enough")

    monkeypatch.setattr("sirensong.batch.hide", hear)
    jobs, _ = read_jobs("jobs.csv", "out")
    order = Order(LEARNING, seed=7, device="cpu", decoys=("c.png",))
    assert run_job(jobs[1], order).error == "enough"
    assert heard["keys"] == [ss.read_key("one.key"), ss.read_key("two.key")]
    assert (heard["recipe"], heard["decoys"]) == (LEARNING, ("c.png",))
    assert heard["options"] == ss.Options(seed=7, device="cpu", threads=1)


def test_covers_and_secrets_have_sizes_of_their_own(folder):
    jobs, _ = read_jobs("jobs.csv", "out")
    outcome = run_job(jobs[0], Order(LEARNING, within=(8, 8), secret_within=(12, 12)))
    stego = ss.load(jobs[0].output)
    secret = ss.unlock(stego, ss.read_key("one.key"))
    assert (stego.width, stego.height, secret.width, secret.height) == (8, 8, 12, 12)
    assert outcome.notes == (
        "a.png: made smaller from 16x16 to 8x8",
        "b.png: made smaller from 16x16 to 12x12",
    )
    assert all(picture.original is not None for picture in outcome.pictures)


@pytest.mark.parametrize(
    "content", ["nonsense\n", "cover,output\n", "\xff\xfe", 'output,cover,secrets\n"x']
)
def test_another_file_is_no_list(folder, content):
    Path("jobs.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(FormatError, match="not a list of jobs"):
        read_jobs("jobs.csv", "out")


def test_every_job_is_done_once_and_alike_on_one_worker_and_on_two(folder):
    single, printed = run_batch()
    assert sorted(single) == ["x.safetensors", "y.safetensors", "z.safetensors"]
    assert printed.count("PSNR") == 3
    stamps = {path: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    again, printed = run_batch()
    assert again == single
    assert printed.count("done before") == 3
    assert {path: path.stat().st_mtime_ns for path in Path("out").iterdir()} == stamps
    for path in stamps:
        path.unlink()
    assert run_batch(workers=2)[0] == single


def test_a_bad_job_fails_alone(folder):
    write_jobs("x,a.png,one.key=b.png", "y,nowhere.png,one.key=a.png", "z,c.png")
    made, printed = run_batch(workers=2, code=1)
    assert sorted(made) == ["x.safetensors"]
    assert (
        f"y.safetensors: failed: cannot read {folder}/nowhere.png: no such file or directory"
        in printed
    )
    assert "z.safetensors: failed: row 4" in printed
    assert "sirensong: error: 2 of 3 jobs failed" in printed


@pytest.mark.parametrize(
    "options",
    [
        ["--seconds", "3"],
        ["--resume"],
        ["--bytes", "9000"],
        ["--workers", "0"],
        ["--cluster", "tcp://127.0.0.1:1"],
    ],
)
def test_options_that_do_not_go_with_a_batch(folder, options, capsys, monkeypatch):
    monkeypatch.setattr("sirensong.workers._PATIENCE", 1)  # with a cluster that is not there
    assert cli.run(["hide", "--batch", "jobs.csv", "-o", "out", *options]) == 1
    assert "sirensong: error: " in capsys.readouterr().err


def test_magnitude_selection_leaves_a_mask_beside_each_carrier(folder):
    assert {"x.mask", "y.mask", "z.mask"} <= set(run_batch("--selection", "magnitude")[0])


def test_a_mask_that_a_dead_worker_left_is_replaced_and_another_ones_is_not(folder, monkeypatch):
    """A worker can die after its mask and before its carrier: the job is done again.

    A mask from before the run stays.
    """
    jobs, _ = read_jobs(folder / "jobs.csv", folder / "out")
    order = Order(TINY)
    (folder / "out").mkdir(exist_ok=True)
    mask_path(jobs[0].output).write_bytes(b"left behind")
    assert run_job(jobs[0], order).error is None
    assert read_mask(mask_path(jobs[0].output)).carrier == ss.load(jobs[0].output).nonce[:8]

    mask_path(jobs[1].output).write_bytes(b"somebody's")
    (outcome,) = run_jobs(jobs[1:2], order, workers=1)
    assert "exists, without its carrier" in outcome.error
    assert mask_path(jobs[1].output).read_bytes() == b"somebody's"


def kill_one_worker(pattern, output, killed):
    """Kill one process whose command line matches, once a first job is done."""
    for _ in range(600):
        workers = [pid for pid in children() if re.search(pattern, command_line(pid))]
        if workers and list(Path(output).glob("*.safetensors")):
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])
            return
        time.sleep(0.05)


def children():
    own = os.getpid()
    family, found = {own}, []
    for path in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent in family:
            family.add(int(path.name))
            found.append(int(path.name))
    return found


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def many_jobs():
    write_jobs(*(f"{index},a.png,one.key=b.png" for index in range(6)))
    return [*NETWORK, "--steps", "1500"]


@pytest.mark.slow
def test_a_killed_worker_has_its_job_redone(folder):
    options = many_jobs()
    command = [
        sys.executable,
        "-m",
        "sirensong",
        "hide",
        "--batch",
        "jobs.csv",
        "-o",
        "out",
        "--workers",
        "2",
        *options,
    ]
    killed = []
    killer = threading.Thread(target=kill_one_worker, args=("popen_loky", "out", killed))
    killer.start()
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    killer.join()
    assert len(killed) == 1
    assert result.returncode == 0, result.stderr
    assert len(list(Path("out").glob("*.safetensors"))) == 6


@pytest.mark.slow
def test_a_cluster_does_the_same_though_a_worker_dies(folder):
    options = many_jobs()
    scheduler = start(
        ["scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", "scheduler.json"]
    )
    workers = [
        start(
            [
                "worker",
                "--scheduler-file",
                "scheduler.json",
                "--nthreads",
                "1",
                "--no-dashboard",
                "--no-nanny",
            ]
        )
        for _ in range(2)
    ]
    try:
        address = scheduler_address(Path("scheduler.json"))
        command = [
            sys.executable,
            "-m",
            "sirensong",
            "hide",
            "--batch",
            "jobs.csv",
            "-o",
            "out",
            "--cluster",
            address,
            *options,
        ]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(1200):
            if list(Path("out").glob("*.safetensors")) or process.poll() is not None:
                break
            time.sleep(0.05)
        workers[0].kill()
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
        assert out.count("PSNR") + out.count("done before") == 6
        # What was killed while it wrote leaves a file that begins with a dot, and no carrier.
        clustered = {path.name: path.read_bytes() for path in Path("out").glob("[!.]*")}
    finally:
        for helper in (*workers, scheduler):
            helper.kill()
            helper.wait()
    assert len(clustered) == 6
    Path("out/0.safetensors").unlink()
    assert cli.run(["hide", "--batch", "jobs.csv", "-o", "out", "--workers", "1", *options]) == 0
    assert Path("out/0.safetensors").read_bytes() == clustered["0.safetensors"]


def start(arguments):
    command = [sys.executable, "-m", "dask", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def scheduler_address(path):
    import json

    for _ in range(600):
        if path.exists() and path.read_text().strip():
            return json.loads(path.read_text())["address"]
        time.sleep(0.05)
    raise AssertionError("the scheduler did not start")
