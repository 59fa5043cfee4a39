"""sirensong attack: what others may try to find in carriers and pictures."""

from __future__ import annotations

import math
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from sirensong.cli.arguments import Carrier, Json, Overwrite, Quiet, open_carrier
from sirensong.cli.console import counting, err, out, print_facts, print_note, tracked
from sirensong.cli.reporting import print_result
from sirensong.errors import SettingError
from sirensong.files import refuse_existing, write_bytes
from sirensong.keys.secret import SecretKey, read_key
from sirensong.lab.steganalysis import guessing, stegexpose_files, weights_files
from sirensong.lab.steganalysis.significance import FEWEST, LEVEL, PERMUTATIONS, Comparison
from sirensong.lab.steganalysis.weights import detect
from sirensong.lab.steganalysis.weights_files import Population

_Folder = Annotated[Path, typer.Argument(help="a folder of carriers", show_default=False)]


def weights(
    clean: _Folder,
    suspected: _Folder,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="write the score of each file here", show_default="none"),
    ] = None,
    permutations: Annotated[
        int, typer.Option("--permutations", help="permutations of the labels, at most")
    ] = PERMUTATIONS,
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Try to tell two folders of carriers apart by their weights.

    Detectors take the tiles of a carrier for samples: statistics of their weights, the response to
    random replacement and between pixels, and what fine-tuning on the cover changes.

    Files of one name in both folders are taken to be of one cover.

    Whatever else differs between the folders, covers or training, is found too.
    """
    if csv is not None:
        refuse_existing(csv, overwrite=overwrite)
    first, second = weights_files.match(read_folder(clean), read_folder(suspected))
    with counting() as advance:
        comparison = detect(
            list(first.functions.values()),
            list(second.functions.values()),
            permutations=permutations,
            advance=advance,
        )
    scores = weights_files.scores_by_file(first, second, comparison)
    if csv is not None:
        write_bytes(csv, weights_files.to_csv(scores).encode(), overwrite=overwrite)
    if not comparison.conclusive:
        print_note(f"fewer than {FEWEST} files a folder: nothing can be concluded")
    if json:
        facts = _comparison_facts(first, second, comparison)
        print_result("attack weights", facts | {"scores": scores})
    else:
        _print_comparison(first, second, comparison)


def read_folder(folder: Path) -> Population:
    """Read the carriers of a folder, and say which files are none.

    Args:
        folder: path of the folder.

    Raises:
        FileError: there is no such folder.
        FormatError: there is no carrier in it.
    """
    track = partial(tracked, what=f"carriers in {folder}")
    population = weights_files.read_population(folder, track=track)
    for name, reason in population.skipped.items():
        print_note(f"skipped {folder / name}: {reason}")
    return population


def _comparison_facts(
    clean: Population, suspected: Population, comparison: Comparison
) -> dict[str, Any]:
    folders = {
        name: {
            "folder": str(population.folder),
            "files": len(population.functions),
            "skipped": population.skipped,
        }
        for name, population in (("clean", clean), ("suspected", suspected))
    }
    detectors = [
        {name: getattr(found, name) for name in ("name", "auc", "low", "high", "p")}
        for found in comparison.detections
    ]
    return {
        **folders,
        "told_apart": comparison.told_apart if comparison.conclusive else None,
        "p": comparison.p,
        "permutations": comparison.permutations,
        "confidence": 1 - LEVEL / len(detectors),
        "detectors": detectors,
    }


def _print_comparison(clean: Population, suspected: Population, comparison: Comparison) -> None:
    title = f"{_described(clean)} against {_described(suspected)}"
    table = Table(title=escape(title), title_justify="left", title_style="bold")
    confidence = 1 - LEVEL / len(comparison.detections)
    for column in ("detector", "AUC", f"{100 * confidence:.3g} % interval", "p"):
        table.add_column(column)
    for found in comparison.detections:
        interval = f"{found.low:.3f} to {found.high:.3f}"
        table.add_row(found.name, f"{found.auc:.3f}", interval, f"{found.p:.3f}")
    out.print(table)
    if not comparison.conclusive:
        verdict = "too few files to conclude anything"
    elif comparison.told_apart:
        verdict = "the best detector tells them apart"
    else:
        verdict = "the best detector may be guessing"
    out.print(
        f"{verdict}: p = {comparison.p:.3f}, corrected for {len(comparison.detections)} detectors, "
        f"from {comparison.permutations} permutations",
        markup=False,
    )


def _described(population: Population) -> str:
    skipped = f", {len(population.skipped)} skipped" if population.skipped else ""
    return f"{population.folder} (n = {len(population.functions)}{skipped})"


def guess(
    carrier: Carrier,
    key: Annotated[
        Path,
        typer.Option(
            "--key", help="the right key, to see how it fares among wrong ones", show_default=False
        ),
    ],
    keys: Annotated[int, typer.Option("--keys", help="wrong keys to try")] = 1000,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Can a key be found by looking?

    Renders with many wrong keys and the right one, and ranks them by how natural they look.
    """
    if keys < 2:
        raise SettingError(f"expected at least 2 wrong keys, got {keys}")
    stego, right = open_carrier(carrier), read_key(key)
    wrong = [SecretKey.generate() for _ in range(keys)]
    found = guessing.guess(stego, right, tracked(wrong, "wrong keys"))
    with err.status("partly right keys"):
        curves = guessing.hill(stego, right, wrong[: guessing.CLIMBERS], guessing.SHARES)
    facts = {
        "wrong_keys": keys,
        **{f"rank by {name}": rank for name, rank in found.ranks.items()},
        "seconds_a_key": float(f"{found.seconds_a_key:.3g}"),
        "years_for_all_keys": float(f"{found.years_for_all_keys:.1e}"),
        "years_for_passphrases_of_40_bits": float(f"{found.years_for_passphrases(40):.1e}"),
    }
    if json:
        partly_right: dict[str, list[float]] = {"shares": list(guessing.SHARES)}
        for part, curve in curves.items():
            partly_right[part] = [round(float(value), 3) for value in curve]
        print_result(
            "attack guess", {"carrier": str(carrier), **facts, "partly_right": partly_right}
        )
        return
    title = (
        f"{carrier}, by looking at renders alone (its slots tell at once whether a key is right)"
    )
    print_facts(title, facts, json=False)
    table = Table(
        title="a partly right key, in standard deviations of wrong ones",
        title_justify="left",
        title_style="bold",
    )
    for column in ("share that is right", *(f"of the {part}" for part in curves)):
        table.add_column(column, justify="right")
    for index, share in enumerate(guessing.SHARES):
        values = [f"{curve[index]:+.1f}" for curve in curves.values()]
        table.add_row(f"{100 * share:.0f} %", *values)
    out.print(table)


def stegexpose(
    folder: Annotated[Path, typer.Argument(help="a folder of pictures", show_default=False)],
    fast: Annotated[
        bool, typer.Option("--fast", help="stop at a picture that seems clean so far")
    ] = False,
    threshold: Annotated[
        float, typer.Option("--threshold", help="fusion beyond which a picture is suspicious")
    ] = 0.2,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Look for LSB replacement in a folder's pictures, as StegExpose does, and print its CSV."""
    paths = tracked(stegexpose_files.files_in(folder), "pictures")
    verdicts = stegexpose_files.analyse_files(paths, fast=fast, threshold=threshold)
    if not json:
        sys.stdout.write(stegexpose_files.to_csv(verdicts))
        return
    pictures = [
        {name: _finite(value) for name, value in vars(verdict).items()} for verdict in verdicts
    ]
    print_result("attack stegexpose", {"folder": str(folder), "pictures": pictures})


def _finite(value: object) -> object:
    """The value, or None for a number that JSON has not."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
