"""sirensong page: a song as a page for browsers, or the page alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sirensong.carrier.file import page as page_with
from sirensong.cli.arguments import Overwrite, Quiet
from sirensong.cli.console import out
from sirensong.cli.fetching import FetchOptions, Source, parse_source
from sirensong.cli.parsing import with_options
from sirensong.cli.paths import refuse_same
from sirensong.errors import SettingError
from sirensong.files import STANDARD, refuse_existing, write_output
from sirensong.web.page import viewer as viewer_alone

_ENDINGS = (".html", ".htm")


@with_options
def page(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="page to write, or - for standard output", show_default=False
        ),
    ],
    fetching: FetchOptions,
    carrier: Annotated[
        Source | None,
        typer.Argument(
            parser=parse_source,
            metavar="CARRIER",
            help="the carrier: a .safetensors file, - for standard input, or an address",
            show_default=False,
        ),
    ] = None,
    viewer: Annotated[
        bool, typer.Option("--viewer", help="write the page without a song, which opens any")
    ] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
) -> None:
    """Write a song as a page: browsers show its cover, and reveal with a key.

    It is one file, which opens from disk or from any server, and makes no request.
    """
    if viewer == (carrier is not None):
        raise SettingError("expected a carrier, or --viewer for the page without one")
    if carrier is not None:
        refuse_same([("the output", output)], carrier.files())
    standard = str(output) == STANDARD
    if not standard:
        if output.suffix.lower() not in _ENDINGS:
            raise SettingError(f"a page ends in .html, got {output}")
        refuse_existing(output, overwrite=overwrite)
    text = viewer_alone() if carrier is None else page_with(fetching.open(carrier)[1])
    data = text.encode()
    write_output(output, data, overwrite=overwrite)
    if not standard:
        out.print(f"{output}: {len(data)} bytes", markup=False)
