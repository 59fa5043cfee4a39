"""Section 4.5: what was trained at 128x128, rendered at other sizes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

import numpy as np
from PIL import Image

from sirensong.lab.reproduce.functions import hidden_and_keys, renders_of
from sirensong.lab.reproduce.study import SIDE, Experiment, Item, Pictures, Row, Shown, Study, Table
from sirensong.pictures.image import Pixels, from_uint8, read_picture, to_pil, write_picture
from sirensong.pictures.metrics import measure
from sirensong.pictures.sheet import Row as Line

_SIDES = (64, 128, 256, 512)
_NAMES = ("stego image", "secret 1", "secret 2")
_EQUAL = 99.0  # dB, in place of the infinite PSNR of equal pictures, which JSON has no number for
_CELL = 256


def _work(study: Study, data_set: str, index: int) -> Row:
    pictures = study.pictures(data_set, index)
    hidden, keys = hidden_and_keys(study, pictures, index)
    found: Row = {}
    for side in _SIDES:
        renders = renders_of(hidden, keys, (side, side))
        resampled = [_bicubic(picture, side) for picture in pictures]
        found[str(side)] = {"bicubic": _psnr(resampled, renders)}
        if all(study.side(data_set, index * 3 + place) >= side for place in range(3)):
            truths = study.pictures(data_set, index, side=side)
            found[str(side)] |= {
                "render": _psnr(truths, renders),
                "resampled": _psnr(truths, resampled),
            }
        if index == 0:
            path = study.beside("pictures", f"{data_set}-{side}-pixels.png")
            write_picture(path, np.vstack(renders), overwrite=True)
            found[str(side)]["pictures"] = str(path)
    return found


def _bicubic(picture: Pixels, side: int) -> Pixels:
    return from_uint8(np.asarray(to_pil(picture).resize((side, side), Image.Resampling.BICUBIC)))


def _psnr(pictures: Sequence[Pixels], others: Sequence[Pixels]) -> list[float]:
    return [
        min(measure(picture, other).psnr, _EQUAL)
        for picture, other in zip(pictures, others, strict=True)
    ]


def _items(study: Study) -> list[Item]:
    return [
        Item({"set": data_set, "index": index}, partial(_work, study, data_set, index))
        for data_set, index in itertools.product(study.sets, range(study.images))
    ]


def _show(rows: Sequence[Row]) -> list[Shown]:
    cells = []
    for side in _SIDES:
        own = [row[str(side)] for row in rows]
        known = [entry for entry in own if "render" in entry]
        cells.append(
            [
                f"{side}x{side}",
                *_means(known, "render"),
                *_means(known, "resampled"),
                str(len(known)),
                *_means(own, "bicubic"),
            ]
        )
    columns = [
        "rendered at",
        *_NAMES,
        *(f"{name}, resampled instead" for name in _NAMES),
        "N",
        *(f"{name}, render against resampled" for name in _NAMES),
    ]
    notes = [
        "PSNR in dB against the photograph of that size itself, where the data are as large; N is how many sets are. Resampled: "
        f"what the {SIDE}x{SIDE} photograph gives without a function, by bicubic interpolation; the last columns compare the two."
    ]
    grids = [_grid(row) for row in rows if row["index"] == 0]
    return [Table("Figure 8: other sizes, trained at 128x128", columns, cells, notes), *grids]


def _means(entries: Sequence[Row], name: str) -> list[str]:
    if not entries:
        return ["-"] * len(_NAMES)
    return [f"{value:.2f}" for value in np.mean([entry[name] for entry in entries], axis=0)]


def _grid(row: Row) -> Pictures:
    columns = [
        np.vsplit(read_picture(row[str(side)]["pictures"]).pixels, len(_NAMES)) for side in _SIDES
    ]
    lines = [
        Line(name, list(renders))
        for name, renders in zip(_NAMES, zip(*columns, strict=True), strict=True)
    ]
    return Pictures(
        f"Other sizes on {row['set']}", [f"{side}x{side}" for side in _SIDES], lines, _CELL
    )


EXPERIMENTS = (Experiment("fig8", "4.5", _items, _show),)
