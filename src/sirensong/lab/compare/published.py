"""What others have printed: numbers with source and colour space, and works that are cited."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

from sirensong.lab.reproduce.study import Record, Table

CANNOT_BE = "cannot be: MAE above RMSE"

_METRICS = {"psnr": ".2f", "ssim": ".4f", "rmse": ".2f", "mae": ".2f"}  # and how they are shown


def printed_tables() -> list[Table]:
    """What others have printed, a table a source.

    The entries that cannot be are marked: the mean of absolute errors is never above the root of
    the mean of their squares, in no picture, and so not in means over pictures.
    """
    found = _read()
    return [
        _printed(source, [row for row in found["rows"] if row["source"] == name])
        for name, source in found["sources"].items()
    ]


def _printed(source: Record, rows: Sequence[Record]) -> Table:
    columns = ("scheme", "data", "secrets", "picture", "PSNR of", "PSNR", "SSIM", "RMSE", "MAE", "")
    cells = [
        [
            row["scheme"],
            row["data"],
            str(row.get("secrets", 2)),
            row["picture"],
            row["colours"],
            *(format(row[name], form) if name in row else "-" for name, form in _METRICS.items()),
            mark(row),
        ]
        for row in rows
    ]
    return Table(f"As printed: {source['title']}", columns, cells, [source["note"]])


def mark(row: Record) -> str:
    """Say whether a printed entry cannot be.

    Args:
        row: with "rmse" and "mae", if it has them.

    Returns:
        `CANNOT_BE`, or nothing.
    """
    impossible = "mae" in row and "rmse" in row and row["mae"] > row["rmse"]
    return CANNOT_BE if impossible else ""


def cited_table() -> Table:
    """Works that are not built here, with what is known of them."""
    cells = [
        [work["work"], work["where"], work["known"], work["unknown"]] for work in _read()["cited"]
    ]
    columns = ("work", "where", "what it says", "not known here")
    return Table("Cited, not run", columns, cells)


def _read() -> Record:
    text = files(__package__).joinpath("published.json").read_text(encoding="utf-8")
    return dict(json.loads(text))
