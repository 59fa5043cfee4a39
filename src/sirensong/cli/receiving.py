"""sirensong sample, sirensong reveal: what anybody, and what a key holder, sees. No torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sirensong.carrier.stego import StegoFunction
from sirensong.cli.arguments import (
    MaskFile,
    Overwrite,
    PictureOutput,
    Quiet,
    Scale,
    SizeOption,
    check_picture_output,
    render_size,
    write_picture_output,
)
from sirensong.cli.console import out, print_note
from sirensong.cli.fetching import CarrierSource, FetchOptions, Source
from sirensong.cli.keys import KeyOptions
from sirensong.cli.parsing import with_options
from sirensong.cli.paths import refuse_same
from sirensong.errors import FormatError, NoPictureError, SettingError
from sirensong.files import STANDARD, file_errors, refuse_existing, write_output
from sirensong.keys.given import Key
from sirensong.keys.secret import Passphrase
from sirensong.network.mask import read_mask
from sirensong.network.rendering import render_uint8
from sirensong.pictures.image import RGB
from sirensong.reveal import SecretFunction, unlock

_PICTURE = "secret.png"  # what a picture is called in a folder: it has no name of its own


@with_options
def sample(
    carrier: CarrierSource,
    output: PictureOutput,
    fetching: FetchOptions,
    size: SizeOption = None,
    scale: Scale = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
) -> None:
    """Render the cover picture of a carrier, at any size."""
    refuse_same([("the output", output)], carrier.files())
    check_picture_output(output, overwrite=overwrite)
    _, stego = fetching.open(carrier)
    picture = render_uint8(stego, render_size((stego.height, stego.width), size, scale))
    _write(output, picture, overwrite=overwrite, secret=False)


@with_options
def reveal(
    carrier: CarrierSource,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="picture or file to write, a folder for it, or - for standard output",
            show_default=False,
        ),
    ],
    unlocking: KeyOptions,
    fetching: FetchOptions,
    mask: MaskFile = None,
    size: SizeOption = None,
    scale: Scale = None,
    force: Annotated[
        bool, typer.Option("--force", help="render the distorted cover that a wrong key makes")
    ] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
) -> None:
    """Reveal what a key stands for: a picture, at its own size or any other, or a file."""
    read = [*carrier.files(), *unlocking.files()]
    if mask is not None:
        read.append(("the mask", mask))
    target = Path(output)
    refuse_same([("the output", target)], read)
    folder = target if output.endswith(("/", os.sep)) or target.is_dir() else None
    if folder is None and output != STANDARD:
        refuse_existing(target, overwrite=overwrite)
    keys = unlocking.read()
    _, stego = fetching.open(carrier)
    secret = _unlocked(stego, carrier, keys, mask, force=force)
    if secret.is_file:
        if size is not None or scale is not None:
            raise SettingError(f"{carrier}: the key opens a file, which has no --size or --scale")
        _write_file(secret, carrier, target, folder, overwrite=overwrite)
        return
    if folder is not None:
        target = _made(folder) / _PICTURE
    check_picture_output(target, overwrite=overwrite)
    picture = render_uint8(secret, render_size((secret.height, secret.width), size, scale))
    _write(target, picture, overwrite=overwrite, secret=True)


def _unlocked(
    stego: StegoFunction, carrier: Source, keys: Sequence[Key], mask: Path | None, *, force: bool
) -> SecretFunction:
    """What the first key that opens a slot makes of a carrier, and a note if all is not well."""
    known = None if mask is None else read_mask(mask)
    try:
        secret = unlock(stego, keys, mask=known, force=force)
    except NoPictureError as error:
        hint = error.hint
        if isinstance(keys[0], Passphrase):
            hint = "was it hidden with another --passphrase-memory? the sender knows"
        raise NoPictureError(f"{error.message} in {carrier}", hint=hint) from None
    except (SettingError, FormatError) as error:
        raise type(error)(f"{carrier}: {error.message}", hint=error.hint) from None
    if not secret.found:
        print_note(
            f"the key opens nothing in {carrier}; "
            "this is what a wrong key makes of the function: a distorted cover"
        )
    elif not secret.intact:
        print_note(
            f"the weights of {carrier} have changed since it was made; "
            "the picture may have suffered"
        )
    return secret


def _write_file(
    secret: SecretFunction, carrier: Source, target: Path, folder: Path | None, *, overwrite: bool
) -> None:
    """Write a hidden file, in a folder under the name that its sender gave it."""
    try:
        file, _ = secret.read_file()
    except FormatError as error:
        raise FormatError(f"{carrier}: {error.message}", hint=error.hint) from None
    if folder is not None:
        target = _made(folder) / file.name
    write_output(target, file.content, overwrite=overwrite, secret=True)
    if str(target) != STANDARD:
        out.print(f"{target}: {len(file.content)} bytes", markup=False)


def _made(folder: Path) -> Path:
    with file_errors("make", folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(output: Path, picture: RGB, *, overwrite: bool, secret: bool) -> None:
    write_picture_output(output, picture, overwrite=overwrite, secret=secret)
    if str(output) != STANDARD:
        out.print(f"{output}: {picture.shape[1]}x{picture.shape[0]}", markup=False)
