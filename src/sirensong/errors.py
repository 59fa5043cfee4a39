"""What can go wrong, told in one line: what, where, expected, got."""

from __future__ import annotations


class SirensongError(Exception):
    """Base of every error that Sirensong raises on purpose.

    message: one line, lower case, no full stop. hint: what the user can do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class FileError(SirensongError):
    """A file cannot be read or written: missing, already there, no permission, disk full."""


class FormatError(SirensongError):
    """A file is not what it should be: a carrier, key, mask, checkpoint or picture that is damaged or of another kind."""


class SettingError(SirensongError):
    """A setting is out of its range, or two settings contradict each other."""


class NoPictureError(SirensongError):
    """The key opens no slot of this carrier: there is no picture for it."""


class StoppedError(SirensongError):
    """The user stopped a run."""


class MissingDependencyError(SirensongError):
    """A part of Sirensong needs a package that is not installed."""
