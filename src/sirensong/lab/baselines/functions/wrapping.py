"""One key for several recipients, wrapped for each with its own (AES key wrap, RFC 3394)."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from sirensong.errors import NoPictureError
from sirensong.keys.secret import KEY_BYTES, SecretKey
from sirensong.keys.stream import derive

WRAPPED_BYTES = KEY_BYTES + 8
"""Of a key of 32 bytes, wrapped."""


def wrap(shared: bytes, keys: Sequence[SecretKey], nonce: bytes, purpose: str) -> list[bytes]:
    """Wrap a key for each of several recipients.

    Args:
        shared: the key, 32 bytes.
        keys: of the recipients.
        nonce: of the file.
        purpose: names the use.

    Returns:
        40 bytes for each recipient.
    """
    return [aes_key_wrap(derive(key.secret, nonce, purpose), shared) for key in keys]


def unwrap(wrapped: Sequence[bytes], key: SecretKey, nonce: bytes, purpose: str) -> bytes:
    """Find the shared key with a recipient's own.

    Args:
        wrapped: what `wrap` returned; the recipient's may be any of them.
        key: of the recipient.
        nonce: of the file.
        purpose: names the use.

    Returns:
        The shared key, 32 bytes.

    Raises:
        NoPictureError: nothing was wrapped for this recipient.
    """
    own = derive(key.secret, nonce, purpose)
    for one in wrapped:
        try:
            return aes_key_unwrap(own, one)
        except InvalidUnwrap:
            continue
    raise NoPictureError("no picture for this key")
