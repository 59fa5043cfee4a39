"""Folders of carriers as two populations, and a table of what detectors say of each file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sirensong.carrier.file import load
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import FileError, FormatError, SettingError
from sirensong.lab.steganalysis.significance import Comparison


@dataclass(frozen=True)
class Population:
    """The carriers of a folder.

    Args:
        folder: where they are.
        functions: what was read, by file name.
        skipped: why each of the other carriers could not be read, by file name.
    """

    folder: Path
    functions: dict[str, StegoFunction]
    skipped: dict[str, str]


def read_population(
    folder: Path, *, track: Callable[[list[Path]], Iterable[Path]] = iter
) -> Population:
    """Read the carriers of a folder, without those that are damaged.

    Args:
        folder: of .safetensors files; others are not looked at.
        track: passes the files on, to show how far reading is.

    Raises:
        FileError: there is no such folder.
        FormatError: there is no carrier in it.
    """
    if not folder.is_dir():
        raise FileError(f"no folder {folder}")
    paths = sorted(folder.glob("*.safetensors"))
    functions: dict[str, StegoFunction] = {}
    skipped: dict[str, str] = {}
    for path in track(paths):
        try:
            functions[path.name] = load(path)
        except (FileError, FormatError) as error:
            skipped[path.name] = error.message
    if not functions:
        damaged = f"; {len(skipped)} are damaged" if skipped else ""
        raise FormatError(
            f"no carriers in {folder}: expected files that end in .safetensors{damaged}"
        )
    return Population(folder, functions, skipped)


def match(clean: Population, suspected: Population) -> tuple[Population, Population]:
    """Bring two populations into an order in which files of one name have one index.

    Such files are taken to be of one cover. Files of other names come after them.

    Raises:
        SettingError: functions differ in their grid of tiles or their architecture, which detectors
            would find instead of what is hidden.
    """
    _check_alike(clean, suspected)
    shared = [name for name in clean.functions if name in suspected.functions]
    ordered = []
    for population in (clean, suspected):
        names = dict.fromkeys([*shared, *population.functions])
        functions = {name: population.functions[name] for name in names}
        ordered.append(Population(population.folder, functions, population.skipped))
    return ordered[0], ordered[1]


def _check_alike(*populations: Population) -> None:
    first: tuple[Path, str] | None = None
    for population in populations:
        for name, stego in population.functions.items():
            path, form = population.folder / name, _form_of(stego)
            first = first or (path, form)
            if form != first[1]:
                raise SettingError(
                    f"carriers must have one grid and architecture, got {first[1]} in {first[0]} "
                    f"and {form} in {path}"
                )


def _form_of(stego: StegoFunction) -> str:
    grid, network = stego.grid, stego.architecture
    return (
        f"{grid.columns}x{grid.rows} tiles of {network.hidden_layers} x {network.hidden_features} "
        f"at omega {network.omega:g}"
    )


def scores_by_file(
    clean: Population, suspected: Population, comparison: Comparison
) -> list[dict[str, str | float]]:
    """What each detector says of each file.

    Args:
        clean: as it was compared.
        suspected: as it was compared.
        comparison: of these.

    Returns:
        For each file its population ("clean" or "suspected"), its name, and by each detector's
        name the score that it has from a detector that was not trained on it.
    """
    files = [("clean", name) for name in clean.functions]
    files += [("suspected", name) for name in suspected.functions]
    rows = []
    for place, (population, name) in enumerate(files):
        row: dict[str, str | float] = {"population": population, "file": name}
        for detection in comparison.detections:
            row[detection.name] = detection.scores[place]
        rows.append(row)
    return rows


def to_csv(rows: list[dict[str, str | float]]) -> str:
    """Write what `scores_by_file` returns as CSV, with a header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
