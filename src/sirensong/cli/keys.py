"""sirensong keygen, and the keys and passphrases that other commands take."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sirensong.cli.arguments import Output, open_picture
from sirensong.cli.console import out
from sirensong.errors import FormatError, SettingError
from sirensong.files import read_input
from sirensong.keys.secret import Key, Passphrase, SecretKey, read_key, write_key
from sirensong.pictures.writing import PICTURE_ENDINGS
from sirensong.verify import Expected

WHAT = "What to hide"
"""The group of options that name the pictures and their keys."""

_LARGEST_PASSPHRASE_FILE = 4096


def keygen(output: Output) -> None:
    """Make a key file, readable by you alone. It never overwrites."""
    key = SecretKey.generate()
    write_key(output, key)
    out.print(f"{output}: fingerprint {key.fingerprint}", markup=False)


@dataclass(frozen=True)
class Locked:
    """A secret picture and what locks it, by name: nothing is read yet.

    Args:
        picture: the picture's file.
        key_file: the key's file, or None.
        passphrase_file: the passphrase's file, or None; with neither it is asked for.
    """

    picture: Path
    key_file: Path | None = None
    passphrase_file: Path | None = None

    def key(self, *, twice: bool) -> Key:
        """Read the key, or ask for the passphrase, twice if it is a new one.

        Raises:
            FileError: a file cannot be read.
            FormatError: a file is of another kind.
            SettingError: there is nobody to ask.
        """
        if self.key_file is not None:
            return read_key_file(self.key_file)
        if self.passphrase_file is not None:
            return read_passphrase(self.passphrase_file)
        return ask_passphrase(f"passphrase for {self.picture}", twice=twice)

    def files(self) -> list[tuple[str, Path]]:
        """The files that are read, each with what it is."""
        files = [("a secret picture", self.picture)]
        if self.key_file is not None:
            files.append(("a key file", self.key_file))
        if self.passphrase_file is not None:
            files.append(("a passphrase file", self.passphrase_file))
        return files


@dataclass(frozen=True)
class SecretOptions:
    """Secret pictures, each with what locks it."""

    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            metavar="KEYFILE=PICTURE",
            help="a secret picture and its key file; may be repeated",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None
    passphrase: Annotated[
        list[Path] | None,
        typer.Option(
            "--passphrase",
            metavar="PICTURE",
            help="a secret picture under a passphrase, which is asked for; may be repeated",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None
    passphrase_file: Annotated[
        list[str] | None,
        typer.Option(
            "--passphrase-file",
            metavar="FILE=PICTURE",
            help="a secret picture under the passphrase in a file, or - for standard "
            "input; may be repeated",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None

    def locked(self) -> list[Locked]:
        """Every secret picture, in the order of the three options.

        Raises:
            SettingError: a pair is not one, or it is swapped.
        """
        locked = []
        for text in self.secret or []:
            file, picture = _pair(text, "--secret", "KEYFILE=PICTURE")
            locked.append(Locked(picture, key_file=file))
        locked += [Locked(picture) for picture in self.passphrase or []]
        for text in self.passphrase_file or []:
            file, picture = _pair(text, "--passphrase-file", "FILE=PICTURE")
            locked.append(Locked(picture, passphrase_file=file))
        return locked


def open_secrets(locked: list[Locked], *, within: str | None = None, twice: bool) -> list[Expected]:
    """Read secret pictures and their keys.

    Args:
        locked: pictures and what locks them, by name.
        within: a size to make pictures smaller to, such as "512x384".
        twice: ask for passphrases twice.

    Raises:
        FileError: a file cannot be read.
        FormatError: a file is of another kind.
        SettingError: there is nobody to ask for a passphrase.
    """
    return [open_picture(one.picture, within=within, key=one.key(twice=twice)) for one in locked]


def _pair(text: str, option: str, form: str) -> tuple[Path, Path]:
    first, equals, second = text.partition("=")
    if not (first and equals and second):
        raise SettingError(f"{option} takes {form}, got {text!r}")
    file, picture = Path(first), Path(second)
    if _is_picture(file) and not _is_picture(picture):
        raise SettingError(f"{option} takes {form}, got {text!r}", hint=f"swapped? {option} {form}")
    return file, picture


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_ENDINGS


def read_key_file(path: Path) -> SecretKey:
    """Read a key file. The text of a key in place of its name is refused, and not quoted.

    Raises:
        FileError: it cannot be read.
        FormatError: it is not a key file.
        SettingError: a key's text is given.
    """
    try:
        return read_key(path)
    except SettingError as error:
        hint = "others can see a command line: write the text to a file, and name that"
        raise SettingError(error.message, hint=hint) from None


def ask_passphrase(prompt: str, *, twice: bool) -> Passphrase:
    """Ask on the terminal, without showing what is typed.

    Args:
        prompt: what is asked for.
        twice: ask again, and compare.

    Raises:
        SettingError: standard input is not a terminal, or the passphrase is empty.
    """
    if not sys.stdin.isatty():
        raise SettingError(
            "a passphrase can only be asked for on a terminal",
            hint="--passphrase-file reads it from a file",
        )
    answer = typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
    return Passphrase(str(answer))


def read_passphrase(path: Path) -> Passphrase:
    """Read the first line of a file, or of standard input where its name is "-".

    Raises:
        FileError: it cannot be read.
        FormatError: it is not text.
        SettingError: the line is empty.
    """
    data = read_input(path, cap=_LARGEST_PASSPHRASE_FILE, what="a passphrase file")
    try:
        return Passphrase(data.decode().split("\n", 1)[0].removesuffix("\r"))
    except UnicodeDecodeError:
        raise FormatError(f"{path} is not a passphrase file: it is not UTF-8 text") from None


@dataclass(frozen=True)
class KeyOptions:
    """The one key of somebody who reveals a picture."""

    key: Annotated[Path | None, typer.Option("--key", help="your key file", show_default=False)] = (
        None
    )
    passphrase: Annotated[bool, typer.Option("--passphrase", help="ask for a passphrase")] = False
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            help="read the passphrase from a file, or - for standard input",
            show_default=False,
        ),
    ] = None

    def read(self) -> Key:
        """Read the key, or ask for the passphrase.

        Raises:
            SettingError: there is not exactly one.
            FileError: its file cannot be read.
            FormatError: its file is of another kind.
        """
        files = [file for file in (self.key, self.passphrase_file) if file is not None]
        given = len(files) + self.passphrase
        if given != 1:
            raise SettingError(
                f"expected one of --key, --passphrase and --passphrase-file, got {given or 'none'}",
                hint="--key KEYFILE, the file that the sender gave you",
            )
        if self.key is not None:
            return read_key_file(self.key)
        if self.passphrase_file is not None:
            return read_passphrase(self.passphrase_file)
        return ask_passphrase("passphrase", twice=False)

    def files(self) -> list[tuple[str, Path]]:
        """The files that are read, each with what it is."""
        named = [("the key file", self.key), ("the passphrase file", self.passphrase_file)]
        return [(what, file) for what, file in named if file is not None]
