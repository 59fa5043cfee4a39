"""Keys in any form that callers may give."""

import pytest

from sirensong.errors import FormatError, SettingError
from sirensong.keys.given import as_key, as_senders_key
from sirensong.keys.pair import Identity
from sirensong.keys.secret import Passphrase, SecretKey

IDENTITY = Identity(bytes(range(50, 82)))
RECIPIENT = IDENTITY.recipient


def both(value):
    return [as_key(value), as_senders_key(value)]


def test_keys_of_both_sides_are_taken_as_they_are(key):
    passphrase = Passphrase("correct horse")
    assert all(taken is key for taken in both(key))
    assert all(taken is passphrase for taken in both(passphrase))


def test_the_text_of_a_key_is_read(key):
    assert both(f" {key.to_text().upper()}\n") == [key, key]


def test_receivers_have_identities():
    assert as_key(IDENTITY) is IDENTITY
    assert as_key(f"\t{IDENTITY.to_text()}\r\n") == IDENTITY


def test_senders_have_recipients_and_an_identity_stands_for_its_own():
    assert as_senders_key(RECIPIENT) is RECIPIENT
    for value in (IDENTITY, IDENTITY.to_text(), f" {RECIPIENT.to_text()}\n"):
        assert as_senders_key(value) == RECIPIENT


@pytest.mark.parametrize("value", [RECIPIENT, RECIPIENT.to_text(), RECIPIENT.to_text().upper()])
def test_a_recipient_reveals_nothing(value):
    with pytest.raises(SettingError, match="a recipient hides pictures and reveals none"):
        as_key(value)


def test_a_typo_is_told(key):
    for text in (key.to_text(), IDENTITY.to_text(), IDENTITY.to_text().title()):
        with pytest.raises(FormatError):
            as_key(text[:-1])
    for text in (RECIPIENT.to_text(), RECIPIENT.to_text().upper()):
        with pytest.raises(FormatError):
            as_senders_key(text[:-1])


@pytest.mark.parametrize("take", [as_key, as_senders_key])
@pytest.mark.parametrize(
    ("value", "got"),
    [
        (b"0123456789abcdef" * 2, "bytes"),
        (None, "NoneType"),
        (SecretKey, "type"),
        (2.5, "float"),
        ([], "list"),
        ("tr0ub4dor&3", "text that begins like no key"),
        (SecretKey(bytes(32)).to_text()[2:], "text that begins like no key"),
    ],
)
def test_anything_else_is_refused_and_not_quoted(take, value, got):
    with pytest.raises(SettingError) as caught:
        take(value)
    expected = "a key must be a SecretKey, a Passphrase, an Identity or the text of a key"
    assert caught.value.message == f"{expected}, got {got}"
    told = repr(vars(caught.value))
    assert not any(part in told for part in ("0123", "tr0ub", "aaaaaaaa"))
