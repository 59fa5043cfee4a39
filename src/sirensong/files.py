"""Reading with a cap and writing whole: a file is as it was or complete, never half-written."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from sirensong.errors import FileError, FormatError

StrPath = str | os.PathLike[str]

Bytes = bytes | memoryview

STANDARD = "-"
"""The name that stands for standard input and standard output."""


class Readable(Protocol):
    """A binary file object: an open file, a pipe, an `io.BytesIO`."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


@contextlib.contextmanager
def file_errors(verb: str, path: StrPath) -> Iterator[None]:
    """Turn an error of the operating system into a FileError.

    Args:
        verb: what is done with the file, such as "read".
        path: the file, for the message.

    Raises:
        FileError: the system refused, or no file can have this name: too long, or with a NUL byte.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"cannot {verb} {_shown(path)}: {reason.lower()}") from error


def file_size(path: StrPath) -> int:
    """Look up the size of a regular file without opening it: opening a pipe waits.

    Args:
        path: the file.

    Returns:
        Its size in bytes.

    Raises:
        FileError: there is none, or it is a folder, a pipe or a device.
    """
    with file_errors("read", path):
        found = Path(path).stat()
    if not stat.S_ISREG(found.st_mode):
        raise FileError(f"{_shown(path)} is not a regular file")
    return found.st_size


def read_bytes(path: StrPath, *, cap: int, what: str) -> bytes:
    """Read a whole regular file.

    Args:
        path: the file.
        cap: the most bytes it may have.
        what: the kind of file, for the messages, such as "a key file".

    Returns:
        Its bytes, 1 to `cap`.

    Raises:
        FileError: it cannot be read, or it is not a regular file.
        FormatError: it is empty, or larger than `cap`.
    """
    file_size(path)
    with file_errors("read", path), Path(path).open("rb") as file:
        return read_whole(file, path, cap=cap, what=what)


def read_input(path: StrPath, *, cap: int, what: str) -> bytes:
    """Read a whole file, or standard input where the name is "-".

    Args:
        path: a regular file, or "-".
        cap: the most bytes it may have.
        what: the kind of file, for the messages.

    Returns:
        Its bytes, 1 to `cap`.

    Raises:
        FileError: it cannot be read, or it is not a regular file.
        FormatError: it is empty, or larger than `cap`.
    """
    if os.fspath(path) != STANDARD:
        return read_bytes(path, cap=cap, what=what)
    with file_errors("read", "standard input"):
        return read_whole(sys.stdin.buffer, "standard input", cap=cap, what=what)


def read_whole(file: Readable, name: StrPath, *, cap: int, what: str) -> bytes:
    """Read what is left of an open file.

    Args:
        file: an open binary file.
        name: what to call it in the messages.
        cap: the most bytes that may be left.
        what: the kind of file, for the messages.

    Returns:
        Its bytes, 1 to `cap`.

    Raises:
        FormatError: None are left, or more than `cap`.
    """
    parts: list[bytes] = []
    room = cap + 1
    while room and (part := file.read(room)):
        parts.append(part)
        room -= len(part)
    data = b"".join(parts)
    if not data:
        raise FormatError(f"{_shown(name)} is empty, expected {what}")
    if len(data) > cap:
        raise FormatError(f"{_shown(name)} is too large for {what}: expected at most {cap} bytes")
    return data


def refuse_existing(path: StrPath, *, overwrite: bool) -> None:
    """Refuse a name under which a file could not be written, before the work for it begins.

    Args:
        path: the file to be.
        overwrite: whether it may replace a regular file.

    Raises:
        FileError: it exists and `overwrite` is false, it is a folder, a pipe or a device, it has no
            folder, or no file can have its name.
    """
    target = Path(path)
    with file_errors("write", path):
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise FileError(f"cannot write {_shown(path)}: it is {kind}")
        if os.path.lexists(target) and not overwrite:
            raise _exists(path)
        if not target.parent.is_dir():
            raise FileError(f"cannot write {_shown(path)}: no folder {_shown(target.parent)}")


def write_bytes(
    path: StrPath, data: Bytes | Iterable[Bytes], *, overwrite: bool, secret: bool = False
) -> None:
    """Write a file in one stroke: to a temporary file beside it, then renamed.

    Args:
        path: the file to be. A link of this name is replaced, not followed.
        data: its bytes, whole or in parts.
        overwrite: whether it may replace a regular file.
        secret: whether its owner alone may read it (mode 0600), from the first byte on.

    Raises:
        FileError: the name is refused (`refuse_existing`), also where it was taken only a moment
            ago, or the disk is full. Nothing is left behind then.
    """
    refuse_existing(path, overwrite=overwrite)
    target = Path(path)
    with file_errors("write", path):
        descriptor, name = tempfile.mkstemp(prefix=".sirensong-", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(_parts(data))
                file.flush()
                os.fsync(file.fileno())
            if not secret:
                temporary.chmod(0o666 & ~_umask())
            if overwrite:
                temporary.replace(target)
            else:
                _link_new(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def write_output(
    path: StrPath, data: Bytes | Iterable[Bytes], *, overwrite: bool, secret: bool = False
) -> None:
    """Write a file in one stroke, or to standard output where the name is "-".

    Args:
        path: the file to be, or "-".
        data: its bytes, whole or in parts.
        overwrite: whether it may replace a regular file.
        secret: whether its owner alone may read it (mode 0600).

    Raises:
        FileError: it cannot be written, or the other end of a pipe is closed.
    """
    if os.fspath(path) != STANDARD:
        write_bytes(path, data, overwrite=overwrite, secret=secret)
        return
    with file_errors("write", "standard output"):
        sys.stdout.buffer.writelines(_parts(data))
        sys.stdout.buffer.flush()


def _parts(data: Bytes | Iterable[Bytes]) -> Iterable[Bytes]:
    return (data,) if isinstance(data, Bytes) else data


def _shown(path: StrPath) -> str:
    """A name as it stands in a message of one line."""
    name = os.fsdecode(path)
    return name if name.isprintable() else ascii(name)


def _mode(path: Path) -> int | None:
    """The kind and permissions of what is there, links followed; None if nothing is."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _exists(path: StrPath) -> FileError:
    return FileError(f"{_shown(path)} exists", hint="choose another name, or pass --overwrite")


def _link_new(temporary: Path, target: Path) -> None:
    """Give the temporary file its name unless another file took it meanwhile."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise _exists(target) from None
        temporary.replace(target)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
