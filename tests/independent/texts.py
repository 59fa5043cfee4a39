"""docs/format.md, sections 3.1, 3.2 and 3.4: keys and identities in files."""

import base64
import hashlib

import derivation
from independent.codes import require

LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def lines_of(data):
    """The lines that count of a file (section 3.2)."""
    require(1 <= len(data) <= 4096, "the file's length")
    require(not data.startswith(b"\xef\xbb\xbf"), "a byte order mark")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        require(sound=False, reason="not UTF-8")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if text and not text.endswith("\n"):
        require(not text.endswith("\r"), "a CR without its LF")
    require(all("\r" not in line for line in lines), "a CR without its LF")
    lines = [line.strip(" \t") for line in lines]
    return [line for line in lines if line and line[0] != "#"]


def read_key(data):
    """The 32 bytes of a key file."""
    lines = lines_of(data)
    require(len(lines) == 1, "not one key")
    text = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in lines[0])
    require(text.startswith("sirensong-key-"), "the prefix")
    letters = text.removeprefix("sirensong-key-")
    require(len(letters) == 56 and set(letters) <= set(BASE32), "the letters")
    both = base64.b32decode(letters.upper())
    secret, checksum = both[:32], both[32:]
    expected = hashlib.sha256(b"sirensong key checksum 1" + secret).digest()[:3]
    require(checksum == expected, "the checksum")
    return secret


def read_identities(data):
    """The private keys of an identity file."""
    lines = lines_of(data)
    require(bool(lines), "no identity")
    return [_identity(line) for line in lines]


def bind(identity, nonce):
    """An identity's key in a carrier (section 3.4)."""
    require(any(derivation.x25519(identity, nonce)), "the nonce is of small order")
    recipient = derivation.public_of(identity)
    return derivation.bound(identity, nonce, nonce, recipient)


def _identity(text):
    require(text.startswith("AGE-SECRET-KEY-1") and len(text) == 74, "the prefix or the length")
    letters = text.removeprefix("AGE-SECRET-KEY-1")
    require(all(letter in LETTERS.upper() for letter in letters), "the letters")
    values = [LETTERS.upper().index(letter) for letter in letters]
    name = "age-secret-key-"
    expanded = [ord(c) >> 5 for c in name] + [0] + [ord(c) & 31 for c in name]
    require(_checksum(expanded + values) == 1, "the checksum")
    number = 0
    for value in values[:52]:
        number = number * 32 + value
    require(number % 16 == 0, "the padding")
    return (number // 16).to_bytes(32, "big")


def _checksum(values):
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for bit, constant in enumerate(GENERATOR):
            remainder ^= constant if top >> bit & 1 else 0
    return remainder
