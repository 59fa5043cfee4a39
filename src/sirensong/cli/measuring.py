"""sirensong measure: how close a carrier's renders are to the pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from sirensong.cli.arguments import Carrier, Json, MaskFile, Quiet, open_carrier, open_picture
from sirensong.cli.console import print_note
from sirensong.cli.keys import SecretOptions, open_secrets
from sirensong.cli.parsing import with_options
from sirensong.cli.reporting import report
from sirensong.errors import SettingError
from sirensong.network.mask import read_mask
from sirensong.verify import Expected, ExpectedFile, Measured, measure_all


@with_options
def measure(
    carrier: Carrier,
    secrets: SecretOptions,
    cover: Annotated[
        Path | None,
        typer.Option("--cover", help="the cover picture, or - for standard input"),
    ] = None,
    mask: MaskFile = None,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Measure PSNR, SSIM, RMSE and MAE of a carrier's pictures against the originals.

    Files are read back and compared byte for byte.

    A picture that was made smaller for the carrier is measured at that size, and once more
    enlarged back, against the original.
    """
    started = time.monotonic()
    expected: list[Expected | ExpectedFile] = [] if cover is None else [open_picture(cover)]
    expected += open_secrets(secrets.locked(), twice=False)
    if not expected:
        raise SettingError(
            "nothing to measure", hint="give --cover, --secret, --passphrase or --passphrase-file"
        )
    stego = open_carrier(carrier)
    measured = measure_all(stego, expected, None if mask is None else read_mask(mask))
    for picture in measured:
        if isinstance(picture, Measured) and picture.original is not None:
            print_note(f"{picture.name} is of another size in the carrier, and measured at both")
    report("measure", carrier, stego, measured, json=json, seconds=time.monotonic() - started)
