"""Experiments by name: items done once, tables beside the paper's numbers, a report.

With training of a few steps.
"""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import sirensong
from sirensong import cli
from sirensong.errors import FormatError
from sirensong.lab.reproduce import ablations, attacks, functions, random_keys, sizes, study, visual
from sirensong.lab.steganalysis import guessing
from sirensong.pictures.metrics import measure
from sirensong.pictures.reading import read_picture
from sirensong.training import recipe as recipes
from sirensong.training.options import Options

TINY = dataclasses.replace(
    recipes.FAST.with_steps(2, cover=1), tile=1000, features=0.25, hidden_layers=2, ratio=0.05
)
SIDE = 48  # of pictures: a seventh of the work of the experiments' 128
MODULES = (visual, sizes, ablations, attacks, random_keys)
TINY_WITH_EPOCHS = dataclasses.replace(TINY, joint=recipes.Phase(steps=6))
EXPERIMENTS = {
    experiment.name: experiment for module in MODULES for experiment in module.EXPERIMENTS
}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(study.RECIPES, "fast", TINY)
    set_side(monkeypatch, SIDE)
    monkeypatch.setattr(random_keys, "_WRONG_KEYS", 5)
    monkeypatch.setattr(random_keys, "_GHOSTS", 3)
    monkeypatch.setattr(attacks, "_FINETUNING", (1, 2))
    monkeypatch.setattr(attacks, "PERMUTATIONS", 20)


def set_side(monkeypatch, side):
    monkeypatch.setattr(study.Study.picture, "__defaults__", (side,))
    monkeypatch.setattr(study.Study.pictures, "__defaults__", (2, side))
    monkeypatch.setattr(visual, "SIDE", side)


@pytest.fixture
def as_large_as_published(monkeypatch):
    set_side(monkeypatch, study.SIDE)


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(1)
    for name in study.DATA_SETS:
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(3):
            picture = Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8))
            picture.save(tmp_path / "data" / name / f"{index}.png")
    return tmp_path / "data"


def reproduce(name, data, output, images=1):
    """Run the command on own data, in this process."""
    command = ["reproduce", name, "--workers", "1", "--data", str(data), "--images", str(images)]
    assert cli.run([*command, "-o", str(output)]) == 0


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def cells_of(text, beginning):
    """The cells of the one line of a Markdown table that begins so."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    (row,) = [row for row in rows if row[: len(beginning)] == beginning]
    return row


def test_table_1_stands_beside_the_papers_numbers(data, tmp_path, capsys):
    reproduce("table1", data, tmp_path / "results", images=2)
    printed = capsys.readouterr()
    report = (tmp_path / "results" / "report.md").read_text()
    assert "N = 2" in report
    cells = cells_of(report, ["coco", "secret 2"])
    assert cells[6:] == ["42.62", "0.9980", "2"]
    assert cells_of(printed.out, ["coco", "secret 2"]) == cells
    assert "report.md" not in printed.out
    assert "report.md, report.html" in printed.err
    rows = read_lines(tmp_path / "results" / "table1.jsonl")
    own = [row["found"]["end"][2]["psnr"] for row in rows if row["key"]["set"] == "coco"]
    assert cells[2] == f"{np.mean(own):.2f}"
    assert {row["key"]["set"] for row in rows} == set(study.DATA_SETS)
    for row in rows:
        assert row["seed"] == row["key"]["index"]
        assert row["settings"]["sirensong"] == sirensong.__version__
        assert row["settings"]["recipe"]["joint"]["steps"] == 2
        assert row["settings"]["recipe"]["selection"] == "keyed"
        assert row["versions"].keys() == {"numpy", "torch", "python"}
    assert "<table>" in (tmp_path / "results" / "report.html").read_text()


def test_results_name_their_files_from_their_own_folder_on(data, tmp_path, capsys):
    """So that the folder can be moved, and the report written again in its new place."""
    reproduce("fig6", data, tmp_path / "results")
    before = capsys.readouterr().out
    names = [row["found"]["pictures"] for row in read_lines(tmp_path / "results" / "fig6.jsonl")]
    assert all((tmp_path / "results" / name).is_file() for name in names)
    (tmp_path / "results").rename(tmp_path / "moved")
    reproduce("fig6", data, tmp_path / "moved")
    assert capsys.readouterr().out == before


def test_an_experiment_keeps_its_own_file_of_results_that_it_shares(tmp_path, monkeypatch):
    setting = study.Study(None, 1, TINY, tmp_path)
    first = study.run_items(EXPERIMENTS["fig6"], setting)
    monkeypatch.setattr(visual, "progress", pytest.fail)
    assert study.run_items(EXPERIMENTS["table1"], setting) == first
    assert read_lines(tmp_path / "table1.jsonl") == read_lines(tmp_path / "fig6.jsonl")
    (tmp_path / "fig6.jsonl").unlink()
    assert study.run_items(EXPERIMENTS["fig6"], setting) == first
    assert (tmp_path / "fig6.jsonl").exists()


def test_finished_items_are_not_done_again(tmp_path, monkeypatch):
    setting = study.Study(None, 2, TINY, tmp_path)
    told, calls = [], []

    def kill(done, total):
        told.append((done, total))
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run_items(EXPERIMENTS["table1"], setting, advance=kill)
    (first,) = read_lines(tmp_path / "table1.jsonl")
    other = first["found"] | {"psnr": [1.0, 2.0, 3.0]}
    monkeypatch.setattr(visual, "progress", lambda *given, **_: calls.append(given) or other)

    def run(setting):
        advance = lambda *done: told.append(done)  # noqa: E731
        return study.run_items(EXPERIMENTS["table1"], setting, advance=advance).records

    records = run(setting)
    assert records[0] == first["key"] | first["found"]
    assert records[1]["psnr"] == [1.0, 2.0, 3.0]
    assert len(calls) == 1
    assert told == [(0, 2), (1, 2), (1, 2), (2, 2)]
    run(dataclasses.replace(setting, images=3))
    assert len(calls) == 2  # a larger N adds to what is there
    run(dataclasses.replace(setting, recipe=recipes.PAPER))
    assert len(calls) == 4  # another recipe's results are others
    assert len(run(setting)) == 2
    assert len(calls) == 4  # and do not replace these


SPREAD = """
import json, pathlib, sys
import sirensong as ss
from sirensong.lab.reproduce import ablations, study
setting = study.Study(None, 1, ss.FAST.with_steps(2, cover=2), pathlib.Path(sys.argv[1]))
told = []
advance = lambda *done: told.append(done)
fig11 = ablations.EXPERIMENTS[1]
results = study.run_items(fig11, setting, workers=int(sys.argv[2]), advance=advance)
print(json.dumps([results.records, told]))
"""


@pytest.mark.slow
def test_items_are_the_same_on_several_processes(tmp_path):
    """In processes of their own, so that what loky warns of when its workers stop is not ours."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    results = []
    for workers in ("1", "2"):
        (tmp_path / workers).mkdir()
        command = [sys.executable, "-c", SPREAD, str(tmp_path / workers), workers]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment, timeout=120
        )
        results.append(json.loads(done.stdout))
    assert results[0] == results[1]
    assert results[0][1] == [[done, 4] for done in range(5)]


