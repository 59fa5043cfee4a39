"""Keys: their text and files, what is refused as one, and that nothing tells them."""

import base64
import hashlib
import re
import stat
import string
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import assume, given
from hypothesis import strategies as st

from sirensong.errors import FileError, FormatError, SettingError
from sirensong.keys.secret import Passphrase, SecretKey, read_key, write_key

SECRETS = st.binary(min_size=32, max_size=32)


class TestText:
    @given(SECRETS)
    def test_round_trip(self, secret):
        assert SecretKey.from_text(SecretKey(secret).to_text()).secret == secret

    @given(SECRETS)
    def test_form(self, secret):
        checksum = hashlib.sha256(b"sirensong key checksum 1" + secret).digest()[:3]
        text = SecretKey(secret).to_text()
        assert text == "sirensong-key-" + base64.b32encode(secret + checksum).decode().lower()
        assert re.fullmatch(r"sirensong-key-[a-z2-7]{56}", text)

    def test_case_and_surrounding_space_do_not_matter(self, key):
        assert SecretKey.from_text(f" \t {key.to_text().upper()}\t\r\n") == key

    @pytest.mark.parametrize("space", "\u00a0\u2003\ufeff\x0b\x0c\x1c\x85\0")
    def test_other_space_is_no_space(self, key, space):
        for text in (f"{space}{key.to_text()}", f"{key.to_text()}{space}"):
            with pytest.raises(FormatError):
                SecretKey.from_text(text)

    def test_every_other_letter_in_every_place_is_a_typo(self, key):
        text = key.to_text()
        accepted = []
        for place, right in enumerate(text):
            for letter in set(string.ascii_lowercase + string.digits + "-_= #") - {right}:
                try:
                    SecretKey.from_text(text[:place] + letter + text[place + 1 :])
                except FormatError:
                    continue
                accepted.append((place, letter))
        assert accepted == []

    @given(secret=SECRETS, place=st.integers(0, 69), letter=st.characters())
    def test_any_character_in_any_place_is_a_typo(self, secret, place, letter):
        text = SecretKey(secret).to_text()
        assume(letter not in (text[place], text[place].upper()))
        with pytest.raises(FormatError):
            SecretKey.from_text(text[:place] + letter + text[place + 1 :])

    @pytest.mark.parametrize(
        ("letter", "twin"), [("k", "\u212a"), ("s", "\u017f"), ("i", "\u0131")]
    )
    def test_letters_that_fold_into_ascii_are_typos(self, letter, twin):
        secret = next(
            bytes([n] * 32)
            for n in range(256)
            if letter in SecretKey(bytes([n] * 32)).to_text()[14:]
        )
        head, body = SecretKey(secret).to_text()[:14], SecretKey(secret).to_text()[14:]
        with pytest.raises(FormatError, match="typo"):
            SecretKey.from_text(head + body.replace(letter, twin, 1))

    @given(secret=SECRETS, place=st.integers(14, 69))
    def test_a_missing_or_doubled_letter_is_a_typo(self, secret, place):
        text = SecretKey(secret).to_text()
        for wrong in (text[:place] + text[place + 1 :], text[:place] + text[place] + text[place:]):
            with pytest.raises(FormatError, match="typo"):
                SecretKey.from_text(wrong)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "sirensong-key-",
            "AGE-SECRET-KEY-1",
            "sirensong-key-" + "=" * 56,
            "sirensong-key-" + "a" * 56,
        ],
    )
    def test_what_is_no_key_is_refused(self, text):
        with pytest.raises(FormatError):
            SecretKey.from_text(text)

    def test_generated_keys_differ(self):
        generated = [SecretKey.generate() for _ in range(100)]
        assert len({key.secret for key in generated}) == 100
        assert {len(key.secret) for key in generated} == {32}

    @pytest.mark.parametrize("size", [0, 16, 31, 33])
    def test_other_sizes_are_refused(self, size):
        with pytest.raises(SettingError, match=f"32 bytes, got {size}"):
            SecretKey(bytes(size))

    @pytest.mark.parametrize("value", ["0" * 32, bytearray(32), None, 7, [0] * 32])
    def test_other_types_are_refused(self, value):
        kind = type(value).__name__
        with pytest.raises(SettingError, match=f"^a key is 32 bytes, got {kind}$"):
            SecretKey(value)

    @pytest.mark.parametrize("value", [b"sirensong-key-", None, 7])
    def test_text_of_another_type_is_refused(self, value):
        kind = type(value).__name__
        with pytest.raises(SettingError, match=f"^the text of a key is a str, got {kind}$"):
            SecretKey.from_text(value)

    @given(SECRETS)
    def test_fingerprint(self, secret):
        assert (
            SecretKey(secret).fingerprint
            == hashlib.sha256(b"sirensong key fingerprint 1" + secret).hexdigest()[:16]
        )

    def test_a_key_is_the_same_for_every_carrier(self, key, nonce):
        assert key.bind(nonce) is key


