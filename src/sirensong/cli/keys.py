"""sirensong keygen, and the keys and passphrases that other commands take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from sirensong.cli.arguments import Output, open_secret
from sirensong.cli.console import out
from sirensong.cli.passphrases import (
    PassphraseMemory,
    ask_passphrase,
    read_passphrase,
    warn_of_weakness,
)
from sirensong.errors import SettingError
from sirensong.files import STANDARD, read_input
from sirensong.keys.given import AnyKey, Key
from sirensong.keys.lines import is_key_text
from sirensong.keys.pair import (
    RECIPIENT_PREFIX,
    Identity,
    Recipient,
    read_identities,
    read_recipient,
    write_identity,
)
from sirensong.keys.secret import (
    LEAST_MEMORY,
    Passphrase,
    SecretKey,
    read_key,
    write_key,
)
from sirensong.payload.content import LARGEST_CONTENT, HiddenFile
from sirensong.pictures.writing import PICTURE_ENDINGS
from sirensong.verify import Expected, ExpectedFile

WHAT = "What to hide"
"""The group of options that name the pictures and their keys."""

_MESSAGE = "message.txt"  # what a text is called when it is revealed

_Read = TypeVar("_Read")


def keygen(
    output: Output,
    pair: Annotated[
        bool,
        typer.Option(
            "--pair",
            help="make a key pair: an identity file, as age has it, and a recipient to give away",
        ),
    ] = False,
) -> None:
    """Make a key file, readable by you alone. It never overwrites."""
    if pair:
        identity = Identity.generate()
        write_identity(output, identity)
        out.print(f"{output}: public key {identity.recipient.to_text()}", markup=False)
        return
    key = SecretKey.generate()
    write_key(output, key)
    out.print(f"{output}: fingerprint {key.fingerprint}", markup=False)


@dataclass(frozen=True)
class Locked:
    """A secret and what locks it, by name: nothing is read yet.

    Args:
        picture: the file of a picture, or any file.
        read: reads the key, or asks for it, twice where that is true and it is a passphrase.
        file: the key's file, with what it is; None where there is none.
        exactly: whether a picture too is hidden byte for byte.
        text: what is hidden in place of a file, or "-" for standard input; None for a file.
    """

    picture: Path
    read: Callable[[bool], AnyKey]
    file: tuple[str, Path] | None = None
    exactly: bool = False
    text: str | None = None

    def open(self, *, within: str | None, twice: bool) -> Expected | ExpectedFile:
        """Read what is hidden, and its key.

        Args:
            within: a size to make a picture smaller to, such as "512x384".
            twice: ask for a passphrase twice.
        """
        key = self.key(twice=twice)
        if self.text is not None:
            return ExpectedFile(str(self.picture), _message(self.text), key)
        return open_secret(self.picture, within=within, key=key, exactly=self.exactly)

    def key(self, *, twice: bool) -> AnyKey:
        """Read the key, or ask for the passphrase, twice if it is a new one, which is judged.

        Raises:
            FileError: a file cannot be read.
            FormatError: a file is of another kind.
            SettingError: there is nobody to ask.
            MissingDependencyError: a new passphrase cannot be judged.
        """
        key = self.read(twice)
        if twice and isinstance(key, Passphrase):
            warn_of_weakness(key)
        return key

    def files(self) -> list[tuple[str, Path]]:
        """The files that are read, each with what it is."""
        own = [] if self.text is not None else [("a secret", self.picture)]
        return [*own, *([self.file] if self.file else [])]


@dataclass(frozen=True)
class SecretOptions:
    """Secret pictures, each with what locks it for those who hide and who reveal it."""

    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            metavar="KEYFILE=SECRET",
            help="a secret picture, or a file of any kind, and its key file; may be repeated",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None
    passphrase: Annotated[
        list[Path] | None,
        typer.Option(
            "--passphrase",
            metavar="SECRET",
            help="a secret under a passphrase, which is asked for; may be repeated",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None
    passphrase_file: Annotated[
        list[str] | None,
        typer.Option(
            "--passphrase-file",
            metavar="FILE=SECRET",
            help="a secret under the passphrase in a file, or - for standard "
            "input; may be repeated",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None
    as_file: Annotated[
        list[str] | None,
        typer.Option(
            "--as-file",
            metavar="KEYFILE=FILE",
            help="a file to hide byte for byte, a picture too, and its key file; may be repeated",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            metavar="KEYFILE=TEXT",
            help="a text, or - for standard input, and its key file; may be repeated; others can "
            "see a command line",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None
    passphrase_memory: PassphraseMemory = LEAST_MEMORY

    def locked(self) -> list[Locked]:
        """Every secret, in the order of the options.

        Raises:
            SettingError: a pair is not one, or it is swapped.
        """
        memory = self.passphrase_memory

        def asked(picture: Path, twice: bool) -> Passphrase:
            return replace(ask_passphrase(f"passphrase for {picture}", twice=twice), memory=memory)

        def read(file: Path) -> Passphrase:
            return replace(read_passphrase(file), memory=memory)

        return [
            *_from_files(self.secret, "--secret", "KEYFILE=SECRET", "a key file", read_key_file),
            *(Locked(picture, partial(asked, picture)) for picture in self.passphrase or []),
            *_from_files(
                self.passphrase_file,
                "--passphrase-file",
                "FILE=SECRET",
                "a passphrase file",
                read,
            ),
            *(
                replace(one, exactly=True)
                for one in _from_files(
                    self.as_file, "--as-file", "KEYFILE=FILE", "a key file", read_key_file
                )
            ),
            *(_text(given) for given in self.text or ()),
        ]


@dataclass(frozen=True)
class RecipientOptions:
    """Secret pictures for others, each with the recipient that it is for."""

    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="RECIPIENT=SECRET",
            help="a secret for the owner of a key pair of age's: age1..., or a file with "
            "it; may be repeated",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None

    def locked(self) -> list[Locked]:
        """Every secret picture, in the order given.

        Raises:
            SettingError: a pair is not one, or it is swapped.
        """
        return [_for_recipient(*_pair(text, "--to", "RECIPIENT=SECRET")) for text in self.to or []]


def open_secrets(
    locked: Iterable[Locked], *, within: str | None = None, twice: bool
) -> list[Expected | ExpectedFile]:
    """Read secrets and their keys.

    Args:
        locked: secrets and what locks them, by name.
        within: a size to make pictures smaller to, such as "512x384".
        twice: ask for passphrases twice.

    Raises:
        FileError: a file cannot be read.
        FormatError: a file is of another kind.
        SettingError: there is nobody to ask for a passphrase.
    """
    return [one.open(within=within, twice=twice) for one in locked]


def _from_files(
    texts: Iterable[str] | None, option: str, form: str, what: str, read: Callable[[Path], Key]
) -> Iterator[Locked]:
    """Take an option's pairs of a key's file and a picture."""
    for text in texts or ():
        file, picture = _pair(text, option, form)
        yield Locked(picture, _reader(read, file), (what, file))


def _text(given: str) -> Locked:
    """Take a key's file and a text."""
    file, equals, text = given.partition("=")
    if not (file and equals):
        raise SettingError("--text takes KEYFILE=TEXT", hint="--text alice.key='meet me at noon'")
    read = _reader(read_key_file, Path(file))
    return Locked(Path("the text"), read, ("a key file", Path(file)), text=text)


