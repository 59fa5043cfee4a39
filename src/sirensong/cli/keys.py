"""sirensong keygen, and the keys and passphrases that other commands take."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from sirensong.cli.arguments import Output, open_picture
from sirensong.cli.console import err, out
from sirensong.errors import FormatError, MissingDependencyError, SettingError
from sirensong.files import read_input
from sirensong.keys.secret import (
    LEAST_MEMORY,
    MOST_MEMORY,
    Key,
    Passphrase,
    SecretKey,
    read_key,
    write_key,
)
from sirensong.pictures.writing import PICTURE_ENDINGS
from sirensong.verify import Expected

WHAT = "What to hide"
"""The group of options that name the pictures and their keys."""

_LARGEST_PASSPHRASE_FILE = 4096
_ENOUGH_BITS = 40
_JUDGED_LETTERS = 72  # more take zxcvbn long; the first alone can only be judged weaker

PassphraseMemory = Annotated[
    int,
    typer.Option(
        "--passphrase-memory",
        metavar="MIB",
        help=f"memory that each guess at a passphrase takes, {LEAST_MEMORY} to {MOST_MEMORY} MiB; "
        "sender and receiver give the same",
    ),
]


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
        memory: that the passphrase takes, in MiB.
    """

    picture: Path
    key_file: Path | None = None
    passphrase_file: Path | None = None
    memory: int = LEAST_MEMORY

    def key(self, *, twice: bool) -> Key:
        """Read the key, or ask for the passphrase, twice if it is a new one, which is judged.

        Raises:
            FileError: a file cannot be read.
            FormatError: a file is of another kind.
            SettingError: there is nobody to ask.
            MissingDependencyError: a new passphrase cannot be judged.
        """
        key = with_memory(self._read(twice=twice), self.memory)
        if twice and isinstance(key, Passphrase):
            warn_of_weakness(key)
        return key

    def _read(self, *, twice: bool) -> Key:
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
    passphrase_memory: PassphraseMemory = LEAST_MEMORY

    def locked(self) -> list[Locked]:
        """Every secret picture, in the order of the three options.

        Raises:
            SettingError: a pair is not one, or it is swapped.
        """
        locked = []
        for text in self.secret or []:
            file, picture = _pair(text, "--secret", "KEYFILE=PICTURE")
            locked.append(Locked(picture, key_file=file))
        memory = self.passphrase_memory
        locked += [Locked(picture, memory=memory) for picture in self.passphrase or []]
        for text in self.passphrase_file or []:
            file, picture = _pair(text, "--passphrase-file", "FILE=PICTURE")
            locked.append(Locked(picture, passphrase_file=file, memory=memory))
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


def with_memory(key: Key, memory: int) -> Key:
    """Let a passphrase take so many MiB; other keys stay as they are."""
    return replace(key, memory=memory) if isinstance(key, Passphrase) else key


def strength(passphrase: Passphrase) -> float:
    """Estimate how many bits a passphrase is worth to somebody who guesses common ones first.

    Raises:
        MissingDependencyError: zxcvbn is not installed.
    """
    try:
        from zxcvbn import zxcvbn
    except ImportError:
        raise MissingDependencyError(
            "judging a passphrase needs zxcvbn", hint="pip install 'sirensong[hide]'"
        ) from None
    return math.log2(zxcvbn(passphrase.text[:_JUDGED_LETTERS])["guesses"])


def warn_of_weakness(passphrase: Passphrase) -> None:
    """Print one line, which quotes nothing, for a passphrase of less than 40 bits."""
    if strength(passphrase) < _ENOUGH_BITS:
        err.print(
            f"warning: a passphrase is weak, below {_ENOUGH_BITS} bits by estimate: "
            "take several random words, or a key file",
            markup=False,
        )


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
    passphrase_memory: PassphraseMemory = LEAST_MEMORY

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
            return with_memory(read_passphrase(self.passphrase_file), self.passphrase_memory)
        return with_memory(ask_passphrase("passphrase", twice=False), self.passphrase_memory)

    def files(self) -> list[tuple[str, Path]]:
        """The files that are read, each with what it is."""
        named = [("the key file", self.key), ("the passphrase file", self.passphrase_file)]
        return [(what, file) for what, file in named if file is not None]
