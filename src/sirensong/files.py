"""Reading with a cap and writing whole: a file is either as it was before or complete, never half-written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from sirensong.errors import FileError, FormatError

StrPath = str | os.PathLike[str]

Bytes = bytes | memoryview


@contextlib.contextmanager
def told(verb: str, path: StrPath) -> Iterator[None]:
    """Turn an OSError into a FileError that says what could not be done with which file."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"cannot {verb} {os.fspath(path)}: {reason}") from error


def read_bytes(path: StrPath, *, cap: int, what: str) -> bytes:
    """Read a whole file of at most `cap` bytes.

    what: the kind of file, for the message. Raises FileError if it cannot be read, FormatError if it is empty or larger.
    """
    with told("read", path), Path(path).open("rb") as file:
        data = file.read(cap + 1)
    if not data:
        raise FormatError(f"{os.fspath(path)} is empty, expected {what}")
    if len(data) > cap:
        raise FormatError(
            f"{os.fspath(path)} is too large for {what}: expected at most {cap} bytes"
        )
    return data


def refuse_existing(path: StrPath, *, overwrite: bool) -> None:
    """Raise FileError if `path` exists and may not be overwritten, if it has no folder, or if no file can have its name."""
    target = Path(path)
    with told("write", path):
        if target.is_dir():
            raise FileError(f"cannot write {target}: it is a folder")
        if target.exists() and not overwrite:
            raise FileError(f"{target} exists", hint="choose another name, or pass --overwrite")
        if not target.parent.is_dir():
            raise FileError(f"cannot write {target}: no folder {target.parent}")


def write_bytes(
    path: StrPath, data: Bytes | Iterable[Bytes], *, overwrite: bool, secret: bool = False
) -> None:
    """Write a file in one stroke: to a temporary file beside it, then renamed.

    data: whole, or in parts. secret: make it readable by its owner alone (0600), from the first byte on. Raises FileError if
    `path` exists and `overwrite` is false, also when it came into being only a moment ago, and if the disk is full; then nothing
    is left behind.
    """
    refuse_existing(path, overwrite=overwrite)
    target = Path(path)
    with told("write", path):
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines((data,) if isinstance(data, Bytes) else data)
                file.flush()
                os.fsync(file.fileno())
            if not secret:
                Path(name).chmod(0o666 & ~_umask())
            if overwrite:
                Path(name).replace(target)
            else:
                _link_new(Path(name), target)
        finally:
            Path(name).unlink(missing_ok=True)


def _link_new(temporary: Path, target: Path) -> None:
    """Give the temporary file its name unless another file took it meanwhile."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise FileError(
            f"{target} exists", hint="choose another name, or pass --overwrite"
        ) from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileError(
                f"{target} exists", hint="choose another name, or pass --overwrite"
            ) from None
        temporary.replace(target)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
