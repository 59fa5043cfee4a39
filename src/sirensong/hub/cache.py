"""Where downloads are kept: in a folder that only its owner reads, one folder for each address.

A version of a file has its own names there, made of what the server calls that version. So no part
of one version is ever continued with bytes of another, whatever stopped a download, and whoever
else downloads the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sirensong.files import file_errors

PLACE = "SIRENSONG_CACHE"
"""The environment variable that names another folder."""

_WHOLE, _PART, _VERSION = ".safetensors", ".part", ".version"
_ABANDONED = 86_400  # seconds after which a file that another process was to name is deleted


def cache_folder() -> Path:
    """Where downloads are kept: among the platform's caches, unless SIRENSONG_CACHE says where."""
    from platformdirs import user_cache_path

    given = os.environ.get(PLACE)
    return Path(given) if given else user_cache_path("sirensong", appauthor=False) / "carriers"


@dataclass(frozen=True)
class Known:
    """What the cache has of an address, by the server's names of versions.

    Args:
        whole: the version that is there whole, None for none.
        part: the version that is there in part, None for none.
        start: how many bytes of that part there are.
    """

    whole: str | None = None
    part: str | None = None
    start: int = 0


def can_go_on(version: str | None) -> bool:
    """Whether a part of this version can be continued: its name stands for every byte of it."""
    return version is not None and not version.startswith("W/")


class Entry:
    """The versions of what is at one address.

    Args:
        address: the whole of it. Its hash alone is written.
    """

    def __init__(self, address: str) -> None:
        name = hashlib.sha256(address.encode()).hexdigest()[:32]
        self.folder = cache_folder() / name

    def whole(self) -> Path | None:
        """The last version that is there whole."""
        with file_errors("read", self.folder):
            found = sorted(self._files(_WHOLE), key=lambda path: path.stat().st_mtime)
        return found[-1] if found else None

    def known(self) -> Known:
        """What a server need not send again."""
        whole = self.whole()
        version = None if whole is None else self._version(whole)
        for part in self._files(_PART):
            partial, size = self._version(part), part.stat().st_size
            if can_go_on(partial) and size:
                return Known(version, partial, size)
        return Known(version)

    @contextlib.contextmanager
    def receiving(self, version: str | None, start: int) -> Iterator[tuple[Path, BinaryIO]]:
        """Open the file that is to hold a version.

        Args:
            version: the server's name of it, None where it has none; then nothing is kept of a
                download that was stopped.
            start: how many bytes of it are there already.

        Yields:
            The file's path, and the file, open for reading and for writing from `start` on.
        """
        self._make()
        with file_errors("write", self.folder):
            if version is None:
                descriptor, name = tempfile.mkstemp(_PART, ".", self.folder)
                path = Path(name)
            else:
                path = self.folder / f"{_name(version)}{_PART}"
                path.with_suffix(_VERSION).write_text(version, encoding="utf-8")
                if not start:
                    path.unlink(missing_ok=True)  # another process may still write to the old one
                descriptor = os.open(
                    path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600
                )
        try:
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                file.seek(start)
                yield path, file
        finally:
            if version is None:
                path.unlink(missing_ok=True)

    def finish(self, part: Path, file: BinaryIO, version: str | None) -> Path:
        """Name a part that has become whole, and delete all other versions.

        Args:
            part: the path that `receiving` gave.
            file: the file that it gave. It is no longer of this path if another process has begun
                the same anew.
            version: as `receiving` was given it.

        Returns:
            The whole file.
        """
        whole = self.folder / f"{_name(version or '')}{_WHOLE}"
        with file_errors("write", self.folder):
            with contextlib.suppress(FileNotFoundError):
                if _is_at(file, part):
                    part.replace(whole)
            if not _is_at(file, whole):  # another process has begun the same anew
                self._copied(file).replace(whole)
            for path in self.folder.iterdir():
                if path.stem != whole.stem and not _is_in_use(path):
                    with contextlib.suppress(OSError):
                        path.unlink()
        return whole

    def _copied(self, file: BinaryIO) -> Path:
        file.seek(0)
        descriptor, name = tempfile.mkstemp(_PART, ".", self.folder)
        with os.fdopen(descriptor, "wb") as copy:
            shutil.copyfileobj(file, copy)
        return Path(name)

    def _make(self) -> None:
        with file_errors("make", self.folder):
            self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.folder.chmod(0o700)  # which fails if it is somebody else's

    def _files(self, ending: str) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [path for path in self.folder.iterdir() if path.suffix == ending]

    def _version(self, path: Path) -> str | None:
        """The version that a file is of; None if what says so is missing or damaged."""
        try:
            version = path.with_suffix(_VERSION).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
        return version if _name(version) == path.stem else None


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _is_in_use(path: Path) -> bool:
    """Whether a file without a version's name may be another process's, which is at work."""
    try:
        return path.name.startswith(".") and time.time() - path.stat().st_mtime < _ABANDONED
    except FileNotFoundError:
        return False


def _name(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest()[:32]
