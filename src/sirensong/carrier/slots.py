"""Slots: 64 times 16 bytes in a carrier, random to anyone without a key that opens one.

A slot is one block of AES: what it tells, then four zero bytes, by which its key knows it
(docs/adr/0013-slots-of-one-block.md).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sirensong.errors import FormatError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive, keystream, permutation
from sirensong.network.substitution import RATIO_STEPS, Selection, ratio_units
from sirensong.payload.samples import MODULATIONS

SLOTS = 64
SLOT_BYTES = 16
DIGEST_BYTES = 5

PICTURE = 0
"""The kind of a slot for a picture; those from 1 on are modulations of a file's samples."""

_KINDS = 16  # so kind * 16 + selection is one byte
_ZEROS = bytes(4)
# Kind and selection, ratio, height, width, digest, zeros: 16 bytes.
_LAYOUT = struct.Struct("<BHHH5s4s")
_SELECTIONS = tuple(Selection)


@dataclass(frozen=True)
class Slot:
    """What a receiver must know beyond key and carrier.

    Args:
        selection: how positions were selected.
        ratio: share S of each matrix's weights that the key replaces (section 3.3), in (0, 1).
        height: of the secret picture, in pixels, 1 to 65,535.
        width: of the secret picture, in pixels, 1 to 65,535.
        digest: the first 5 bytes of the digest of the weights as they were published.
        kind: of what is hidden: 0 for a picture, else `payload.Layout.kind` of a file, whose
            height and width are those of its picture of samples.
    """

    selection: Selection
    ratio: float
    height: int
    width: int
    digest: bytes
    kind: int = PICTURE

    def _pack(self) -> bytes:
        head = self.kind * _KINDS + _SELECTIONS.index(self.selection)
        units = ratio_units(self.ratio)
        return _LAYOUT.pack(head, units, self.height, self.width, self.digest, _ZEROS)

    @classmethod
    def _unpack(cls, data: bytes) -> Slot | None:
        """Read a block as its key has opened it; None if it is another key's, or no slot."""
        head, units, height, width, digest, zeros = _LAYOUT.unpack(data)
        kind, selection = divmod(head, _KINDS)
        if zeros != _ZEROS:
            return None
        if kind > len(MODULATIONS):
            raise FormatError(
                f"the key opens a slot of kind {kind}, which this release cannot read",
                hint="a newer Sirensong may read it",
            )
        if not (selection < len(_SELECTIONS) and 0 < units < RATIO_STEPS and height and width):
            return None
        return cls(_SELECTIONS[selection], units / RATIO_STEPS, height, width, digest, kind)


def seal_slots(nonce: bytes, entries: Sequence[tuple[SecretKey, Slot]], entropy: bytes) -> bytes:
    """Encrypt one slot for each key, and put it at a random place among random bytes.

    Args:
        nonce: of the carrier, 32 bytes.
        entries: a key and its slot for each picture, 64 at most.
        entropy: 32 secret random bytes, which decide on the places and the filling.

    Returns:
        64 x 16 bytes.

    Raises:
        SettingError: there are more entries than slots.
    """
    if len(entries) > SLOTS:
        raise SettingError(f"a carrier holds at most {SLOTS} secrets, got {len(entries)}")
    filling = keystream(entropy, nonce, "slots/filling", SLOTS * SLOT_BYTES)[0].tobytes()
    slots = [filling[start : start + SLOT_BYTES] for start in range(0, len(filling), SLOT_BYTES)]
    places = permutation(entropy, nonce, "slots/places", SLOTS)
    for place, (key, slot) in zip(places, entries, strict=False):
        slots[place] = _cipher(key, nonce).encryptor().update(slot._pack())
    return b"".join(slots)


def open_slots(nonce: bytes, slots: bytes, key: SecretKey) -> Slot | None:
    """Look for a key's slot.

    Args:
        nonce: of the carrier, 32 bytes.
        slots: of the carrier, 64 x 16 bytes.
        key: that was bound to the carrier.

    Returns:
        The first slot that the key opens, or None.

    Raises:
        FormatError: the key opens a slot of a kind that only a later release knows.
    """
    opened = _cipher(key, nonce).decryptor().update(slots)
    blocks = (opened[start : start + SLOT_BYTES] for start in range(0, len(opened), SLOT_BYTES))
    return next((slot for slot in map(Slot._unpack, blocks) if slot is not None), None)


def _cipher(key: SecretKey, nonce: bytes) -> Cipher[modes.ECB]:
    """AES-256 of single blocks, under a key that enciphers one block in one carrier."""
    return Cipher(algorithms.AES256(derive(key.secret, nonce, "slot")), modes.ECB())  # noqa: S305