def test_an_item_repeats_by_its_seed(tmp_path):
    found = []
    for place in ("here", "there"):  # what is kept of the one is not seen from the other
        items = EXPERIMENTS["fig10"].items(study.Study(None, 2, TINY, tmp_path / place))
        found.append([item.work() for item in items[:2]])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


def test_a_function_is_trained_once_for_all_experiments(tmp_path, monkeypatch):
    """The two secrets of Table 1 in other sizes, seen by StegExpose, with one mask for all keys."""
    setting = study.Study(None, 1, TINY, tmp_path)
    trained = []
    hide = functions.hide

    def watched(*given, **named):
        trained.append(named["recipe"])
        return hide(*given, **named)

    monkeypatch.setattr(functions, "hide", watched)
    counts = []
    for name in ("table1", "fig6", "fig8", "fig12a", "fig13", "fig14", "fig11"):
        study.run_items(EXPERIMENTS[name], setting)
        counts.append(len(trained))
    # One without secrets, one with a mask, one more ablation: random positions.
    assert counts == [1, 1, 1, 2, 2, 3, 4]
    magnitude = dataclasses.replace(TINY, selection="magnitude")
    pictures = setting.pictures("scikit-image", 0)
    hidden, keys = functions.hidden_and_keys(setting, pictures, 0, recipe=magnitude)
    assert len(trained) == 4
    secrets = list(zip(keys, pictures[1:], strict=True))
    again = hide(pictures[0], secrets, recipe=magnitude, options=Options(seed=0))
    assert hidden.stego.digest == again.stego.digest
    assert hidden.mask.positions[0][0].tolist() == again.mask.positions[0][0].tolist()


@pytest.mark.parametrize("line", ["{", "[]", '{"key": {}}', "\xff"])
def test_damaged_results_are_told(tmp_path, line):
    (tmp_path / "table1.jsonl").write_text(line, encoding="latin-1")
    with pytest.raises(FormatError, match=r"table1\.jsonl is damaged: a line is not a result"):
        study.run_items(EXPERIMENTS["table1"], study.Study(None, 1, TINY, tmp_path))


