"""Low bits that several recipients share: each finds only what its key opens, all else is random.

The first 128 bits are the carrier's nonce. From it everybody can compute which samples are whose:
a permutation deals them out, one to each recipient in turn, so that no two meet and none needs
another's key. Within its samples a recipient's key decides on the order. What stands there is one
message of AES-256-GCM that fills all whole bytes: a length, a file, zeros. Its key is derived from
the recipient's, from the nonce and from the recipient's number, and is used once.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sirensong.errors import FormatError, NoPictureError
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive, permutation
from sirensong.lab.baselines.lsb.bits import Bits, Rates, Values, pack, unpack

NONCE_BITS = 128
LENGTH_BYTES = 4
TAG_BYTES = 16

_ONCE = bytes(12)  # AES-GCM's nonce: each key seals one message
_EVERYBODY = bytes(32)  # the key of the permutation that is no secret


class LowBits:
    """What the low bits of a picture's samples hold, shared out among recipients.

    Attributes:
        values: (samples,), what each sample's low bits hold.
        rates: (samples,), how many low bits each has.
        nonce: of the carrier, 16 bytes.
    """

    def __init__(self, values: Values, rates: Rates, recipients: int) -> None:
        """Read the nonce, and deal out the samples behind it.

        Args:
            values: (samples,).
            rates: (samples,), of a sum of at least 128.
            recipients: how many there are.
        """
        self.values, self.rates = values, rates
        first = int(np.searchsorted(np.cumsum(rates), NONCE_BITS)) + 1
        head = unpack(values[:first], rates[:first])
        self.nonce = np.packbits(head[:NONCE_BITS]).tobytes()
        dealt = permutation(_EVERYBODY, self.nonce, "lsb/recipients", len(rates) - first)
        self._shares = [first + dealt[place::recipients] for place in range(recipients)]

    @classmethod
    def random(cls, rates: Rates, recipients: int) -> LowBits:
        """Fill low bits with the operating system's randomness, the nonce among them.

        Args:
            rates: (samples,), of a sum of at least 128.
            recipients: how many there are.
        """
        return cls(pack(random_bits(int(rates.sum())), rates), rates, recipients)

    def room(self, index: int) -> int:
        """How long a file for one recipient may be, in bytes; 0 if there is no room at all.

        Args:
            index: the recipient's, from 0.
        """
        return max(0, self._sealed_bytes(index) - TAG_BYTES - LENGTH_BYTES)

    def seal(self, index: int, key: SecretKey, file: bytes) -> None:
        """Write a file for one recipient.

        Args:
            index: the recipient's, from 0.
            key: its key.
            file: no longer than `room`.
        """
        length = self._sealed_bytes(index) - TAG_BYTES
        message = (len(file).to_bytes(LENGTH_BYTES, "little") + file).ljust(length, b"\0")
        sealed = self._cipher(index, key).encrypt(_ONCE, message, None)
        places = self._places(index, key)
        bits = unpack(self.values[places], self.rates[places])
        bits[: 8 * len(sealed)] = np.unpackbits(np.frombuffer(sealed, np.uint8))
        self.values[places] = pack(bits, self.rates[places])

    def open(self, index: int, key: SecretKey) -> bytes:
        """Read the file of one recipient.

        Args:
            index: the recipient's, from 0.
            key: its key.

        Returns:
            The file.

        Raises:
            NoPictureError: it is another's key, or one of the recipient's bits has changed.
            FormatError: the length in the message is longer than the message.
        """
        places = self._places(index, key)
        bits = unpack(self.values[places], self.rates[places])
        sealed = np.packbits(bits[: 8 * self._sealed_bytes(index)]).tobytes()
        try:
            message = self._cipher(index, key).decrypt(_ONCE, sealed, None)
        except InvalidTag:
            raise NoPictureError(
                f"the key opens no secret {index + 1}: it is another's, or the stego picture was "
                "changed"
            ) from None
        length, rest = int.from_bytes(message[:LENGTH_BYTES], "little"), message[LENGTH_BYTES:]
        if length > len(rest):
            raise FormatError(
                f"secret {index + 1} claims {length} bytes, expected at most {len(rest)}"
            )
        return rest[:length]

    def _sealed_bytes(self, index: int) -> int:
        return int(self.rates[self._shares[index]].sum()) // 8

    def _cipher(self, index: int, key: SecretKey) -> AESGCM:
        return AESGCM(derive(key.secret, self.nonce, f"lsb/seal/{index}"))

    def _places(self, index: int, key: SecretKey) -> npt.NDArray[np.int64]:
        share = self._shares[index]
        return share[permutation(key.secret, self.nonce, f"lsb/order/{index}", len(share))]


def random_bits(count: int) -> Bits:
    """Draw bits from the operating system's randomness."""
    return np.unpackbits(np.frombuffer(os.urandom(-(-count // 8)), np.uint8), count=count)
