"""sirensong sample, sirensong reveal: what anybody, and what a key holder, sees. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sirensong.carrier.file import load
from sirensong.cli.arguments import (
    Carrier,
    MaskFile,
    Output,
    Overwrite,
    Scale,
    SizeOption,
    receiver_key,
    render_size,
)
from sirensong.cli.console import out, print_note
from sirensong.errors import NoPictureError, SettingError
from sirensong.files import refuse_existing
from sirensong.network.mask import read_mask
from sirensong.network.rendering import render_uint8
from sirensong.pictures.image import check_ending, write_picture
from sirensong.reveal import unlock


def sample(
    carrier: Carrier,
    output: Output,
    size: SizeOption = None,
    scale: Scale = None,
    overwrite: Overwrite = False,
) -> None:
    """Render the cover picture of a carrier, at any size."""
    _check_output(output, overwrite)
    stego = load(carrier)
    picture = render_uint8(stego, render_size((stego.height, stego.width), size, scale))
    write_picture(output, picture, overwrite=overwrite)
    _tell(output, picture.shape)


def reveal(
    carrier: Carrier,
    output: Output,
    key: Annotated[Path | None, typer.Option("--key", help="your key file")] = None,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="ask for a passphrase")] = False,
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", help="read the passphrase from a file")
    ] = None,
    mask: MaskFile = None,
    size: SizeOption = None,
    scale: Scale = None,
    force: Annotated[
        bool, typer.Option("--force", help="render the noise that a wrong key makes")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Render the secret picture that a key stands for, at its own size or any other."""
    _check_output(output, overwrite)
    unlocking = receiver_key(key, passphrase, passphrase_file)
    stego = load(carrier)
    try:
        secret = unlock(
            stego, unlocking, mask=None if mask is None else read_mask(mask), force=force
        )
    except NoPictureError as error:
        raise NoPictureError(f"{error.message} in {carrier}", hint=error.hint) from None
    except SettingError as error:
        raise SettingError(f"{carrier}: {error.message}", hint=error.hint) from None
    if not secret.found:
        print_note(f"the key opens nothing in {carrier}; this is the noise that it makes")
    elif not secret.intact:
        print_note(
            f"the weights of {carrier} have changed since it was made; the picture may have suffered"
        )
    picture = render_uint8(secret, render_size((secret.height, secret.width), size, scale))
    write_picture(output, picture, overwrite=overwrite)
    _tell(output, picture.shape)


def _check_output(output: Path, overwrite: bool) -> None:
    """Refuse what cannot be written before any work is done."""
    check_ending(output)
    refuse_existing(output, overwrite=overwrite)


def _tell(output: Path, shape: tuple[int, ...]) -> None:
    out.print(f"{output}: {shape[1]}x{shape[0]}", markup=False)
