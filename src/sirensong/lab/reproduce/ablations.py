"""Sections 4.7 and 4.8: how good the pictures are, for ratios and ablations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from sirensong.lab.reproduce.functions import hidden_and_keys, renders_of
from sirensong.lab.reproduce.study import Experiment, Figure, Item, Row, Shown, Study, Table
from sirensong.network.substitution import Selection
from sirensong.pictures.metrics import measure
from sirensong.training.recipe import Recipe

_RATIOS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)
_WAYS = {  # of section 4.8, and keyed selection: selection, steps of the cover stage
    "pre-trained, magnitude": (Selection.MAGNITUDE, None),
    "Xavier start, magnitude": (Selection.MAGNITUDE, 1),
    "random positions": (Selection.RANDOM, 1),
    "pre-trained, keyed": (Selection.KEYED, None),
}


def _psnr(study: Study, index: int, recipe: Recipe) -> Row:
    """PSNR of stego image and two secrets."""
    pictures = study.pictures(study.sets[0], index)
    renders = renders_of(*hidden_and_keys(study, pictures, index, recipe=recipe))
    return {
        "psnr": [
            measure(picture, render).psnr for picture, render in zip(pictures, renders, strict=True)
        ]
    }


def _mean(rows: Sequence[Row]) -> list[float]:
    """Of each picture's PSNR, over items."""
    return [float(value) for value in np.mean([row["psnr"] for row in rows], axis=0)]


def _of(rows: Sequence[Row], **wanted: object) -> list[Row]:
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def _fig10_items(study: Study) -> list[Item]:
    return [
        Item(
            {"selection": selection, "ratio": ratio, "index": index},
            partial(
                _psnr,
                study,
                index,
                replace(study.recipe, ratio=ratio, selection=Selection(selection)),
            ),
        )
        for selection, ratio, index in itertools.product(
            ("magnitude", "keyed"), _RATIOS, range(study.images)
        )
    ]


def _fig10(rows: Sequence[Row]) -> list[Shown]:
    cells = []
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for selection in dict.fromkeys(row["selection"] for row in rows):
        for ratio in dict.fromkeys(row["ratio"] for row in rows):
            own = _of(rows, selection=selection, ratio=ratio)
            stego, *secrets = _mean(own)
            cells.append(
                [selection, f"{ratio:g}", f"{stego:.2f}", f"{np.mean(secrets):.2f}", str(len(own))]
            )
            for name, value in (("stego", stego), ("secrets", float(np.mean(secrets)))):
                line = curves.setdefault(f"{selection}, {name}", ([], []))
                line[0].append(ratio)
                line[1].append(value)
    return [
        Table(
            "Figure 10: the ratio S", ("selection", "S", "stego PSNR", "secrets' PSNR", "N"), cells
        ),
        Figure("The ratio S", "S", "PSNR in dB", curves),
    ]


def _fig11_items(study: Study) -> list[Item]:
    return [
        Item(
            {"way": way, "index": index},
            partial(
                _psnr,
                study,
                index,
                replace(study.recipe, selection=selection).with_steps(cover=cover_steps),
            ),
        )
        for (way, (selection, cover_steps)), index in itertools.product(
            _WAYS.items(), range(study.images)
        )
    ]


def _fig11(rows: Sequence[Row]) -> list[Shown]:
    cells = []
    for way in dict.fromkeys(row["way"] for row in rows):
        own = _of(rows, way=way)
        cells.append([way, *(f"{value:.2f}" for value in _mean(own)), str(len(own))])
    notes = [
        "A start without pre-training is a cover stage of one step; weights begin as SIREN has them."
    ]
    return [
        Table(
            "Figure 11: ablations, PSNR",
            ("way", "stego", "secret 1", "secret 2", "N"),
            cells,
            notes,
        )
    ]


EXPERIMENTS = (
    Experiment("fig10", "4.7", _fig10_items, _fig10),
    Experiment("fig11", "4.8", _fig11_items, _fig11),
)
