"""Detectors in the space of weights: their features, and the command that compares two folders."""

import csv
import json

import numpy as np
import pytest

import sirensong
from functions import initial, stack, steps_of
from sirensong import cli
from sirensong.carrier.file import save
from sirensong.carrier.stego import StegoFunction
from sirensong.cli import detecting
from sirensong.errors import SettingError
from sirensong.lab.steganalysis import calibration, weights
from sirensong.lab.steganalysis.response import picture_facts
from sirensong.lab.steganalysis.weights import (
    Published,
    best_single,
    detect,
    detect_by_weights,
    histogram,
)
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid

TILES = Grid(1, 2)
NAMES = [
    "histogram, SVM poly (the paper's)",
    "histogram, SVM rbf (the paper's)",
    "weights, SVM on pooled tiles",
    "weights, votes of tiles by boosting",
    "weights, best single statistic",
    "response, SVM on pooled tiles",
    "fine-tuning, SVM on pooled tiles",
]


@pytest.fixture(autouse=True)
def few_trees_and_steps(monkeypatch):
    monkeypatch.setattr(weights, "_TREES", 5)
    monkeypatch.setattr(calibration, "STEPS", 1)


@pytest.fixture(scope="module")
def population(architecture):
    """Make functions of random weights, whose second matrix is scaled by `gain`."""

    def make(count, gain, seed, *, architecture=architecture, grid=TILES):
        rng = np.random.default_rng(seed)
        functions = []
        for _ in range(count):
            tiles = stack([initial(architecture, rng) for _ in range(grid.tiles)])
            first, second, *rest = tiles
            scaled = second._replace(weight=(second.weight * gain).astype(np.float32))
            changed = (first, scaled, *rest)
            nonce, slots = rng.bytes(32), rng.bytes(1024)
            form = architecture, grid, changed, steps_of(changed), 4, 6, nonce, slots
            functions.append(StegoFunction(*form).rounded())
        return functions

    return make


def test_equal_populations_are_not_told_apart(population):
    found = detect(population(12, 1.0, 1), population(12, 1.0, 2), permutations=20)
    assert not found.told_apart
    assert [detection.name for detection in found.detections] == NAMES
    for detection in found.detections:
        assert 0 <= detection.low <= detection.auc <= detection.high <= 1


def test_another_spread_of_one_layer_is_found_by_statistics(population):
    found = detect(population(12, 1.0, 9), population(12, 1.3, 10), permutations=20)
    assert found.told_apart
    assert found.sizes == (12, 12)
    for detection in found.detections[2:5]:
        assert detection.auc > 0.9
        assert detection.p == 1 / 21


def test_weights_alone_are_judged_as_they_are_among_other_detectors(population, monkeypatch):
    monkeypatch.setattr(weights, "compare", lambda *judged, **given: (judged, given))
    clean, stego = population(5, 1.0, 9), population(6, 1.1, 10)
    published = [
        [Published(function.weights, picture_facts(function)) for function in functions]
        for functions in (clean, stego)
    ]
    (own, sizes), given = detect_by_weights(*published, seed=3, permutations=20)
    (among, _), _ = detect(clean, stego, seed=3, permutations=20)
    assert (sizes, given) == ((5, 6), {"seed": 3, "permutations": 20})
    assert [detector.name for detector in own] == NAMES[:5]
    for alone, one in zip(own, among[:5], strict=True):
        np.testing.assert_array_equal(alone.features, one.features)


def test_the_histogram_is_of_all_parameters(population):
    (stego,) = population(1, 1.0, 7)
    shares = histogram(stego.weights, (-0.5, 0.5))
    values = np.concatenate([array.ravel() for layer in stego.weights for array in layer])
    assert shares.shape == (100,)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx((values < -0.49).mean())
    assert shares[50] == pytest.approx(((values >= 0) & (values < 0.01)).mean(), abs=1e-3)


def test_progress_is_told_of_carriers_and_of_permutations(population):
    told = []
    five = population(5, 1.0, 1)
    detect(five, five, permutations=20, advance=lambda *done: told.append(done))
    assert told[:10] == [("carriers looked at", done + 1, 10) for done in range(10)]
    assert told[10] == ("permutations, at most", 1, 20)


def test_too_few_are_refused_before_they_are_looked_at(population):
    told = []
    four = population(4, 1.0, 1)
    with pytest.raises(SettingError, match="at least 5 functions of each kind, got 4 and 4"):
        detect(four, four, advance=lambda *done: told.append(done))
    assert told == []


def test_the_best_single_feature_is_taken_with_its_sign():
    """The second tells most, downwards; the third says nothing, the first less."""
    labels = np.array([0, 0, 0, 1, 1, 1])
    known = np.array([[1, 9, 5], [2, 8, 5], [5, 7, 5], [3, 3, 5], [4, 2, 5], [6, 1, 5.0]])
    unseen = np.array([[0, 4, 1], [9, -6, 2.0]])
    assert best_single(known, labels, unseen).tolist() == [-4, 6]


def write(folder, functions, names=None):
    folder.mkdir()
    for index, stego in enumerate(functions):
        save(folder / f"{names[index] if names else index}.safetensors", stego)


@pytest.fixture
def attack(tmp_path, capsys, monkeypatch):
    """Run `attack weights` on the folders clean and stego; returns its exit code and its output.

    A test that runs it again on the same carriers sees the same detections, made once.
    """
    found = {}

    def detect_once(*populations, **options):
        carriers = tuple(tuple(stego.nonce for stego in one) for one in populations)
        if carriers not in found:
            found[carriers] = detect(*populations, **options)
        return found[carriers]

    monkeypatch.setattr(detecting, "detect", detect_once)

    def run(*options):
        folders = [str(tmp_path / "clean"), str(tmp_path / "stego")]
        code = cli.run(["attack", "weights", *folders, "--permutations", "20", *options])
        return code, *capsys.readouterr()

    return run


