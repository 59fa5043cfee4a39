"""Items that ask how well the stego pictures of schemes are told from their covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from sirensong.errors import SirensongError
from sirensong.lab.compare.contenders import Contender
from sirensong.lab.compare.contest import Contest
from sirensong.lab.compare.detect import (
    Detectability,
    control_source,
    detectability,
    false_alarms,
    scheme_source,
)
from sirensong.lab.compare.entries import QUALITY
from sirensong.lab.compare.processes import ProcessDiedError, Processes
from sirensong.lab.reproduce.study import Item, Record, Table
from sirensong.pictures.image import RGB

DETECTION = "detect"
"""The kind of these items."""

_CONTROLS = {
    "covers against covers": None,
    "LSB matching, 0.4 bits a sample": ("lsb-matching", 0.4),
    "HILL, 0.4 bits a sample": ("hill", 0.4),
}
"""What tells whether an area near 0.5 says anything: nothing hidden, and hidden by the textbook."""


def detect_items(
    contest: Contest, contenders: Sequence[Contender], pairs: int, processes: Processes
) -> list[Item]:
    """An item for each control and each scheme of the first table whose file is a picture.

    Args:
        contest: the pictures.
        contenders: that are run.
        pairs: of a cover and its stego picture, at most; a data set may have fewer.
        processes: in which they are run.
    """
    items = []
    for name in contest.data_sets():
        key = {"kind": DETECTION, "set": name, "index": 0, "pairs": pairs}
        for control in _CONTROLS:
            work = partial(_judge_control, contest, name, pairs, control)
            items.append(Item(key | {"control": control}, work))
    for contender in contenders:
        entry = contender.entry
        if entry not in QUALITY or contender.kind.ending != ".png":
            continue
        for name in contest.data_sets():
            key = {
                "kind": DETECTION, "set": name, "index": 0, "pairs": pairs,
                "scheme": entry.scheme, "variant": entry.variant, "secrets": entry.secrets,
                "weights": contender.digest,
            }  # fmt: skip
            items.append(Item(key, partial(_judge, processes, contest, contender, name, pairs)))
    return items


def detect_table(records: Sequence[Record]) -> Table:
    """Areas under the ROC curve, with intervals.

    Args:
        records: of these items.
    """
    cells = [[record["set"], _label(record), *_findings(record)] for record in records]
    notes = [
        "Area under the ROC curve of a linear detector on the colour rich model SCRMQ1 that has "
        "learned from other pairs: 0.5 is guessing, 1 is always right. [95 % interval over pairs]; "
        "p: how often chance does as well.",
        "Function schemes have no stego picture: their weights are judged in the documentation's "
        "page on security.",
    ]
    columns = ("data set", "scheme or control", "pairs", "AUC", "p")
    return Table("How well stego pictures are told from covers", columns, cells, notes)


def _label(record: Record) -> str:
    return str(record.get("control") or f"{record['scheme']}, {record['variant']}")


def _findings(record: Record) -> list[str]:
    """Pairs, area and p; or why there are none."""
    if "failed" in record:
        return ["0", f"not judged: {record['failed']}", "-"]
    area = f"{record['auc']:.2f} [{record['low']:.2f}, {record['high']:.2f}]"
    return [str(record["found"]), area, f"{record['p']:.3f}"]


def _judge_control(contest: Contest, name: str, pairs: int, control: str) -> Record:
    pictures, kept = _pictures(contest, name, pairs), _features(contest)
    source = _CONTROLS[control]
    try:
        if source is None:
            return _record(false_alarms(pictures, kept=kept))
        return _record(detectability(control_source(*source), pictures, kept=kept))
    except SirensongError as error:
        return {"failed": error.message}


def _judge(
    processes: Processes, contest: Contest, contender: Contender, name: str, pairs: int
) -> Record:
    pictures, kept = _pictures(contest, name, pairs), _features(contest)
    try:
        return processes.run(contender, judge_scheme, contender, pictures, kept)
    except ProcessDiedError as error:
        return {"failed": error.message}


def judge_scheme(contender: Contender, pictures: Sequence[RGB], kept: Path) -> Record:
    """Make a scheme's stego pictures and judge them; runs in the scheme's process.

    Args:
        contender: the scheme.
        pictures: covers, and in turn secrets.
        kept: folder of features that are kept.
    """
    try:
        source = scheme_source(contender.open(), contender.digest or "")
        return _record(detectability(source, pictures, kept=kept))
    except SirensongError as error:
        return {"failed": error.message}


def _record(found: Detectability) -> Record:
    facts = asdict(found)
    return {"found": facts.pop("pairs"), **facts}


def _pictures(contest: Contest, name: str, pairs: int) -> list[RGB]:
    files = contest.data_sets()[name]
    count = min(pairs, contest.distinct(files))
    return [contest.pictures(files, index, 0)[0] for index in range(count)]


def _features(contest: Contest) -> Path:
    return contest.make_path("features", "kept").parent
