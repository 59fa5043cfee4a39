"""Sections 4.7 and 4.8: how good the pictures are, for ratios and ablations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from sirensong.lab.reproduce.functions import hidden_and_keys, renders_of
from sirensong.lab.reproduce.study import (
    Experiment,
    Figure,
    Item,
    Record,
    Results,
    Shown,
    Study,
    Table,
)
from sirensong.network.substitution import Selection
from sirensong.pictures.metrics import measure
from sirensong.training.recipe import Recipe

_RATIOS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)
_ABLATIONS = {  # selection, steps of the cover stage; those of section 4.8, and keyed selection
    "pre-trained, magnitude": (Selection.MAGNITUDE, None),
    "Xavier start, magnitude": (Selection.MAGNITUDE, 1),
    "random positions": (Selection.RANDOM, 1),
    "pre-trained, keyed": (Selection.KEYED, None),
}


def _measure(study: Study, index: int, recipe: Recipe) -> Record:
    """PSNR of the stego image and two secrets."""
    pictures = study.pictures(study.sets[0], index)
    renders = renders_of(*hidden_and_keys(study, pictures, index, recipe=recipe))
    pairs = zip(pictures, renders, strict=True)
    return {"psnr": [measure(picture, render).psnr for picture, render in pairs]}


def _means(records: Sequence[Record]) -> list[float]:
    """The mean PSNR of each picture over some items."""
    return [float(value) for value in np.mean([record["psnr"] for record in records], axis=0)]


def _fig10_items(study: Study) -> list[Item]:
    items = []
    for selection, ratio, index in itertools.product(
        (Selection.MAGNITUDE, Selection.KEYED), _RATIOS, range(study.images)
    ):
        key = {"selection": str(selection), "ratio": ratio, "index": index}
        recipe = replace(study.recipe, ratio=ratio, selection=selection)
        items.append(Item(key, partial(_measure, study, index, recipe)))
    return items


def _fig10(results: Results) -> list[Shown]:
    groups: dict[tuple[str, float], list[Record]] = {}
    for record in results.records:
        groups.setdefault((record["selection"], record["ratio"]), []).append(record)
    cells = []
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for (selection, ratio), own in groups.items():
        stego, *others = _means(own)
        secrets = float(np.mean(others))
        cells.append([selection, f"{ratio:g}", f"{stego:.2f}", f"{secrets:.2f}", str(len(own))])
        for name, value in (("stego", stego), ("secrets", secrets)):
            x, y = curves.setdefault(f"{selection}, {name}", ([], []))
            x.append(ratio)
            y.append(value)
    columns = ("selection", "S", "stego PSNR", "secrets' PSNR", "N")
    return [
        Table("Figure 10: the ratio S", columns, cells),
        Figure("The ratio S", "S", "PSNR in dB", curves),
    ]


def _fig11_items(study: Study) -> list[Item]:
    items = []
    for (way, (selection, steps)), index in itertools.product(
        _ABLATIONS.items(), range(study.images)
    ):
        recipe = replace(study.recipe, selection=selection).with_steps(cover=steps)
        items.append(Item({"way": way, "index": index}, partial(_measure, study, index, recipe)))
    return items


def _fig11(results: Results) -> list[Shown]:
    groups: dict[str, list[Record]] = {}
    for record in results.records:
        groups.setdefault(record["way"], []).append(record)
    cells = [
        [way, *(f"{value:.2f}" for value in _means(own)), str(len(own))]
        for way, own in groups.items()
    ]
    notes = [
        "Without pre-training the cover stage has one step, from the initial weights of a SIREN."
    ]
    columns = ("way", "stego", "secret 1", "secret 2", "N")
    return [Table("Figure 11: ablations, PSNR", columns, cells, notes)]


EXPERIMENTS = (
    Experiment("fig10", "4.7", _fig10_items, _fig10),
    Experiment("fig11", "4.8", _fig11_items, _fig11),
)
