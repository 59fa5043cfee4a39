"""Key pairs: both sides agree, nobody else does, and what is refused as a recipient or identity."""

import stat
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

import derivation
from sirensong.errors import FileError, FormatError, SettingError
from sirensong.keys.bech32 import encode
from sirensong.keys.pair import (
    Identity,
    Recipient,
    public_key,
    read_identities,
    read_recipient,
    write_identity,
)
from sirensong.keys.secret import SecretKey

SECRETS = st.binary(min_size=32, max_size=32)
# RFC 7748, section 6.1
ALICE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
ALICES = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
BOB = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
BOBS = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
SHARED = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")

# Of X25519's points those of small order, with which every exchange is zero.
ORDER_8 = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
LOW = [0, 1, *ORDER_8, derivation.PRIME - 1]
OTHER_TEXTS = [derivation.PRIME, derivation.PRIME + 1, 2**255 - 1, 2**255, 2**255 + 9, 2**256 - 1]


def little(number):
    return number.to_bytes(32, "little")


class TestAgreement:
    def test_the_oracle_gives_the_vectors_of_rfc_7748(self):
        assert (derivation.public_of(ALICE), derivation.public_of(BOB)) == (ALICES, BOBS)
        assert derivation.x25519(ALICE, BOBS) == derivation.x25519(BOB, ALICES) == SHARED

    @given(SECRETS)
    def test_public_keys(self, private):
        assert public_key(private) == derivation.public_of(private)
        assert Identity(private).recipient.public == derivation.public_of(private)

    @given(sender=SECRETS, receiver=SECRETS)
    def test_both_sides_have_one_key_that_hangs_on_both_public_keys(self, sender, receiver):
        identity, nonce = Identity(receiver), derivation.public_of(sender)
        recipient = derivation.public_of(receiver)
        expected = derivation.bound(sender, recipient, nonce, recipient)
        assert identity.recipient.bind(sender).secret == expected
        assert identity.bind(nonce).secret == expected

    def test_no_two_recipients_or_carriers_share_a_key(self):
        recipients = [Identity(bytes([number] * 32)).recipient for number in range(5)]
        keys = {
            recipient.bind(bytes([9, sender] * 16)).secret
            for recipient in recipients
            for sender in range(5)
        }
        assert len(keys) == 25

    def test_another_identity_has_another_key(self):
        recipient = Identity(ALICE).recipient
        assert Identity(BOB).bind(public_key(bytes(32))) != recipient.bind(bytes(32))

    @pytest.mark.parametrize("number", [*LOW, *(low + 2**255 for low in LOW), derivation.PRIME])
    def test_a_nonce_with_which_exchanges_are_zero_is_refused(self, number):
        """X25519 takes the highest bit for nothing."""
        assert derivation.x25519(ALICE, little(number)) == bytes(32)
        with pytest.raises(FormatError, match="the public key is of low order"):
            Identity(ALICE).bind(little(number))

    @pytest.mark.parametrize("number", LOW)
    def test_such_a_recipient_is_none(self, number):
        with pytest.raises(FormatError, match="low order"):
            Recipient(little(number))
        with pytest.raises(FormatError, match="low order"):
            Recipient.from_text(encode("age", little(number)))

    @pytest.mark.parametrize("number", OTHER_TEXTS)
    def test_a_recipient_has_one_text(self, number):
        """An identity computes its public key below the prime, and no other would be its key."""
        with pytest.raises(FormatError, match="not below 2"):
            Recipient(little(number))

    def test_the_largest_public_keys_are_taken(self):
        for number in range(derivation.PRIME - 9, derivation.PRIME - 1):
            assert Recipient(little(number)).public == little(number)