def _message(text: str) -> HiddenFile:
    """A text as a file; that of standard input where it is "-"."""
    if text != STANDARD:
        return HiddenFile(_MESSAGE, text.encode())
    return HiddenFile(_MESSAGE, read_input(Path(STANDARD), cap=LARGEST_CONTENT, what="a text"))


def _for_recipient(recipient: Path, picture: Path) -> Locked:
    """Take a recipient, or the name of a file with one, and a picture."""
    if is_key_text(recipient, RECIPIENT_PREFIX):
        return Locked(picture, lambda _: Recipient.from_text(str(recipient)))
    read = _reader(partial(_not_typed, read_recipient), recipient)
    return Locked(picture, read, ("a recipient's file", recipient))


def _reader(read: Callable[[Path], AnyKey], file: Path) -> Callable[[bool], AnyKey]:
    """What reads a file, whether the key in it is new or not."""
    return lambda _: read(file)


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
    return _not_typed(read_key, path)


def _not_typed(read: Callable[[Path], _Read], path: Path) -> _Read:
    """Read a file of keys, and say why a key's own text is not taken in place of its name."""
    try:
        return read(path)
    except SettingError as error:
        hint = "others can see a command line: write the text to a file, and name that"
        raise SettingError(error.message, hint=hint) from None


@dataclass(frozen=True)
class KeyOptions:
    """The one key of somebody who reveals a picture."""

    key: Annotated[Path | None, typer.Option("--key", help="your key file", show_default=False)] = (
        None
    )
    identity: Annotated[
        Path | None,
        typer.Option(
            "--identity",
            help="your identity file, of keygen --pair or age-keygen; each identity in it is tried",
            show_default=False,
        ),
    ] = None
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

    def read(self) -> Sequence[Key]:
        """Read the key, or ask for the passphrase.

        Returns:
            The keys that are to be tried: one, or as many as an identity file has.

        Raises:
            SettingError: there is not exactly one.
            FileError: its file cannot be read.
            FormatError: its file is of another kind.
        """
        given = len(self.files()) + self.passphrase
        if given != 1:
            raise SettingError(
                "expected one of --key, --identity, --passphrase and --passphrase-file, "
                f"got {given or 'none'}",
                hint="--key KEYFILE, which the sender gave you, or --identity FILE, which you made",
            )
        if self.key is not None:
            return [read_key_file(self.key)]
        if self.identity is not None:
            return _not_typed(read_identities, self.identity)
        if self.passphrase_file is not None:
            words = read_passphrase(self.passphrase_file)
        else:
            words = ask_passphrase("passphrase", twice=False)
        return [replace(words, memory=self.passphrase_memory)]

    def files(self) -> list[tuple[str, Path]]:
        """The files that are read, each with what it is."""
        named = [
            ("the key file", self.key),
            ("the identity file", self.identity),
            ("the passphrase file", self.passphrase_file),
        ]
        return [(what, file) for what, file in named if file is not None]
