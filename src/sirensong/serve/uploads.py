"""What the page has handed over, in memory: a cover and secrets, and nothing of them on disk."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from sirensong.carrier.slots import SLOTS
from sirensong.errors import SettingError
from sirensong.keys.given import AnyKey
from sirensong.serve.answers import RefusedError
from sirensong.verify import Expected, ExpectedFile, expect, expect_secret

COVER = 0
"""The place of the cover; secrets have 1 to 64."""

LARGEST_UPLOAD = 2**28
"""Bytes of one picture or file."""
LARGEST_TOTAL = 2**30
"""Bytes of all that are held and on their way."""


@dataclass(frozen=True)
class Upload:
    """A file as it came.

    Args:
        name: that it had.
        data: its bytes.
        exactly: whether a picture too is hidden byte for byte.
    """

    name: str
    data: bytes = field(repr=False)
    exactly: bool = False

    def as_cover(self) -> Expected:
        """Read it as a cover.

        Raises:
            FormatError: it is no picture.
        """
        return expect(self.data, self.name)

    def as_secret(self, key: AnyKey | None = None) -> Expected | ExpectedFile:
        """Read it as a secret: a picture, or what is none as a file.

        Raises:
            FormatError: it is named as a picture, and is none.
        """
        return expect_secret(self.data, self.name, key=key, exactly=self.exactly)


class Shelf:
    """Uploads by their places.

    Args:
        largest: the most bytes of one.
        total: the most bytes of all together.
    """

    def __init__(self, largest: int = LARGEST_UPLOAD, total: int = LARGEST_TOTAL) -> None:
        self.largest, self.total = largest, total
        self._held: dict[int, Upload] = {}
        self._coming = 0

    def __getitem__(self, place: int) -> Upload:
        """What is in a place. Raises SettingError if nothing is."""
        if place not in self._held:
            what = f"in place {place}" if place else "for a cover"
            raise SettingError(f"there is no picture {what}")
        return self._held[place]

    async def read(self, declared: str | None, body: AsyncIterable[bytes]) -> bytes:
        """Read a body, up to the cap.

        Args:
            declared: its length as its sender has it, None for not at all.
            body: parts of it.

        Raises:
            RefusedError: it is too large; what follows was not looked at.
        """
        if declared is not None and _is_above(declared, self.largest):
            raise self._too_large()
        parts: list[bytes] = []
        own = 0
        try:
            async for part in body:
                parts.append(part)
                own += len(part)
                self._coming += len(part)
                if own > self.largest:
                    raise self._too_large()
                if self._coming + sum(len(held.data) for held in self._held.values()) > self.total:
                    raise RefusedError(
                        413, f"all pictures together have more than {self.total} bytes"
                    )
        finally:
            self._coming -= own
        return b"".join(parts)

    def put(self, place: int, upload: Upload) -> None:
        """Keep an upload in its place, instead of what was there."""
        self._held[place] = upload

    def remove(self, place: int) -> None:
        """Let go of what is in a place, if anything is."""
        self._held.pop(place, None)

    def clear(self) -> None:
        """Let go of everything."""
        self._held.clear()

    def _too_large(self) -> RefusedError:
        return RefusedError(413, f"the file has more than {self.largest} bytes")


def _is_above(digits: str, number: int) -> bool:
    """Compare digits that may be a great many."""
    return len(digits) > len(str(2**63)) or (digits.isdecimal() and int(digits) > number)


def place_of(text: str) -> int:
    """Read the number of a place.

    Raises:
        RefusedError: there is no such place.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= SLOTS):
        raise RefusedError(404, f"pictures are {COVER}, the cover, and 1 to {SLOTS}, the secrets")
    return int(text)
