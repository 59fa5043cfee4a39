"""Section 4.9 (2): SiaStegNet's accuracy against the number of training pairs, beside a control that it must find."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from sirensong.carrier.file import load
from sirensong.errors import SettingError
from sirensong.lab.reproduce.functions import POPULATIONS, keep, member
from sirensong.lab.reproduce.study import SIDE, Experiment, Figure, Item, Row, Shown, Study, Table
from sirensong.pictures.image import to_pil
from sirensong.reveal import sample
from sirensong.training.loading import loading

Greys = npt.NDArray[np.uint8]

_COMPARISONS = {  # negatives, positives
    "control": ("photograph", "photograph with LSB matching"),
    "paper": ("photograph", "two secrets"),
    "secrets": ("decoys", "two secrets"),
}
_NAMES = {
    "two secrets": "render of a stego function",
    "decoys": "render of a function with decoys alone",
}
_LEAST = 6  # pictures
_EVERY = 4  # one picture of so many is held out
_SHARES = (0.25, 0.5, 1.0)  # of the pairs to train on
_PASS = 0.9
_EMBEDDED = 0.5  # bits a pixel, in the control
_STEPS, _PAIRS, _CROP = 20, 8, 32  # steps at N = 1: they grow with N^2 too


def _count(study: Study) -> int:
    """How many pictures: a detector learns from many, so they grow as N^2, to 100 at the default. None comes twice."""
    count = min(max(_LEAST, study.images**2), study.distinct(study.sets[0]))
    if count < 2:
        raise SettingError(
            f"fig12b needs two pictures, one to train on and one to judge, got {count} in {study.sets[0]}"
        )
    return count


def _items(study: Study) -> list[Item]:
    count = _count(study)
    functions = [
        Item({"function": name, "index": index}, partial(keep, study, name, index, SIDE))
        for index, name in itertools.product(range(count), ("two secrets", "decoys"))
    ]
    known = int((~_held_out(count)).sum())
    sizes = sorted({max(1, round(share * known)) for share in _SHARES})
    steps = _STEPS * study.images**2
    return functions + [
        Item(
            {"comparison": name, "pairs": pairs, "pictures": count, "steps": steps, "index": 0},
            partial(_work, study, name, count, pairs, steps),
            stage=1,
        )
        for name, pairs in itertools.product(_COMPARISONS, sizes)
    ]


def _held_out(count: int) -> npt.NDArray[np.bool_]:
    return np.asarray(np.arange(count) % _EVERY == 0)


def _work(study: Study, comparison: str, count: int, pairs: int, steps: int) -> Row:
    """Train on some of the pictures' pairs, and judge those held out: whole pictures, that neither class has shown it."""
    with loading("SiaStegNet"):
        from sirensong.lab.steganalysis.siastegnet import Budget, accuracy, train
    covers, stegos = (
        np.stack([_look(study, kind, index) for index in range(count)])
        for kind in _COMPARISONS[comparison]
    )
    unseen = _held_out(count)
    known = np.flatnonzero(~unseen)[:pairs]
    network = train(covers[known], stegos[known], Budget(steps, _PAIRS, _CROP))
    return {
        "known": accuracy(network, covers[known], stegos[known]),
        "unseen": accuracy(network, covers[unseen], stegos[unseen]),
        "judged": int(2 * unseen.sum()),
    }


def _look(study: Study, kind: str, index: int) -> Greys:
    """A picture of a kind as the network sees it: 8-bit grey, ITU-R 601's luma of the 8-bit colours."""
    pixels = (
        sample(load(member(study, kind, index, SIDE)))
        if kind in POPULATIONS
        else study.picture(study.sets[0], index, SIDE)
    )
    grey = np.asarray(to_pil(pixels).convert("L"))
    return (
        matched(grey, np.random.default_rng(index)) if kind == _COMPARISONS["control"][1] else grey
    )


def matched(grey: Greys, rng: np.random.Generator) -> Greys:
    """LSB matching at 0.5 bits a pixel: of half the pixels, those whose last bit is wrong, every other, go up or down by one."""
    wrong = (rng.random(grey.shape) < _EMBEDDED) & (rng.random(grey.shape) < 0.5)
    up = np.where(grey == 0, True, np.where(grey == 255, False, rng.random(grey.shape) < 0.5))
    return np.where(wrong, np.where(up, grey + 1, grey - 1), grey).astype(np.uint8)


def _show(rows: Sequence[Row]) -> list[Shown]:
    judged = [row for row in rows if "comparison" in row]
    control = {row["pairs"]: row["unseen"] for row in judged if row["comparison"] == "control"}
    cells, lines = [], {}
    for name, kinds in _COMPARISONS.items():
        own = [row for row in judged if row["comparison"] == name]
        labels = [_NAMES.get(kind, kind) for kind in kinds]
        for row in own:
            accuracies = [f"{100 * row[which]:.0f} %" for which in ("known", "unseen")]
            cells.append(
                [*labels, str(row["pairs"]), *accuracies, _verdict(row, control[row["pairs"]])]
            )
        lines[f"{labels[1]}, against {labels[0]}"] = (
            [float(row["pairs"]) for row in own],
            [100 * row["unseen"] for row in own],
        )
    first = judged[0]
    notes = [
        f"{first['pictures']} pictures of {SIDE}x{SIDE} in 8-bit grey, {first['judged'] // 2} of them held out, in both classes; "
        f"every row has {first['steps']} steps of {_PAIRS} pairs of {_CROP}x{_CROP} parts. A cover and its stego are in one "
        "batch, which converges sooner; the authors draw them apart. Decoys are photographs of the secrets' own data set.",
        f"The control is LSB matching at {_EMBEDDED:g} bits a pixel in the grey picture. Where it does not reach "
        f"{100 * _PASS:.0f} %, an accuracy near 50 % says nothing; one beyond chance still does. Beyond chance is more than 1.96 "
        "standard deviations of a coin's over 50 %. The paper says that 100 pairs are needed to tell.",
    ]
    columns = (
        "negatives",
        "positives",
        "training pairs",
        "accuracy on them",
        "accuracy on unseen pictures",
        "what it says",
    )
    return [
        Table("Figure 12b: SiaStegNet", columns, cells, notes),
        Figure("SiaStegNet", "training pairs", "accuracy on unseen pictures, %", lines),
    ]


def _verdict(row: Row, control: float) -> str:
    """What an accuracy on unseen pictures says, given the control's at as many pairs."""
    passed = control >= _PASS
    if row["comparison"] == "control":
        return "control passed" if passed else f"control FAILED: below {100 * _PASS:.0f} %"
    if row["unseen"] > 0.5 + 1.96 * math.sqrt(0.25 / row["judged"]):
        return "tells them apart"
    return (
        "no better than chance, where the control is found"
        if passed
        else "nothing: the control failed"
    )


EXPERIMENTS = (Experiment("fig12b", "4.9 (2)", _items, _show),)
