"""Sections 4.3, 4.7 and 4.8: how good the pictures are, for data sets, ratios and ablations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sirensong.hide import Hidden, hide
from sirensong.image import Pixels
from sirensong.keys import SecretKey, derive
from sirensong.metrics import measure
from sirensong.rendering import Size
from sirensong.reproduce.study import SIDE, Experiment, Figure, Item, Row, Shown, Study, Table
from sirensong.reveal import reveal, sample
from sirensong.training.recipe import Recipe

_METRICS = ("psnr", "ssim", "rmse", "mae")
_PAPER_1 = {  # PSNR, SSIM of stego image, secret 1, secret 2 (Table 1)
    "celebahq": ((46.86, 0.9990), (44.55, 0.9969), (45.42, 0.9985)),
    "coco": ((45.98, 0.9987), (45.53, 0.9981), (42.62, 0.9980)),
    "div2k": ((45.62, 0.9987), (44.33, 0.9983), (42.39, 0.9973)),
}
_RATIOS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)
_WAYS: dict[str, Row] = {  # of section 4.8, and keyed selection
    "pre-trained, magnitude": {"selection": "magnitude"},
    "Xavier start, magnitude": {"selection": "magnitude", "cover_steps": 1},
    "random positions": {"selection": "random", "cover_steps": 1},
    "pre-trained, keyed": {"selection": "keyed"},
}


def hidden_and_keys(pictures: Sequence[Pixels], recipe: Recipe, seed: int, **options: Any) -> tuple[Hidden, list[SecretKey]]:
    """Hide all pictures but the first in it, under keys that follow from the seed, as all else does. options: of `hide`."""
    keys = [SecretKey(derive(seed.to_bytes(8), b"", f"reproduce/{place}")) for place in range(len(pictures) - 1)]
    return hide(pictures[0], list(zip(keys, pictures[1:], strict=True)), recipe=recipe, seed=seed, **options), keys


def renders_of(hidden: Hidden, keys: Sequence[SecretKey], size: Size | None = None) -> list[Pixels]:
    """What anybody sees, then what each key's holder sees."""
    return [sample(hidden.stego, size), *(reveal(hidden.stego, key, mask=hidden.mask, size=size) for key in keys)]


def pictures_of(study: Study, data_set: str, index: int, secrets: int, side: int = SIDE) -> list[Pixels]:
    """A cover and so many secrets of one data set, others for each index, side x side."""
    return [study.picture(data_set, index * (secrets + 1) + place, side) for place in range(secrets + 1)]


def _qualities(study: Study, data_set: str, index: int, secrets: int, **changes: object) -> Row:
    pictures = pictures_of(study, data_set, index, secrets)
    hidden, keys = hidden_and_keys(pictures, replace(study.recipe, **changes), index)  # type: ignore[arg-type]
    found = [measure(picture, render) for picture, render in zip(pictures, renders_of(hidden, keys), strict=True)]
    return {name: [getattr(quality, name) for quality in found] for name in _METRICS}


def _mean(rows: Sequence[Row], name: str) -> list[float]:
    """Of each picture's number, over items."""
    return [float(value) for value in np.mean([row[name] for row in rows], axis=0)]


def _of(rows: Sequence[Row], **wanted: object) -> list[Row]:
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def _table1_items(study: Study) -> list[Item]:
    return [
        Item({"set": data_set, "index": index}, partial(_qualities, study, data_set, index, 2))
        for data_set, index in itertools.product(study.sets, range(study.images))
    ]


def _table1(rows: Sequence[Row]) -> list[Shown]:
    cells = []
    for data_set in dict.fromkeys(row["set"] for row in rows):
        own = _of(rows, set=data_set)
        means = {name: _mean(own, name) for name in _METRICS}
        for place, name in enumerate(("stego", "secret 1", "secret 2")):
            paper = _PAPER_1.get(data_set)
            cells.append(
                [
                    data_set,
                    name,
                    f"{means['psnr'][place]:.2f}",
                    f"{means['ssim'][place]:.4f}",
                    f"{means['rmse'][place]:.2f}",
                    f"{means['mae'][place]:.2f}",
                    f"{paper[place][0]:.2f}" if paper else "-",
                    f"{paper[place][1]:.4f}" if paper else "-",
                    str(len(own)),
                ]
            )
    columns = ("data set", "image", "PSNR", "SSIM", "RMSE", "MAE", "paper's PSNR", "paper's SSIM", "N")
    return [Table("Table 1: two secrets", columns, cells, ["Cover and secrets are of one data set, as in the paper."])]


def _fig10_items(study: Study) -> list[Item]:
    return [
        Item(
            {"selection": selection, "ratio": ratio, "index": index},
            partial(_qualities, study, study.sets[0], index, 2, ratio=ratio, selection=selection),
        )
        for selection, ratio, index in itertools.product(("magnitude", "keyed"), _RATIOS, range(study.images))
    ]


def _fig10(rows: Sequence[Row]) -> list[Shown]:
    cells = []
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for selection in dict.fromkeys(row["selection"] for row in rows):
        for ratio in dict.fromkeys(row["ratio"] for row in rows):
            own = _of(rows, selection=selection, ratio=ratio)
            stego, *secrets = _mean(own, "psnr")
            cells.append([selection, f"{ratio:g}", f"{stego:.2f}", f"{np.mean(secrets):.2f}", str(len(own))])
            for name, value in (("stego", stego), ("secrets", float(np.mean(secrets)))):
                line = curves.setdefault(f"{selection}, {name}", ([], []))
                line[0].append(ratio)
                line[1].append(value)
    return [
        Table("Figure 10: the ratio S", ("selection", "S", "stego PSNR", "secrets' PSNR", "N"), cells),
        Figure("The ratio S", "S", "PSNR in dB", curves),
    ]


def _fig11_items(study: Study) -> list[Item]:
    return [
        Item({"way": way, "index": index}, partial(_qualities, study, study.sets[0], index, 2, **changes))
        for (way, changes), index in itertools.product(_WAYS.items(), range(study.images))
    ]


def _fig11(rows: Sequence[Row]) -> list[Shown]:
    cells = []
    for way in dict.fromkeys(row["way"] for row in rows):
        own = _of(rows, way=way)
        cells.append([way, *(f"{value:.2f}" for value in _mean(own, "psnr")), str(len(own))])
    notes = ["A start without pre-training is a cover stage of one step; weights begin as SIREN has them."]
    return [Table("Figure 11: ablations, PSNR", ("way", "stego", "secret 1", "secret 2", "N"), cells, notes)]


EXPERIMENTS = (
    Experiment("table1", "4.3", _table1_items, _table1),
    Experiment("fig10", "4.7", _fig10_items, _fig10),
    Experiment("fig11", "4.8", _fig11_items, _fig11),
)