class TestFile:
    def test_round_trip(self, tmp_path, key):
        write_key(tmp_path / "a.key", key)
        assert read_key(tmp_path / "a.key") == key

    def test_the_file_names_the_fingerprint_and_holds_the_key_on_a_line(self, tmp_path, key):
        write_key(tmp_path / "a.key", key)
        lines = (tmp_path / "a.key").read_text().splitlines()
        assert [line for line in lines if not line.startswith("#")] == [key.to_text()]
        assert any(key.fingerprint in line for line in lines)

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
    def test_only_its_owner_can_read_it(self, tmp_path, key, set_umask, umask):
        set_umask(umask)
        write_key(tmp_path / "a.key", key)
        assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600

    def test_it_is_never_overwritten(self, tmp_path, key, other_key):
        write_key(tmp_path / "a.key", key)
        before = (tmp_path / "a.key").read_bytes()
        with pytest.raises(FileError, match="exists"):
            write_key(tmp_path / "a.key", other_key)
        assert (tmp_path / "a.key").read_bytes() == before
        assert list(tmp_path.iterdir()) == [tmp_path / "a.key"]

    def test_comments_and_empty_lines_are_passed_over(self, tmp_path, key):
        (tmp_path / "a.key").write_bytes(
            f"# für Zoë\r\n\r\n \t # more\n\n  {key.to_text().upper()}\t \r\n#".encode()
        )
        assert read_key(tmp_path / "a.key") == key

    def test_two_keys_in_a_file_are_refused(self, tmp_path, key, other_key):
        (tmp_path / "a.key").write_text(f"{key.to_text()}\n{other_key.to_text()}\n")
        with pytest.raises(FormatError, match="expected one key on a line of its own, got 2 lines"):
            read_key(tmp_path / "a.key")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"# only a comment\n", "got 0 lines"),
            (b"", "is empty"),
            (bytes(range(256)), "not text"),
            (b"\x80\x04\x95 pickle", "not text"),
            (b"\0" * 40, "a key begins with"),
            (b"\xef\xbb\xbfTEXT\n", "begins with a byte order mark"),
            (b"# Zo\xeb\nTEXT\n", "not text in UTF-8"),
            (b"TEXT\r", "neither in LF nor in CR LF"),
            (b"# one\r# two\nTEXT\n", "neither in LF nor in CR LF"),
            (b"TEXT\x0b\n", "typo"),
            (b"TEXT\x0c# a comment\n", "typo"),
            ("TEXT\u2028# a comment".encode(), "typo"),
            ("\u00a0TEXT".encode(), "a key begins with"),
            (b"correct horse battery staple\n", "a key begins with"),
            (b"#" * 5000, "too large"),
        ],
    )
    def test_other_files_are_refused(self, tmp_path, key, content, message):
        (tmp_path / "a.key").write_bytes(content.replace(b"TEXT", key.to_text().encode()))
        with pytest.raises(FormatError, match=message) as caught:
            read_key(tmp_path / "a.key")
        assert str(tmp_path / "a.key") in caught.value.message

    @given(content=st.binary(max_size=200))
    def test_rubbish_is_refused(self, tmp_path_factory, content):
        path = tmp_path_factory.getbasetemp() / "rubbish.key"
        path.write_bytes(content)
        with pytest.raises(FormatError):
            read_key(path)

    def test_a_file_that_is_missing_or_a_folder_is_a_problem(self, tmp_path):
        with pytest.raises(FileError, match="no such file"):
            read_key(tmp_path / "a.key")
        with pytest.raises(FileError, match="not a regular file"):
            read_key(tmp_path)

    @pytest.mark.parametrize("value", [None, 3, b"a.key", bytearray(3)])
    def test_what_is_no_path_is_refused(self, key, value):
        expected = f"^expected the path of a key file, got {type(value).__name__}$"
        for call in (lambda: read_key(value), lambda: write_key(value, key)):
            with pytest.raises(SettingError, match=expected):
                call()

    def test_a_key_in_place_of_a_path_is_refused(self, key, tmp_path):
        with pytest.raises(SettingError, match="path of a key file, got SecretKey"):
            write_key(key, tmp_path / "a.key")

    @pytest.mark.parametrize(
        "value", [Passphrase("correct horse"), "sirensong-key-aaaa", b"0" * 32]
    )
    def test_only_secret_keys_are_written(self, tmp_path, value):
        with pytest.raises(SettingError, match=f"holds a SecretKey, got {type(value).__name__}$"):
            write_key(tmp_path / "a.key", value)
        assert list(tmp_path.iterdir()) == []

    def test_a_name_that_begins_like_a_key_is_a_name(self, tmp_path, key, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_key("sirensong-key-of-alice.key", key)
        assert read_key("sirensong-key-of-alice.key") == key


class TestSecrecy:
    def assert_silent(self, told, secret):
        """No run of 8 letters of the key's text, of its hexadecimal digits, or of its repr."""
        text = SecretKey(secret).to_text().removeprefix("sirensong-key-")
        shown = repr(secret)[2:-1]
        for form in (text, text.upper(), secret.hex(), secret.hex().upper(), shown):
            leaked = [
                form[start : start + 8]
                for start in range(len(form) - 7)
                if form[start : start + 8] in told
            ]
            assert leaked == []

    def everything_told(self, error):
        return "\n".join(
            [
                *traceback.format_exception(error),
                str(error),
                repr(error),
                repr(error.args),
                repr(vars(error)),
            ]
        )

    @given(SECRETS)
    def test_no_repr_shows_a_key(self, secret):
        key = SecretKey(secret)
        told = f"{key} {key!r} {key!s} {[key]} { {key: 1} } {(key,)!r} {key.fingerprint}"
        assert key.fingerprint in repr(key)
        self.assert_silent(told, secret)

    def test_no_repr_shows_a_passphrase(self):
        passphrase = Passphrase("correct horse battery staple")
        assert "horse" not in f"{passphrase} {passphrase!r} {[passphrase]}"

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda text: text[:-1],
            lambda text: text + "a",
            lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
            lambda text: text[:-1] + "!",
            lambda text: text[:-1] + "\u212a",
            lambda text: text.removeprefix("siren"),
            lambda text: text.replace("-key-", "-kee-"),
            lambda text: f"{text}\n{text}",
            lambda text: f"key: {text}",
            lambda text: f"{text}\udcff",
        ],
    )
    def test_no_error_quotes_a_mistyped_key(self, tmp_path, key, spoil):
        wrong = spoil(key.to_text())
        (tmp_path / "a.key").write_bytes(wrong.encode(errors="surrogateescape"))
        for read, source in ((SecretKey.from_text, wrong), (read_key, tmp_path / "a.key")):
            with pytest.raises(FormatError) as caught:
                read(source)
            self.assert_silent(self.everything_told(caught.value), key.secret)

    @pytest.mark.parametrize("spoil", [str, str.upper, Path, lambda text: f" {text[:-3]}\n"])
    def test_no_error_quotes_a_key_in_place_of_its_file(self, key, spoil):
        wrong = spoil(key.to_text())
        for call in (lambda: read_key(wrong), lambda: write_key(wrong, key)):
            with pytest.raises(SettingError, match="got the text of a key") as caught:
                call()
            assert caught.value.hint == "from_text reads it"
            self.assert_silent(self.everything_told(caught.value), key.secret)

    def test_no_error_quotes_a_key_of_another_type(self, key):
        wrong = [key.to_text(), bytearray(key.secret), list(key.secret)]
        for call, value in [(SecretKey, value) for value in wrong] + [
            (SecretKey.from_text, key.secret),
        ]:
            with pytest.raises(SettingError) as caught:
                call(value)
            self.assert_silent(str(vars(caught.value)), key.secret)

    def test_no_error_quotes_a_key_of_the_wrong_size(self, key):
        with pytest.raises(SettingError) as caught:
            SecretKey(key.secret + b"!")
        self.assert_silent(self.everything_told(caught.value), key.secret)

    def test_no_error_quotes_a_key_that_cannot_be_written(self, tmp_path, key):
        with pytest.raises(FileError) as caught:
            write_key(tmp_path / "missing" / "a.key", key)
        self.assert_silent(self.everything_told(caught.value), key.secret)