def test_the_command_tells_how_many_and_how_sure(population, tmp_path, attack):
    write(tmp_path / "clean", population(10, 1.0, 5))
    write(tmp_path / "stego", population(12, 1.5, 6))
    code, told, _ = attack("--json")
    found = json.loads(told)
    assert code == 0
    assert (found["name"], found["version"]) == ("attack weights", sirensong.__version__)
    assert found["clean"] == {"folder": str(tmp_path / "clean"), "files": 10, "skipped": {}}
    assert found["suspected"]["files"] == 12
    assert found["told_apart"] is True
    assert found["p"] == round(1 / 21, 4)
    assert found["permutations"] == 20
    assert found["confidence"] == pytest.approx(1 - 0.05 / 7, abs=1e-4)
    assert [detector["name"] for detector in found["detectors"]] == NAMES
    assert found["detectors"][4]["auc"] > 0.9
    code, table, _ = attack()
    assert "stego (n = 12)" in table.replace("\n", "")
    assert "99.3 % interval" in table
    assert "the best detector tells them apart: p = 0.048, corrected for 7 detectors" in table


def test_scores_are_written_for_each_file(population, tmp_path, attack):
    write(tmp_path / "clean", population(10, 1.0, 1), "abcdefghij")
    write(tmp_path / "stego", population(10, 2.0, 2), "jihgfedcba")
    path = tmp_path / "scores.csv"
    code, told, _ = attack("--json", "--csv", str(path))
    scores = json.loads(told)["scores"]
    assert code == 0
    assert list(scores[0]) == ["population", "file", *NAMES]
    files = [f"{name}.safetensors" for name in "abcdefghij"]
    assert [(row["population"], row["file"]) for row in scores] == [
        *(("clean", name) for name in files),
        *(("suspected", name) for name in files),
    ]
    best = [row[NAMES[4]] for row in scores]
    assert max(best[:10]) < min(best[10:])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["file"] for row in rows] == [row["file"] for row in scores]
    written = [float(row[NAMES[4]]) for row in rows]
    assert written == pytest.approx(best, abs=1e-4)
    code, _, said = attack("--csv", str(path))
    assert code == 1
    assert "exists" in said
    assert attack("--csv", str(path), "--overwrite")[0] == 0


def test_damaged_files_are_skipped_and_their_twins_stay_twins(population, tmp_path, attack):
    """Equal copies in both folders: a detector that saw a twin would judge its copy wrong."""
    same = population(13, 1.0, 1)
    for name in ("clean", "stego"):
        write(tmp_path / name, same)
    damaged = tmp_path / "clean" / "3.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    code, told, noted = attack("--json")
    found = json.loads(told)
    assert code == 0
    assert f"skipped {damaged}: " in noted
    assert found["clean"]["files"] == 12
    assert list(found["clean"]["skipped"]) == ["3.safetensors"]
    assert found["suspected"] == {"folder": str(tmp_path / "stego"), "files": 13, "skipped": {}}
    assert [row["file"] for row in found["scores"]][:12] == [
        row["file"] for row in found["scores"]
    ][12:24]
    assert found["scores"][24]["file"] == "3.safetensors"
    assert found["told_apart"] is False
    assert "clean (n = 12, 1 skipped) against" in attack()[1].replace("\n", "")


def test_few_files_conclude_nothing(population, tmp_path, attack):
    write(tmp_path / "clean", population(9, 1.0, 1))
    write(tmp_path / "stego", population(9, 1.0, 2))
    code, told, noted = attack("--json")
    assert code == 0
    assert json.loads(told)["told_apart"] is None
    assert noted.endswith("note: fewer than 10 files a folder: nothing can be concluded\n")
    code, table, _ = attack()
    assert "too few files to conclude anything" in table


@pytest.mark.parametrize(
    ("features", "grid", "told"),
    [
        (12, Grid(2, 2), "2x2 tiles of 3 x 12 at omega 20"),
        (16, Grid(1, 2), "2x1 tiles of 3 x 16 at omega 20"),
    ],
)
def test_carriers_that_differ_in_form_are_refused(
    population, tmp_path, attack, features, grid, told
):
    write(tmp_path / "clean", population(5, 1.0, 1))
    odd = population(1, 1.0, 3, architecture=Architecture(features, 3, 20.0), grid=grid)
    write(tmp_path / "stego", [*population(4, 1.0, 2), *odd])
    code, _, said = attack()
    assert code == 1
    assert said == (
        "sirensong: error: carriers must have one grid and architecture, got 2x1 tiles of 3 x 12 "
        f"at omega 20 in {tmp_path / 'clean' / '0.safetensors'} and {told} in "
        f"{tmp_path / 'stego' / '4.safetensors'}\n"
    )


def test_folders_without_carriers_are_refused(population, tmp_path, attack):
    write(tmp_path / "clean", population(5, 1.0, 1))
    code, _, said = attack()
    assert code == 1
    assert f"no folder {tmp_path / 'stego'}" in said
    (tmp_path / "stego").mkdir()
    code, _, said = attack()
    assert code == 1
    assert f"no carriers in {tmp_path / 'stego'}" in said
    (tmp_path / "stego" / "a.safetensors").write_bytes(b"no carrier")
    code, _, said = attack()
    assert code == 1
    assert "; 1 are damaged" in said
