"""Keys in any form that callers may give: of receivers, and of senders."""

from __future__ import annotations

from sirensong.errors import SettingError
from sirensong.keys.lines import BLANKS, LINE_ENDS
from sirensong.keys.pair import IDENTITY_PREFIX, RECIPIENT_PREFIX, Identity, Recipient
from sirensong.keys.secret import PREFIX, Passphrase, SecretKey

Key = SecretKey | Passphrase | Identity
"""What unlocks a picture, once it is bound to a carrier by the carrier's nonce."""

AnyKey = Key | Recipient
"""What locks a picture. A recipient is bound by the private key behind the nonce."""


def as_key(key: object) -> Key:
    """Take a receiver's key.

    Args:
        key: a SecretKey, a Passphrase, an Identity, or the text of a key or an identity.

    Returns:
        The key.

    Raises:
        SettingError: it is none of these. The message never quotes it.
        FormatError: it is the text of a key, with a typo.
    """
    if isinstance(key, Key):
        return key
    if _begins(key, PREFIX):
        return SecretKey.from_text(str(key))
    if _begins(key, IDENTITY_PREFIX):
        return Identity.from_text(str(key))
    if isinstance(key, Recipient) or _begins(key, RECIPIENT_PREFIX):
        raise SettingError(
            "a recipient hides pictures and reveals none", hint="its identity reveals them"
        )
    got = "text that begins like no key" if isinstance(key, str) else type(key).__name__
    raise SettingError(
        f"a key must be a SecretKey, a Passphrase, an Identity or the text of a key, got {got}",
        hint="read_key reads a key file, read_identities and read_recipient age's; "
        "Passphrase takes words",
    )


def as_senders_key(key: object) -> AnyKey:
    """Take a sender's key. An identity stands for its recipient.

    Args:
        key: a SecretKey, a Passphrase, a Recipient, an Identity, or the text of a key, a recipient
            or an identity.

    Returns:
        The key.

    Raises:
        SettingError: it is none of these. The message never quotes it.
        FormatError: it is the text of a key, with a typo.
    """
    if isinstance(key, Recipient):
        return key
    if _begins(key, RECIPIENT_PREFIX):
        return Recipient.from_text(str(key))
    known = as_key(key)
    return known.recipient if isinstance(known, Identity) else known


def _begins(key: object, prefix: str) -> bool:
    """Whether this is text that begins like a key, in whatever case; a wrong one is a typo."""
    if not isinstance(key, str):
        return False
    return key.strip(BLANKS + LINE_ENDS).lower().startswith(prefix.lower())
