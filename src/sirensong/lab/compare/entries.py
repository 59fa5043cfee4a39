"""Which schemes are compared, in which tables: the one list of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sirensong.errors import SettingError

SMALL, FULL = "small", "full"
OURS = "stegainr4mih"


@dataclass(frozen=True)
class Entry:
    """A row of the comparison.

    Attributes:
        scheme: its name in the catalogue.
        variant: of the scheme.
        secrets: how many pictures each file hides.
        most: the most sets of pictures that it is run on; None for all.
        long: whether it takes so long that it is run only if its variant is asked for.
    """

    scheme: str
    variant: str
    secrets: int
    most: int | None = field(default=None, compare=False)
    long: bool = field(default=False, compare=False)

    @property
    def group(self) -> str:
        """`SMALL` for a scheme that was made smaller than its authors', else `FULL`."""
        return SMALL if self.variant == SMALL else FULL

    @property
    def name(self) -> str:
        """Scheme, variant and secrets, as in the names of files."""
        return f"{self.scheme}-{self.variant}-{self.secrets}"


def _entries(scheme: str, variants: Sequence[str], secrets: int) -> list[Entry]:
    return [Entry(scheme, variant, secrets) for variant in variants]


_SIZES = (FULL, SMALL)
_CODECS = ("codec1", "codec2", "codec3", "codec4")

QUALITY = (
    *_entries("lsb", ("published", "plain", "tamimi", "codec2", "codec3"), 2),
    *_entries("hidden", _SIZES, 2),
    *_entries("baluja", _SIZES, 2),
    *_entries("weng", _SIZES, 2),
    *_entries("misdnn", _SIZES, 2),
    *_entries("isn", _SIZES, 2),
    *_entries("hinet", _SIZES, 1),
    *_entries("deepmih", _SIZES, 2),
    Entry("stegainr", "tuned", 2),
    Entry("stegainr", "literal", 1, most=2, long=True),
    Entry("inrsteg", FULL, 2, most=1, long=True),
    Entry("inrsteg", SMALL, 2),
    *_entries(OURS, ("24bpp", "12bpp", "8bpp", "archive"), 2),
    Entry(OURS, "paper", 2, most=1, long=True),
)
"""Two secrets, or one where the scheme or its cost allows no more."""

EQUAL_BITS = {24: (f"{OURS}-24bpp-2",), 12: (f"{OURS}-12bpp-2",)}
"""Carrier bits a pixel at which schemes are compared, and which entries of `QUALITY` whose file is
no picture are made for them. A picture has 24 raw bits a pixel."""

COUNTS = (2, 5, 16, 25)
"""Secrets in the table of capacity."""

CAPACITY = (
    *(entry for count in COUNTS for entry in _entries("lsb", _CODECS, count)),
    *(entry for count in COUNTS[:2] for entry in _entries("isn", _SIZES, count)),
    *(
        Entry(OURS, variant, count, long=count > 5)
        for variant in ("24bpp", "archive")
        for count in COUNTS
    ),
)
"""More and more secrets. A codec that these do not fit into says so."""

ENTRIES = tuple(dict.fromkeys((*QUALITY, *CAPACITY)))


def choose(methods: str) -> tuple[list[Entry], list[Entry]]:
    """Find the entries that a user asks for.

    Args:
        methods: "all", names of schemes, SCHEME:VARIANT, or SCHEME:VARIANT:SECRETS, with commas
            between them.

    Returns:
        The entries that are to be run, and those that are left out because they take long.

    Raises:
        SettingError: there is no such row.
    """
    run: set[Entry] = set()
    met: set[Entry] = set()
    for name in methods.split(","):
        wanted = name.strip().split(":")
        own = [entry for entry in ENTRIES if wanted in (["all"], *_names(entry))]
        if not own:
            raise SettingError(f"methods are {_known()}, got {name.strip()!r}")
        met.update(own)
        run.update(entry for entry in own if len(wanted) > 1 or not entry.long)
    return [one for one in ENTRIES if one in run], [one for one in ENTRIES if one in met - run]


def _names(entry: Entry) -> list[list[str]]:
    """What a user may call it: by its scheme, with its variant, and with its secrets too."""
    parts = [entry.scheme, entry.variant, str(entry.secrets)]
    return [parts[:count] for count in (1, 2, 3)]


def _known() -> str:
    schemes = dict.fromkeys(entry.scheme for entry in ENTRIES)
    return f"all, {', '.join(schemes)}, METHOD:VARIANT, or METHOD:VARIANT:SECRETS"