class TestText:
    @given(SECRETS)
    def test_round_trip(self, secret):
        identity = Identity(secret)
        text, public = identity.to_text(), identity.recipient.to_text()
        assert (text[:16], text.upper(), len(text)) == ("AGE-SECRET-KEY-1", text, 74)
        assert (public[:4], public.lower(), len(public)) == ("age1", public, 62)
        assert Identity.from_text(f" \t{text}\r\n") == identity
        assert Recipient.from_text(f"\n{public}\t ") == identity.recipient

    def test_generated_ones_differ(self):
        assert len({Identity.generate().secret for _ in range(100)}) == 100

    @pytest.mark.parametrize("kind", [Recipient, Identity])
    @pytest.mark.parametrize("value", [b"age1", None, 7, ["age1"]])
    def test_other_types_are_refused(self, kind, value):
        with pytest.raises(SettingError, match=f"is a str, got {type(value).__name__}$"):
            kind.from_text(value)

    @pytest.mark.parametrize("kind", [Recipient, Identity])
    @pytest.mark.parametrize("value", ["0" * 32, bytearray(32), None, 7, bytes(31), bytes(33), b""])
    def test_other_bytes_are_refused(self, kind, value):
        got = len(value) if isinstance(value, bytes) else type(value).__name__
        with pytest.raises(SettingError, match=f"is 32 bytes, got {got}$"):
            kind(value)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (str.upper, "^a recipient begins with age1, in lower case$"),
            (str.title, "^a recipient begins with age1, in lower case$"),
            (lambda text: text[:-9] + text[-9:].upper(), "typo: its letters are in upper and"),
            (lambda text: text[:-1], "typo: its checksum"),
            (lambda text: text + "q", "typo: its checksum"),
            (lambda text: text.replace("age1", "age1 "), "typo: a letter that no key has"),
            (lambda text: f"{text}\u00a0", "typo: a letter that no key has"),
            (lambda text: f"\ufeff{text}", "begins with age1"),
            (lambda text: f"{text} {text}", "typo: a letter that no key has"),
            (lambda text: f"{text}\n{text}", "typo: a letter that no key has"),
            (lambda text: "", "begins with age1"),
            (lambda text: "age1", "typo: a letter that no key has, or too few"),
            (lambda text: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "begins with age1"),
            (lambda text: encode("age", bytes(range(31))), "another kind"),
            (lambda text: encode("age", bytes(range(33))), "another kind"),
            (lambda text: encode("age1yubikey", bytes(range(33))), "another kind"),
            (lambda text: encode("age1pq", bytes(range(32))), "another kind"),
            (lambda text: encode("age-secret-key-", bytes(range(32))), "begins with age1"),
        ],
    )
    def test_what_is_no_recipient(self, change, message):
        text = Identity(ALICE).recipient.to_text()
        with pytest.raises(FormatError, match=message) as caught:
            Recipient.from_text(change(text))
        assert "\n" not in caught.value.message

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (str.lower, "^an identity begins with AGE-SECRET-KEY-1, in upper case$"),
            (str.title, "^an identity begins with AGE-SECRET-KEY-1, in upper case$"),
            (lambda text: text[:-9] + text[-9:].lower(), "typo: its letters are in upper and"),
            (lambda text: text[:-1], "typo: its checksum"),
            (lambda text: text + "Q", "typo: its checksum"),
            (lambda text: text[1:], "begins with AGE-SECRET-KEY-1"),
            (lambda text: f"key: {text}", "begins with AGE-SECRET-KEY-1"),
            (lambda text: f"{text}\n{text}", "typo: a letter that no key has"),
            (lambda text: encode("age-secret-key-", ALICE[1:]).upper(), "another kind"),
            (lambda text: encode("age-secret-key-1pq", ALICE).upper(), "another kind"),
        ],
    )
    def test_what_is_no_identity_is_refused_and_not_quoted(self, change, message):
        text = Identity(ALICE).to_text()
        with pytest.raises(FormatError, match=message) as caught:
            Identity.from_text(change(text))
        assert_silent(caught.value, text)


def assert_silent(error, text):
    """No run of 8 letters of an identity is told."""
    told = "\n".join(
        [*traceback.format_exception(error), repr(error.args), repr(vars(error))]
    ).upper()
    body = text.removeprefix("AGE-SECRET-KEY-1")
    leaked = [body[start : start + 8] for start in range(len(body) - 7)]
    assert [run for run in leaked if run in told] == []


def test_no_repr_shows_an_identity():
    identity = Identity(ALICE)
    told = f"{identity} {identity!r} {[identity]} {(identity.recipient,)}"
    assert identity.recipient.to_text() in told
    assert identity.to_text()[20:40] not in told
    assert repr(ALICE)[2:20] not in told


