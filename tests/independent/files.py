"""docs/format.md, section 6.1: from the samples that a key shows to the file that it hides."""

import zlib

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

import derivation
from independent.codes import require
from independent.picture import open_slot, reveal

MODULATIONS = [(1, step) for step in (12, 16, 24, 32, 64, 128)]
MODULATIONS += [(2, step) for step in (12, 16, 24, 32, 64)] + [(4, step) for step in (8, 12, 16)]


def read_file(carrier, key):
    """(name, content) of a file whose samples are shown without a wrong byte."""
    slot = open_slot(carrier, key)
    require(slot.kind > 0, "a picture's slot")
    bits, step = MODULATIONS[slot.kind - 1]
    shown = reveal(carrier, key).reshape(-1).tolist()
    order = derivation.integers(key, carrier.nonce, "file/samples", 0, len(shown), 8)
    stream, number, have = [], 0, 0
    for place in sorted(range(len(shown)), key=lambda place: (order[place], place)):
        number = number << bits | symbol(shown[place], bits, step)
        have += bits
        if have == 8:
            stream.append(number)
            number, have = 0, 0
    words = -(-len(stream) // 255)
    sealed = b""
    for word in range(words):
        received = stream[word::words]
        require(not any(syndromes(received)), "wrong bytes, which this reader does not mend")
        sealed += bytes(received[:-32])
    halves = [derivation.derive(key, carrier.nonce, f"file/{half}") for half in ("mac", "cipher")]
    plain = AESSIV(b"".join(halves)).decrypt(sealed, None)
    packed = plain[4 : 4 + int.from_bytes(plain[:4], "little")]
    method, letters, length = packed[0], packed[1], int.from_bytes(packed[2:6], "little")
    name, body = packed[6 : 6 + letters].decode(), packed[6 + letters :]
    content = zlib.decompress(body) if method == 1 else body
    require(len(content) == length, "another length")
    return name, content


def symbol(value, bits, step):
    """The bits that a value stands for: its nearest place, in Gray's code."""
    count = 2**bits
    # twice the distance from the lowest value, in steps: whole numbers, and a half goes up
    above = 2 * value - (255 - step * (count - 1))
    place = min(max((above + step) // (2 * step), 0), count - 1)
    return place ^ place >> 1


def syndromes(word):
    """A word's values at the generator's 32 roots: 0 if none of its bytes is wrong."""
    found = []
    for root in range(32):
        total = 0
        for byte in word:
            total = multiply(total, power(root)) ^ byte
        found.append(total)
    return found


def power(exponent):
    """2 to the exponent, in the field of 256 elements with the polynomial 0x11d."""
    number = 1
    for _ in range(exponent):
        number = multiply(number, 2)
    return number


def multiply(one, other):
    """Product of two elements of that field."""
    total = 0
    while other:
        if other & 1:
            total ^= one
        one <<= 1
        if one & 256:
            one ^= 0x11D
        other >>= 1
    return total
