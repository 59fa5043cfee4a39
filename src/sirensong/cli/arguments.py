"""What the commands' arguments mean: sizes, keys with their pictures, passphrases."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sirensong.cli.console import print_note
from sirensong.errors import FormatError, SettingError
from sirensong.files import read_bytes
from sirensong.keys.secret import Key, Passphrase, read_key
from sirensong.pictures.image import RGB, read_picture

Carrier = Annotated[
    Path, typer.Argument(help="the carrier, a .safetensors file", show_default=False)
]
Output = Annotated[Path, typer.Option("--output", "-o", help="file to write", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace the output if it exists")]
Json = Annotated[bool, typer.Option("--json", help="print JSON for machines")]
MaskFile = Annotated[
    Path | None, typer.Option("--mask", help="the carrier's mask, for magnitude selection")
]
SizeOption = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="render at this size")
]
Scale = Annotated[
    float | None, typer.Option("--scale", help="render this many times as large a side")
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        metavar="KEYFILE=PICTURE",
        help="a secret picture and its key file; may be repeated",
    ),
]
PassphraseSecrets = Annotated[
    list[Path] | None,
    typer.Option(
        "--passphrase",
        metavar="PICTURE",
        help="a secret picture under a passphrase, which is asked for",
    ),
]
PassphraseFileSecrets = Annotated[
    list[str] | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE=PICTURE",
        help="a secret picture under the passphrase in a file",
    ),
]

_LARGEST_PASSPHRASE_FILE = 4096


@dataclass(frozen=True)
class Picture:
    """A picture from the command line. name: as the user wrote it. key: what reveals it, None for the cover."""

    name: str
    rgb: RGB
    key: Key | None = None


def parse_size(text: str) -> tuple[int, int]:
    """Take "512x384", width first, for (height, width) = (384, 512). Raises SettingError."""
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text.strip())
    if not match or "0" in (match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"):
        raise SettingError(f"a size is WIDTHxHEIGHT, such as 512x384, got {text!r}")
    return int(match[2]), int(match[1])


def render_size(own: tuple[int, int], size: str | None, scale: float | None) -> tuple[int, int]:
    """The (height, width) to render at: the picture's own unless --size or --scale says otherwise."""
    if size is not None and scale is not None:
        raise SettingError("--size and --scale exclude each other")
    if size is not None:
        return parse_size(size)
    if scale is None:
        return own
    if not 0 < scale <= 1000:
        raise SettingError(f"the scale must be above 0 and at most 1000, got {scale:g}")
    return max(1, round(own[0] * scale)), max(1, round(own[1] * scale))


def open_picture(path: Path, *, within: str | None = None, key: Key | None = None) -> Picture:
    """Read a picture, telling the user what converting it lost. within: a size to make it smaller to, keeping its shape."""
    picture = read_picture(path, within=None if within is None else parse_size(within))
    for note in picture.notes:
        print_note(note)
    return Picture(str(path), picture.rgb, key)


def open_secrets(
    keyed: list[str] | None,
    asked: list[Path] | None,
    from_files: list[str] | None,
    *,
    within: str | None = None,
    twice: bool,
) -> list[Picture]:
    """Every secret picture of the command line with its key, in the order of the three options.

    twice: ask for passphrases twice.
    """
    secrets = []
    for text in keyed or []:
        file, image = _pair(text, "--secret", "KEYFILE=PICTURE")
        secrets.append(open_picture(image, within=within, key=read_key(file)))
    secrets += [
        open_picture(
            image, within=within, key=ask_passphrase(f"passphrase for {image}", twice=twice)
        )
        for image in asked or []
    ]
    for text in from_files or []:
        file, image = _pair(text, "--passphrase-file", "FILE=PICTURE")
        secrets.append(open_picture(image, within=within, key=read_passphrase(file)))
    return secrets


def _pair(text: str, option: str, form: str) -> tuple[Path, Path]:
    file, equals, image = text.partition("=")
    if not (file and equals and image):
        raise SettingError(f"{option} takes {form}, got {text!r}")
    return Path(file), Path(image)


def ask_passphrase(prompt: str, *, twice: bool) -> Passphrase:
    """Ask on the terminal, without showing what is typed."""
    if not sys.stdin.isatty():
        raise SettingError(
            "a passphrase can only be asked for on a terminal",
            hint="--passphrase-file reads it from a file",
        )
    return Passphrase(
        str(typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))
    )


def read_passphrase(path: Path) -> Passphrase:
    """The first line of a file. Raises FileError, FormatError or SettingError."""
    data = read_bytes(path, cap=_LARGEST_PASSPHRASE_FILE, what="a passphrase file")
    try:
        return Passphrase(data.decode().split("\n", 1)[0].removesuffix("\r"))
    except UnicodeDecodeError:
        raise FormatError(f"{path} is no passphrase file: it is not UTF-8 text") from None


def receiver_key(key: Path | None, passphrase: bool, passphrase_file: Path | None) -> Key:
    """The one key that a receiver gives, in one of three ways."""
    given = (key is not None) + passphrase + (passphrase_file is not None)
    if given != 1:
        raise SettingError(
            f"expected one of --key, --passphrase and --passphrase-file, got {given or 'none'}"
        )
    if key is not None:
        return read_key(key)
    return (
        read_passphrase(passphrase_file)
        if passphrase_file is not None
        else ask_passphrase("passphrase", twice=False)
    )
