"""Key pairs: a recipient, which locks pictures, and its identity, which alone reveals them.

They are age's (https://age-encryption.org/v1), of X25519, so that people use keys that they have. A
carrier's nonce is the public half of a key that its sender made for it and keeps to themselves
(docs/adr/0014-key-pairs.md).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from sirensong.errors import FormatError, SettingError
from sirensong.files import StrPath
from sirensong.keys import bech32
from sirensong.keys.lines import BLANKS, LINE_ENDS, check_path, from_line, read_lines, write_lines
from sirensong.keys.secret import KEY_BYTES, SecretKey, check_bytes
from sirensong.keys.stream import derive

RECIPIENT_PREFIX = "age1"
IDENTITY_PREFIX = "AGE-SECRET-KEY-1"

_FIELD = 2**255 - 19  # the field that X25519 computes in
_ANY = bytes(KEY_BYTES)  # a private key, where any will do


def public_key(private: bytes) -> bytes:
    """Compute the public half of an X25519 key (RFC 7748).

    Args:
        private: 32 bytes, any.

    Returns:
        32 bytes.
    """
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _agree(private: bytes, public: bytes) -> bytes:
    """What both sides of an exchange know, and nobody else (RFC 7748, section 6.1).

    Raises:
        FormatError: the public key is of low order, so that everybody would know it.
    """
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError:  # the result is zero
        raise FormatError(
            "the public key is of low order: what it agrees on is no secret"
        ) from None


def _bound(shared: bytes, nonce: bytes, recipient: bytes) -> SecretKey:
    """The key of one recipient in one carrier: both public keys have a part in it."""
    return SecretKey(derive(shared, nonce + recipient, "recipient"))


@dataclass(frozen=True)
class Recipient:
    """A public key: who has it can hide a picture that only the identity behind it reveals.

    Args:
        public: the X25519 public key, 32 bytes.

    Raises:
        SettingError: `public` is not bytes, or not 32 of them.
        FormatError: it is no public key that can be used.

    Example:
        >>> import sirensong as ss
        >>> identity = ss.Identity.generate()
        >>> ss.Recipient.from_text(identity.recipient.to_text()) == identity.recipient
        True
        >>> ss.Identity(bytes(range(32))).recipient
        Recipient('age13aqvttdk3ujkyjh9kg2w5an6dmy5mq5a84a4uxk3hfhnugfc9p0sy5p2wh')
    """

    public: bytes

    def __post_init__(self) -> None:
        check_bytes(self.public, "a public key")
        if int.from_bytes(self.public, "little") >= _FIELD:  # or a recipient had several texts
            raise FormatError("the public key is not below 2^255 - 19")
        _agree(_ANY, self.public)

    def __repr__(self) -> str:
        return f"Recipient({self.to_text()!r})"

    @classmethod
    def from_text(cls, text: str) -> Recipient:
        """Read a recipient of age's.

        Args:
            text: "age1" and 58 letters and digits, in lower case; spaces, tabs and line ends around
                them do not matter.

        Returns:
            The recipient.

        Raises:
            SettingError: `text` is not a str.
            FormatError: the text has a typo, or is no recipient's.
        """
        return cls(_decoded(text, RECIPIENT_PREFIX, "a recipient"))

    def to_text(self) -> str:
        """Write the recipient in one line, as age does: age1 and 58 letters and digits."""
        return bech32.encode(RECIPIENT_PREFIX.removesuffix("1"), self.public)

    def bind(self, private: bytes) -> SecretKey:
        """Derive the key that the recipient is for one carrier, as its sender.

        Args:
            private: the key whose public half is the carrier's nonce, 32 bytes.

        Returns:
            The key.
        """
        return _bound(_agree(private, self.public), public_key(private), self.public)


@dataclass(frozen=True)
class Identity:
    """The private key behind a recipient. Its repr shows the recipient only.

    Args:
        secret: the X25519 private key, 32 bytes.

    Raises:
        SettingError: `secret` is not bytes, or not 32 of them.

    Example:
        >>> import sirensong as ss
        >>> identity = ss.Identity.generate()
        >>> ss.Identity.from_text(identity.to_text()) == identity
        True
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_bytes(self.secret, "an identity")

    def __repr__(self) -> str:
        return f"Identity(recipient={self.recipient.to_text()!r})"

    @classmethod
    def generate(cls) -> Identity:
        """Draw an identity from the operating system's randomness."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def from_text(cls, text: str) -> Identity:
        """Read an identity of age's.

        Args:
            text: "AGE-SECRET-KEY-1" and 58 letters and digits, in upper case; spaces, tabs and line
                ends around them do not matter.

        Returns:
            The identity.

        Raises:
            SettingError: `text` is not a str.
            FormatError: the text has a typo, or is no identity's. The message never quotes it.
        """
        return cls(_decoded(text, IDENTITY_PREFIX, "an identity"))

    def to_text(self) -> str:
        """Write the identity in one line, as age does."""
        return bech32.encode(IDENTITY_PREFIX.removesuffix("1").lower(), self.secret).upper()

    @property
    def recipient(self) -> Recipient:
        """The public key to it, for everybody who is to hide pictures for its owner."""
        return Recipient(public_key(self.secret))

    def bind(self, nonce: bytes) -> SecretKey:
        """Derive the key that the recipient is for one carrier, as the receiver.

        Args:
            nonce: of the carrier, 32 bytes.

        Returns:
            The key.

        Raises:
            FormatError: the nonce is no public key that can be used; no sender makes such a one.
        """
        return _bound(_agree(self.secret, nonce), nonce, self.recipient.public)


def read_recipient(path: StrPath) -> Recipient:
    """Read a file with one recipient on a line of its own, or with one identity, which has one.

    Empty lines and lines that begin with # are skipped.

    Args:
        path: of the file.

    Returns:
        The recipient.

    Raises:
        SettingError: `path` is not a path.
        FileError: the file cannot be read.
        FormatError: the file has no recipient, several, or one with a typo.
    """
    lines = read_lines(path, "a recipient's file")
    if len(lines) != 1:
        raise FormatError(f"{path}: expected one recipient on a line, got {len(lines)} lines")
    (line,) = lines
    if line.startswith(IDENTITY_PREFIX):
        return from_line(path, line, Identity.from_text).recipient
    return from_line(path, line, Recipient.from_text)


def read_identities(path: StrPath) -> list[Identity]:
    """Read an identity file, as age and age-keygen write it: an identity on each line.

    Empty lines and lines that begin with # are skipped.

    Args:
        path: of the file.

    Returns:
        The identities, one at least.

    Raises:
        SettingError: `path` is not a path. The message never quotes it.
        FileError: the file cannot be read.
        FormatError: the file has no identity, or one with a typo.
    """
    lines = read_lines(path, "an identity file")
    if not lines:
        raise FormatError(f"{path}: expected an identity on each line, got 0 lines")
    return [from_line(path, line, Identity.from_text) for line in lines]


def write_identity(path: StrPath, identity: Identity) -> None:
    """Write an identity file that only its owner can read (permissions 0600), for age too.

    Args:
        path: of the new file.
        identity: the identity.

    Raises:
        SettingError: `path` is not a path, or `identity` is not an Identity.
        FileError: the file exists (keys are never overwritten) or cannot be written.

    Example:
        >>> import tempfile
        >>> import sirensong as ss
        >>> identity = ss.Identity.generate()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ss.write_identity(f"{folder}/me.age", identity)
        ...     ss.read_identities(f"{folder}/me.age") == [identity]
        True
    """
    check_path(path, "an identity file")
    if not isinstance(identity, Identity):
        raise SettingError(f"an identity file holds an Identity, got {type(identity).__name__}")
    comment = f"# public key: {identity.recipient.to_text()}"
    write_lines(path, [comment, identity.to_text()])


def _decoded(text: object, prefix: str, what: str) -> bytes:
    """Read what age wrote in Bech32. Raises what `from_text` does."""
    if not isinstance(text, str):
        raise SettingError(f"the text of {what} is a str, got {type(text).__name__}")
    text = text.strip(BLANKS + LINE_ENDS)
    if not text.startswith(prefix):
        case = "lower" if prefix.islower() else "upper"
        raise FormatError(f"{what} begins with {prefix}, in {case} case")
    try:
        name, data = bech32.decode(text)
    except ValueError as error:
        raise FormatError(f"{what} has a typo: {error}") from None
    if (f"{name}1", len(data)) != (prefix.lower(), KEY_BYTES):
        raise FormatError(
            f"expected {what} of X25519, got another kind",
            hint="age-keygen makes one; a plugin's, SSH's or a post-quantum one does not serve",
        )
    return data
