"""Keys of age's own commands are read here, and ours there, and both refuse the same texts."""

import shutil
import subprocess

import pytest

from sirensong.errors import FormatError
from sirensong.keys.bech32 import encode
from sirensong.keys.pair import (
    Identity,
    Recipient,
    public_key,
    read_identities,
    read_recipient,
    write_identity,
)

pytestmark = pytest.mark.skipif(
    not (shutil.which("age") and shutil.which("age-keygen")), reason="age is not installed"
)
SENDER = bytes(range(32))  # a carrier's private key
WORDS = b"the words of a song"


def run(*command, given=b""):
    """What a command prints, or an error if it fails."""
    return subprocess.run(command, input=given, capture_output=True, check=True, timeout=60).stdout


def succeeds(*command, given=b""):
    done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)
    return done.returncode == 0


@pytest.fixture
def theirs(tmp_path):
    """An identity file of age-keygen's."""
    run("age-keygen", "-o", tmp_path / "theirs")
    return tmp_path / "theirs"


@pytest.fixture
def ours(tmp_path):
    write_identity(tmp_path / "ours", Identity.generate())
    return tmp_path / "ours"


def test_their_identities_are_read(theirs):
    (identity,) = read_identities(theirs)
    shown = run("age-keygen", "-y", theirs).decode()
    assert identity.recipient == Recipient.from_text(shown)
    assert identity.to_text() in theirs.read_text().splitlines()
    assert read_recipient(theirs) == identity.recipient


def test_their_recipients_are_read_and_their_identities_reveal(theirs, tmp_path):
    (tmp_path / "recipient").write_bytes(run("age-keygen", "-y", theirs))
    locked = read_recipient(tmp_path / "recipient").bind(SENDER)
    (identity,) = read_identities(theirs)
    assert identity.bind(public_key(SENDER)) == locked


def test_our_identities_are_read_by_them(ours):
    (identity,) = read_identities(ours)
    recipient = identity.recipient.to_text()
    assert run("age-keygen", "-y", ours).decode() == f"{recipient}\n"
    sealed = run("age", "-r", recipient, given=WORDS)
    assert run("age", "-d", "-i", ours, given=sealed) == WORDS


def test_our_file_serves_them_as_a_recipient_s_too(ours):
    sealed = run("age", "-e", "-i", ours, given=WORDS)
    assert run("age", "-d", "-i", ours, given=sealed) == WORDS


def test_several_identities_in_a_file(ours, theirs, tmp_path):
    both = tmp_path / "both"
    both.write_bytes(theirs.read_bytes() + b"\r\n" + ours.read_bytes())
    mine, own = read_identities(both)[::-1]
    for identity in (mine, own):
        sealed = run("age", "-r", identity.recipient.to_text(), given=WORDS)
        assert run("age", "-d", "-i", both, given=sealed) == WORDS


PUBLIC = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
TEXT = encode("age", PUBLIC)
RECIPIENTS = {
    "as it is": TEXT,
    "in upper case": TEXT.upper(),
    "in both": TEXT[:-9] + TEXT[-9:].upper(),
    "another prefix": encode("aga", PUBLIC),
    "a plugin's": encode("age1strange", PUBLIC),
    "a letter less": TEXT[:-1],
    "a letter more": TEXT + "q",
    "another letter": TEXT[:20] + ("q" if TEXT[20] != "q" else "p") + TEXT[21:],
    "31 bytes": encode("age", PUBLIC[:31]),
    "33 bytes": encode("age", PUBLIC + b"\0"),
    "the point 0": encode("age", bytes(32)),
    "the point 1": encode("age", b"\1" + bytes(31)),
    "an identity": encode("age-secret-key-", PUBLIC).upper(),
}


@pytest.mark.parametrize("text", RECIPIENTS.values(), ids=RECIPIENTS)
def test_both_refuse_the_same_recipients(text):
    try:
        Recipient.from_text(text)
    except FormatError:
        taken = False
    else:
        taken = True
    assert succeeds("age", "-r", text, given=WORDS) == taken


IDENTITY = encode("age-secret-key-", PUBLIC).upper()
IDENTITIES = {
    "as it is": IDENTITY,
    "with comments": f"# one\n\n{IDENTITY}\n#two",
    "with CR LF": f"# one\r\n\r\n{IDENTITY}\r\n",
    "in lower case": IDENTITY.lower(),
    "in both": IDENTITY[:-9] + IDENTITY[-9:].lower(),
    "twice on a line": f"{IDENTITY} {IDENTITY}",
    "another prefix": encode("age-secret-kay-", PUBLIC).upper(),
    "a letter less": IDENTITY[:-1],
    "a letter more": f"{IDENTITY}Q",
    "31 bytes": encode("age-secret-key-", PUBLIC[:31]).upper(),
    "after a byte order mark": f"\ufeff{IDENTITY}",
    "a recipient": TEXT,
    "no line": "# nothing\n",
}


@pytest.mark.parametrize("text", IDENTITIES.values(), ids=IDENTITIES)
def test_both_refuse_the_same_identity_files(text, tmp_path):
    (tmp_path / "me").write_bytes(text.encode())
    try:
        read_identities(tmp_path / "me")
    except FormatError:
        taken = False
    else:
        taken = True
    assert succeeds("age-keygen", "-y", tmp_path / "me") == taken
