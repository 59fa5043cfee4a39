"""Items that ask how well what schemes publish is told from what hides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from sirensong.errors import SirensongError
from sirensong.lab.baselines.method import FunctionMethod
from sirensong.lab.compare.contenders import Contender
from sirensong.lab.compare.contest import Contest
from sirensong.lab.compare.detect import (
    Detectability,
    control_source,
    detectability,
    false_alarms,
    scheme_source,
)
from sirensong.lab.compare.detect_weights import functions_of, weights_detectability
from sirensong.lab.compare.entries import QUALITY
from sirensong.lab.compare.processes import ProcessDiedError, Processes
from sirensong.lab.reproduce.study import Item, Record, Table
from sirensong.pictures.image import RGB

DETECTION = "detect"
"""The kind of the items that judge pictures."""

TRAINING = "train functions"
"""The kind of the items that train a cover's two functions, with secrets and without."""

FUNCTIONS = "detect functions"
"""The kind of the items that judge functions."""

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
    pictured = [one for one in contenders if one.kind.ending == ".png"]
    for contender, name, scheme in _of_first_table(contest, pictured):
        key = {"kind": DETECTION, "set": name, "index": 0, "pairs": pairs, **scheme}
        pictures = partial(_pictures, contest, name, pairs)
        work = partial(_run, processes, contender, judge_scheme, pictures, _features(contest))
        items.append(Item(key | {"weights": contender.digest}, work))
    return items


def function_items(
    contest: Contest, contenders: Sequence[Contender], pairs: int, processes: Processes
) -> list[Item]:
    """For each scheme of the first table whose file is a function, one item a pair, and a verdict.

    Args:
        contest: the pictures.
        contenders: that are run.
        pairs: of a function that hides nothing and one with secrets in the same cover, at most; a
            data set may have fewer.
        processes: in which they are run.
    """
    items = []
    functions = [one for one in contenders if issubclass(one.kind, FunctionMethod)]
    for contender, name, scheme in _of_first_table(contest, functions):
        key = {"set": name, "pairs": pairs, **scheme}
        pictures, kept = partial(_pictures, contest, name, pairs), _functions(contest)
        for index in range(_count(contest, name, pairs)):
            work = partial(_run, processes, contender, train_pair, pictures, kept, index)
            items.append(Item(key | {"kind": TRAINING, "index": index}, work))
        work = partial(_run, processes, contender, judge_functions, pictures, kept)
        items.append(Item(key | {"kind": FUNCTIONS, "index": 0}, work))
    return items


def _of_first_table(
    contest: Contest, contenders: Sequence[Contender]
) -> Iterator[tuple[Contender, str, Record]]:
    """Those of the first table, each with each data set, and what tells the scheme from others."""
    for contender in contenders:
        entry = contender.entry
        if entry in QUALITY:
            scheme = {
                "scheme": entry.scheme, "variant": entry.variant, "secrets": entry.secrets
            }  # fmt: skip
            for name in contest.data_sets():
                yield contender, name, scheme


def functions_table(records: Sequence[Record]) -> Table:
    """The largest areas under the ROC curve, with intervals.

    Args:
        records: of the items that judge functions.
    """
    cells = [[record["set"], _label(record), *_best_of(record)] for record in records]
    notes = [
        "Area under the ROC curve of the best of five detectors on weights that have learned from "
        "other pairs: 0.5 is guessing, 1 is always right. [Interval over functions, corrected for "
        "five detectors]; p: how often chance gives the best of five as large an area.",
        "A function that hides nothing is trained for the same cover by the same schedule: of "
        "stegainr4mih with made decoys in the secrets' places, as it publishes functions without "
        "secrets; of the other schemes for the cover alone.",
    ]
    columns = ("data set", "scheme", "pairs", "AUC", "by", "p")
    return Table(
        "How well functions are told from functions that hide nothing", columns, cells, notes
    )


def _best_of(record: Record) -> list[str]:
    """Pairs, the largest area, whose it is, and p; or why there are none."""
    if "failed" in record:
        return ["0", f"not judged: {record['failed']}", "-", "-"]
    best = max(record["detections"], key=lambda one: one["auc"])
    return [str(record["found"]), _area(best), best["name"], f"{record['p']:.3f}"]


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
        "Function schemes have no stego picture: --detect-functions judges their weights.",
    ]
    columns = ("data set", "scheme or control", "pairs", "AUC", "p")
    return Table("How well stego pictures are told from covers", columns, cells, notes)


def _label(record: Record) -> str:
    return str(record.get("control") or f"{record['scheme']}, {record['variant']}")


def _findings(record: Record) -> list[str]:
    """Pairs, area and p; or why there are none."""
    if "failed" in record:
        return ["0", f"not judged: {record['failed']}", "-"]
    return [str(record["found"]), _area(record), f"{record['p']:.3f}"]


def _area(found: Record) -> str:
    return f"{found['auc']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def _judge_control(contest: Contest, name: str, pairs: int, control: str) -> Record:
    pictures, kept = _pictures(contest, name, pairs), _features(contest)
    source = _CONTROLS[control]
    try:
        if source is None:
            return _record(false_alarms(pictures, kept=kept))
        return _record(detectability(control_source(*source), pictures, kept=kept))
    except SirensongError as error:
        return {"failed": error.message}


def _run(
    processes: Processes,
    contender: Contender,
    work: Callable[..., Record],
    pictures: Callable[[], list[RGB]],
    *given: object,
) -> Record:
    """What work says of a scheme and pictures, in the scheme's process."""
    try:
        return processes.run(contender, work, contender, pictures(), *given)
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


def train_pair(contender: Contender, pictures: Sequence[RGB], kept: Path, index: int) -> Record:
    """Train a cover's two functions and keep them; runs in the scheme's process.

    Args:
        contender: the scheme.
        pictures: covers, and in turn secrets.
        kept: folder of functions.
        index: of the cover.
    """
    try:
        files = functions_of(_opened(contender), pictures, index, kept)
    except SirensongError as error:
        return {"failed": error.message}
    return {"bytes": [len(file) for file in files]}


def judge_functions(contender: Contender, pictures: Sequence[RGB], kept: Path) -> Record:
    """Judge a scheme's functions; runs in the scheme's process.

    Args:
        contender: the scheme.
        pictures: covers, and in turn secrets.
        kept: folder of functions; what is missing is trained.
    """
    try:
        found = weights_detectability(_opened(contender), pictures, kept)
    except SirensongError as error:
        return {"failed": error.message}
    detections = [asdict(one) for one in found.detections]
    for one in detections:
        del one["scores"]
    return {"found": len(pictures), "p": found.p, "detections": detections}


def _opened(contender: Contender) -> FunctionMethod:
    method = contender.open()
    if not isinstance(method, FunctionMethod):
        raise TypeError(f"{method.name} hides in no function")
    return method


def _record(found: Detectability) -> Record:
    facts = asdict(found)
    return {"found": facts.pop("pairs"), **facts}


def _pictures(contest: Contest, name: str, pairs: int) -> list[RGB]:
    files = contest.data_sets()[name]
    count = _count(contest, name, pairs)
    return [contest.pictures(files, index, 0)[0] for index in range(count)]


def _count(contest: Contest, name: str, pairs: int) -> int:
    return min(pairs, contest.distinct(contest.data_sets()[name]))


def _features(contest: Contest) -> Path:
    return contest.make_path("features", "kept").parent


def _functions(contest: Contest) -> Path:
    return contest.make_path("functions", "kept").parent
