"""Section 4.10 (3): random keys with a known mask, how the right key fares blind, and whether a partly right one stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive
from sirensong.lab.reproduce.functions import hidden_and_keys
from sirensong.lab.reproduce.study import (
    Experiment,
    Figure,
    Item,
    Pictures,
    Row,
    Shown,
    Study,
    Table,
)
from sirensong.lab.steganalysis.guessing import CLIMBERS, SHARES, Scores, guess, hill
from sirensong.network.substitution import Selection
from sirensong.pictures.image import Pixels, read_picture, write_picture
from sirensong.pictures.metrics import measure
from sirensong.pictures.sheet import Row as Line
from sirensong.reveal import reveal

_WRONG_KEYS = 1000
_GHOSTS = 100  # wrong keys whose renders are looked at for outlines
_SHOWN = 3
_QUANTILES = tuple(percent / 100 for percent in range(0, 101, 5))


def _fig14_work(study: Study, index: int) -> Row:
    pictures = study.pictures(study.sets[-1], index)
    hidden, keys = hidden_and_keys(
        study, pictures, index, recipe=replace(study.recipe, selection=Selection.MAGNITUDE)
    )
    keyed, own = hidden_and_keys(study, pictures, index)
    wrong = [
        SecretKey(derive(index.to_bytes(8), b"", f"reproduce/wrong/{place}"))
        for place in range(_WRONG_KEYS)
    ]
    found = guess(keyed.stego, own[0], wrong)
    right, *others = (
        reveal(hidden.stego, key, mask=hidden.mask, force=True) for key in (keys[0], *wrong)
    )
    known = [measure(pictures[1], other).psnr for other in others]
    row: Row = {}
    if index == 0:
        path = study.beside("pictures", f"random-keys-{study.sets[-1]}.png")
        write_picture(
            path,
            np.hstack([pictures[1], right, others[int(np.argmax(known))], *others[:_SHOWN]]),
            overwrite=True,
        )
        row["pictures"] = str(path)
    return row | {
        "right": measure(pictures[1], right).psnr,
        "known mask": np.quantile(known, _QUANTILES).tolist(),
        "known mask, mean": float(np.mean(known)),
        "outlines": {
            "magnitude, known mask": _outlines(study, pictures, others[:_GHOSTS]),
            "keyed": _outlines(
                study, pictures, [reveal(keyed.stego, key, force=True) for key in wrong[:_GHOSTS]]
            ),
        },
        "ranks": found.ranks,
        "hill": {
            part: curve.tolist()
            for part, curve in hill(keyed.stego, own[0], wrong[:CLIMBERS], SHARES).items()
        },
        "years, all keys": found.years_for_all_keys,
        "years, 40-bit passphrase": found.years_for_passphrases(40),
    }


def _outlines(study: Study, pictures: Sequence[Pixels], renders: Sequence[Pixels]) -> list[float]:
    """How much of each picture's outlines is in wrong keys' renders, and of a picture's that none of them has to do with.

    Correlation of the sizes of brightness gradients, mean over the renders.
    """
    unrelated = study.picture(study.sets[0], len(pictures) + 1000)
    slopes = [_slopes(render) for render in renders]
    return [
        float(np.mean([np.corrcoef(_slopes(picture), slope)[0, 1] for slope in slopes]))
        for picture in (*pictures, unrelated)
    ]


def _slopes(picture: Pixels) -> Scores:
    grey = picture.astype(np.float64).mean(2)
    slopes: Scores = np.hypot(np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]).ravel()
    return slopes


def _fig14_items(study: Study) -> list[Item]:
    return [
        Item({"set": study.sets[-1], "index": index}, partial(_fig14_work, study, index))
        for index in range(study.images)
    ]


def _fig14(rows: Sequence[Row]) -> list[Shown]:
    cells = [
        [
            str(row["index"]),
            *(
                f"{value:.1f}"
                for value in (row["right"], row["known mask"][-1], row["known mask, mean"])
            ),
        ]
        for row in rows
    ]
    years, passphrases = (
        float(np.mean([row[f"years, {what}"] for row in rows]))
        for what in ("all keys", "40-bit passphrase")
    )
    notes = [
        "PSNR in dB against the secret picture; the attacker knows the mask, as in the paper.",
        f"What protects is the number of keys: {years:.0e} years for all 2^256 at this machine's rate; {passphrases:,.0f} years "
        "for a passphrase of 40 bits, each guess through Argon2id.",
    ]
    columns = ("set", "right key", f"best of {_WRONG_KEYS} wrong keys", "mean of wrong keys")
    lines = {f"set {row['index']}": (list(_QUANTILES), row["known mask"]) for row in rows}
    return [
        Table("Figure 14: random keys", columns, cells, notes),
        *(_renders(row) for row in rows if row["index"] == 0),
        Figure("Random keys, known mask", "share of wrong keys", "PSNR in dB at most", lines),
        _ghosts(rows),
        _ranks(rows),
        *_hill(rows),
    ]


def _renders(row: Row) -> Pictures:
    whole = read_picture(row["pictures"]).pixels
    names = ("secret image", "right key", "best wrong key", *("a wrong key" for _ in range(_SHOWN)))
    return Pictures(
        "Renders of random keys, known mask", names, [Line("", np.hsplit(whole, len(names)))]
    )


def _ghosts(rows: Sequence[Row]) -> Table:
    cells = []
    for selection in rows[0]["outlines"]:
        means = np.mean([row["outlines"][selection] for row in rows], axis=0)
        cells.append([selection, *(f"{value + 0.0:.2f}" for value in means)])
    notes = [
        f"Correlation of brightness gradients, mean over {_GHOSTS} wrong keys and {len(rows)} sets; an unrelated photograph says "
        "what none is. PSNR does not see this: with one mask for all keys, what replaces the cover's largest weights is of less "
        "account than that they are gone, and any key brings out all secrets' outlines at once."
    ]
    columns = ("selection", "cover", "secret 1", "secret 2", "an unrelated photograph")
    return Table(
        "Figure 14: outlines of the pictures in wrong keys' renders", columns, cells, notes
    )


def _ranks(rows: Sequence[Row]) -> Table:
    names = [*rows[0]["ranks"]]
    cells = [[str(row["index"]), *(str(row["ranks"][name]) for name in names)] for row in rows]
    cells.append(
        ["median", *(f"{np.median([row['ranks'][name] for row in rows]):g}" for name in names)]
    )
    notes = [
        f"Rank of the right key's render among {_WRONG_KEYS} wrong keys' by how natural it looks (keyed selection). 1: who meets "
        f"the right key knows it, as he also does by the slots; {_WRONG_KEYS // 2 + 1} would be guessing. The statistics are "
        "general ones of photographs, and none was fitted to these functions."
    ]
    return Table(
        "Figure 14: blind ranks of the right key, by statistic", ("set", *names), cells, notes
    )


def _hill(rows: Sequence[Row]) -> list[Shown]:
    names = {"matrices": "whole matrices", "weights": "single weights"}
    curves = {name: np.array([row["hill"][part] for row in rows]) for part, name in names.items()}
    cells = []
    for place, share in enumerate(SHARES):
        values = [
            value
            for curve in curves.values()
            for value in (curve[:, place].mean(), curve[:, place].min())
        ]
        cells.append(
            [f"{100 * share:.0f} %", *(f"{round(float(value), 1) + 0.0:+.1f}" for value in values)]
        )
    notes = [
        f"Sum of the statistics, in standard deviations of {CLIMBERS} wrong keys' renders, each of which is mixed with the right "
        f"one's; N = {len(rows)} sets. A share of matrices is rounded to whole ones. No key is partly right: another key is "
        "another stream, right nowhere. The hill is for who searches the replaced weights themselves."
    ]
    columns = (
        "right",
        *(f"{name}, {what}" for name in names.values() for what in ("mean", "lowest set")),
    )
    lines = {name: (list(SHARES), curve.mean(0).tolist()) for name, curve in curves.items()}
    return [
        Table("Figure 14: how natural a partly right key looks", columns, cells, notes),
        Figure("Partly right keys", "share that is right", "standard deviations", lines),
    ]


EXPERIMENTS = (Experiment("fig14", "4.10 (3)", _fig14_items, _fig14),)