@pytest.mark.parametrize(
    "name", ["table2", "fig6", "fig8", "fig9", "fig10", "fig11", "fig12a", "fig13", "fig14"]
)
def test_every_experiment_runs_and_shows(name, tmp_path):
    setting = study.Study(None, 1, TINY, tmp_path)
    shown = EXPERIMENTS[name].show(study.run_items(EXPERIMENTS[name], setting))
    tables = [thing for thing in shown if isinstance(thing, study.Table)]
    assert tables
    for table in tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}
    for figure in (thing for thing in shown if isinstance(thing, study.Figure)):
        assert all(len(x) == len(y) > 1 for x, y in figure.lines.values())


@pytest.mark.slow
def test_table_3_judges_what_it_trained(tmp_path):
    setting = study.Study(None, 1, TINY, tmp_path)
    (table,) = EXPERIMENTS["table3"].show(study.run_items(EXPERIMENTS["table3"], setting))
    carriers = list((tmp_path / "functions").rglob("*.safetensors"))
    assert len(carriers) == 24  # six of each of four populations
    pairs = {("bare", "two secrets"), ("decoys", "two secrets"), ("decoys", "one secret")}
    assert {row[:2] for row in map(tuple, table.rows)} == pairs
    assert all(0 <= float(row[3]) <= 1 for row in table.rows)
    assert all(1 / 21 - 1e-3 <= float(row[5]) <= 1 for row in table.rows)
    assert all(row[6].endswith("(too few)") for row in table.rows)


@pytest.mark.usefixtures("as_large_as_published")
def test_figure_8_compares_where_the_data_are_large_enough(tmp_path):
    setting = study.Study(None, 2, TINY, tmp_path)
    results = study.run_items(EXPERIMENTS["fig8"], setting)
    # Astronaut 512, chelsea 300, coffee 400; rocket 427, then astronaut and chelsea again.
    first, second = results.records
    assert [side for side in ("64", "128", "256", "512") if "render" in first[side]] == [
        "64",
        "128",
        "256",
    ]
    assert "pictures" in first["512"]
    assert "pictures" not in second["512"]
    assert results.read_picture(first["64"]["pictures"]).shape == (192, 64, 3)
    assert first["128"]["resampled"] == [99.0] * 3  # nothing is resampled
    np.testing.assert_array_equal(first["128"]["bicubic"], first["128"]["render"])
    table, grid = EXPERIMENTS["fig8"].show(results)
    assert table.rows[-1][1:7] == ["-"] * 6
    assert [picture.shape[0] for picture in grid.rows[0].pictures] == [64, 128, 256, 512]


def test_figure_6_goes_from_the_cover_function_to_what_is_published(tmp_path):
    setting = study.Study(None, 2, TINY_WITH_EPOCHS, tmp_path)
    results = study.run_items(EXPERIMENTS["fig6"], setting)
    first, second = results.records
    assert first["epochs"] == [0, 5, 6]  # what training does not reach is left out
    pictures = setting.pictures("scikit-image", 0)
    renders = functions.renders_of(*functions.hidden_and_keys(setting, pictures, 0))
    pairs = list(zip(pictures, renders, strict=True))
    assert first["psnr"][-1] == [measure(picture, render).psnr for picture, render in pairs]
    assert first["psnr"][0] != first["psnr"][1] != first["psnr"][2]

    table, grid, curves = EXPERIMENTS["fig6"].show(results)
    assert [cells[1] for cells in table.rows] == ["0", "5", "6"]
    assert table.rows[2][3] == f"{(first['psnr'][2][1] + second['psnr'][2][1]) / 2:.2f}"
    assert curves.lines["stego image"][0] == [0, 5, 6]
    assert grid.columns == [
        "photograph",
        "0 epochs",
        "5 epochs",
        "6 epochs",
        "x20, 5 epochs",
        "x20, 6 epochs",
    ]
    for row, picture, render in zip(grid.rows, pictures, renders, strict=True):
        original, *_, last, _, magnified = row.pictures
        np.testing.assert_allclose(original, picture, atol=1e-6)
        np.testing.assert_allclose(last, render, atol=0.5 / 255 + 1e-6)
        np.testing.assert_allclose(
            magnified, np.clip(20 * np.abs(original - last), 0, 1), atol=1e-4
        )


