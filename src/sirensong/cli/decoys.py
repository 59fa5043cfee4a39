"""sirensong decoys: a person's own pictures, to train for where there are no secrets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from sirensong.cli.arguments import RUNNING, Json, Quiet
from sirensong.cli.console import out as console
from sirensong.cli.console import print_note, tracked
from sirensong.cli.reporting import JSON_SHAPE, print_result
from sirensong.errors import FileError, SettingError, SirensongError
from sirensong.pictures.kinds import DECOY_KINDS, PICTURE_KINDS, check_kind
from sirensong.pictures.pool import (
    Pool,
    add_payloads,
    add_picture,
    default_folder,
    open_pool,
    remove_kinds,
)
from sirensong.pictures.reading import read_picture
from sirensong.pictures.writing import PICTURE_ENDINGS

app = typer.Typer(
    help="Keep copies of your own pictures, which are trained for where secrets are missing.",
    no_args_is_help=True,
)

PoolFolder = Annotated[
    Path | None,
    typer.Option(
        "--pool",
        metavar="FOLDER",
        envvar="SIRENSONG_DECOYS",
        help="the folder of the pool of decoys",
        show_default="among your application data",
        rich_help_panel=RUNNING,
    ),
]


@app.command(epilog=JSON_SHAPE)
def add(
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(help="pictures, and folders of pictures", show_default=False),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="|".join(PICTURE_KINDS),
            help="what all of them are",
            show_default="guessed for each",
        ),
    ] = None,
    payloads: Annotated[
        bool,
        typer.Option("--payloads", help="make some decoys like hidden files: takes no pictures"),
    ] = False,
    pool: PoolFolder = None,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Copy pictures into the pool, made smaller. Take pictures that are like your secrets.

    They stay on this machine, and only you may read them. Files that are not images are skipped.
    If you hide files, add --payloads.
    """
    if not pictures and not payloads:
        raise SettingError("name pictures to add, or --payloads")
    if kind is not None:
        check_kind(kind)
    folder = default_folder() if pool is None else pool
    paths = [path for given in pictures or () for path in _pictures_in(given)]
    counts = {"added": 0, "known": 0, "skipped": 0}
    for path in tracked(paths, "pictures"):
        counts[_add(folder, path, kind)] += 1
    if pictures and not counts["added"] + counts["known"]:
        raise FileError("none of these files is an image that can be read")
    if payloads:
        add_payloads(folder)
    facts = counts | _facts(open_pool(folder))
    if json:
        print_result("decoys add", facts)
        return
    added = "{added} added, {known} known before, {skipped} skipped".format(**counts)
    console.print(added, markup=False)
    _print(open_pool(folder))


@app.command(name="list", epilog=JSON_SHAPE)
def list_pool(pool: PoolFolder = None, json: Json = False) -> None:
    """Say where the pool is, and how many pictures of each kind it has."""
    found = open_pool(pool)
    if json:
        print_result("decoys list", _facts(found))
    else:
        _print(found)


@app.command(epilog=JSON_SHAPE)
def remove(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(metavar="|".join(DECOY_KINDS), help="which", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="of every kind")] = False,
    pool: PoolFolder = None,
    json: Json = False,
) -> None:
    """Delete the pool's pictures of some kinds, or all; "payload" for no more payloads."""
    if bool(kinds) == everything:
        raise SettingError("name kinds to remove, or --all", hint=f"{', '.join(DECOY_KINDS)}")
    folder = default_folder() if pool is None else pool
    removed = remove_kinds(folder, kinds or DECOY_KINDS)
    if json:
        print_result("decoys remove", {"removed": removed} | _facts(open_pool(folder)))
        return
    console.print(f"{sum(removed.values())} removed", markup=False)
    _print(open_pool(folder))


def pool_or_note(folder: Path | None) -> Pool | None:
    """Open the pool for `hide` and `fit`; where there is none, say so.

    Args:
        folder: of the pool, None for its usual place.

    Returns:
        The pool, None if it has nothing.
    """
    found, note = find_pool(folder)
    if note is not None:
        print_note(note)
    return found


def find_pool(folder: Path | None) -> tuple[Pool | None, str | None]:
    """Open the pool, and say what it means that there is none.

    Args:
        folder: of the pool, None for its usual place.

    Returns:
        The pool and no note, or no pool and the note.
    """
    found = open_pool(folder)
    if found:
        return found, None
    return None, (
        "there is no pool of decoys, so they are made, and detectors tell them from photographs; "
        "sirensong decoys add FOLDER takes some of your own pictures"
    )


def _pictures_in(given: Path) -> Iterator[Path]:
    """A file itself, or a folder's pictures and those of the folders in it; links are left out."""
    if not given.is_dir():
        yield given
        return
    for folder, folders, names in os.walk(given):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix.lower() in PICTURE_ENDINGS and not path.is_symlink():
                yield path


def _add(folder: Path, path: Path, kind: str | None) -> str:
    """Add one picture. Returns what became of it."""
    try:
        rgb = read_picture(path).rgb
    except SirensongError as error:
        print_note(f"skipped: {error.message}")
        return "skipped"
    _, new = add_picture(folder, rgb, kind)
    return "added" if new else "known"


def _facts(pool: Pool) -> dict[str, Any]:
    kinds = {
        kind: {"pictures": len(pool.pictures.get(kind, ())), "share": share}
        for kind, share in pool.shares.items()
    }
    return {"folder": str(pool.folder), "pictures": len(pool), "kinds": kinds}


def _print(pool: Pool) -> None:
    console.print(f"{pool.folder}: {len(pool)} pictures", markup=False)
    for kind, share in pool.shares.items():
        paths = pool.pictures.get(kind)
        what = f"{len(paths)} pictures" if paths else "made for each carrier"
        console.print(f"  {kind}: {what}, share {share:.0%}", markup=False)
