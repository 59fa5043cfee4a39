"""A pool of decoys: copies of a person's own pictures, by kind, in a folder that only they read."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from sirensong.files import StrPath, file_errors, write_bytes
from sirensong.pictures.image import RGB, digest, resize, size_of
from sirensong.pictures.kinds import DECOY_KINDS, PAYLOAD, PICTURE_KINDS, check_kind, guess_kind
from sirensong.pictures.writing import encode_picture

SHORTER_SIDE = 1024
"""Pixels of the shorter side that a picture is made smaller to when it is added.

A decoy is trained as large as the cover; enlarged it would lack detail, by which it is told from a
secret. So this is a limit for covers: at 1024x1024 a carrier has 12 MB. Files are lossless, since
traces of compression would tell as well: 2 to 3 MB a photograph.
"""

_PAYLOADS = "payloads"  # an empty file that says that decoys may be payloads

_NAME = re.compile(r"(?P<width>\d{1,5})x(?P<height>\d{1,5})-[0-9a-f]{32}\.png")


@dataclass(frozen=True)
class Pool(Sequence[Path]):
    """Pictures to draw decoys from, as `hide` takes them. False if there is no pool.

    Args:
        folder: where it is.
        pictures: files of each kind of pictures that it has.
        shares: how often a decoy is of each kind, "payload" perhaps among them; they add up to 1.
    """

    folder: Path
    pictures: Mapping[str, tuple[Path, ...]]
    shares: Mapping[str, float]

    def __len__(self) -> int:
        return sum(map(len, self.pictures.values()))

    def __bool__(self) -> bool:
        return bool(self.shares)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> list[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | list[Path]:
        return [path for paths in self.pictures.values() for path in paths][index]

    def draw(
        self, count: int, size: tuple[int, int], rng: np.random.Generator
    ) -> list[Path | None]:
        """Draw decoys: of each the kind by its share, then a picture of that kind.

        No picture comes twice before all of its kind have come. Pictures that would have to be
        enlarged are left out if their kind has others.

        Args:
            count: how many.
            size: (height, width) that they will have.
            rng: source of the choices.

        Returns:
            Files of pictures, and None for each payload, which is to be made.
        """
        kinds, shares = list(self.shares), list(self.shares.values())
        orders = {
            kind: _in_turn(_fitting(paths, size), rng) for kind, paths in self.pictures.items()
        }
        drawn = [kinds[index] for index in rng.choice(len(kinds), size=count, p=shares)]
        return [None if kind == PAYLOAD else next(orders[kind]) for kind in drawn]

    def lacking(self, name: str, kind: str) -> str | None:
        """What to tell a user whose secret is of a kind that the pool has not; None for nothing.

        Args:
            name: of the secret, for the text.
            kind: of the secret, as `guess_kind` or the user has it.
        """
        if kind in self.shares:
            return None
        if kind == PAYLOAD:
            return file_among_pictures(name)
        return (
            f"{name} looks to be of the kind {kind}, of which the pool of decoys has none, so it "
            f"may stand out among them; sirensong decoys add FOLDER --kind {kind} adds some"
        )


def file_among_pictures(name: str) -> str:
    """What to tell a user who hides a file where all decoys are pictures.

    Args:
        name: of the file.
    """
    return (
        f"{name} is hidden as a file, and all decoys are pictures, so weights may tell that there "
        "is one; sirensong decoys add --payloads makes some decoys like files"
    )


def default_folder() -> Path:
    """Where the pool is unless another folder is named: among the platform's application data."""
    from platformdirs import user_data_path

    return user_data_path("sirensong", appauthor=False) / "decoys"


def open_pool(folder: StrPath | None = None) -> Pool:
    """Open a pool of decoys, for the `decoys` of `hide` and `fit`.

    Args:
        folder: where it is; None for the place of `sirensong decoys`.

    Returns:
        The pool, false if there is none. Each kind that it has gets the same share.

    Raises:
        FileError: the folder cannot be read.

    Example:
        >>> import sirensong as ss
        >>> len(ss.open_pool("no such folder"))
        0
    """
    where = default_folder() if folder is None else Path(folder)
    found = {kind: _files(where / kind) for kind in PICTURE_KINDS}
    pictures = {kind: paths for kind, paths in found.items() if paths}
    kinds = [*pictures, *([PAYLOAD] if _has_payloads(where) else [])]
    return Pool(where, pictures, dict.fromkeys(kinds, 1 / max(1, len(kinds))))