class TestFiles:
    def test_round_trip(self, tmp_path):
        write_identity(tmp_path / "me.age", Identity(ALICE))
        assert read_identities(tmp_path / "me.age") == [Identity(ALICE)]
        assert read_recipient(tmp_path / "me.age") == Identity(ALICE).recipient

    def test_what_is_written(self, tmp_path, set_umask):
        set_umask(0)
        write_identity(tmp_path / "me.age", Identity(ALICE))
        text = Identity(ALICE).to_text()
        expected = f"# public key: {Identity(ALICE).recipient.to_text()}\n{text}\n"
        assert (tmp_path / "me.age").read_bytes() == expected.encode()
        assert stat.S_IMODE((tmp_path / "me.age").stat().st_mode) == 0o600

    def test_it_is_never_overwritten(self, tmp_path):
        write_identity(tmp_path / "me.age", Identity(ALICE))
        with pytest.raises(FileError, match="exists"):
            write_identity(tmp_path / "me.age", Identity(BOB))
        assert read_identities(tmp_path / "me.age") == [Identity(ALICE)]

    @pytest.mark.parametrize("value", [SecretKey(ALICE), ALICE, "AGE-SECRET-KEY-1", None])
    def test_only_identities_are_written(self, tmp_path, value):
        with pytest.raises(SettingError, match=f"holds an Identity, got {type(value).__name__}$"):
            write_identity(tmp_path / "me.age", value)
        assert list(tmp_path.iterdir()) == []

    def test_several_identities_are_read_in_their_order(self, tmp_path):
        a, b = (Identity(secret) for secret in (ALICE, BOB))
        (tmp_path / "both").write_bytes(
            f"# für Zoë\r\n\r\n \t# more\n\t{a.to_text()} \r\n\n{b.to_text()}".encode()
        )
        assert read_identities(tmp_path / "both") == [a, b]

    def test_a_recipient_s_file_may_have_comments(self, tmp_path):
        recipient = Identity(ALICE).recipient
        (tmp_path / "alice").write_bytes(f"# Alice\r\n\n {recipient.to_text()}\t\r\n#".encode())
        assert read_recipient(tmp_path / "alice") == recipient

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is empty"),
            (b"# only a comment\n", "got 0 lines"),
            (b"TEXT\nTEXT\n", "got 2 lines"),
            (b"age1q\n", "typo"),
            (b"hello\n", "begins with age1"),
            (b"\xef\xbb\xbfTEXT\n", "begins with a byte order mark"),
            ("age1\n".encode("utf-16"), "not text in UTF-8"),
            (b"# Zo\xeb\nTEXT\n", "not text in UTF-8"),
            (b"TEXT\r\r\n", "neither in LF nor in CR LF"),
            (b"TEXT\rTEXT\r", "neither in LF nor in CR LF"),
            (b"TEXT\x0b", "typo"),
            (b"TEXT\x00", "typo"),
            ("TEXT\u2028".encode(), "typo"),
            ("\u00a0TEXT".encode(), "begins with age1"),
            (b"#" * 5000, "too large"),
        ],
    )
    def test_other_recipient_files_are_refused(self, tmp_path, content, message):
        text = Identity(ALICE).recipient.to_text()
        (tmp_path / "alice").write_bytes(content.replace(b"TEXT", text.encode()))
        with pytest.raises(FormatError, match=message) as caught:
            read_recipient(tmp_path / "alice")
        assert caught.value.message.startswith(str(tmp_path / "alice"))
        assert "\n" not in caught.value.message

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is empty"),
            (b"# only a comment\n", "got 0 lines"),
            (b"TEXT\nhello\n", "begins with AGE-SECRET-KEY-1"),
            (b"\xef\xbb\xbfTEXT\n", "begins with a byte order mark"),
            (b"TEXT\r\r\n", "neither in LF nor in CR LF"),
            (b"TEXT\x0cTEXT", "typo"),
            (b"# Zo\xeb\nTEXT\n", "not text in UTF-8"),
            (b"age1TEXT", "begins with AGE-SECRET-KEY-1"),
            (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "begins with AGE-SECRET-KEY-1"),
            (b"age-encryption.org/v1\n-> scrypt", "begins with AGE-SECRET-KEY-1"),
            (b"#" * 5000, "too large"),
        ],
    )
    def test_other_identity_files_are_refused_and_not_quoted(self, tmp_path, content, message):
        text = Identity(ALICE).to_text()
        (tmp_path / "me").write_bytes(content.replace(b"TEXT", text.encode()))
        with pytest.raises(FormatError, match=message) as caught:
            read_identities(tmp_path / "me")
        assert caught.value.message.startswith(str(tmp_path / "me"))
        assert_silent(caught.value, text)

    @given(content=st.binary(max_size=200))
    def test_rubbish_is_refused(self, tmp_path_factory, content):
        path = tmp_path_factory.getbasetemp() / "rubbish.age"
        path.write_bytes(content)
        for read in (read_identities, read_recipient):
            with pytest.raises(FormatError):
                read(path)

    @pytest.mark.parametrize("read", [read_identities, read_recipient])
    def test_what_is_no_path_is_refused_and_not_quoted(self, read):
        identity = Identity(ALICE)
        for value in (None, 7, b"x", identity):
            with pytest.raises(SettingError, match=f"got {type(value).__name__}$"):
                read(value)
        for text in (identity.to_text(), identity.to_text().lower(), identity.recipient.to_text()):
            with pytest.raises(SettingError, match="got the text of a key") as caught:
                read(text)
            assert_silent(caught.value, identity.to_text())

    def test_a_name_that_begins_like_a_key_is_a_name(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_identity("age1.txt", Identity(ALICE))
        assert read_recipient("age1.txt") == Identity(ALICE).recipient


def test_golden(golden):
    """Made once and pinned: a change here makes every picture hidden before unreadable."""
    pinned = golden["pair"]
    identity = Identity(bytes.fromhex(pinned["identity"]))
    private = bytes.fromhex(pinned["private"])
    assert identity.to_text() == pinned["identity text"]
    assert identity.recipient.to_text() == pinned["recipient text"]
    assert public_key(private).hex() == pinned["nonce"]
    assert identity.recipient.bind(private).secret.hex() == pinned["key"]
    assert identity.bind(public_key(private)).secret.hex() == pinned["key"]
