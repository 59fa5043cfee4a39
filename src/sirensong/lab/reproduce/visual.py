"""Sections 4.3 and 4.4: what pictures look like, and how good they are, as training goes on.

With two secrets, and with more.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial

import numpy as np

from sirensong.hide import Hidden
from sirensong.keys.secret import SecretKey
from sirensong.lab.reproduce.functions import hidden_and_keys, renders_of
from sirensong.lab.reproduce.study import (
    SIDE,
    Experiment,
    Figure,
    Item,
    PictureGrid,
    Record,
    Results,
    Shown,
    Study,
    Table,
)
from sirensong.network.siren import Layer, Weights
from sirensong.pictures import sheet
from sirensong.pictures.image import Pixels
from sirensong.pictures.metrics import measure
from sirensong.pictures.writing import write_picture

_TABLE_1 = {  # the paper's PSNR, SSIM of stego image, secret 1, secret 2
    "celebahq": ((46.86, 0.9990), (44.55, 0.9969), (45.42, 0.9985)),
    "coco": ((45.98, 0.9987), (45.53, 0.9981), (42.62, 0.9980)),
    "div2k": ((45.62, 0.9987), (44.33, 0.9983), (42.39, 0.9973)),
}
_TABLE_2 = {  # the paper's PSNR of the stego image, and mean of the secrets, by how many there are
    3: (47.77, 43.89),
    4: (46.39, 42.09),
    5: (44.68, 39.75),
}
_METRICS = {"psnr": ".2f", "ssim": ".4f", "rmse": ".2f", "mae": ".2f"}  # and how they are shown
_EPOCHS, _EPOCHS_OF_MORE = (0, 5, 10, 50), (0, 10)
_SECRETS = (3, 4, 5, 8, 16)
_MAGNIFIED = 20  # times, of differences
_DIFFERENCES = 2  # renders whose differences are shown: the last ones


def hidden_on_the_way(
    study: Study, pictures: Sequence[Pixels], seed: int, epochs: Sequence[float]
) -> tuple[list[tuple[float, Hidden]], list[SecretKey]]:
    """Hide, and keep what would be published after some epochs of the joint stage too.

    An epoch is as many steps as look at as many pixels as a picture has.

    Args:
        study: the settings.
        pictures: the cover, then the secrets.
        seed: of the training and of the keys.
        epochs: those to keep. What training does not reach is left out.

    Returns:
        (epoch, what would be published then) in order, the end last; and the secrets' keys.
    """
    done = study.recipe.joint.epochs()
    due: dict[int, float] = {bisect_left(done, epoch - 1e-9): epoch for epoch in epochs}
    seen: dict[float, list[Weights]] = {}

    def watch(step: int, _: range, get_weights: Callable[[], Weights]) -> None:
        if step in due:
            seen.setdefault(due[step], []).append(get_weights())

    hidden, keys = hidden_and_keys(study, pictures, seed, on_step=watch)
    stages = []
    for epoch, groups in sorted(seen.items()):
        stego = replace(hidden.stego, weights=_join_groups(groups))
        stages.append((epoch, replace(hidden, stego=stego)))
    return [*stages, (done[-1], hidden)], keys


def _join_groups(groups: Sequence[Weights]) -> Weights:
    """The functions of several groups of tiles, one after the other."""
    layers = []
    for same in zip(*groups, strict=True):
        weight = np.concatenate([own.weight for own in same])
        layers.append(Layer(weight, np.concatenate([own.bias for own in same])))
    return tuple(layers)


def progress(
    study: Study, data_set: str, index: int, secrets: int, epochs: Sequence[float]
) -> Record:
    """Measure PSNR of stego image and secrets after some epochs, and every metric at the end.

    The pictures of index 0 are kept too, in one file.

    Args:
        study: the settings.
        data_set: that cover and secrets are of.
        index: of the set of pictures, and the seed.
        secrets: how many.
        epochs: of the joint stage.
    """
    pictures = study.pictures(data_set, index, secrets)
    stages, keys = hidden_on_the_way(study, pictures, index, epochs)
    columns = [renders_of(hidden, keys) for _, hidden in stages]
    qualities = [
        [measure(picture, render) for picture, render in zip(pictures, renders, strict=True)]
        for renders in columns
    ]
    found: Record = {
        "epochs": [epoch for epoch, _ in stages],
        "psnr": [[quality.psnr for quality in column] for column in qualities],
        "end": [asdict(quality) for quality in qualities[-1]],
    }
    if index == 0:
        path = study.make_path("pictures", f"{data_set}-{secrets}-secrets.png")
        whole = np.hstack([np.vstack(column) for column in (pictures, *columns)])
        write_picture(path, whole, overwrite=True)
        found["pictures"] = study.relative(path)
    return found


def grid(title: str, results: Results, record: Record) -> PictureGrid:
    """An item's pictures as the paper shows them: photograph, renders, and differences.

    The paper has the differences at the end alone, which are black here; those of an epoch before
    show where the errors were.

    Args:
        title: of the grid.
        results: whose files are read.
        record: what `progress` found at index 0.
    """
    whole = results.read_picture(record["pictures"])
    names = [f"{epoch:.0f} epochs" for epoch in record["epochs"]]
    magnified = [f"x{_MAGNIFIED}, {name}" for name in names[-_DIFFERENCES:]]
    rows = []
    for place, strip in enumerate(np.vsplit(whole, len(whole) // SIDE)):
        original, *renders = np.hsplit(strip, strip.shape[1] // SIDE)
        differences = [
            sheet.difference(original, render, _MAGNIFIED) for render in renders[-_DIFFERENCES:]
        ]
        name = f"secret image {place}" if place else "stego image"
        caption = f"{name}: {record['psnr'][-1][place]:.1f} dB at the end"
        rows.append(sheet.Row(caption, [original, *renders, *differences]))
    return PictureGrid(title, ["photograph", *names, *magnified], rows)


def _fig6_items(study: Study) -> list[Item]:
    return [
        Item(
            {"set": data_set, "index": index},
            partial(progress, study, data_set, index, 2, _EPOCHS),
        )
        for data_set, index in itertools.product(study.sets, range(study.images))
    ]


def _table1(results: Results) -> list[Shown]:
    cells = []
    for data_set in dict.fromkeys(record["set"] for record in results.records):
        own = [record["end"] for record in results.records if record["set"] == data_set]
        for place, name in enumerate(("stego", "secret 1", "secret 2")):
            means = [
                format(np.mean([end[place][metric] for end in own]), form)
                for metric, form in _METRICS.items()
            ]
            paper = ["-", "-"]
            if data_set in _TABLE_1:
                psnr, ssim = _TABLE_1[data_set][place]
                paper = [f"{psnr:.2f}", f"{ssim:.4f}"]
            cells.append([data_set, name, *means, *paper, str(len(own))])
    measured = ("PSNR", "SSIM", "RMSE", "MAE")
    columns = ("data set", "image", *measured, "paper's PSNR", "paper's SSIM", "N")
    notes = ["Cover and secrets are of one data set, as in the paper."]
    return [Table("Table 1: two secrets", columns, cells, notes)]


def _fig6(results: Results) -> list[Shown]:
    records = results.records
    names, cells = ("stego image", "secret 1", "secret 2"), []
    epochs = records[0]["epochs"]
    for data_set in dict.fromkeys(record["set"] for record in records):
        own = [record["psnr"] for record in records if record["set"] == data_set]
        for epoch, means in zip(epochs, np.mean(own, axis=0), strict=True):
            cells.append([data_set, f"{epoch:.0f}", *(f"{value:.2f}" for value in means)])
    curve = np.mean([record["psnr"] for record in records], axis=0)
    notes = [
        f"N = {len(records)} sets in all. An epoch is as many steps as look at as many pixels as a "
        "picture has; the last is the end.",
        "Before the first epoch the stego image is the cover function's, and a secret image what "
        "its key makes of that.",
    ]
    lines = {name: (epochs, curve[:, place].tolist()) for place, name in enumerate(names)}
    return [
        Table("Figure 6: PSNR as training goes on", ("data set", "epochs", *names), cells, notes),
        *(
            grid(f"Training on {record['set']}", results, record)
            for record in records
            if record["index"] == 0
        ),
        Figure("Training", "epochs", "PSNR in dB", lines),
    ]


def _table2_items(study: Study) -> list[Item]:
    name = study.sets[0]
    return [
        Item(
            {"set": name, "secrets": secrets, "index": index},
            partial(progress, study, name, index, secrets, _EPOCHS_OF_MORE),
        )
        for secrets, index in itertools.product(_SECRETS, range(study.images))
    ]


def _table2(results: Results) -> list[Shown]:
    cells = []
    counts: list[float] = []
    lines: dict[str, tuple[list[float], list[float]]] = {
        "stego image": (counts, []),
        "secrets": (counts, []),
    }
    for secrets in dict.fromkeys(record["secrets"] for record in results.records):
        own = [record["psnr"][-1] for record in results.records if record["secrets"] == secrets]
        stego, *others = (float(mean) for mean in np.mean(own, axis=0))
        mean = float(np.mean(others))
        paper = [f"{value:.2f}" for value in _TABLE_2.get(secrets, ())] or ["-", "-"]
        measured = [f"{value:.2f}" for value in (stego, mean, min(others))]
        cells.append([str(secrets), *measured, *paper, str(len(own))])
        counts.append(secrets)
        lines["stego image"][1].append(stego)
        lines["secrets"][1].append(mean)
    measured = ["stego", "secrets' mean", "worst secret"]
    columns = ("secrets", *measured, "paper's stego", "paper's secrets", "N")
    return [
        Table("Table 2: more secrets, PSNR", columns, cells),
        Figure("More secrets", "secrets", "PSNR in dB", lines),
    ]


def _fig7_items(study: Study) -> list[Item]:
    """Those of Table 2 that keep pictures."""
    return [item for item in _table2_items(study) if item.key["index"] == 0]


def _fig7(results: Results) -> list[Shown]:
    return [grid(f"{record['secrets']} secrets", results, record) for record in results.records]


EXPERIMENTS = (
    Experiment("table1", "4.3", _fig6_items, _table1, alike=("fig6",)),
    Experiment("fig6", "4.3", _fig6_items, _fig6, alike=("table1",)),
    Experiment("table2", "4.4", _table2_items, _table2, alike=("fig7",)),
    Experiment("fig7", "4.4", _fig7_items, _fig7, alike=("table2",)),
)
