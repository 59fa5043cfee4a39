"""Entries that are ready to run, and why others are not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sirensong.errors import FileError, SirensongError
from sirensong.files import read_bytes
from sirensong.lab.baselines.catalogue import find_class
from sirensong.lab.baselines.method import Method
from sirensong.lab.compare.entries import Entry

_LARGEST_WEIGHTS = 2**30


@dataclass(frozen=True)
class Absence:
    """An entry that is not run.

    Attributes:
        entry: which one.
        reason: why not.
    """

    entry: Entry
    reason: str


@dataclass(frozen=True)
class Contender:
    """An entry that can be run, in whatever process.

    Attributes:
        entry: which one.
        kind: the scheme's class.
        weights: the file of its trained weights; None for a scheme that has none.
        digest: SHA-256 of the weights, in hexadecimal; None without.
        training: how long the weights were trained, as their file says.
    """

    entry: Entry
    kind: type[Method]
    weights: Path | None = None
    digest: str | None = None
    training: str | None = None

    def open(self) -> Method:
        """Make the scheme.

        Raises:
            FileError: the weights cannot be read.
            FormatError: they are of another network.
        """
        if self.weights is None:
            return self.kind(self.entry.variant, self.entry.secrets)
        from sirensong.lab.baselines.networks.method import NetworkMethod

        if not issubclass(self.kind, NetworkMethod):
            raise TypeError(f"{self.entry.scheme} is trained, but no network")
        return self.kind(self.entry.variant, self.entry.secrets, self.weights)


def prepare(
    entries: Sequence[Entry], weights: Path, size: int
) -> tuple[list[Contender], list[Absence]]:
    """Find out which entries can be run on pictures of a size.

    Args:
        entries: in order.
        weights: folder with a file SCHEME-VARIANT-SECRETS.safetensors for each trained entry.
        size: side of the pictures in pixels.

    Returns:
        Those that can be run, and those that cannot: the scheme is not here, a package that it
        needs is not installed, its weights are missing or of another network, or it does not take
        so many secrets or pictures of this size.
    """
    ready, absent = [], []
    for entry in entries:
        try:
            ready.append(_prepared(entry, weights, size))
        except SirensongError as error:
            absent.append(Absence(entry, error.message))
    return ready, absent


def _prepared(entry: Entry, weights: Path, size: int) -> Contender:
    kind = find_class(entry.scheme)
    contender = Contender(entry, kind)
    if kind.trained:
        from sirensong.lab.baselines.networks.weights import read_facts

        path = weights / f"{entry.name}.safetensors"
        if not path.exists():
            raise FileError(f"no weights {path}")
        data = read_bytes(path, cap=_LARGEST_WEIGHTS, what="trained weights")
        digest = hashlib.sha256(data).hexdigest()
        contender = Contender(entry, kind, path, digest, read_facts(path).get("minutes"))
    picture = np.zeros((size, size, 3), np.uint8)
    contender.open().check(picture, [picture] * entry.secrets)
    return contender
