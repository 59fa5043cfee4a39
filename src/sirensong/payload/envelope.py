"""A file is encrypted and authenticated: an altered carrier gives an error, never a wrong file."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from sirensong.errors import FormatError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive

_TAG = 16
_LENGTH = 4

OVERHEAD = _TAG + _LENGTH
"""Bytes that an envelope takes besides its content."""


def seal(key: SecretKey, nonce: bytes, content: bytes, room: int) -> bytes:
    """Encrypt a content, filled up to the room that there is.

    AES-256-SIV under keys that serve one carrier; the same content twice gives the same bytes, and
    nothing else follows from using a nonce twice.

    Args:
        key: bound to the carrier.
        nonce: of the carrier, 32 bytes.
        content: any bytes.
        room: bytes of the envelope.

    Raises:
        SettingError: it does not fit.
    """
    if len(content) + OVERHEAD > room:
        raise SettingError(
            f"{len(content)} bytes are too many: {max(0, room - OVERHEAD)} fit",
        )
    plain = len(content).to_bytes(_LENGTH, "little") + content
    return _cipher(key, nonce).encrypt(plain.ljust(room - _TAG, b"\0"), None)


def unseal(key: SecretKey, nonce: bytes, envelope: bytes) -> bytes:
    """Undo `seal`.

    Raises:
        FormatError: the envelope was altered, or sealed with another key.
    """
    try:
        plain = _cipher(key, nonce).decrypt(envelope, None)
    except (InvalidTag, ValueError):
        raise FormatError("the hidden file cannot be read: the carrier was altered") from None
    length = int.from_bytes(plain[:_LENGTH], "little")
    if length > len(plain) - _LENGTH:
        raise FormatError("the hidden file is damaged: it is longer than its envelope")
    return plain[_LENGTH : _LENGTH + length]


def _cipher(key: SecretKey, nonce: bytes) -> AESSIV:
    halves = (derive(key.secret, nonce, f"file/{half}") for half in ("mac", "cipher"))
    return AESSIV(b"".join(halves))
