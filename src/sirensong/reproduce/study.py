"""What an experiment is: items that are done once and kept, and what is drawn from them: tables, curves, pictures."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import sirensong
from sirensong import sheet
from sirensong.errors import FormatError
from sirensong.files import read_bytes, told, write_bytes
from sirensong.image import Levels, Pixels, fill, from_uint8, read_picture
from sirensong.photographs import NAMES, photograph
from sirensong.training.recipe import Recipe

SIDE = 128
DATA_SETS = ("celebahq", "coco", "div2k")
_LARGEST_RESULTS = 1024**3

Row = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One piece of work. key: its name among an experiment's items, in JSON's types; the index in it is the seed. work: does it."""

    key: Row
    work: Callable[[], Row]


@dataclass(frozen=True)
class Table:
    """Numbers beside the paper's. rows: cells as they are shown. notes: what to know before comparing."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Figure:
    """Curves. lines: name -> (x, y)."""

    title: str
    x: str
    y: str
    lines: dict[str, tuple[list[float], list[float]]]


@dataclass(frozen=True)
class Pictures:
    """Pictures in a grid. columns: what each column is. rows: what each row is, and its pictures, None for an empty place.

    cell: side of the square in which each is drawn, in pixels.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[sheet.Row]
    cell: int = 128


Shown = Table | Figure | Pictures


@dataclass(frozen=True)
class Experiment:
    """One of the paper's. section: where it is. items: what is to be done. show: what is drawn from what was found.

    results: name of the experiment whose results it shares, if not its own.
    """

    name: str
    section: str
    items: Callable[[Study], Sequence[Item]]
    show: Callable[[Sequence[Row]], Sequence[Shown]]
    results: str | None = None

    @property
    def place(self) -> list[int]:
        """The section's numbers, for the paper's order."""
        return [int(number) for number in re.findall(r"\d+", self.section)]


@dataclass(frozen=True)
class Study:
    """Settings that all experiments share.

    data: a folder with celebahq, coco and div2k, None for scikit-image's photographs. images: N, how many sets of pictures an
    experiment takes. recipe: how functions are trained. output: where results are kept.
    """

    data: Path | None
    images: int
    recipe: Recipe
    output: Path

    @property
    def settings(self) -> dict[str, str]:
        """What a result depends on besides its own key."""
        return {"recipe": repr(self.recipe), "data": str(self.data)}

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return DATA_SETS if self.data is not None else ("scikit-image",)

    def picture(self, data_set: str, index: int, side: int = SIDE) -> Pixels:
        """A picture of a data set, its middle square, Lanczos to side x side; they begin again when they end."""
        return from_uint8(fill(self._original(data_set, index), side, side))

    def side(self, data_set: str, index: int) -> int:
        """Of a picture's middle square, in pixels, as it is in its file."""
        return int(min(self._original(data_set, index).shape[:2]))

    def _original(self, data_set: str, index: int) -> Levels:
        if self.data is None:
            picture = photograph(NAMES[index % len(NAMES)])
            return picture[:, ::-1] if index // len(NAMES) % 2 else picture
        paths = _pictures(self.data / data_set)
        return read_picture(paths[index % len(paths)]).levels

    def beside(self, folder: str, name: str) -> Path:
        """Where a file that belongs to a result is kept, apart from those of other settings. Makes the folder."""
        settings = hashlib.sha256(repr(self.settings).encode()).hexdigest()[:8]
        path = self.output / folder / settings / name
        with told("make", path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def distinct(self, data_set: str) -> int:
        """How many pictures a data set has before they begin again; a mirrored one is not another."""
        return len(NAMES) if self.data is None else len(_pictures(self.data / data_set))


def _pictures(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.png"))
    if not paths:
        raise FormatError(f"no pictures in {folder}: expected files that end in .png")
    return paths


def run_items(experiment: Experiment, study: Study) -> Iterator[tuple[int, int, Row]]:
    """Do what is not done yet, and yield (done, total, row) for each item. Results go to NAME.jsonl, a line an item."""
    path = study.output / f"{experiment.results or experiment.name}.jsonl"
    kept = {_name(row["key"], row["settings"]): row for row in _read(path)}
    items = experiment.items(study)
    for done, item in enumerate(items, start=1):
        name = _name(item.key, study.settings)
        if name not in kept:
            begun = time.perf_counter()
            found = item.work()
            kept[name] = {
                "key": item.key,
                "seed": item.key["index"],
                "found": found,
                "seconds": round(time.perf_counter() - begun, 2),
                "settings": study.settings,
                "versions": {"sirensong": sirensong.__version__, "numpy": np.__version__, "python": platform.python_version()},
            }
            lines = (json.dumps(row) for row in kept.values())
            write_bytes(path, ("\n".join(lines) + "\n").encode(), overwrite=True)
        yield done, len(items), kept[name]["key"] | kept[name]["found"]


def _name(key: Row, settings: Row) -> str:
    return json.dumps([key, settings], sort_keys=True)


def _read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with told("read", path):
        text = read_bytes(path, cap=_LARGEST_RESULTS, what="results").decode()
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        raise FormatError(f"{path} is damaged: a line is not JSON", hint="delete it to begin anew") from None
