"""The command on small pictures, with schemes of which every number is known."""

import csv
import json
import os

import numpy as np
import pytest
import schemes_for_tests as schemes
from PIL import Image

from command import failure
from sirensong import cli
from sirensong.lab.baselines.catalogue import find_class
from sirensong.lab.compare import contenders, measures, running
from sirensong.lab.compare.contest import Contest
from sirensong.lab.compare.entries import Entry
from sirensong.lab.compare.processes import Processes, peak_megabytes
from sirensong.pictures.metrics import luma_psnr, psnr_of

FAKES = {
    "lsb": schemes.Keyed,
    "weng": schemes.Open,
    "hidden": schemes.Dying,
    "inrsteg": schemes.Function,
}
ONE_OFF = psnr_of(1 / 255**2)
TWO_OFF = psnr_of(4 / 255**2)


@pytest.fixture
def fakes(monkeypatch):
    """Put schemes in place of some of the catalogue."""
    monkeypatch.setattr(contenders, "find_class", lambda name: FAKES.get(name) or find_class(name))


@pytest.fixture
def data(tmp_path):
    """Two data sets, of which the second has too few pictures to go round."""
    rng = np.random.default_rng(1)
    for name, count in (("coco", 4), ("div2k", 2)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(count):
            picture = Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8))
            picture.save(tmp_path / "data" / name / f"{index}.png")
    return tmp_path / "data"


def compare(data, output, *options):
    command = ["compare", "--data", str(data), "--size", "32", "-o", str(output), *options]
    assert cli.run(command) == 0


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def originals(data, name):
    return [np.asarray(Image.open(path)) for path in sorted((data / name).iterdir())]


def test_a_whole_run(data, tmp_path, capsys, fakes):
    output = tmp_path / "results"
    methods = "lsb:plain,lsb:codec2,weng:small,hidden:small,hinet:small"
    (tmp_path / "no weights").mkdir()
    given = ["--methods", methods, "--weights", str(tmp_path / "no weights")]
    compare(data, output, "--sets", "2", *given)
    printed = capsys.readouterr()
    assert printed.out.strip() == f"{output / 'report.md'}, report.html, pictures.csv"
    assert "4 rows were not run, the report says why; " in printed.err

    lines = read_csv(output / "pictures.csv")
    assert len(lines) == 2 * (2 + 2) * 3  # schemes, sets of coco and of div2k, pictures of a set
    keyed = [line for line in lines if line["scheme"] == "lsb"]
    assert {float(line["RMSE"]) for line in keyed if line["picture"] == "stego"} == {1}
    assert {float(line["PSNR"]) for line in keyed if line["picture"] == "stego"} == {ONE_OFF}
    assert {float(line["PSNR"]) for line in keyed if line["picture"] != "stego"} == {TWO_OFF}
    assert {line["eavesdropper PSNR"] for line in keyed} == {""}
    assert {line["other recipient PSNR"] for line in keyed} == {""}
    assert {line["bytes"] for line in keyed} == {str(2 + 3 * 3 * 32 * 32 + 2 * 32)}
    assert {(line["key bits"], line["decoder bytes"]) for line in keyed} == {("256", "3000000")}
    assert all(float(line["memory MB"]) > 20 for line in lines)

    div2k = originals(data, "div2k")
    (cover, first, second) = [
        line
        for line in lines
        if (line["scheme"], line["data set"], line["set"]) == ("weng", "div2k", "1")
    ]
    black = np.zeros_like(div2k[0])
    assert float(cover["PSNR of Y"]) == luma_psnr(div2k[1], div2k[1] ^ 1)
    assert float(first["PSNR of Y"]) == luma_psnr(div2k[0], black)
    assert float(second["PSNR of Y"]) == luma_psnr(div2k[1], black)
    assert first["eavesdropper PSNR"] == first["other recipient PSNR"] == first["PSNR"]

    report = (output / "report.md").read_text()
    assert "schemes compared (N = 2 of coco, div2k; 32x32)" in report
    assert f"| Keyed (2000), plain | 2 | stego    | {ONE_OFF:.2f} [" in report
    assert "| codec2  | 2       | coco 0, coco 1, div2k 0, div2k 1 | these pictures" in report
    died = "| hidden | small | 2 | coco 0, coco 1, div2k 0, div2k 1 | its process died"
    assert " ".join(died.split()) in " ".join(report.split())
    assert f"no weights {tmp_path}/no weights/hinet-small-1.safetensors" in report
    assert "![Pictures of coco](compare-pictures-of-coco.png)" in report
    assert (output / "compare-pictures-of-coco.png").is_file()
    assert "cannot be: MAE above RMSE" in (output / "report.html").read_text()
    records = read_lines(output / "compare.jsonl")
    with Image.open(output / records[0]["found"]["pictures"]) as strip:
        assert strip.size == (6 * 32, 32)
        assert np.array_equal(np.asarray(strip)[:, :32], originals(data, "coco")[0])


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch, fakes):
    """On scikit-image's photographs, for which no folder is needed."""
    output = tmp_path / "results"
    command = ["compare", "--size", "32", "--methods", "lsb:plain", "-o", str(output)]
    assert cli.run([*command, "--sets", "1"]) == 0
    report = (output / "report.md").read_text()
    before = (output / "compare.jsonl").read_text()
    with monkeypatch.context() as patch:
        patch.setattr(Processes, "run", pytest.fail)
        assert cli.run([*command, "--sets", "1"]) == 0
    assert (output / "report.md").read_text() == report
    assert cli.run([*command, "--sets", "9"]) == 0
    after = (output / "compare.jsonl").read_text()
    assert after.startswith(before)
    assert [line["key"]["index"] for line in read_lines(output / "compare.jsonl")] == [*range(8)]
    assert {line["data set"] for line in read_csv(output / "pictures.csv")} == {"scikit-image"}


