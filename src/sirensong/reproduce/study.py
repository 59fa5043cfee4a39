"""What an experiment is: items that are done once and kept, and tables drawn from them."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import sirensong
from sirensong.errors import FormatError, MissingDependencyError
from sirensong.files import read_bytes, told, write_bytes
from sirensong.image import Pixels, from_uint8, read_picture, resize
from sirensong.training.recipe import Recipe

SIDE = 128
DATA_SETS = ("celebahq", "coco", "div2k")
_LARGEST_RESULTS = 1024**3
_OWN = ("astronaut", "chelsea", "coffee", "rocket")  # scikit-image's photographs, where there is no data folder

Row = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One piece of work. key: what names it among an experiment's items, in JSON's types. work: returns its numbers."""

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
class Experiment:
    """One of the paper's. section: where it is. items: what is to be done. show: tables and figures from what was found."""

    name: str
    section: str
    items: Callable[[Study], Sequence[Item]]
    show: Callable[[Sequence[Row]], Sequence[Table | Figure]]


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
    pictures: dict[tuple[str, int], Pixels] = field(default_factory=dict, repr=False)

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return DATA_SETS if self.data is not None else ("scikit-image",)

    def picture(self, data_set: str, index: int, side: int = SIDE) -> Pixels:
        """A picture of a data set, its middle square, Lanczos to side x side; they begin again when they end."""
        if self.data is None:
            return _square(_own(index), side)
        paths = sorted((self.data / data_set).glob("*.png"))
        if not paths:
            raise FormatError(f"no pictures in {self.data / data_set}: expected files that end in .png")
        return _square(read_picture(paths[index % len(paths)]).pixels, side)


def _square(pixels: Pixels, side: int) -> Pixels:
    height, width = pixels.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return resize(pixels[top : top + short, left : left + short], side, side)


def _own(index: int) -> Pixels:
    try:
        from skimage import data
    except ImportError as error:
        raise MissingDependencyError("these pictures need scikit-image", hint="pip install 'sirensong[hide]'") from error
    photograph = from_uint8(np.asarray(getattr(data, _OWN[index % len(_OWN)])())[..., :3])
    return photograph[:, ::-1] if index // len(_OWN) % 2 else photograph


def run_items(experiment: Experiment, study: Study) -> Iterator[tuple[int, int, Row]]:
    """Do what is not done yet, and yield (done, total, row) for each item. Results go to NAME.jsonl, a line an item."""
    path = study.output / f"{experiment.name}.jsonl"
    settings = {"images": study.images, "recipe": repr(study.recipe), "data": str(study.data)}
    rows = [row for row in _read(path) if row["settings"] == settings]
    kept = {json.dumps(row["key"], sort_keys=True): row for row in rows}
    items = experiment.items(study)
    for done, item in enumerate(items, start=1):
        name = json.dumps(item.key, sort_keys=True)
        if name not in kept:
            begun = time.perf_counter()
            found = item.work()
            kept[name] = {
                "key": item.key,
                "found": found,
                "seconds": round(time.perf_counter() - begun, 2),
                "settings": settings,
                "versions": {"sirensong": sirensong.__version__, "numpy": np.__version__, "python": platform.python_version()},
            }
            lines = (json.dumps(row) for row in kept.values())
            write_bytes(path, ("\n".join(lines) + "\n").encode(), overwrite=True)
        yield done, len(items), kept[name]["key"] | kept[name]["found"]


def _read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with told("read", path):
        text = read_bytes(path, cap=_LARGEST_RESULTS, what="results").decode()
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        raise FormatError(f"{path} is damaged: a line is not JSON", hint="delete it to begin anew") from None
