"""What an experiment is: items that are done once and kept, and what is shown of their results."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, TypeVar

from sirensong.errors import FormatError
from sirensong.files import file_errors, read_bytes, write_bytes
from sirensong.pictures import sheet
from sirensong.pictures.image import RGB, Pixels, fill, from_uint8
from sirensong.pictures.photographs import NAMES, photograph
from sirensong.pictures.reading import read_picture
from sirensong.training.recipe import OPEN, PAPER, Recipe
from sirensong.version import __version__
from sirensong.workers import spread

RECIPES = {"fast": OPEN, "paper": PAPER}
"""What the paper's claims are measured with: the recipes of these names, without wrong keys."""

SIDE = 128
"""Side of the experiments' pictures in pixels, where the paper has no other."""

DATA_SETS = ("celebahq", "coco", "div2k")
_LARGEST_RESULTS = 1024**3

Record = dict[str, Any]
"""What an item is, or what it found, by names and in JSON's types."""


@dataclass(frozen=True)
class Item:
    """One piece of an experiment's work.

    Args:
        key: what it is, unlike any other item of the experiment; its "index" is the seed.
        work: does it, and returns what it found.
        stage: items of a later stage need what those of earlier ones have left on disk.
    """

    key: Record
    work: Callable[[], Record]
    stage: int = 0


@dataclass(frozen=True)
class Results:
    """What the items of an experiment found.

    Args:
        folder: that the files which results name are relative to.
        records: one for each item: its key, and what it found.
    """

    folder: Path
    records: Sequence[Record]

    def read_picture(self, name: str) -> Pixels:
        """Read a picture that a result names.

        Raises:
            FileError: it cannot be read.
            FormatError: it is not an image.
        """
        return read_picture(self.folder / name).pixels


@dataclass(frozen=True)
class Table:
    """Numbers beside the paper's.

    Args:
        title: what they are.
        columns: names of the columns.
        rows: the cells of each row, as they are shown.
        notes: what to know before comparing.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Figure:
    """Curves.

    Args:
        title: what they show.
        x: name of the horizontal axis.
        y: name of the vertical axis.
        lines: (x, y) of each curve's points, by its name.
    """

    title: str
    x: str
    y: str
    lines: dict[str, tuple[list[float], list[float]]]


@dataclass(frozen=True)
class PictureGrid:
    """Pictures side by side.

    Args:
        title: what they show.
        columns: names of the columns.
        rows: rows of a contact sheet.
        cell: side of the square in which each picture is drawn, in pixels.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[sheet.Row]
    cell: int = 128


Shown = Table | Figure | PictureGrid


