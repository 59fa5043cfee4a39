"""Keys: 32 secret bytes, where they come from, and how they are written down."""

from __future__ import annotations

import base64
import hashlib
import secrets
import unicodedata
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from sirensong.errors import FormatError, SettingError
from sirensong.files import StrPath
from sirensong.keys.lines import BLANKS, LINE_ENDS, check_path, from_line, read_lines, write_lines

KEY_BYTES = 32
PREFIX = "sirensong-key-"
LEAST_MEMORY, MOST_MEMORY = 64, 4096
"""MiB that a passphrase may take to become a key."""
_CHECK_BYTES = 3  # with the key 35 bytes, which base32 writes in 56 letters without padding


@dataclass(frozen=True)
class SecretKey:
    """A key of 32 random bytes, for one picture in a carrier. Its repr shows the fingerprint only.

    Args:
        secret: the 32 bytes.

    Raises:
        SettingError: `secret` is not bytes, or not 32 of them.

    Example:
        >>> import sirensong as ss
        >>> key = ss.SecretKey.generate()
        >>> ss.SecretKey.from_text(key.to_text()) == key
        True
        >>> ss.SecretKey(bytes(range(32)))
        SecretKey(fingerprint='34cbcaaf8a35a214')
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_bytes(self.secret, "a key")

    def __repr__(self) -> str:
        return f"SecretKey(fingerprint={self.fingerprint!r})"

    @classmethod
    def generate(cls) -> SecretKey:
        """Draw a key from the operating system's randomness."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def from_text(cls, text: str) -> SecretKey:
        """Read a key from its one-line form.

        Args:
            text: what `to_text` gives; case does not matter, nor do spaces, tabs and line ends
                around it.

        Returns:
            The key.

        Raises:
            SettingError: `text` is not a str.
            FormatError: the text has a typo, or is no key's. The message never quotes it.
        """
        _expect(str, text, "the text of a key is a str")
        text = text.strip(BLANKS + LINE_ENDS)
        letters = text.lower()
        if not letters.startswith(PREFIX):
            raise FormatError(f"a key begins with {PREFIX}")
        if not text.isascii():  # some letters of other scripts become ASCII in lower case
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
        """Write the key in one line, with a checksum: sirensong-key- and 56 letters and digits."""
        return PREFIX + base64.b32encode(self.secret + self._checksum()).decode().lower()

    def _checksum(self) -> bytes:
        return hashlib.sha256(b"sirensong key checksum 1" + self.secret).digest()[:_CHECK_BYTES]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name the key and tell nothing of it."""
        return hashlib.sha256(b"sirensong key fingerprint 1" + self.secret).hexdigest()[:16]

    def bind(self, nonce: bytes) -> SecretKey:  # noqa: ARG002
        """Return the key itself, which is the same for every carrier."""
        return self


@dataclass(frozen=True)
class Passphrase:
    """Words that a person remembers, as a key. Its repr does not show them.

    They become a key through Argon2id (3 passes, 4 lanes), salted by the carrier's nonce. More
    memory makes each guess slower. The carrier does not say how much: both sides agree on it.

    Args:
        text: the words, compared after Unicode NFC.
        memory: in MiB, 64 to 4096; another value makes another key.

    Raises:
        SettingError: `text` is not a str, is empty, or is not valid Unicode; or `memory`
            is not an int, or is out of range.

    Example:
        >>> import sirensong as ss
        >>> phrase = ss.Passphrase("correct horse battery staple")
        >>> phrase
        Passphrase()
        >>> phrase.bind(bytes(32))
        SecretKey(fingerprint='55880f8e20fda707')
    """

    text: str = field(repr=False)
    memory: int = field(default=LEAST_MEMORY, repr=False)

    def __post_init__(self) -> None:
        _expect(str, self.text, "a passphrase is a str")
        if not self.text:
            raise SettingError("the passphrase is empty")
        try:
            self.text.encode()
        except UnicodeEncodeError:  # what a terminal of another encoding leaves behind
            raise SettingError("the passphrase is not valid Unicode text") from None
        if type(self.memory) is not int:
            got = type(self.memory).__name__
            raise SettingError(f"the memory of a passphrase is an int, in MiB, got {got}")
        if not LEAST_MEMORY <= self.memory <= MOST_MEMORY:
            raise SettingError(
                f"a passphrase takes {LEAST_MEMORY} to {MOST_MEMORY} MiB, got {self.memory}"
            )

    def bind(self, nonce: bytes) -> SecretKey:
        """Derive the key that the passphrase is for one carrier.

        It takes a few tenths of a second for 64 MiB, on purpose, and longer with more memory.

        Args:
            nonce: of the carrier, 32 bytes.

        Returns:
            The key.

        Raises:
            SettingError: the machine does not have the memory.
        """
        words = unicodedata.normalize("NFC", self.text).encode()
        kibibytes = self.memory * 1024
        argon = Argon2id(salt=nonce, length=KEY_BYTES, iterations=3, lanes=4, memory_cost=kibibytes)
        try:
            return SecretKey(argon.derive(words))
        except MemoryError:
            raise SettingError(
                f"this machine does not have the {self.memory} MiB that the passphrase takes"
            ) from None


def read_key(path: StrPath) -> SecretKey:
    """Read a key file: one key on a line of its own.

    Empty lines and lines that begin with # are skipped.

    Args:
        path: of the key file.

    Returns:
        The key.

    Raises:
        SettingError: `path` is not a path, but a key for instance. The message never quotes it.
        FileError: the file cannot be read.
        FormatError: the file has no key, several, or one with a typo.

    Example:
        >>> import sirensong as ss
        >>> ss.read_key(ss.SecretKey.generate().to_text())
        Traceback (most recent call last):
        ...
        sirensong.errors.SettingError: expected the path of a key file, got the text of a key
    """
    keys = read_lines(path, "a key file")
    if len(keys) != 1:
        raise FormatError(f"{path}: expected one key on a line of its own, got {len(keys)} lines")
    return from_line(path, keys[0], SecretKey.from_text)


def write_key(path: StrPath, key: SecretKey) -> None:
    """Write a key file that only its owner can read (permissions 0600).

    Args:
        path: of the new file.
        key: the key.

    Raises:
        SettingError: `path` is not a path, or `key` is not a SecretKey.
        FileError: the file exists (keys are never overwritten) or cannot be written.

    Example:
        >>> import tempfile
        >>> import sirensong as ss
        >>> key = ss.SecretKey.generate()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ss.write_key(f"{folder}/alice.key", key)
        ...     ss.read_key(f"{folder}/alice.key") == key
        True
    """
    check_path(path, "a key file")
    _expect(SecretKey, key, "a key file holds a SecretKey")
    write_lines(path, key_lines(key))


def key_lines(key: SecretKey) -> list[str]:
    """Make the lines of a key file, without their ends."""
    return [
        "# a Sirensong key: who has it sees the picture",
        f"# fingerprint: {key.fingerprint}",
        key.to_text(),
    ]


def check_bytes(value: object, what: str) -> None:
    """Check that a key's secret is 32 bytes.

    Args:
        value: the secret.
        what: the kind of key, for messages.

    Raises:
        SettingError: it is not. The message never quotes it.
    """
    _expect(bytes, value, f"{what} is {KEY_BYTES} bytes")
    if isinstance(value, bytes) and len(value) != KEY_BYTES:
        raise SettingError(f"{what} is {KEY_BYTES} bytes, got {len(value)}")


def _expect(kind: type, value: object, expected: str) -> None:
    """Raise SettingError, which names the value's type and never quotes it, for another kind."""
    if not isinstance(value, kind):
        raise SettingError(f"{expected}, got {type(value).__name__}")
