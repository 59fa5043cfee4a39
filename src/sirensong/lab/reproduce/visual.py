"""Sections 4.3 and 4.4: what pictures look like, and how good they are, as training goes on; with two secrets and with more."""

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
    Pictures,
    Row,
    Shown,
    Study,
    Table,
)
from sirensong.network.siren import Layer, Weights
from sirensong.pictures.image import Pixels, read_picture, write_picture
from sirensong.pictures.metrics import measure
from sirensong.pictures.sheet import Row as Line
from sirensong.pictures.sheet import difference

_PAPER_1 = {  # PSNR, SSIM of stego image, secret 1, secret 2 (Table 1)
    "celebahq": ((46.86, 0.9990), (44.55, 0.9969), (45.42, 0.9985)),
    "coco": ((45.98, 0.9987), (45.53, 0.9981), (42.62, 0.9980)),
    "div2k": ((45.62, 0.9987), (44.33, 0.9983), (42.39, 0.9973)),
}
_METRICS = {"psnr": ".2f", "ssim": ".4f", "rmse": ".2f", "mae": ".2f"}  # and how they are shown
_PAPER_2 = {
    3: (47.77, 43.89),
    4: (46.39, 42.09),
    5: (44.68, 39.75),
}  # PSNR of stego image and of secrets (Table 2)
_EPOCHS, _EPOCHS_OF_MORE = (0, 5, 10, 50), (0, 10)
_SECRETS = (3, 4, 5, 8, 16)
_MAGNIFIED, _DIFFERENCES = 20, 2  # times, of the last renders


def hidden_on_the_way(
    study: Study, pictures: Sequence[Pixels], seed: int, epochs: Sequence[float]
) -> tuple[list[tuple[float, Hidden]], list[SecretKey]]:
    """Hide, and give what would be published after some epochs of the joint stage too, and after all of them; with the keys.

    An epoch is as many steps as look at as many pixels as a picture has. Epochs that training does not reach are left out.
    """
    done = study.recipe.joint.epochs()
    due: dict[int, float] = {bisect_left(done, epoch - 1e-9): epoch for epoch in epochs}
    seen: dict[float, list[Weights]] = {}

    def watch(step: int, _: range, functions: Callable[[], Weights]) -> None:
        if step in due:
            seen.setdefault(due[step], []).append(functions())

    hidden, keys = hidden_and_keys(study, pictures, seed, on_step=watch)
    earlier = [
        (epoch, replace(hidden, stego=replace(hidden.stego, weights=_joined(groups))))
        for epoch, groups in seen.items()
    ]
    return [*sorted(earlier, key=lambda entry: entry[0]), (done[-1], hidden)], keys


def _joined(groups: Sequence[Weights]) -> Weights:
    """The functions of several groups of tiles, one after the other."""
    return tuple(
        Layer(
            np.concatenate([own.weight for own in same]), np.concatenate([own.bias for own in same])
        )
        for same in zip(*groups, strict=True)
    )


def progress(study: Study, data_set: str, index: int, secrets: int, epochs: Sequence[float]) -> Row:
    """PSNR of stego image and secrets after each epoch, every metric at the end.

    Of the first set the pictures too, in one file beside the results.
    """
    pictures = study.pictures(data_set, index, secrets)
    way, keys = hidden_on_the_way(study, pictures, index, epochs)
    columns = [renders_of(hidden, keys) for _, hidden in way]
    found: Row = {
        "epochs": [epoch for epoch, _ in way],
        "psnr": [
            [
                measure(picture, render).psnr
                for picture, render in zip(pictures, renders, strict=True)
            ]
            for renders in columns
        ],
        "end": [
            asdict(measure(picture, render))
            for picture, render in zip(pictures, columns[-1], strict=True)
        ],
    }
    if index == 0:
        path = study.beside("pictures", f"{data_set}-{secrets}-secrets.png")
        write_picture(
            path, np.hstack([np.vstack(column) for column in (pictures, *columns)]), overwrite=True
        )
        found["pictures"] = str(path)
    return found


