"""Section 4.10 (3): random keys with a known mask, blind ranks, partly right keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from sirensong.carrier.stego import StegoFunction
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive
from sirensong.lab.reproduce.functions import hidden_and_keys
from sirensong.lab.reproduce.study import (
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
from sirensong.lab.secrecy.knowledge import Insertion, Knowledge, renders_of
from sirensong.lab.steganalysis.guessing import CLIMBERS, SHARES, Scores, guess, hill
from sirensong.network.substitution import Selection
from sirensong.pictures import sheet
from sirensong.pictures.image import Pixels
from sirensong.pictures.metrics import measure
from sirensong.pictures.writing import write_picture
from sirensong.reveal import reveal, unlock
from sirensong.training.recipe import Lock

_WRONG_KEYS = 1000
_GHOSTS = 100  # wrong keys whose renders are searched for outlines
_SHOWN = 3  # wrong keys' renders in the report, besides the best
_QUANTILES = tuple(percent / 100 for percent in range(0, 101, 5))
_DRAWS = 12  # of values at known positions
_MASKED, _KEYED, _LOCKED = "magnitude, known mask", "keyed", "keyed, wrong keys trained"


def _measure(study: Study, index: int) -> Record:
    pictures = study.pictures(study.sets[-1], index)
    magnitude = replace(study.recipe, selection=Selection.MAGNITUDE)
    masked, keys = hidden_and_keys(study, pictures, index, recipe=magnitude)
    keyed, own = hidden_and_keys(study, pictures, index)
    wrong = [
        SecretKey(derive(index.to_bytes(8), b"", f"reproduce/wrong/{place}"))
        for place in range(_WRONG_KEYS)
    ]
    locked, locked_keys = hidden_and_keys(
        study, pictures, index, recipe=replace(study.recipe, lock=Lock())
    )
    right, *others = (
        reveal(masked.stego, key, mask=masked.mask, force=True) for key in (keys[0], *wrong)
    )
    known = [measure(pictures[1], other).psnr for other in others]
    found = guess(keyed.stego, own[0], wrong)
    curves = hill(keyed.stego, own[0], wrong[:CLIMBERS], SHARES)
    ghosts = _ghosts(keyed.stego, wrong)
    record: Record = {
        "right": measure(pictures[1], right).psnr,
        "known mask": np.quantile(known, _QUANTILES).tolist(),
        "known mask, mean": float(np.mean(known)),
        "outlines": {
            _MASKED: _outlines(study, pictures, others[:_GHOSTS]),
            _KEYED: _outlines(study, pictures, ghosts),
            _LOCKED: _outlines(study, pictures, _ghosts(locked.stego, wrong)),
            f"{_KEYED}, known positions": _outlines(
                study, pictures, _with_positions(keyed.stego, own[0])
            ),
            f"{_LOCKED}, known positions": _outlines(
                study, pictures, _with_positions(locked.stego, locked_keys[0])
            ),
        },
        "ranks": found.ranks,
        "hill": {part: curve.tolist() for part, curve in curves.items()},
        "years, all keys": found.years_for_all_keys,
        "years, 40-bit passphrase": found.years_for_passphrases(40),
    }
    if index == 0:
        path = study.make_path("pictures", f"random-keys-{study.sets[-1]}.png")
        shown = [pictures[1], right, others[int(np.argmax(known))], *others[:_SHOWN]]
        write_picture(path, np.hstack(shown), overwrite=True)
        record["pictures"] = study.relative(path)
    return record


def _ghosts(stego: StegoFunction, wrong: Sequence[SecretKey]) -> list[Pixels]:
    """Renders with wrong keys, in which outlines are looked for."""
    return [reveal(stego, key, force=True) for key in wrong[:_GHOSTS]]


def _with_positions(stego: StegoFunction, key: SecretKey) -> list[Pixels]:
    """Renders by somebody who knows a key's positions and order of tiles, and not its values."""
    knowledge = Knowledge(1.0, Insertion.RANDOM)
    size = (stego.height, stego.width)
    return renders_of(unlock(stego, key), knowledge, size, draws=_DRAWS)


def _outlines(study: Study, pictures: Sequence[Pixels], renders: Sequence[Pixels]) -> list[float]:
    """How much of each picture's outlines is in renders; and of an unrelated picture's, for scale.

    It is the correlation of the magnitudes of brightness gradients, mean over the renders.
    """
    unrelated = study.picture(study.sets[0], len(pictures) + 1000)
    gradients = [_gradients(render) for render in renders]
    correlations = []
    for picture in (*pictures, unrelated):
        own = _gradients(picture)
        correlations.append([np.corrcoef(own, other)[0, 1] for other in gradients])
    return [float(value) for value in np.mean(correlations, axis=1)]


def _gradients(picture: Pixels) -> Scores:
    grey = picture.astype(np.float64).mean(2)
    right, down = np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]
    magnitudes: Scores = np.hypot(right, down).ravel()
    return magnitudes


def _items(study: Study) -> list[Item]:
    return [
        Item({"set": study.sets[-1], "index": index}, partial(_measure, study, index))
        for index in range(study.images)
    ]


