"""What can go wrong, said in one line: what, where, expected, got."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SirensongError(Exception):
    """Base of every error that Sirensong raises on purpose.

    Attributes:
        message: One line, lower case, no full stop.
        hint: What the user can do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class FileError(SirensongError):
    """A file cannot be read or written: missing, already there, no permission, disk full."""


class FormatError(SirensongError):
    """A file is damaged or of another kind than a carrier, key, mask, checkpoint or image."""


class SettingError(SirensongError):
    """A setting is out of its range or of another type, or two settings contradict each other."""


class NoPictureError(SirensongError):
    """The key opens no slot of this carrier: there is no picture for it."""


class StoppedError(SirensongError):
    """The user stopped a run."""


class MissingDependencyError(SirensongError):
    """A part of Sirensong needs a package that is not installed."""


@contextmanager
def needing(what: str, extra: str) -> Iterator[None]:
    """Import packages of an extra inside this context.

    Args:
        what: what needs which package, such as "detectors need scikit-learn".
        extra: of Sirensong, which installs the package.

    Raises:
        MissingDependencyError: a package is missing.
    """
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(what, hint=f"pip install 'sirensong[{extra}]'") from error


class TrainingDivergedError(SirensongError):
    """Training diverged: the weights are no longer finite."""
