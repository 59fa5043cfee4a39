"""Section 4.5: what was trained at 128x128, rendered at other sizes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

import numpy as np
from PIL import Image

from sirensong.lab.reproduce.functions import hidden_and_keys, renders_of
from sirensong.lab.reproduce.study import (
    SIDE,
    Experiment,
    Item,
    PictureGrid,
    Record,
    Results,
    Shown,
    Study,
    Table,
)
from sirensong.pictures import sheet
from sirensong.pictures.image import Pixels, from_uint8, to_pil
from sirensong.pictures.metrics import measure
from sirensong.pictures.writing import write_picture

_SIDES = (64, 128, 256, 512)
_NAMES = ("stego image", "secret 1", "secret 2")
_EQUAL = 99.0  # dB, for the infinite PSNR of equal pictures, which JSON has no number for
_CELL = 256


def _measure(study: Study, data_set: str, index: int) -> Record:
    pictures = study.pictures(data_set, index)
    hidden, keys = hidden_and_keys(study, pictures, index)
    found: Record = {}
    for side in _SIDES:
        renders = renders_of(hidden, keys, (side, side))
        resampled = [_bicubic(picture, side) for picture in pictures]
        at_side: Record = {"bicubic": _psnr(resampled, renders)}
        if all(study.side(data_set, index * 3 + place) >= side for place in range(3)):
            truths = study.pictures(data_set, index, side=side)
            at_side["render"] = _psnr(truths, renders)
            at_side["resampled"] = _psnr(truths, resampled)
        if index == 0:
            path = study.make_path("pictures", f"{data_set}-{side}-pixels.png")
            write_picture(path, np.vstack(renders), overwrite=True)
            at_side["pictures"] = study.relative(path)
        found[str(side)] = at_side
    return found


def _bicubic(picture: Pixels, side: int) -> Pixels:
    resized = to_pil(picture).resize((side, side), Image.Resampling.BICUBIC)
    return from_uint8(np.asarray(resized))


def _psnr(pictures: Sequence[Pixels], others: Sequence[Pixels]) -> list[float]:
    pairs = zip(pictures, others, strict=True)
    return [min(measure(picture, other).psnr, _EQUAL) for picture, other in pairs]


def _items(study: Study) -> list[Item]:
    return [
        Item({"set": data_set, "index": index}, partial(_measure, study, data_set, index))
        for data_set, index in itertools.product(study.sets, range(study.images))
    ]


def _show(results: Results) -> list[Shown]:
    cells = []
    for side in _SIDES:
        own = [record[str(side)] for record in results.records]
        known = [entry for entry in own if "render" in entry]
        truths = [*_means(known, "render"), *_means(known, "resampled")]
        cells.append([f"{side}x{side}", *truths, str(len(known)), *_means(own, "bicubic")])
    columns = [
        "rendered at",
        *_NAMES,
        *(f"{name}, resampled instead" for name in _NAMES),
        "N",
        *(f"{name}, render against resampled" for name in _NAMES),
    ]
    notes = [
        "PSNR in dB against the photograph of that size itself, where the data are as large; N is "
        f"how many sets are. Resampled: what the {SIDE}x{SIDE} photograph gives without a "
        "function, by bicubic interpolation; the last columns compare the two."
    ]
    grids = [_grid(results, record) for record in results.records if record["index"] == 0]
    return [Table("Figure 8: other sizes, trained at 128x128", columns, cells, notes), *grids]


def _means(entries: Sequence[Record], name: str) -> list[str]:
    if not entries:
        return ["-"] * len(_NAMES)
    return [f"{value:.2f}" for value in np.mean([entry[name] for entry in entries], axis=0)]


def _grid(results: Results, record: Record) -> PictureGrid:
    columns = []
    for side in _SIDES:
        whole = results.read_picture(record[str(side)]["pictures"])
        columns.append(np.vsplit(whole, len(_NAMES)))
    rows = [
        sheet.Row(name, renders)
        for name, renders in zip(_NAMES, zip(*columns, strict=True), strict=True)
    ]
    names = [f"{side}x{side}" for side in _SIDES]
    return PictureGrid(f"Other sizes on {record['set']}", names, rows, _CELL)


EXPERIMENTS = (Experiment("fig8", "4.5", _items, _show),)
