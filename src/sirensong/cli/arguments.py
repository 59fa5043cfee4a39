"""Arguments that several commands share: carriers, pictures, sizes, output."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from sirensong.carrier.file import load
from sirensong.carrier.stego import StegoFunction
from sirensong.cli.console import print_note, set_quiet
from sirensong.errors import SettingError
from sirensong.files import STANDARD, refuse_existing, write_output
from sirensong.keys.given import AnyKey
from sirensong.pictures.image import RGB
from sirensong.pictures.writing import check_ending, encode_picture
from sirensong.verify import Expected, ExpectedFile, expect, expect_secret

RUNNING = "Running"
"""The group of options that say how a command runs, whatever it makes."""

Carrier = Annotated[
    Path,
    typer.Argument(
        help="the carrier, a .safetensors file, or - for standard input", show_default=False
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="file to write", show_default=False)]
PictureOutput = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="picture to write, or - for standard output, which gets a PNG",
        show_default=False,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="replace the output if it exists", rich_help_panel=RUNNING),
]
Json = Annotated[
    bool, typer.Option("--json", help="print JSON for machines", rich_help_panel=RUNNING)
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="print no notes and no progress, errors only",
        callback=set_quiet,
        rich_help_panel=RUNNING,
    ),
]
MaskFile = Annotated[
    Path | None,
    typer.Option("--mask", help="the carrier's mask, for magnitude selection", show_default="none"),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size", metavar="WxH", help="render at this size", show_default="the picture's own"
    ),
]
Scale = Annotated[
    float | None,
    typer.Option("--scale", help="render this many times as large a side", show_default="1"),
]


def parse_size(text: str) -> tuple[int, int]:
    """Take "512x384", width first, for (height, width) = (384, 512).

    Raises:
        SettingError: the text is of another form, or a side is zero.
    """
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text.strip())
    if not match or "0" in (match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"):
        raise SettingError(f"a size is WIDTHxHEIGHT, such as 512x384, got {text!r}")
    return int(match[2]), int(match[1])


def render_size(own: tuple[int, int], size: str | None, scale: float | None) -> tuple[int, int]:
    """The (height, width) to render at.

    Args:
        own: the picture's own (height, width).
        size: of --size.
        scale: of --scale.

    Raises:
        SettingError: both are given, or one is out of range.
    """
    if size is not None and scale is not None:
        raise SettingError("--size and --scale exclude each other")
    if size is not None:
        return parse_size(size)
    if scale is None:
        return own
    if not 0 < scale <= 1000:
        raise SettingError(f"the scale must be above 0 and at most 1000, got {scale:g}")
    return max(1, round(own[0] * scale)), max(1, round(own[1] * scale))


def open_carrier(path: Path) -> StegoFunction:
    """Read a carrier from a file, or from standard input where the name is "-".

    Raises:
        FileError: it cannot be read.
        FormatError: it is not a carrier.
    """
    return load(sys.stdin.buffer if str(path) == STANDARD else path)


def open_picture(path: Path, *, within: str | None = None, key: AnyKey | None = None) -> Expected:
    """Read a picture, and tell the user what was lost on the way.

    Args:
        path: of a file, or "-" for standard input.
        within: a size to make it smaller to, keeping its shape, such as "512x384".
        key: what hides or reveals it, None for the cover.

    Raises:
        SettingError: the size has another form.
        FileError: the file cannot be read.
        FormatError: it is not an image.
    """
    bounds = None if within is None else parse_size(within)
    standard = str(path) == STANDARD
    name = "standard input" if standard else str(path)
    picture = expect(sys.stdin.buffer if standard else path, name, within=bounds, key=key)
    for note in picture.notes:
        print_note(note)
    return picture


def open_secret(
    path: Path, *, within: str | None, key: AnyKey, exactly: bool
) -> Expected | ExpectedFile:
    """Read what is to be hidden: a picture, or what is none as a file.

    Args:
        path: of a file, or "-" for standard input, which has a picture.
        within: a size to make a picture smaller to, such as "512x384".
        key: what hides or reveals it.
        exactly: take a picture as a file too.

    Raises:
        SettingError: the size has another form, or standard input is to be hidden as a file.
        FileError: the file cannot be read.
        FormatError: it is named as a picture, and is none; or it is too large.
    """
    if str(path) == STANDARD:
        if exactly:
            raise SettingError("standard input has no name to be hidden under", hint="name a file")
        return open_picture(path, within=within, key=key)
    bounds = None if within is None else parse_size(within)
    secret = expect_secret(path, str(path), within=bounds, key=key, exactly=exactly)
    for note in secret.notes:
        print_note(note)
    return secret


def check_picture_output(path: Path, *, overwrite: bool) -> None:
    """Refuse a picture that could not be written, before any work for it is done.

    Raises:
        SettingError: its name has another ending, or a terminal would get its bytes.
        FileError: it exists, or no file can have its name.
    """
    if str(path) == STANDARD:
        if sys.stdout.isatty():
            raise SettingError(
                "a picture is not written to a terminal",
                hint="-o FILE, or a pipe after the command",
            )
        return
    check_ending(path)
    refuse_existing(path, overwrite=overwrite)


def write_picture_output(path: Path, picture: RGB, *, overwrite: bool, secret: bool) -> None:
    """Write a picture to a file, or as a PNG to standard output.

    Args:
        path: of the file, or - for standard output.
        picture: what is written.
        overwrite: replace what is there.
        secret: let its owner alone read the file (0600).

    Raises:
        FileError: it cannot be written.
        SettingError: it is too large for its format.
    """
    form = Path("standard output.png") if str(path) == STANDARD else path
    write_output(path, encode_picture(picture, form), overwrite=overwrite, secret=secret)