def grid(title: str, row: Row) -> Pictures:
    """An item's pictures as the paper shows them: photograph, renders after some epochs, and the last differences.

    The paper has those of the end alone, which are black here; the ones before show where the errors were.
    """
    whole = read_picture(row["pictures"]).pixels
    names = [f"{epoch:.0f} epochs" for epoch in row["epochs"]]
    columns = ["photograph", *names, *(f"x{_MAGNIFIED}, {name}" for name in names[-_DIFFERENCES:])]
    rows = []
    for place, strip in enumerate(np.vsplit(whole, len(whole) // SIDE)):
        original, *renders = np.hsplit(strip, strip.shape[1] // SIDE)
        differences = (
            difference(original, render, _MAGNIFIED) for render in renders[-_DIFFERENCES:]
        )
        name = f"secret image {place}" if place else "stego image"
        caption = f"{name}: {row['psnr'][-1][place]:.1f} dB at the end"
        rows.append(Line(caption, [original, *renders, *differences]))
    return Pictures(title, columns, rows)


def _fig6_items(study: Study) -> list[Item]:
    return [
        Item(
            {"set": data_set, "index": index}, partial(progress, study, data_set, index, 2, _EPOCHS)
        )
        for data_set, index in itertools.product(study.sets, range(study.images))
    ]


def _table1(rows: Sequence[Row]) -> list[Shown]:
    cells = []
    for data_set in dict.fromkeys(row["set"] for row in rows):
        own = [row["end"] for row in rows if row["set"] == data_set]
        for place, name in enumerate(("stego", "secret 1", "secret 2")):
            means = [
                format(np.mean([end[place][metric] for end in own]), form)
                for metric, form in _METRICS.items()
            ]
            psnr, ssim = _PAPER_1[data_set][place] if data_set in _PAPER_1 else (None, None)
            paper = ["-", "-"] if psnr is None else [f"{psnr:.2f}", f"{ssim:.4f}"]
            cells.append([data_set, name, *means, *paper, str(len(own))])
    columns = (
        "data set",
        "image",
        "PSNR",
        "SSIM",
        "RMSE",
        "MAE",
        "paper's PSNR",
        "paper's SSIM",
        "N",
    )
    return [
        Table(
            "Table 1: two secrets",
            columns,
            cells,
            ["Cover and secrets are of one data set, as in the paper."],
        )
    ]


def _fig6(rows: Sequence[Row]) -> list[Shown]:
    names, cells = ("stego image", "secret 1", "secret 2"), []
    epochs = rows[0]["epochs"]
    for data_set in dict.fromkeys(row["set"] for row in rows):
        means = np.mean([row["psnr"] for row in rows if row["set"] == data_set], axis=0)
        cells += [
            [data_set, f"{epoch:.0f}", *(f"{value:.2f}" for value in own)]
            for epoch, own in zip(epochs, means, strict=True)
        ]
    curve = np.mean([row["psnr"] for row in rows], axis=0)
    notes = [
        f"N = {len(rows)} sets in all. An epoch is as many steps as look at as many pixels as a picture has; the last is the end.",
        "Before the first the stego image is the cover function's, and a secret image what its key makes of that.",
    ]
    return [
        Table("Figure 6: PSNR as training goes on", ("data set", "epochs", *names), cells, notes),
        *(grid(f"Training on {row['set']}", row) for row in rows if row["index"] == 0),
        Figure(
            "Training",
            "epochs",
            "PSNR in dB",
            {name: (epochs, curve[:, place].tolist()) for place, name in enumerate(names)},
        ),
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


def _table2(rows: Sequence[Row]) -> list[Shown]:
    cells = []
    curves: dict[str, tuple[list[float], list[float]]] = {
        "stego image": ([], []),
        "secrets": ([], []),
    }
    for secrets in dict.fromkeys(row["secrets"] for row in rows):
        own = [row["psnr"][-1] for row in rows if row["secrets"] == secrets]
        stego, *others = np.mean(own, axis=0)
        paper = _PAPER_2.get(secrets)
        said = [f"{value:.2f}" for value in paper] if paper else ["-", "-"]
        cells.append(
            [
                str(secrets),
                f"{stego:.2f}",
                f"{np.mean(others):.2f}",
                f"{min(others):.2f}",
                *said,
                str(len(own)),
            ]
        )
        for name, value in (("stego image", stego), ("secrets", np.mean(others))):
            curves[name][0].append(secrets)
            curves[name][1].append(float(value))
    columns = (
        "secrets",
        "stego",
        "secrets' mean",
        "worst secret",
        "paper's stego",
        "paper's secrets",
        "N",
    )
    return [
        Table("Table 2: more secrets, PSNR", columns, cells),
        Figure("More secrets", "secrets", "PSNR in dB", curves),
    ]


def _fig7_items(study: Study) -> list[Item]:
    """Those of Table 2 that keep pictures."""
    return [item for item in _table2_items(study) if item.key["index"] == 0]


def _fig7(rows: Sequence[Row]) -> list[Shown]:
    return [grid(f"{row['secrets']} secrets", row) for row in rows]


EXPERIMENTS = (
    Experiment("table1", "4.3", _fig6_items, _table1, results="fig6"),
    Experiment("fig6", "4.3", _fig6_items, _fig6),
    Experiment("table2", "4.4", _table2_items, _table2),
    Experiment("fig7", "4.4", _fig7_items, _fig7, results="table2"),
)
