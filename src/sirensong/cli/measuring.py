"""sirensong measure: how close a carrier's renders are to the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sirensong.carrier.file import load
from sirensong.carrier.stego import StegoFunction
from sirensong.cli.arguments import (
    Carrier,
    Json,
    MaskFile,
    PassphraseFileSecrets,
    PassphraseSecrets,
    Picture,
    SecretOption,
    open_picture,
    open_secrets,
)
from sirensong.cli.console import print_json, print_note, quality_table
from sirensong.errors import SettingError
from sirensong.network.mask import Mask, read_mask
from sirensong.network.rendering import render_uint8
from sirensong.pictures.image import RGB, resize
from sirensong.pictures.metrics import Quality
from sirensong.pictures.metrics import measure as compare
from sirensong.reveal import unlock


def measure(
    carrier: Carrier,
    cover: Annotated[Path | None, typer.Option("--cover", help="the cover picture")] = None,
    secret: SecretOption = None,
    passphrase: PassphraseSecrets = None,
    passphrase_file: PassphraseFileSecrets = None,
    mask: MaskFile = None,
    json: Json = False,
) -> None:
    """Measure PSNR, SSIM, RMSE and MAE of a carrier's pictures against the originals."""
    pictures = [] if cover is None else [open_picture(cover)]
    pictures += open_secrets(secret, passphrase, passphrase_file, twice=False)
    if not pictures:
        raise SettingError(
            "nothing to measure", hint="give --cover, --secret, --passphrase or --passphrase-file"
        )
    report(
        carrier,
        qualities(load(carrier), pictures, None if mask is None else read_mask(mask)),
        json=json,
    )


def qualities(
    stego: StegoFunction, pictures: list[Picture], mask: Mask | None
) -> list[tuple[str, Quality]]:
    """Measure each picture as a receiver would render it, at the size that the carrier has it in."""
    return [(picture.name, _quality(stego, picture, mask)) for picture in pictures]


def _quality(stego: StegoFunction, picture: Picture, mask: Mask | None) -> Quality:
    rendered = _render(stego, picture, mask)
    original = picture.rgb
    if original.shape != rendered.shape:
        height, width = rendered.shape[:2]
        print_note(f"{picture.name} is measured at {width}x{height}, as it is in the carrier")
        original = resize(original, height, width)
    return compare(original, rendered)


def _render(stego: StegoFunction, picture: Picture, mask: Mask | None) -> RGB:
    function = stego if picture.key is None else unlock(stego, picture.key, mask=mask)
    return render_uint8(function, (function.height, function.width))


def report(carrier: Path, rows: list[tuple[str, Quality]], *, json: bool) -> None:
    """Print the measurements as a table, or as JSON."""
    if json:
        print_json(
            {
                "carrier": str(carrier),
                "pictures": [{"picture": name, **quality.as_json()} for name, quality in rows],
            }
        )
    else:
        quality_table(rows, str(carrier))