def _show(results: Results) -> list[Shown]:
    records = results.records
    first = [_grid(results, record) for record in records if record["index"] == 0]
    lines = {
        f"set {record['index']}": (list(_QUANTILES), record["known mask"]) for record in records
    }
    return [
        _table(records),
        *first,
        Figure("Random keys, known mask", "share of wrong keys", "PSNR in dB at most", lines),
        _outlines_table(records),
        _ranks_table(records),
        *_hill(records),
    ]


def _table(records: Sequence[Record]) -> Table:
    cells = []
    for record in records:
        values = (record["right"], record["known mask"][-1], record["known mask, mean"])
        cells.append([str(record["index"]), *(f"{value:.1f}" for value in values)])
    years, passphrases = (
        float(np.mean([record[name] for record in records]))
        for name in ("years, all keys", "years, 40-bit passphrase")
    )
    notes = [
        "PSNR in dB against the secret picture; the attacker knows the mask, as in the paper.",
        f"What protects is the number of keys: {years:.0e} years for all 2^256 at this machine's "
        f"rate; {passphrases:,.0f} years for a passphrase of 40 bits, each guess through Argon2id.",
    ]
    columns = ("set", "right key", f"best of {_WRONG_KEYS} wrong keys", "mean of wrong keys")
    return Table("Figure 14: random keys", columns, cells, notes)


def _grid(results: Results, record: Record) -> PictureGrid:
    whole = results.read_picture(record["pictures"])
    names = ("secret image", "right key", "best wrong key", *("a wrong key" for _ in range(_SHOWN)))
    row = sheet.Row("", np.hsplit(whole, len(names)))
    return PictureGrid("Renders of random keys, known mask", names, [row])


def _outlines_table(records: Sequence[Record]) -> Table:
    cells = []
    for selection in records[0]["outlines"]:
        means = np.mean([record["outlines"][selection] for record in records], axis=0)
        cells.append([selection, *(f"{value + 0.0:.2f}" for value in means)])
    notes = [
        f"Correlation of brightness gradients, mean over {_GHOSTS} wrong keys and {len(records)} "
        "sets; an unrelated photograph says what none is. PSNR does not see this: with one mask "
        "for all keys, what replaces the cover's largest weights is of less account than that they "
        "are gone, and any key brings out all secrets' outlines at once.",
        f"Known positions: those of secret 1's key and its order of tiles, with random values, "
        f"mean over {_DRAWS} draws. Where wrong keys are trained they are to render the cover.",
    ]
    columns = ("selection", "cover", "secret 1", "secret 2", "an unrelated photograph")
    title = "Figure 14: outlines of the pictures in wrong keys' renders"
    return Table(title, columns, cells, notes)


def _ranks_table(records: Sequence[Record]) -> Table:
    names = list(records[0]["ranks"])
    cells = [
        [str(record["index"]), *(str(record["ranks"][name]) for name in names)]
        for record in records
    ]
    medians = [np.median([record["ranks"][name] for record in records]) for name in names]
    cells.append(["median", *(f"{median:g}" for median in medians)])
    notes = [
        f"Rank of the right key's render among {_WRONG_KEYS} wrong keys' by how natural it looks "
        "(keyed selection). 1: whoever meets the right key knows it, as they also do by the slots; "
        f"{_WRONG_KEYS // 2 + 1} would be guessing. The statistics are general ones of "
        "photographs, and none was fitted to these functions."
    ]
    title = "Figure 14: blind ranks of the right key, by statistic"
    return Table(title, ("set", *names), cells, notes)


def _hill(records: Sequence[Record]) -> list[Shown]:
    names = {"matrices": "whole matrices", "weights": "single weights"}
    curves = {
        name: np.array([record["hill"][part] for record in records]) for part, name in names.items()
    }
    cells = []
    for place, share in enumerate(SHARES):
        at_share = [curve[:, place] for curve in curves.values()]
        values = [value for column in at_share for value in (column.mean(), column.min())]
        rounded = [round(float(value), 1) + 0.0 for value in values]  # not -0.0
        cells.append([f"{100 * share:.0f} %", *(f"{value:+.1f}" for value in rounded)])
    notes = [
        f"Sum of the statistics, in standard deviations of {CLIMBERS} wrong keys' renders, each of "
        f"which is mixed with the right one's; N = {len(records)} sets. A share of matrices is "
        "rounded to whole ones. No key is partly right: another key is another stream, right "
        "nowhere. The hill is for those who search the replaced weights themselves."
    ]
    columns = ["right"]
    for name in names.values():
        columns += [f"{name}, mean", f"{name}, lowest set"]
    lines = {name: (list(SHARES), curve.mean(0).tolist()) for name, curve in curves.items()}
    return [
        Table("Figure 14: how natural a partly right key looks", columns, cells, notes),
        Figure("Partly right keys", "share that is right", "standard deviations", lines),
    ]


EXPERIMENTS = (Experiment("fig14", "4.10 (3)", _items, _show),)
