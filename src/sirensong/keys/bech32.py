"""Bech32 (BIP 173), in which age writes its keys: a name, the digit 1, and letters of five bits.

The last six letters are a checksum, which finds every typo of up to four letters.
"""

from __future__ import annotations

from collections.abc import Iterable

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM = 6  # letters
_LONGEST = 90  # letters; the checksum is no good for more


def encode(name: str, data: bytes) -> str:
    """Write bytes under a name.

    Args:
        name: what the text begins with, in lower case.
        data: the bytes.

    Returns:
        The text, in lower case.
    """
    padding = -8 * len(data) % 5
    number = int.from_bytes(data) << padding
    count = (8 * len(data) + padding) // 5
    values = [number >> 5 * place & 31 for place in reversed(range(count))]
    check = _polymod([*_expanded(name), *values, *[0] * _CHECKSUM]) ^ 1
    values += [check >> 5 * place & 31 for place in reversed(range(_CHECKSUM))]
    return f"{name}1{''.join(_LETTERS[value] for value in values)}"


def decode(text: str) -> tuple[str, bytes]:
    """Read what `encode` has written, in lower case or in upper case.

    Args:
        text: the text.

    Returns:
        The name, in lower case, and the bytes.

    Raises:
        ValueError: it is not such a text. The message says why, and does not quote it.
    """
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > _LONGEST:
        raise ValueError("a letter that no key has, or too many")
    if text not in (text.lower(), text.upper()):
        raise ValueError("its letters are in upper and in lower case")
    name, _, letters = text.lower().rpartition("1")
    values = [_LETTERS.find(letter) for letter in letters]
    if not name or len(values) < _CHECKSUM or -1 in values:
        raise ValueError("a letter that no key has, or too few")
    if _polymod([*_expanded(name), *values]) != 1:
        raise ValueError("its checksum does not match")
    number = 0
    for value in values[:-_CHECKSUM]:
        number = number << 5 | value
    size, padding = divmod(5 * (len(values) - _CHECKSUM), 8)
    if padding > 4 or number & ((1 << padding) - 1):
        raise ValueError("its last bits are not those of whole bytes")
    return name, (number >> padding).to_bytes(size)


def _expanded(name: str) -> list[int]:
    """The name's letters as the checksum takes them."""
    codes = [ord(letter) for letter in name]
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _polymod(values: Iterable[int]) -> int:
    """The remainder of a polynomial, whose coefficients are the values, over GF(32)."""
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for bit, coefficient in enumerate(_GENERATOR):
            if top >> bit & 1:
                remainder ^= coefficient
    return remainder
