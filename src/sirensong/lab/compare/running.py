"""The items of a comparison, and its report."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sirensong.files import write_bytes
from sirensong.lab.compare.contenders import Absence, Contender
from sirensong.lab.compare.contest import Contest
from sirensong.lab.compare.detecting import (
    DETECTION,
    FUNCTIONS,
    detect_items,
    detect_table,
    function_items,
    functions_table,
)
from sirensong.lab.compare.measures import measure_set
from sirensong.lab.compare.processes import ProcessDiedError, Processes
from sirensong.lab.compare.published import cited_table, printed_tables
from sirensong.lab.compare.tables import (
    absence_table,
    capacity_tables,
    equal_bits_tables,
    grids,
    pictures_csv,
    quality_tables,
)
from sirensong.lab.reproduce.report import write_report
from sirensong.lab.reproduce.study import Experiment, Item, Record, Results, Shown

NAME = "compare"
PICTURES = "pictures"
"""The kind of the items that measure pictures; each kind has records of its own form."""


def comparison(
    contenders: Sequence[Contender],
    absent: Sequence[Absence],
    processes: Processes,
    pairs: int = 0,
    functions: int = 0,
) -> Experiment[Contest]:
    """Make an experiment of the contenders.

    Args:
        contenders: that are run, one after another.
        absent: that are not, for the report.
        processes: in which they are run.
        pairs: of a cover and its stego picture, for a detector; 0 for none.
        functions: pairs of a function with secrets and one without, for detectors; 0 for none.
    """

    def items(contest: Contest) -> list[Item]:
        own = picture_items(contest, contenders, processes)
        if pairs:
            own += detect_items(contest, contenders, pairs, processes)
        if functions:
            own += function_items(contest, contenders, functions, processes)
        return own

    return Experiment(NAME, "4.11", items, lambda results: _show(results, absent))


def picture_items(
    contest: Contest, contenders: Sequence[Contender], processes: Processes
) -> list[Item]:
    """An item for each set of pictures that a contender hides; all of a contender in a row."""
    items = []
    for contender in contenders:
        entry = contender.entry
        for name, files in contest.data_sets().items():
            for index in range(contest.sets_of(files))[: entry.most]:
                key = {
                    "kind": PICTURES,
                    "set": name,
                    "index": index,
                    "scheme": entry.scheme,
                    "variant": entry.variant,
                    "secrets": entry.secrets,
                    "weights": contender.digest,
                }
                given = (contest, contender, name, index)
                items.append(Item(key, partial(_measure, processes, *given)))
    return items


def _measure(
    processes: Processes, contest: Contest, contender: Contender, name: str, index: int
) -> Record:
    entry = contender.entry
    pictures = contest.pictures(contest.data_sets()[name], index, entry.secrets)
    keep = contest.make_path("pictures", f"{name}-{entry.name}.png") if index == 0 else None
    try:
        found = processes.run(contender, measure_set, contender, pictures, index, keep)
    except ProcessDiedError as error:
        return {"failed": error.message}
    if keep is not None and "failed" not in found:
        found["pictures"] = contest.relative(keep)
    return found


def _show(results: Results, absent: Sequence[Absence]) -> list[Shown]:
    records = [record for record in results.records if record["kind"] == PICTURES]
    shown: list[Shown] = [*quality_tables(records), *grids(results)]
    shown += [*equal_bits_tables(records), *capacity_tables(records)]
    for kind, table in ((DETECTION, detect_table), (FUNCTIONS, functions_table)):
        judged = [record for record in results.records if record["kind"] == kind]
        if judged:
            shown.append(table(judged))
    missing = absence_table(absent, records)
    if missing.rows:
        shown.append(missing)
    return [*shown, *printed_tables(), cited_table()]


def write_comparison(results: Results, heading: str, shown: Sequence[Shown]) -> tuple[Path, Path]:
    """Write report.md, report.html with its pictures, and pictures.csv.

    Args:
        results: of all items.
        heading: title of the report.
        shown: what is in it.

    Returns:
        The paths of report.md and pictures.csv.

    Raises:
        FileError: a file cannot be written.
    """
    report = write_report(results.folder, heading, [(NAME, shown)])
    table = results.folder / "pictures.csv"
    records = [record for record in results.records if record["kind"] == PICTURES]
    write_bytes(table, pictures_csv(records).encode(), overwrite=True)
    return report, table
