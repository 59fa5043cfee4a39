"""Keys: 32 secret bytes, where they come from, and how they are written down."""

from __future__ import annotations

import base64
import hashlib
import secrets
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from sirensong.errors import FileError, FormatError, SettingError
from sirensong.files import StrPath, read_bytes, write_bytes

KEY_BYTES = 32
PREFIX = "sirensong-key-"
_CHECK_BYTES = 3  # with the key 35 bytes, which base32 writes in 56 letters without padding
_LARGEST_KEY_FILE = 4096


class Key(Protocol):
    """What unlocks a picture: a SecretKey, or a Passphrase, which becomes one for each carrier."""

    def bind(self, nonce: bytes) -> SecretKey:
        """The 32 bytes to use with the carrier of this nonce."""


@dataclass(frozen=True)
class SecretKey:
    """32 random bytes that stand for one picture in a carrier. Its repr shows the fingerprint only.

    Raises SettingError unless `secret` has 32 bytes.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.secret, bytes) or len(self.secret) != KEY_BYTES:
            raise SettingError(
                f"a key is {KEY_BYTES} bytes, got {len(self.secret)} of {type(self.secret).__name__}"
            )

    def __repr__(self) -> str:
        return f"SecretKey(fingerprint={self.fingerprint!r})"

    @classmethod
    def generate(cls) -> SecretKey:
        """Draw a key from the operating system's randomness."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def from_text(cls, text: str) -> SecretKey:
        """Read a key from its one-line form; case does not matter. Raises FormatError if it is mistyped, never quoting it."""
        letters = text.strip().lower()
        if not letters.startswith(PREFIX):
            raise FormatError(f"a key begins with {PREFIX}")
        if (
            not text.strip().isascii()
        ):  # some letters of other scripts become ASCII when their case is changed
            raise FormatError("the key has a typo: a letter that no key has")
        try:
            data = base64.b32decode(letters.removeprefix(PREFIX).upper())
        except ValueError:
            raise FormatError(
                "the key has a typo: a letter that no key has, or one too few or too many"
            ) from None
        if len(data) != KEY_BYTES + _CHECK_BYTES:
            raise FormatError("the key has a typo: letters are missing or too many")
        key = cls(data[:KEY_BYTES])
        if data[KEY_BYTES:] != key._checksum():
            raise FormatError("the key has a typo: its checksum does not match")
        return key

    def to_text(self) -> str:
        """The key in one line, with a checksum: sirensong-key- and 56 letters and digits."""
        return PREFIX + base64.b32encode(self.secret + self._checksum()).decode().lower()

    def _checksum(self) -> bytes:
        return hashlib.sha256(b"sirensong key checksum 1" + self.secret).digest()[:_CHECK_BYTES]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name the key and tell nothing of it."""
        return hashlib.sha256(b"sirensong key fingerprint 1" + self.secret).hexdigest()[:16]

    def bind(self, nonce: bytes) -> SecretKey:  # noqa: ARG002
        """The key itself."""
        return self


@dataclass(frozen=True)
class Passphrase:
    """Words that a person remembers. They become a key through Argon2id (64 MiB, 3 passes, 4 lanes), salted by the carrier's nonce.

    text: compared after Unicode NFC. Raises SettingError if it is empty or no Unicode text.
    """

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.text:
            raise SettingError("the passphrase is empty")
        try:
            self.text.encode()
        except UnicodeEncodeError:  # what a terminal of another encoding leaves behind
            raise SettingError("the passphrase is not valid Unicode text") from None

    def bind(self, nonce: bytes) -> SecretKey:
        """The key that this passphrase is for the carrier of this nonce; takes a few tenths of a second, on purpose."""
        words = unicodedata.normalize("NFC", self.text).encode()
        return SecretKey(
            Argon2id(
                salt=nonce, length=KEY_BYTES, iterations=3, lanes=4, memory_cost=64 * 1024
            ).derive(words)
        )


def read_key(path: StrPath) -> SecretKey:
    """Read a key file: one key on a line of its own; empty lines and lines that begin with # are passed over.

    Raises FileError if it cannot be read, FormatError if it holds no key, several, or one with a typo.
    """
    data = read_bytes(path, cap=_LARGEST_KEY_FILE, what="a key file")
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise FormatError(f"{path} is no key file: it is not text") from None
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1:
        raise FormatError(f"{path}: expected one key on a line of its own, got {len(keys)} lines")
    try:
        return SecretKey.from_text(keys[0])
    except FormatError as error:
        raise FormatError(f"{path}: {error.message}") from None


def write_key(path: StrPath, key: SecretKey) -> None:
    """Write a key file, readable by its owner alone (0600). Raises FileError if the file exists: keys are never overwritten."""
    text = f"# a Sirensong key: who has it sees the picture\n# fingerprint: {key.fingerprint}\n{key.to_text()}\n"
    if Path(path).exists():
        raise FileError(f"{path} exists", hint="a key is never overwritten: choose another name")
    write_bytes(path, text.encode(), overwrite=False, secret=True)
