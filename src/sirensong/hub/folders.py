"""Publishing to a folder of this machine, as for a web server: whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sirensong.errors import FileError
from sirensong.files import file_errors, write_bytes
from sirensong.hub.addresses import SONG
from sirensong.hub.card import CARD, PAGE, PREVIEW
from sirensong.hub.refusals import already_there

_OURS = {SONG, CARD, PREVIEW, PAGE}


def publish_to_folder(folder: Path, files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write files into a folder of their own.

    They are written beside it and take its place in one stroke. Only between two renamings is there
    a moment without a folder, if one is replaced.

    Args:
        folder: it is made, or is empty, or holds what was published before.
        files: by name.
        overwrite: replace what was published before.

    Raises:
        FileError: the folder holds a carrier and `overwrite` is false, or other files; or it cannot
            be written. Then it is as it was.
    """
    with file_errors("write", folder):
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise FileError(f"cannot publish to {folder}: it is not a folder")
        if there - _OURS:
            raise FileError(
                f"cannot publish to {folder}: it has other files",
                hint="name a folder that does not exist yet",
            )
        if there and not overwrite:
            raise already_there(str(folder / SONG))
        parent = folder.absolute().parent
        if not parent.is_dir():
            raise FileError(f"cannot publish to {folder}: no folder {parent}")
        with tempfile.TemporaryDirectory(prefix=".sirensong-", dir=parent) as made:
            _swap(folder, Path(made), files)


def _swap(folder: Path, made: Path, files: Mapping[str, bytes]) -> None:
    """Write into a temporary folder, and let what it holds take the place of the folder."""
    new, old = made / "new", made / "old"
    new.mkdir()
    for name, data in files.items():
        write_bytes(new / name, data, overwrite=False)
    if folder.is_dir():
        shutil.copymode(folder, new)
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.is_dir():
            old.rename(folder)
        raise
