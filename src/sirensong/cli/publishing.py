"""sirensong publish: a carrier goes where others find it, and nothing goes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sirensong.cli.arguments import RUNNING, Json, Quiet
from sirensong.cli.console import out, print_note
from sirensong.cli.reporting import print_result
from sirensong.errors import SettingError
from sirensong.hub.publishing import Publication
from sirensong.hub.publishing import publish as send


def publish(
    carrier: Annotated[
        Path, typer.Argument(help="the carrier, a .safetensors file", show_default=False)
    ],
    destination: Annotated[
        str,
        typer.Argument(
            help="where to: hf://user/name, s3://bucket/folder, oci://registry/name:tag, or a "
            "folder of this machine",
            show_default=False,
        ),
    ],
    license_id: Annotated[
        str | None,
        typer.Option(
            "--license",
            metavar="NAME",
            help="what others may do with it, as the Hub names licenses: cc-by-4.0, other",
            show_default="none, it must be given",
        ),
    ] = None,
    page: Annotated[
        bool,
        typer.Option("--page", help="publish the page for browsers as well, as index.html"),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="show what would be published, no more", rich_help_panel=RUNNING
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="replace a carrier that is there; repositories keep it in their history",
            rich_help_panel=RUNNING,
        ),
    ] = False,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Publish a carrier with a card and a preview, both made from the carrier alone.

    Three files go, always of the same names: song.safetensors, README.md and preview.png; with
    --page, index.html too.
    """
    if license_id is None:
        raise SettingError(
            "no license is given", hint="--license cc-by-4.0, cc0-1.0 or apache-2.0, or other"
        )
    publication = send(
        *(carrier, destination),
        license_id=license_id,
        page=page,
        overwrite=overwrite,
        dry_run=dry_run,
    )
    if json:
        print_result("publish", _facts(publication, dry_run=dry_run))
        return
    for name, data in publication.files.items():
        out.print(f"{name}: {len(data)} bytes, sha256 {publication.digest(name)}", markup=False)
    if dry_run:
        out.print(f"\n{publication.card}", markup=False, end="")
        print_note(f"nothing was published to {destination}")
    else:
        out.print(f"published: {_place(publication)}", markup=False)


def _facts(publication: Publication, *, dry_run: bool) -> dict[str, Any]:
    files = [
        {"file": name, "bytes": len(data), "sha256": publication.digest(name)}
        for name, data in publication.files.items()
    ]
    facts = {"destination": str(publication.destination), "published": not dry_run, "files": files}
    return facts | {"card": publication.card}


def _place(publication: Publication) -> str:
    place = publication.destination
    return str(place / publication.address) if isinstance(place, Path) else publication.address