class TestPassphrase:
    def test_it_is_argon2id_of_the_text_salted_by_the_nonce(self, nonce):
        # 64 MiB, 3 passes, 4 lanes, and "ë" as one character (NFC) in UTF-8
        expected = Argon2id(salt=nonce, length=32, iterations=3, lanes=4, memory_cost=65536).derive(
            b"Zo\xc3\xab"
        )
        assert Passphrase("Zo\u00eb").bind(nonce).secret == expected
        assert Passphrase("Zoe\u0308").bind(nonce).secret == expected

    def test_the_oracle_gives_the_vector_of_rfc_9106(self):
        """Section 5.3: 32 KiB, 3 passes, 4 lanes."""
        given = {"secret": bytes([3] * 8), "ad": bytes([4] * 12), "salt": bytes([2] * 16)}
        argon = Argon2id(length=32, iterations=3, lanes=4, memory_cost=32, **given)
        expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
        assert argon.derive(bytes([1] * 32)).hex() == expected

    def test_more_memory_is_what_argon2id_gets(self, nonce):
        argon = Argon2id(salt=nonce, length=32, iterations=3, lanes=4, memory_cost=65 * 1024)
        dearer = Passphrase("words", memory=65).bind(nonce)
        assert dearer.secret == argon.derive(b"words")
        assert dearer != Passphrase("words").bind(nonce)

    @pytest.mark.parametrize("memory", [63, 4097, 0, -64, True, 64.0, "128"])
    def test_memory_out_of_range_is_refused(self, memory):
        with pytest.raises(SettingError, match="MiB, got"):
            Passphrase("words", memory=memory)

    def test_memory_that_cannot_be_had_is_told(self, nonce, monkeypatch):
        class Starved:
            def __init__(self, **settings):
                pass

            def derive(self, words):
                raise MemoryError

        monkeypatch.setattr("sirensong.keys.secret.Argon2id", Starved)
        with pytest.raises(SettingError, match="does not have the 64 MiB"):
            Passphrase("words").bind(nonce)

    def test_another_nonce_makes_another_key(self, golden):
        nonce = bytes.fromhex(golden["nonce"])
        other = Passphrase(golden["passphrase"]["text"]).bind(nonce[::-1])
        assert other.secret.hex() != golden["passphrase"]["key"]

    @pytest.mark.parametrize("value", [b"correct horse", None, 7])
    def test_other_types_are_refused_and_not_quoted(self, value):
        with pytest.raises(SettingError) as caught:
            Passphrase(value)
        assert caught.value.message == f"a passphrase is a str, got {type(value).__name__}"

    @pytest.mark.parametrize("text", ["", "smuggled\udcff"])
    def test_what_is_no_text_is_refused(self, text):
        with pytest.raises(SettingError, match="passphrase"):
            Passphrase(text)


class TestGolden:
    """Made once and pinned: a change here makes every picture hidden before unreadable."""

    def test_text_and_fingerprint(self, golden):
        key = SecretKey(bytes.fromhex(golden["key"]))
        assert key.to_text() == golden["text"]
        assert key.fingerprint == golden["fingerprint"]

    def test_passphrase(self, golden):
        bound = Passphrase(golden["passphrase"]["text"]).bind(bytes.fromhex(golden["nonce"]))
        assert bound.secret.hex() == golden["passphrase"]["key"]
