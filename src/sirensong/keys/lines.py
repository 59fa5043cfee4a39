"""The text files that keys are kept in: what is a line, what is a comment, what is white space."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sirensong.errors import FileError, FormatError, SettingError
from sirensong.files import StrPath, read_bytes, write_bytes

BLANKS = " \t"
"""White space at a line's ends, which does not count. There is no other."""

LINE_ENDS = "\r\n"

LARGEST_TEXT = 4096
"""Bytes of a file of keys, or of a passphrase."""

_Read = TypeVar("_Read")

_KEY_TEXTS = ("sirensong-key-", "age-secret-key-1", "age1")
_LEAST_KEY_TEXT = 50  # letters; what begins like a key and is shorter may be the name of a file


def text_of(data: bytes, name: StrPath, what: str) -> str:
    """Decode a file of text: UTF-8 without a byte order mark.

    Args:
        data: its bytes.
        name: of the file, for messages.
        what: the kind of file, for messages, such as "a key file".

    Returns:
        The text, with LF at the ends of lines, which are LF or CR LF.

    Raises:
        FormatError: it is not such text. The message never quotes it.
    """
    if data.startswith(codecs.BOM_UTF8):
        raise FormatError(
            f"{name} is not {what}: it begins with a byte order mark",
            hint="save it as UTF-8 without one",
        )
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise FormatError(f"{name} is not {what}: it is not text in UTF-8") from None
    if "\r" in text:
        raise FormatError(f"{name} is not {what}: its lines end neither in LF nor in CR LF")
    return text


def read_lines(path: StrPath, what: str) -> list[str]:
    """Read the lines of a file that are neither empty nor comments, which begin with #.

    Args:
        path: of the file.
        what: the kind of file, for messages, such as "a key file".

    Returns:
        The lines, without spaces and tabs at their ends.

    Raises:
        SettingError: `path` is not a path, but a key for instance. The message never quotes it.
        FileError: the file cannot be read.
        FormatError: it is not text, or is larger than 4,096 bytes.
    """
    check_path(path, what)
    text = text_of(read_bytes(path, cap=LARGEST_TEXT, what=what), path, what)
    lines = [line.strip(BLANKS) for line in text.split("\n")]
    return [line for line in lines if line and not line.startswith("#")]


def from_line(path: StrPath, line: str, read: Callable[[str], _Read]) -> _Read:
    """Read a key from a line of a file, which is named where it has a typo.

    Args:
        path: of the file.
        line: of it.
        read: `from_text` of the kind of key.

    Raises:
        FormatError: what `read` raises, with the path in front.
    """
    try:
        return read(line)
    except FormatError as error:
        raise FormatError(f"{path}: {error.message}", hint=error.hint) from None


def write_lines(path: StrPath, lines: Sequence[str]) -> None:
    """Write a key's file that only its owner can read (permissions 0600).

    Args:
        path: of the new file.
        lines: without their ends.

    Raises:
        FileError: the file exists (keys are never overwritten) or cannot be written.
    """
    if Path(path).exists():
        raise FileError(f"{path} exists", hint="a key is never overwritten: choose another name")
    text = "".join(f"{line}\n" for line in lines)
    write_bytes(path, text.encode(), overwrite=False, secret=True)


def is_key_text(path: StrPath, prefix: str) -> bool:
    """Tell the text of a key from the name of a file that begins like one.

    Args:
        path: the text.
        prefix: what the key's text begins with, in lower case.

    Returns:
        Whether it begins so, in whatever case, and is as long as a key.
    """
    text = os.fspath(path).strip().lower()
    return text.startswith(prefix) and len(text) >= _LEAST_KEY_TEXT


def check_path(path: StrPath, what: str) -> None:
    """Refuse what is not a path, and the text of a key in place of one.

    Args:
        path: of a file.
        what: the kind of file, for messages.

    Raises:
        SettingError: it is. The message never quotes it.
    """
    if not isinstance(path, str | os.PathLike):
        raise SettingError(f"expected the path of {what}, got {type(path).__name__}")
    if any(is_key_text(path, prefix) for prefix in _KEY_TEXTS):
        raise SettingError(
            f"expected the path of {what}, got the text of a key", hint="from_text reads it"
        )
