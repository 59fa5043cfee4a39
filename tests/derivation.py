"""docs/format.md, sections 4 to 6, once more and written out: what tests compare the library with.

From hash functions and single AES blocks; in lists and loops, without NumPy.
"""

import hmac
import statistics

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

NORMAL = statistics.NormalDist()


def hkdf(secret, salt, info):
    """RFC 5869 for 32 bytes, which is one block: extract, then expand once."""
    extracted = hmac.digest(salt, secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def derive(secret, nonce, purpose):
    return hkdf(secret, nonce, b"sirensong/2/" + purpose.encode())


def aes(key):
    """AES-256 of single blocks."""
    return Cipher(algorithms.AES256(key), modes.ECB())


def integers(secret, nonce, purpose, tile, count, size):
    """A tile's integers of so many bytes each, from blocks of counters that are encrypted."""
    block = aes(derive(secret, nonce, purpose)).encryptor()
    counters = range(-(-count * size // 16))
    stream = b"".join(
        block.update(tile.to_bytes(8, "big") + counter.to_bytes(8, "big")) for counter in counters
    )
    parts = [stream[start : start + size] for start in range(0, count * size, size)]
    return [int.from_bytes(part, "little") for part in parts]


def positions(secret, nonce, tile, sizes, counts):
    """A tile's positions in some matrices, of sizes and counts that are given."""
    drawn = integers(secret, nonce, "positions", tile, sum(sizes), 4)
    chosen = []
    for size, count in zip(sizes, counts, strict=True):
        own, drawn = drawn[:size], drawn[size:]
        order = sorted(range(size), key=lambda place, own=own: (own[place], place))
        chosen.append(sorted(order[:count]))
    return chosen


def values(secret, nonce, tile, counts, deviations):
    """A tile's values for some matrices, as many as is given, in double precision."""
    drawn = integers(secret, nonce, "values", tile, sum(counts), 8)
    found = []
    for count, deviation in zip(counts, deviations, strict=True):
        own, drawn = drawn[:count], drawn[count:]
        shares = [((integer >> 12) + 0.5) / 2**52 for integer in own]
        found.append([deviation * NORMAL.inv_cdf(share) for share in shares])
    return found


PRIME = 2**255 - 19


def x25519(private, public):
    """RFC 7748, section 5: the Montgomery ladder on whole numbers."""
    scalar = int.from_bytes(private, "little")
    scalar = scalar & ~7 & ~(128 << 248) | 64 << 248
    u = int.from_bytes(public, "little") % 2**255 % PRIME
    x2, z2, x3, z3 = 1, 0, u, 1
    for place in reversed(range(255)):
        bit = scalar >> place & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb = d * a, c * b
        x3, z3 = (da + cb) ** 2 % PRIME, u * (da - cb) ** 2 % PRIME
        e = a * a - b * b
        x2, z2 = a * a * b * b % PRIME, e * (a * a + 121665 * e) % PRIME
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little")


def public_of(private):
    return x25519(private, (9).to_bytes(32, "little"))


def bound(private, public, nonce, recipient):
    """The key of a recipient in a carrier, from one side's private and the other's public key."""
    return hkdf(x25519(private, public), nonce + recipient, b"sirensong/2/recipient")