class Kept(ABC):
    """Settings under which results are kept in a folder.

    Attributes:
        output: the folder.
    """

    output: Path

    @property
    @abstractmethod
    def settings(self) -> Record:
        """What a result depends on besides its item's key, as JSON reads it back."""

    def make_path(self, folder: str, name: str) -> Path:
        """Where a file that belongs to a result is kept, apart from those of other settings.

        Args:
            folder: for files of its kind, in the folder of results; made if it is not there.
            name: of the file.

        Raises:
            FileError: the folder cannot be made.
        """
        settings = json.dumps(self.settings, sort_keys=True)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:8]
        path = self.output / folder / digest / name
        with file_errors("make", path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def relative(self, path: Path) -> str:
        """A path as results name it: from their folder on."""
        return path.relative_to(self.output).as_posix()


Setting = TypeVar("Setting", bound=Kept)


@dataclass(frozen=True)
class Experiment(Generic[Setting]):
    """One of the paper's experiments.

    Args:
        name: by which the command knows it; its results are in NAME.jsonl.
        section: where the paper has it.
        items: makes its items for a study.
        show: makes what is shown of their results.
        alike: names of the experiments with items in common, whose results it takes over.
    """

    name: str
    section: str
    items: Callable[[Setting], Sequence[Item]]
    show: Callable[[Results], Sequence[Shown]]
    alike: tuple[str, ...] = ()

    @property
    def place(self) -> list[int]:
        """The section's numbers, for the paper's order."""
        return [int(number) for number in re.findall(r"\d+", self.section)]


@dataclass(frozen=True)
class Study(Kept):
    """Settings that all experiments share.

    Args:
        data: a folder with celebahq, coco and div2k; None for scikit-image's photographs.
        images: N, how many sets of pictures an experiment takes.
        recipe: how functions are trained.
        output: folder of results.
    """

    data: Path | None
    images: int
    recipe: Recipe
    output: Path

    @property
    def settings(self) -> Record:
        """What a result depends on besides its item's key, as JSON reads it back."""
        settings = {
            "sirensong": __version__,
            "recipe": asdict(self.recipe),
            "data": None if self.data is None else str(self.data),
        }
        return dict(json.loads(json.dumps(settings)))

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return DATA_SETS if self.data is not None else ("scikit-image",)

    def picture(self, data_set: str, index: int, side: int = SIDE) -> Pixels:
        """The middle square of a picture of a data set, resampled.

        Args:
            data_set: its name.
            index: of the picture; they begin again when they end.
            side: of the square, in pixels.

        Returns:
            (side, side, 3) in [0, 1].
        """
        return from_uint8(fill(self._original(data_set, index), side, side))

    def pictures(
        self, data_set: str, index: int, secrets: int = 2, side: int = SIDE
    ) -> list[Pixels]:
        """A cover and its secrets, of one data set.

        Args:
            data_set: its name.
            index: of this set of pictures; each has others.
            secrets: how many.
            side: of each picture, in pixels.
        """
        first = index * (secrets + 1)
        return [self.picture(data_set, first + place, side) for place in range(secrets + 1)]

    def side(self, data_set: str, index: int) -> int:
        """The side of a picture's middle square as it is in its file, in pixels."""
        return int(min(self._original(data_set, index).shape[:2]))

    def _original(self, data_set: str, index: int) -> RGB:
        if self.data is None:
            return own_photograph(index)
        paths = _picture_files(self.data / data_set)
        return read_picture(paths[index % len(paths)]).rgb

    def distinct(self, data_set: str) -> int:
        """How many pictures a data set has; a mirrored one is not another."""
        return len(NAMES) if self.data is None else len(_picture_files(self.data / data_set))


def own_photograph(index: int) -> RGB:
    """One of scikit-image's photographs; once they end they begin again, mirrored.

    Args:
        index: of the photograph.
    """
    picture = photograph(NAMES[index % len(NAMES)])
    return picture[:, ::-1] if index // len(NAMES) % 2 else picture


def _picture_files(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.png"))
    if not paths:
        raise FormatError(f"no pictures in {folder}: expected files that end in .png")
    return paths


def run_items(
    experiment: Experiment[Setting],
    study: Setting,
    *,
    workers: int | None = 1,
    cluster: str | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Results:
    """Do what is not done yet of an experiment, and keep its results in NAME.jsonl, a line an item.

    Args:
        experiment: whose items are done.
        study: the settings.
        workers: processes on this machine, None for one a core; with 1 all is done in this one.
        cluster: address of a Dask scheduler whose workers do it instead.
        advance: called with (items done, all items) at the beginning and after each item.

    Returns:
        The results of all items, in their order.

    Raises:
        FormatError: the results of an earlier run are damaged.
        FileError: results cannot be read or written.
        MissingDependencyError: a package is missing.
        SirensongError: a cluster cannot be reached, or workers die again and again.
    """
    items = {_identity(item.key, study.settings): item for item in experiment.items(study)}
    path = study.output / f"{experiment.name}.jsonl"
    kept = _read_results(path)
    for other in experiment.alike:
        theirs = _read_results(study.output / f"{other}.jsonl")
        kept |= {name: theirs[name] for name in items if name in theirs}
    _write_results(path, kept)
    left = {name: item for name, item in items.items() if name not in kept}
    if advance is not None:
        advance(len(items) - len(left), len(items))
    for stage in sorted({item.stage for item in left.values()}):
        due = {name: item for name, item in left.items() if item.stage == stage}
        alone = workers == 1 and cluster is None
        here = ((name, _timed(item)) for name, item in due.items())
        done = here if alone else spread(_timed, due, workers=workers, cluster=cluster)
        for name, (found, seconds) in done:
            kept[name] = _line_of(items[name], study, found, seconds)
            _write_results(path, kept)
            if advance is not None:
                advance(sum(name in kept for name in items), len(items))
    records = [kept[name]["key"] | kept[name]["found"] for name in items]
    return Results(study.output, records)


def _timed(item: Item) -> tuple[Record, float]:
    begun = time.perf_counter()
    return item.work(), time.perf_counter() - begun


def _line_of(item: Item, study: Kept, found: Record, seconds: float) -> Record:
    versions = {name: version(name) for name in ("numpy", "torch")}
    return {
        "key": item.key,
        "seed": item.key["index"],
        "found": found,
        "seconds": round(seconds, 2),
        "settings": study.settings,
        "versions": versions | {"python": platform.python_version()},
    }


def _identity(key: Record, settings: Record) -> str:
    return json.dumps([key, settings], sort_keys=True)


def _read_results(path: Path) -> dict[str, Record]:
    """Lines of results by what they are of; none if there is no such file."""
    if not path.exists():
        return {}
    data = read_bytes(path, cap=_LARGEST_RESULTS, what="results")
    try:
        lines = [json.loads(line) for line in data.decode().splitlines()]
        return {_identity(line["key"], line["settings"]): line for line in lines}
    except (ValueError, LookupError, TypeError):
        raise FormatError(
            f"{path} is damaged: a line is not a result", hint="delete it to begin anew"
        ) from None


def _write_results(path: Path, kept: dict[str, Record]) -> None:
    if kept:
        text = "\n".join(map(json.dumps, kept.values())) + "\n"
        write_bytes(path, text.encode(), overwrite=True)
