"""What an experiment is: items that are done once and kept, and what is drawn from them: tables, curves, pictures."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sirensong
from sirensong.errors import FormatError
from sirensong.files import read_bytes, told, write_bytes
from sirensong.pictures import sheet
from sirensong.pictures.image import RGB, Pixels, fill, from_uint8, read_picture
from sirensong.pictures.photographs import NAMES, photograph
from sirensong.training.recipe import Recipe
from sirensong.workers import spread

SIDE = 128
DATA_SETS = ("celebahq", "coco", "div2k")
_LARGEST_RESULTS = 1024**3

Row = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One piece of work.

    key: its name among an experiment's items, in JSON's types; the index in it is the seed. work: does it. stage: items of a later
    one need what those of earlier ones have left on disk.
    """

    key: Row
    work: Callable[[], Row]
    stage: int = 0


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
        return {
            "sirensong": sirensong.__version__,
            "recipe": repr(self.recipe),
            "data": str(self.data),
        }

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return DATA_SETS if self.data is not None else ("scikit-image",)

    def picture(self, data_set: str, index: int, side: int = SIDE) -> Pixels:
        """A picture of a data set, its middle square, Lanczos to side x side; they begin again when they end."""
        return from_uint8(fill(self._original(data_set, index), side, side))

    def pictures(
        self, data_set: str, index: int, secrets: int = 2, side: int = SIDE
    ) -> list[Pixels]:
        """A cover and so many secrets of one data set, others for each index."""
        return [
            self.picture(data_set, index * (secrets + 1) + place, side)
            for place in range(secrets + 1)
        ]

    def side(self, data_set: str, index: int) -> int:
        """Of a picture's middle square, in pixels, as it is in its file."""
        return int(min(self._original(data_set, index).shape[:2]))

    def _original(self, data_set: str, index: int) -> RGB:
        if self.data is None:
            picture = photograph(NAMES[index % len(NAMES)])
            return picture[:, ::-1] if index // len(NAMES) % 2 else picture
        paths = _pictures(self.data / data_set)
        return read_picture(paths[index % len(paths)]).rgb

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


def run_items(
    experiment: Experiment,
    study: Study,
    *,
    workers: int | None = 1,
    cluster: str | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Do what is not done yet, and return a row for each item, in their order. Results go to NAME.jsonl, a line an item.

    workers, cluster: as `sirensong.workers.spread` takes them; with one worker all is done here. advance: is told how many items
    are done, and of how many, after each. Raises what the work or `spread` raises; what is finished by then is kept.
    """
    path = study.output / f"{experiment.results or experiment.name}.jsonl"
    kept = {_name(row["key"], row["settings"]): row for row in _read(path)}
    items = {_name(item.key, study.settings): item for item in experiment.items(study)}
    left = {name: item for name, item in items.items() if name not in kept}
    if advance is not None:
        advance(len(items) - len(left), len(items))
    for stage in sorted({item.stage for item in left.values()}):
        due = {name: item for name, item in left.items() if item.stage == stage}
        alone = workers == 1 and cluster is None
        here = ((name, _timed(item)) for name, item in due.items())
        done = here if alone else spread(_timed, due, workers=workers, cluster=cluster)
        for name, (found, seconds) in done:
            kept[name] = _line(items[name], study, found, seconds)
            write_bytes(
                path, ("\n".join(map(json.dumps, kept.values())) + "\n").encode(), overwrite=True
            )
            if advance is not None:
                advance(sum(name in kept for name in items), len(items))
    return [kept[name]["key"] | kept[name]["found"] for name in items]


def _timed(item: Item) -> tuple[Row, float]:
    begun = time.perf_counter()
    return item.work(), time.perf_counter() - begun


def _line(item: Item, study: Study, found: Row, seconds: float) -> Row:
    return {
        "key": item.key,
        "seed": item.key["index"],
        "found": found,
        "seconds": round(seconds, 2),
        "settings": study.settings,
        "versions": {name: version(name) for name in ("numpy", "torch")}
        | {"python": platform.python_version()},
    }


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
        raise FormatError(
            f"{path} is damaged: a line is not JSON", hint="delete it to begin anew"
        ) from None