def test_figure_7_shows_what_table_2_trained(tmp_path, monkeypatch):
    setting = study.Study(None, 2, TINY_WITH_EPOCHS, tmp_path)
    monkeypatch.setattr(visual, "_SECRETS", (3, 5))
    assert len(study.run_items(EXPERIMENTS["table2"], setting).records) == 4
    monkeypatch.setattr(visual, "hidden_on_the_way", None)  # nothing is trained again
    grids = EXPERIMENTS["fig7"].show(study.run_items(EXPERIMENTS["fig7"], setting))
    assert [(grid.title, len(grid.rows)) for grid in grids] == [("3 secrets", 4), ("5 secrets", 6)]
    np.testing.assert_allclose(
        grids[1].rows[5].pictures[0], setting.picture("scikit-image", 5), atol=1e-6
    )
    assert len(read_lines(tmp_path / "fig7.jsonl")) == 2


def test_reports_show_pictures(data, tmp_path):
    reproduce("fig6", data, tmp_path / "results")
    markdown, page = (
        (tmp_path / "results" / f"report.{ending}").read_text() for ending in ("md", "html")
    )
    for name in study.DATA_SETS:
        assert f"![Training on {name}](fig6-training-on-{name}.png)" in markdown
        assert f'<img src="fig6-training-on-{name}.png" alt="Training on {name}">' in page
        sheet = read_picture(tmp_path / "results" / f"fig6-training-on-{name}.png").pixels
        assert sheet.shape == (30 + 3 * 170, 5 * 140 + 12, 3)


def test_outlines_are_found_where_they_are(tmp_path):
    setting = study.Study(None, 1, TINY, tmp_path)
    one, other = (setting.picture("scikit-image", place) for place in (0, 1))
    inverted, mixed = 1 - one, (one + other) / 2
    alike, unlike, unrelated = random_keys._outlines(setting, [one, other], [inverted])
    assert alike == pytest.approx(1)  # a gradient's size does not tell light from dark
    assert abs(unlike) < 0.2
    assert abs(unrelated) < 0.3
    assert min(random_keys._outlines(setting, [one, other], [mixed])[:2]) > 0.2


def test_figure_14_shows_ranks_by_statistic_and_the_hill(tmp_path):
    setting = study.Study(None, 2, TINY, tmp_path)
    results = study.run_items(EXPERIMENTS["fig14"], setting)
    rows = results.records
    _, grid, distances, ghosts, ranks, climb, figure = EXPERIMENTS["fig14"].show(results)
    assert [row[0] for row in ghosts.rows] == [
        "magnitude, known mask",
        "keyed",
        "keyed, wrong keys trained",
        "keyed, known positions",
        "keyed, wrong keys trained, known positions",
    ]
    assert all(-1 <= float(cell) <= 1 for row in ghosts.rows for cell in row[1:])
    assert len(grid.rows[0].pictures) == len(grid.columns) == 6
    assert measure(*grid.rows[0].pictures[:2]).psnr == pytest.approx(rows[0]["right"], abs=0.1)
    best = measure(grid.rows[0].pictures[0], grid.rows[0].pictures[2]).psnr
    assert best == pytest.approx(distances.lines["set 0"][1][-1], abs=0.1)
    assert all(line == sorted(line) for _, line in distances.lines.values())
    assert ranks.columns == ("set", *guessing.STATISTICS, "sum of all")
    assert all(1 <= int(cell) <= 6 for cells in ranks.rows[:2] for cell in cells[1:])
    assert float(ranks.rows[2][1]) == sum(int(cells[1]) for cells in ranks.rows[:2]) / 2
    shares = " ".join(cells[0].removesuffix(" %") for cells in climb.rows)
    assert shares == "0 5 10 25 50 75 90 100"
    assert {abs(float(cell)) for cell in climb.rows[0][1:]} == {0.0}  # where wrong keys are
    assert climb.rows[-1][1] == climb.rows[-1][3]  # all matrices are all weights
    lowest = min(row["hill"]["matrices"][-1] for row in rows)
    assert climb.rows[-1][2] == f"{lowest:+.1f}"
    assert figure.lines["single weights"][1][-1] == pytest.approx(
        np.mean([row["hill"]["weights"][-1] for row in rows])
    )


@pytest.mark.usefixtures("as_large_as_published")
def test_the_positive_control_finds_replaced_bits(tmp_path):
    setting = study.Study(None, 4, TINY, tmp_path)
    rows = study.run_items(EXPERIMENTS["fig12a"], setting).records
    assert all(row["photograph with replaced bits"] > row["photograph"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fig99"], "experiments are table1, fig6, table2, fig7, fig8"),
        (["table1", "--images", "0"], "images must be at least 1"),
        (["table1", "--recipe", "slow"], "recipe must be one of fast, paper, got 'slow'"),
        (["table1", "--data", "nowhere"], "no folder nowhere"),
    ],
)
def test_what_cannot_be_is_refused(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["reproduce", *arguments]) == 1
    assert told in capsys.readouterr().err
