"""Where a command's carrier is: a file, standard input, or an address, and how it is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sirensong.carrier.stego import StegoFunction
from sirensong.cli.arguments import RUNNING, open_carrier
from sirensong.cli.console import counting
from sirensong.cli.paths import Named
from sirensong.errors import SettingError
from sirensong.hub.addresses import Address, is_address, parse_address
from sirensong.hub.loading import load_address


@dataclass(frozen=True)
class Source:
    """A carrier that a command reads, as the user named it.

    Args:
        text: a path, "-" or an address.
        address: taken apart, None for a path and for "-".
    """

    text: str
    address: Address | None

    def __str__(self) -> str:
        return self.text if self.address is None else str(self.address)

    def files(self) -> Named:
        """The file, if it is one that the user has, for `refuse_same`."""
        return [] if self.address is not None else [("the carrier", Path(self.text))]


def parse_source(text: str) -> Source:
    """Tell addresses from files.

    Raises:
        SettingError: it is meant as an address, and is none.
    """
    return Source(text, parse_address(text) if is_address(text) else None)


CarrierSource = Annotated[
    Source,
    typer.Argument(
        parser=parse_source,
        metavar="CARRIER",
        help="the carrier: a .safetensors file, - for standard input, or an address, such as "
        "hf://user/name, https://host/file, s3://bucket/key, oci://registry/name:tag",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class FetchOptions:
    """How a carrier is fetched from an address; of files these options say nothing."""

    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="of an address, take what was downloaded before, and ask nobody",
            rich_help_panel=RUNNING,
        ),
    ] = False
    largest_download: Annotated[
        int | None,
        typer.Option(
            "--largest-download",
            metavar="BYTES",
            help="refuse to download more than this",
            show_default="512 MiB",
            rich_help_panel=RUNNING,
        ),
    ] = None

    def open(self, source: Source) -> tuple[Path, StegoFunction]:
        """Read a carrier, wherever it is.

        Returns:
            The file, that of an address in a cache, "-" for standard input; and the function.

        Raises:
            SettingError: the number of bytes is not positive.
            SirensongError: it cannot be read or fetched, or is no carrier.
        """
        if self.largest_download is not None and self.largest_download < 1:
            raise SettingError(f"--largest-download must be positive, got {self.largest_download}")
        if source.address is None:
            path = Path(source.text)
            return path, open_carrier(path)
        with counting() as advance:
            return load_address(
                source.address,
                offline=self.offline,
                largest=self.largest_download,
                on_bytes=lambda done, size: advance("bytes", done, size),
            )