def test_a_trained_scheme(data, tmp_path, capsys):
    """ISN after one step on pictures that are made, from its file of weights."""
    from sirensong.lab.baselines.networks.crops import Crops
    from sirensong.lab.baselines.networks.training import Budget

    (tmp_path / "photographs").mkdir()
    noise = np.random.default_rng(2).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photographs" / "noise.png")
    (tmp_path / "weights").mkdir()
    path = tmp_path / "weights" / "isn-small-2.safetensors"
    method = find_class("isn")("small", 2)
    crops, budget = Crops([tmp_path / "photographs"], side=16), Budget(minutes=1e-9, batch=1)
    method.train(crops, budget, path, overwrite=False, tell=None)

    output = tmp_path / "results"
    options = ("--sets", "1", "--methods", "isn:small", "--weights", str(path.parent))
    compare(data / "coco", output, *options)
    first, second, third = read_csv(output / "pictures.csv")
    assert [line["data set"] for line in (first, second, third)] == ["coco"] * 3
    cover, *secrets, _ = originals(data, "coco")
    file = method.hide(cover, secrets)
    assert int(first["bytes"]) == len(file)
    for line, index in ((second, 0), (third, 1)):
        expected = luma_psnr(secrets[index], method.reveal(file, index))
        assert float(line["PSNR of Y"]) == pytest.approx(expected, abs=0.05)  # 16-bit weights
    report = (output / "report.md").read_text()
    assert "| 0.0 of one cpu |" in report
    assert "isn-small-5.safetensors" in report

    entries = [Entry("isn", "small", 2)]
    before = contenders.prepare(entries, path.parent, 32)[0][0].digest
    assert before == read_lines(output / "compare.jsonl")[0]["key"]["weights"]
    weights = path.read_bytes()
    path.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    assert contenders.prepare(entries, path.parent, 32)[0][0].digest != before


def test_functions_are_judged_and_the_report_says_so(data, tmp_path, fakes):
    output = tmp_path / "results"
    options = ("--sets", "1", "--methods", "inrsteg:small", "--detect-functions", "5")
    compare(data / "coco", output, *options)
    kinds = [line["key"]["kind"] for line in read_lines(output / "compare.jsonl")]
    assert kinds == ["pictures", *["train functions"] * 4, "detect functions"]
    report = (output / "report.md").read_text()
    assert "How well functions are told from functions that hide nothing" in report
    assert "not judged: a detector needs at least 5 pictures here, got 4" in report


def test_each_scheme_has_a_process_of_its_own():
    with Processes() as processes:
        first = processes.run("a", os.getpid)
        assert processes.run("a", os.getpid) == first != os.getpid()
        assert processes.run("b", os.getpid) not in (first, os.getpid())
        small = processes.run("b", peak_megabytes)
        assert processes.run("b", bytes, 50_000_000) == bytes(50_000_000)
        large = processes.run("b", peak_megabytes)
    assert large - small > 45


def test_the_first_pictures_follow_the_last(data, tmp_path):
    contest = Contest(data, 10, 32, tmp_path)
    files = contest.data_sets()["coco"]
    assert contest.sets_of(files) == 4
    own = [picture.tobytes() for picture in originals(data, "coco")]
    found = [own.index(picture.tobytes()) for picture in contest.pictures(files, 3, 5)]
    assert found == [3, 0, 1, 2, 3, 0]


def test_keys_are_each_sets_own():
    keys = {measures._key(seed, name).secret for seed in (0, 1) for name in ("0", "1", "other")}
    assert len(keys) == 6


def test_sets_are_as_many_as_an_entry_takes(data, tmp_path):
    contender = contenders.Contender(Entry("lsb", "plain", 2, most=1), schemes.Keyed)
    items = running.picture_items(Contest(data, 3, 32, tmp_path), [contender], Processes())
    assert [(item.key["set"], item.key["index"]) for item in items] == [("coco", 0), ("div2k", 0)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sets", "0"], "sets must be at least 1, got 0"),
        (["--size", "8"], "the size must be 16 to 4096 pixels, got 8"),
        (["--size", "5000"], "the size must be 16 to 4096 pixels, got 5000"),
        (["--methods", "lsd"], "methods are all, lsb, "),
        (["--data", "nowhere"], "no folder nowhere"),
        (["--data", "."], "no pictures in "),
        (["--weights", "nowhere"], "no folder nowhere"),
    ],
)
def test_a_mistake_is_one_line(options, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert message in failure(capsys, ["compare", *options])


def test_what_cannot_be_run_says_why(tmp_path, fakes):
    (tmp_path / "isn-full-2.safetensors").write_bytes(b"no weights at all")
    entries = [
        Entry("isn", "full", 2),
        Entry("deepmih", "small", 2),
        Entry("lsb", "published", 2),
        Entry("lsb", "plain", 25),
        Entry("lsb", "plain", 2),
    ]
    ready, absent = contenders.prepare(entries, tmp_path, 32)
    assert [contender.entry for contender in ready] == entries[4:]
    reasons = [one.reason for one in absent]
    assert reasons[0].endswith("isn-full-2.safetensors is no file of trained weights")
    assert reasons[1] == f"no weights {tmp_path / 'deepmih-small-2.safetensors'}"
    assert reasons[2] == "variants of lsb are plain, codec2, got 'published'"
    assert reasons[3] == "lsb plain hides 1 to 4 pictures, got 25"
    _, absent = contenders.prepare(entries[4:], tmp_path, 4)
    assert absent[0].reason == "lsb needs sides of at least 8 pixels, got 4x4"
