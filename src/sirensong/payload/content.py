"""A file as it is hidden: its name and its content, compressed where that is shorter."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from functools import cached_property

from sirensong.errors import FormatError, SettingError

LARGEST_CONTENT = 2**30
"""Bytes of the largest file that is unpacked: a small payload may say that it is huge."""

LONGEST_NAME = 200
"""Bytes of the longest name, in UTF-8: what file systems take, with room for a number."""

_UNNAMED = "secret.bin"
_STORED, _DEFLATED = 0, 1
_HEAD = 1 + 1 + 4  # method, length of the name, length of the content
# What no file may be called anywhere: separators, what shells and Windows read otherwise, controls.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class HiddenFile:
    """A file to hide, or that was hidden: a name without folders, and bytes.

    Args:
        name: as it will be written; what no file system takes is replaced.
        content: 0 bytes to 1 GiB.

    Raises:
        SettingError: the content is no bytes, or too long.

    Example:
        >>> HiddenFile("../notes: 1.txt", b"noon").name
        'notes_ 1.txt'
    """

    name: str
    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.content, bytes):
            raise SettingError("a hidden file has a name, a str, and a content, bytes")
        if len(self.content) > LARGEST_CONTENT:
            raise SettingError(
                f"a hidden file has at most {LARGEST_CONTENT} bytes, got {len(self.content)}"
            )
        object.__setattr__(self, "name", safe_name(self.name))

    @cached_property
    def packed(self) -> bytes:
        """Name and content in one string of bytes, as short as it gets."""
        squeezed = zlib.compress(self.content, 9)
        shorter = len(squeezed) < len(self.content)
        name = self.name.encode()
        head = bytes([_DEFLATED if shorter else _STORED, len(name)])
        length = len(self.content).to_bytes(4, "little")
        return head + length + name + (squeezed if shorter else self.content)

    @classmethod
    def unpack(cls, data: bytes) -> HiddenFile:
        """Undo `packed`.

        Args:
            data: which nobody but a holder of the key has written.

        Raises:
            FormatError: it was not made by `packed`.
        """
        method, letters = data[:2] if len(data) >= _HEAD else (-1, 0)
        length = int.from_bytes(data[2:_HEAD], "little")
        name, body = data[_HEAD : _HEAD + letters], data[_HEAD + letters :]
        if method not in (_STORED, _DEFLATED) or len(name) < letters:
            raise FormatError("the hidden file's head is damaged, or of a newer release")
        if length > LARGEST_CONTENT:
            raise FormatError(
                f"the hidden file says it has {length} bytes, expected at most {LARGEST_CONTENT}"
            )
        content = _inflated(body, length) if method == _DEFLATED else body
        if len(content) != length:
            raise FormatError(f"the hidden file has {len(content)} bytes, expected {length}")
        return cls(name.decode(errors="replace"), content)


def safe_name(name: str) -> str:
    """A name under which a file can be written in any folder, and in no other one.

    Args:
        name: as somebody else has typed it, with folders perhaps.

    Returns:
        Its last part without what file systems do not take, shortened before its ending.
    """
    last = re.split(r"[/\\]", name)[-1]
    last = last.encode(errors="replace").decode()  # a lone surrogate has no bytes: "?" then
    clean = _FORBIDDEN.sub("_", last).strip(". ")
    if _DEVICES.fullmatch(clean):
        clean = "_" + clean
    stem, dot, ending = clean.rpartition(".")
    if not dot or len(ending.encode()) > LONGEST_NAME // 4:
        stem, dot, ending = clean, "", ""
    room = LONGEST_NAME - len((dot + ending).encode())
    return (stem.encode()[:room].decode(errors="ignore") + dot + ending) or _UNNAMED


def _inflated(body: bytes, length: int) -> bytes:
    """Decompress, and no more than one byte beyond what was said."""
    machine = zlib.decompressobj()
    try:
        content = machine.decompress(body, length + 1)
    except zlib.error as error:
        raise FormatError("the hidden file is damaged where it is compressed") from error
    return content