def add_picture(folder: Path, rgb: RGB, kind: str | None = None) -> tuple[str, bool]:
    """Put a picture into a pool, made smaller; its file is whole or not there at all.

    Args:
        folder: of the pool, which is made if it is missing.
        rgb: (height, width, 3).
        kind: one of `PICTURE_KINDS`, None to guess.

    Returns:
        The kind, and whether the picture is new; it is not if the pool has the same pixels, as
        whatever kind.

    Raises:
        SettingError: there is no such kind.
        FileError: the folder or the file cannot be written.
    """
    kind = guess_kind(rgb) if kind is None else check_kind(kind)
    small = _thumbnail(rgb)
    height, width = size_of(small)
    name = f"{width}x{height}-{digest([small], 'decoy').hex()[:32]}.png"
    if any((folder / other / name).exists() for other in PICTURE_KINDS):
        return kind, False
    _make_private(folder / kind)
    path = folder / kind / name
    write_bytes(path, encode_picture(small, path), overwrite=False, secret=True)
    return kind, True


def add_payloads(folder: Path) -> None:
    """Say that decoys of a pool may be payloads. They need no pictures: they are made.

    Args:
        folder: of the pool, which is made if it is missing.

    Raises:
        FileError: the folder or the file cannot be written.
    """
    if not _has_payloads(folder):
        _make_private(folder)
        write_bytes(folder / _PAYLOADS, b"", overwrite=False, secret=True)


def remove_kinds(folder: Path, kinds: Sequence[str] = DECOY_KINDS) -> dict[str, int]:
    """Delete what a pool has of some kinds; no other files in its folders are touched.

    Args:
        folder: of the pool.
        kinds: which ones; "payload" for no more payloads.

    Returns:
        How many files of each kind were deleted.

    Raises:
        SettingError: there is no such kind.
        FileError: a file cannot be deleted.
    """
    removed = {}
    for kind in [check_kind(kind, DECOY_KINDS) for kind in kinds]:
        paths = _files_of(folder, kind)
        for path in paths:
            with file_errors("delete", path):
                path.unlink()
        removed[kind] = len(paths)
        _remove_empty(folder / kind)
    _remove_empty(folder)
    return removed


def _thumbnail(rgb: RGB) -> RGB:
    height, width = size_of(rgb)
    scale = min(1.0, SHORTER_SIDE / min(height, width))
    return resize(rgb, round(height * scale), round(width * scale))


def _make_private(folder: Path) -> None:
    with file_errors("make", folder):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)


def _remove_empty(folder: Path) -> None:
    with file_errors("delete", folder), contextlib.suppress(FileNotFoundError):
        if not any(folder.iterdir()):
            folder.rmdir()


def _has_payloads(folder: Path) -> bool:
    with file_errors("read", folder):
        return (folder / _PAYLOADS).is_file()


def _files_of(folder: Path, kind: str) -> tuple[Path, ...]:
    if kind != PAYLOAD:
        return _files(folder / kind)
    return (folder / _PAYLOADS,) if _has_payloads(folder) else ()


def _files(folder: Path) -> tuple[Path, ...]:
    """A kind's files, in the order of their names; links and what else is there are left out."""
    with file_errors("read", folder):
        if not folder.is_dir():
            return ()
        return tuple(
            path
            for path in sorted(folder.iterdir())
            if _NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink()
        )


def _fitting(paths: Sequence[Path], size: tuple[int, int]) -> Sequence[Path]:
    """The pictures that are at least as large; all if there are none."""
    return [path for path in paths if _is_as_large(path, size)] or paths


def _is_as_large(path: Path, size: tuple[int, int]) -> bool:
    match = _NAME.fullmatch(path.name)
    return match is not None and int(match["height"]) >= size[0] and int(match["width"]) >= size[1]


def _in_turn(paths: Sequence[Path], rng: np.random.Generator) -> Iterator[Path]:
    order = rng.permutation(len(paths))
    while True:
        yield from (paths[index] for index in order)
