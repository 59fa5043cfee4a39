"""Passphrases: how they are asked for, read, and judged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sirensong.cli.console import err
from sirensong.errors import SettingError
from sirensong.files import read_input
from sirensong.keys.lines import LARGEST_TEXT, text_of
from sirensong.keys.secret import LEAST_MEMORY, MOST_MEMORY, Passphrase
from sirensong.keys.strength import weakness

PassphraseMemory = Annotated[
    int,
    typer.Option(
        "--passphrase-memory",
        metavar="MIB",
        help=f"memory that each guess at a passphrase takes, {LEAST_MEMORY} to {MOST_MEMORY} MiB; "
        "sender and receiver give the same",
    ),
]


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
        FormatError: it is not text in UTF-8, or is too large.
        SettingError: the line is empty.
    """
    what = "a passphrase file"
    data = read_input(path, cap=LARGEST_TEXT, what=what)
    return Passphrase(text_of(data, path, what).partition("\n")[0])


def warn_of_weakness(passphrase: Passphrase) -> None:
    """Print one line, which quotes nothing, for a passphrase of less than 40 bits."""
    weak = weakness(passphrase)
    if weak is not None:
        err.print(f"warning: {weak}", markup=False)
