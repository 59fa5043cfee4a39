"""Section 4.9 (2): SiaStegNet's accuracy by the number of training pairs, beside a control."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sirensong.carrier.file import load
from sirensong.errors import SettingError
from sirensong.lab.reproduce.functions import POPULATIONS, keep, member
from sirensong.lab.reproduce.study import (
    SIDE,
    Experiment,
    Figure,
    Item,
    Record,
    Results,
    Shown,
    Study,
    Table,
)
from sirensong.pictures.image import Pixels, to_pil
from sirensong.reveal import sample
from sirensong.training.loading import loading

if TYPE_CHECKING:
    from sirensong.lab.steganalysis.siastegnet import Greys

_MATCHED = "photograph with LSB matching"
_COMPARISONS = {  # negatives, positives
    "control": ("photograph", _MATCHED),
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
_PASS = 0.9  # accuracy that the control must reach
_EMBEDDED = 0.5  # bits a pixel, in the control
_STEPS = 20  # of training at N = 1; they grow with N^2
_PAIRS, _CROP = 8, 32


def _count(study: Study) -> int:
    """How many pictures: a detector learns from many, so they grow as N^2, to 100 at N = 10.

    None comes twice.
    """
    name = study.sets[0]
    count = min(max(_LEAST, study.images**2), study.distinct(name))
    if count < 2:
        raise SettingError(
            f"fig12b needs two pictures, one to train on and one to judge, got {count} in {name}"
        )
    return count


def _items(study: Study) -> list[Item]:
    count = _count(study)
    items = [
        Item({"function": name, "index": index}, partial(keep, study, name, index, SIDE))
        for index, name in itertools.product(range(count), ("two secrets", "decoys"))
    ]
    known = int((~_held_out(count)).sum())
    sizes = sorted({max(1, round(share * known)) for share in _SHARES})
    steps = _STEPS * study.images**2
    for name, pairs in itertools.product(_COMPARISONS, sizes):
        key = {"comparison": name, "pairs": pairs, "pictures": count, "steps": steps, "index": 0}
        work = partial(_train_and_judge, study, name, count, pairs, steps)
        items.append(Item(key, work, stage=1))
    return items


def _held_out(count: int) -> npt.NDArray[np.bool_]:
    return np.asarray(np.arange(count) % _EVERY == 0)


def _train_and_judge(study: Study, comparison: str, count: int, pairs: int, steps: int) -> Record:
    """Train on some of the pictures' pairs, and judge the pairs of those held out, whole."""
    with loading("SiaStegNet"):
        from sirensong.lab.steganalysis.siastegnet import TrainingSettings, accuracy, train
    covers, stegos = (
        np.stack([_look(study, kind, index) for index in range(count)])
        for kind in _COMPARISONS[comparison]
    )
    unseen = _held_out(count)
    known = np.flatnonzero(~unseen)[:pairs]
    network = train(covers[known], stegos[known], TrainingSettings(steps, _PAIRS, _CROP))
    return {
        "known": accuracy(network, covers[known], stegos[known]),
        "unseen": accuracy(network, covers[unseen], stegos[unseen]),
        "judged": int(2 * unseen.sum()),
    }


def _look(study: Study, kind: str, index: int) -> Greys:
    """A picture of a kind as the network sees it: 8-bit grey, ITU-R 601's luma."""
    grey = np.asarray(to_pil(_picture(study, kind, index)).convert("L"))
    return matched(grey, np.random.default_rng(index)) if kind == _MATCHED else grey


def _picture(study: Study, kind: str, index: int) -> Pixels:
    if kind in POPULATIONS:
        return sample(load(member(study, kind, index, SIDE)))
    return study.picture(study.sets[0], index, SIDE)


def matched(grey: Greys, rng: np.random.Generator) -> Greys:
    """Embed by LSB matching at 0.5 bits a pixel.

    Half the pixels carry a bit. Where it is not the pixel's last bit, which is so every other time,
    the pixel goes up or down by one.

    Args:
        grey: 8-bit grey picture; not changed.
        rng: draws bits and directions.
    """
    wrong = (rng.random(grey.shape) < _EMBEDDED) & (rng.random(grey.shape) < 0.5)
    coin = rng.random(grey.shape) < 0.5
    up = np.where(grey == 0, True, np.where(grey == 255, False, coin))
    return np.where(wrong, np.where(up, grey + 1, grey - 1), grey).astype(np.uint8)


def _show(results: Results) -> list[Shown]:
    judged = [record for record in results.records if "comparison" in record]
    control = {
        record["pairs"]: record["unseen"] for record in judged if record["comparison"] == "control"
    }
    cells, lines = [], {}
    for name, kinds in _COMPARISONS.items():
        own = [record for record in judged if record["comparison"] == name]
        labels = [_NAMES.get(kind, kind) for kind in kinds]
        for record in own:
            accuracies = [f"{100 * record[which]:.0f} %" for which in ("known", "unseen")]
            verdict = _verdict(record, control[record["pairs"]])
            cells.append([*labels, str(record["pairs"]), *accuracies, verdict])
        pairs = [float(record["pairs"]) for record in own]
        unseen = [100 * record["unseen"] for record in own]
        lines[f"{labels[1]}, against {labels[0]}"] = (pairs, unseen)
    columns = (
        "negatives",
        "positives",
        "training pairs",
        "accuracy on them",
        "accuracy on unseen pictures",
        "what it says",
    )
    return [
        Table("Figure 12b: SiaStegNet", columns, cells, _notes(judged[0])),
        Figure("SiaStegNet", "training pairs", "accuracy on unseen pictures, %", lines),
    ]


def _notes(record: Record) -> Sequence[str]:
    return [
        f"{record['pictures']} pictures of {SIDE}x{SIDE} in 8-bit grey, {record['judged'] // 2} of "
        f"them held out, in both classes; every row has {record['steps']} steps of {_PAIRS} pairs "
        f"of {_CROP}x{_CROP} parts. A cover and its stego are in one batch, which converges "
        "sooner; the authors draw them apart. Decoys are photographs of the secrets' own data set.",
        f"The control is LSB matching at {_EMBEDDED:g} bits a pixel in the grey picture. Where it "
        f"does not reach {100 * _PASS:.0f} %, an accuracy near 50 % says nothing; one beyond "
        "chance still does. Beyond chance is more than 1.96 standard deviations of a coin's over "
        "50 %. The paper says that 100 pairs are needed to tell.",
    ]


def _verdict(record: Record, control: float) -> str:
    """What an accuracy on unseen pictures says, given the control's at as many pairs."""
    passed = control >= _PASS
    if record["comparison"] == "control":
        return "control passed" if passed else f"control FAILED: below {100 * _PASS:.0f} %"
    if record["unseen"] > 0.5 + 1.96 * math.sqrt(0.25 / record["judged"]):
        return "tells them apart"
    if passed:
        return "no better than chance, where the control is found"
    return "nothing: the control failed"


EXPERIMENTS = (Experiment("fig12b", "4.9 (2)", _items, _show),)
