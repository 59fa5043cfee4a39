"""Results of an entry on one data set, put together: means, intervals, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sirensong.lab.compare.entries import Entry
from sirensong.lab.reproduce.study import Record

_RESAMPLES = 2000
RAW_BITS = 24
"""Bits of a pixel of a picture, whatever its file makes of them."""


@dataclass(frozen=True)
class Summary:
    """What one entry did on one data set.

    Attributes:
        entry: which one.
        data_set: name of the data set.
        records: one for each set of pictures that it has hidden.
    """

    entry: Entry
    data_set: str
    records: Sequence[Record]

    @property
    def label(self) -> str:
        """Scheme and variant, as tables have them."""
        return f"{self.records[0]['title']}, {self.entry.variant}"

    @property
    def count(self) -> str:
        """How many sets, for a cell."""
        return str(len(self.records))

    @property
    def file_bits(self) -> str:
        """Bits of the file a pixel of the cover."""
        return self.cell(lambda record: 8 * record["bytes"] / record["pixels"])

    @property
    def raw_bits(self) -> str:
        """Bits of the channel a pixel of the cover: 24 where the file is a picture."""
        return str(RAW_BITS) if self.is_picture else self.file_bits

    @property
    def is_picture(self) -> bool:
        """Whether the file is a picture."""
        return bool(self.records[0]["ending"] == ".png")

    @property
    def pictures(self) -> dict[str, list[Record]]:
        """The measures of the stego picture and of each secret, one for each set."""
        names = ["stego", *(f"secret {place}" for place in range(1, self.entry.secrets + 1))]
        return {
            name: [record["images"][place] for record in self.records]
            for place, name in enumerate(names)
        }

    @property
    def worst(self) -> list[Record]:
        """The measures of the secret with the lowest PSNR of RGB in each set."""
        return [
            min(record["images"][1:], key=lambda image: float(image["psnr"]))
            for record in self.records
        ]

    @property
    def mean_secret(self) -> list[Record]:
        """The means of the secrets' measures in each set."""
        sets = [record["images"][1:] for record in self.records]
        return [
            {name: float(np.mean([image[name] for image in images])) for name in images[0]}
            for images in sets
        ]

    def cell(self, value: Callable[[Record], float | None], form: str = ".1f") -> str:
        """The mean of a number over sets, "-" where there is none."""
        values = [found for record in self.records if (found := value(record)) is not None]
        return mean_text(values, form) if values else "-"

    def stranger_cell(self, who: str) -> str:
        """PSNR of secret 1 for somebody without its key, "nothing" where there is no picture."""
        if who not in self.records[0]:
            return "-"
        found = [record[who] for record in self.records if record[who] is not None]
        if not found:
            return "nothing"
        none = len(self.records) - len(found)
        return f"{np.mean(found):.1f}" + (f" (nothing in {none} sets)" if none else "")


def summaries(records: Iterable[Record], entries: Iterable[Entry]) -> list[Summary]:
    """Put results together, in the order of data sets, and of entries in each.

    Args:
        records: of sets of pictures; those that failed are left out.
        entries: that summaries are wanted of.
    """
    own: dict[tuple[str, Entry], list[Record]] = {}
    for record in records:
        if "failed" not in record:
            own.setdefault((record["set"], entry_of(record)), []).append(record)
    wanted = list(entries)
    names = dict.fromkeys(name for name, _ in own)
    return [
        Summary(entry, name, own[name, entry])
        for name in names
        for entry in wanted
        if (name, entry) in own
    ]


def entry_of(record: Record) -> Entry:
    """The entry that a result is of."""
    return Entry(record["scheme"], record["variant"], record["secrets"])


def mean_text(values: Sequence[float], form: str = ".2f") -> str:
    """A mean, as a cell of a table."""
    return format(float(np.mean(values)), form)


def with_interval(values: Sequence[float]) -> str:
    """A mean, and the 95 % interval of bootstrap percentiles of it, such as "40.12 [39.80, 40.41]".

    Args:
        values: one a set of pictures. A single one, and infinite ones, have no interval.
    """
    mean = float(np.mean(values))
    if len(values) < 2 or not math.isfinite(mean):
        return f"{mean:.2f}"
    rng = np.random.default_rng(0)
    drawn = rng.choice(np.asarray(values), (_RESAMPLES, len(values))).mean(1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"
