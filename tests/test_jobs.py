"""One job of a batch, in this process: what it asks for, and what is told of it."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

import sirensong as ss
from sirensong import batch
from sirensong.batch import Job, Order, Outcome, read_jobs, run_job, run_jobs
from sirensong.errors import FormatError, SirensongError
from sirensong.network.mask import mask_path

TINY = dataclasses.replace(
    ss.FAST,
    hidden_features=16,
    hidden_layers=2,
    omega=10.0,
    functions=0,
    decoys="cover",
).with_steps(2, cover=1)
ORDER = Order(TINY, seed=1)


@pytest.fixture
def folder(tmp_path):
    """Two pictures, of 16x24 and 32x16 pixels, and a key."""
    rng = np.random.default_rng(1)
    for name, size in (("cover", (16, 24, 3)), ("secret", (32, 16, 3))):
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(tmp_path / f"{name}.png")
    ss.write_key(tmp_path / "alice.key", ss.SecretKey(bytes(32)))
    return tmp_path


def job_in(folder, name="song.safetensors"):
    secret = (folder / "alice.key", folder / "secret.png")
    return Job(folder / name, folder / "cover.png", (secret,))


@pytest.fixture
def asked(monkeypatch):
    """What each hide was asked for: (pictures' shapes, keywords)."""
    calls, hide = [], batch.hide

    def keep(cover, pairs, **named):
        calls.append(([cover.shape, *(own.shape for _, own in pairs)], named))
        return hide(cover, pairs, **named)

    monkeypatch.setattr(batch, "hide", keep)
    return calls


def test_a_job_makes_its_carrier_and_measures_it(folder):
    outcome = run_job(job_in(folder), ORDER)
    assert (outcome.output, outcome.error, outcome.done_before) == ("song.safetensors", None, False)
    assert len(outcome.pictures) == 2
    assert outcome.notes == ()
    assert outcome.seconds > 0
    stego = ss.load(folder / "song.safetensors")
    assert (stego.height, stego.width) == (16, 24)
    assert ss.reveal(stego, ss.SecretKey(bytes(32))).shape == (32, 16, 3)


def test_a_job_asks_for_what_was_ordered(folder, asked):
    order = Order(TINY, within=(8, 8), secret_within=(16, 16), seed=7, device="cpu")
    outcome = run_job(job_in(folder), order)
    ((shapes, named),) = asked
    assert shapes == [(5, 8, 3), (16, 8, 3)]
    assert named["recipe"] == TINY
    assert named["options"] == ss.Options(seed=7, device="cpu", threads=1)
    assert named["decoys"] == ()
    assert len(outcome.notes) == 2


def test_a_job_takes_the_decoys_that_were_ordered(folder, asked):
    own = (str(folder / "secret.png"),)
    recipe = dataclasses.replace(TINY, functions=2)
    assert run_job(job_in(folder), Order(recipe, seed=1, decoys=own)).error is None
    assert asked[0][1]["decoys"] == own


def test_a_job_notes_a_file_where_all_decoys_are_pictures(folder, monkeypatch):
    (folder / "note.txt").write_text("noon")
    Image.new("RGB", (64, 64)).save(folder / "large.png")
    monkeypatch.setattr(batch, "measure_all", lambda *_: [])  # it is trained too little to be read
    monkeypatch.setattr(batch, "shortfalls", lambda *_: [])
    secret = (folder / "alice.key", folder / "note.txt")

    def noted(**changes):
        order = Order(dataclasses.replace(TINY, tile=64, **changes), seed=1)
        outcome = run_job(Job(folder / "a.safetensors", folder / "large.png", (secret,)), order)
        (folder / "a.safetensors").unlink()
        return any("note.txt is hidden as a file, and all decoys" in one for one in outcome.notes)

    assert noted(functions=2)
    assert not noted(functions=0)


def test_a_job_whose_carrier_is_there_is_done(folder, asked):
    job = job_in(folder)
    run_job(job, ORDER)
    before = job.output.read_bytes()
    assert run_job(job, ORDER) == Outcome("song.safetensors", done_before=True)
    assert len(asked) == 1
    assert job.output.read_bytes() == before


def test_a_job_fails_by_name(folder, monkeypatch):
    job = job_in(folder)
    (folder / "secret.png").write_bytes(b"no picture")
    failed = run_job(job, ORDER)
    assert failed.output == "song.safetensors"
    assert "secret.png" in failed.error
    job.output.write_text("no carrier")
    damaged = run_job(job, ORDER)
    assert damaged.output == "song.safetensors"
    assert damaged.error is not None
    assert not damaged.done_before


def test_a_job_for_which_there_is_no_memory_fails_alone(folder, monkeypatch):
    def refuse(*_, **__):
        raise MemoryError

    monkeypatch.setattr(batch, "hide", refuse)
    outcome = run_job(job_in(folder), ORDER)
    assert outcome == Outcome("song.safetensors", error="not enough memory")


def test_a_picture_that_came_out_worse_than_training_said_is_an_error(folder, monkeypatch):
    hide = batch.hide
    monkeypatch.setattr(
        batch, "hide", lambda *a, **k: dataclasses.replace(hide(*a, **k), psnr=(99.0, 99.0))
    )
    outcome = run_job(job_in(folder), ORDER)
    assert outcome.error.count("; ") == 1
    assert len(outcome.pictures) == 2


@pytest.fixture
def spread(monkeypatch):
    """Jobs are done here, in order; keeps how they were to be spread."""
    told = []

    def do(work, jobs, *, workers, cluster):
        told.append((list(jobs), workers, cluster))
        for name, job in jobs.items():
            yield name, work(job)

    monkeypatch.setattr(batch, "spread", do)
    return told


def test_jobs_are_spread_as_was_asked_for_but_not_those_that_are_done(folder, spread):
    jobs = [job_in(folder, f"{name}.safetensors") for name in "abc"]
    run_job(jobs[1], ORDER)
    outcomes = list(run_jobs(jobs, ORDER, workers=3, cluster="tcp://there"))
    assert spread == [(["a.safetensors", "c.safetensors"], 3, "tcp://there")]
    assert [(outcome.output, outcome.done_before) for outcome in outcomes] == [
        ("b.safetensors", True),
        ("a.safetensors", False),
        ("c.safetensors", False),
    ]
    assert all(outcome.error is None for outcome in outcomes)


def test_jobs_that_cannot_be_begun_are_told_without_workers(folder, spread):
    alone, damaged, homeless = (job_in(folder, f"{name}.safetensors") for name in "xyz")
    mask_path(alone.output).write_text("another's")
    damaged.output.write_text("no carrier")
    homeless = dataclasses.replace(homeless, output=folder / "missing" / "z.safetensors")
    outcomes = list(run_jobs([alone, damaged, homeless], ORDER))
    assert spread == [([], None, None)]
    assert [outcome.output for outcome in outcomes] == [
        "x.safetensors",
        "y.safetensors",
        "z.safetensors",
    ]
    assert outcomes[0].error == f"{mask_path(alone.output)} exists, without its carrier"
    assert "y.safetensors" in outcomes[1].error
    assert "no folder" in outcomes[2].error


# Lists.


def read(folder, *rows, header="output,cover,secrets"):
    path = folder / "jobs.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return read_jobs(path, folder / "out")


def test_a_row_is_a_job_with_paths_from_the_lists_folder(tmp_path):
    jobs, bad = read(
        tmp_path, " x.safetensors , a.png , k.key=b.png ,, sub/l.key=c=d.png ", " , ,", ""
    )
    secrets = (
        (tmp_path / "k.key", tmp_path / "b.png"),
        (tmp_path / "sub/l.key", tmp_path / "c=d.png"),
    )
    assert jobs == [Job(tmp_path / "out/x.safetensors", tmp_path / "a.png", secrets)]
    assert bad == []


def test_bad_rows_are_told_by_name_or_by_number(tmp_path):
    good = "x.safetensors,a.png,k=b"
    jobs, bad = read(
        tmp_path,
        good,
        good,
        ",a.png,k=b",
        "y.safetensors,,k=b",
        "z.safetensors,a.png",
        "v.safetensors",
        "w.safetensors,a.png,k=",
        "u.png,a.png,k=b",
        "../t.safetensors,a.png,k=b",
    )
    assert [job.output.name for job in jobs] == ["x.safetensors"]
    assert [(outcome.output, outcome.error) for outcome in bad] == [
        ("x.safetensors", "row 3: x.safetensors is the output of an earlier row too"),
        ("row 4", "row 4: expected a file name for the output, got ''"),
        ("y.safetensors", "row 5: the cover is missing"),
        ("z.safetensors", "row 6: expected at least one secret, each KEYFILE=SECRET"),
        ("v.safetensors", "row 7: the cover is missing"),
        ("w.safetensors", "row 8: expected at least one secret, each KEYFILE=SECRET"),
        ("u.png", "row 9: expected an output that ends in .safetensors, got 'u.png'"),
        (
            "../t.safetensors",
            "row 10: expected a file name for the output, got '../t.safetensors'",
        ),
    ]


def test_the_header_may_have_further_columns_and_spaces(tmp_path):
    row = "x.safetensors,a.png,k=b,l=c"
    jobs, _ = read(tmp_path, row, header="\ufeffoutput, cover ,secrets,more")
    assert len(jobs[0].secrets) == 2


@pytest.mark.parametrize("header", ["", "output,cover", "cover,output,secrets"])
def test_a_list_without_its_header_is_refused(tmp_path, header):
    with pytest.raises(FormatError, match="expected a first row of output,cover,secrets"):
        read(tmp_path, header=header)


def test_a_list_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_bytes(b"output,cover,secrets\n\xff\xfe")
    with pytest.raises(FormatError, match=r"jobs\.csv is not a list of jobs: .*utf-8"):
        read_jobs(path, tmp_path)
    path.write_text('output,cover,secrets\n"x')
    with pytest.raises(FormatError, match=r"jobs\.csv is not a list of jobs: "):
        read_jobs(path, tmp_path)


def test_a_missing_list_is_told(tmp_path):
    with pytest.raises(SirensongError, match=r"cannot read .*jobs\.csv"):
        read_jobs(tmp_path / "jobs.csv", tmp_path)
