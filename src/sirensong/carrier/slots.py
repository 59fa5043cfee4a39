"""Slots: 64 times 32 bytes in a carrier, random to anyone without a key that opens one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from sirensong.errors import FormatError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive, keystream
from sirensong.network.substitution import RATIO_STEPS, Selection, ratio_units

SLOTS = 64
SLOT_BYTES = 32
DIGEST_BYTES = 6

_VERSION = 1
# Version, kind, selection, reserved, ratio, height, width, digest: 16 bytes.
_LAYOUT = struct.Struct("<BBBBHHH6s")
_SELECTIONS = tuple(Selection)


@dataclass(frozen=True)
class Slot:
    """What a receiver must know beyond key and carrier.

    Args:
        selection: how positions were selected.
        ratio: share S of each matrix's weights that the key replaces (section 3.3), in (0, 1).
        height: of the secret picture, in pixels, 1 to 65,535.
        width: of the secret picture, in pixels, 1 to 65,535.
        digest: the first 6 bytes of the digest of the weights as they were published.
    """

    selection: Selection
    ratio: float
    height: int
    width: int
    digest: bytes

    def _pack(self) -> bytes:
        selection = _SELECTIONS.index(self.selection)
        return _LAYOUT.pack(
            _VERSION, 0, selection, 0, ratio_units(self.ratio), self.height, self.width, self.digest
        )

    @classmethod
    def _unpack(cls, data: bytes) -> Slot:
        version, kind, selection, reserved, units, height, width, digest = _LAYOUT.unpack(data)
        known = (version, kind, reserved) == (_VERSION, 0, 0) and selection < len(_SELECTIONS)
        if not (known and height and width and 0 < units < RATIO_STEPS):
            raise FormatError(
                f"the key opens a slot of version {version}, kind {kind},"
                " which this release cannot read",
                hint="a newer Sirensong may read it",
            )
        return cls(_SELECTIONS[selection], units / RATIO_STEPS, height, width, digest)


def seal_slots(nonce: bytes, entries: Sequence[tuple[SecretKey, Slot]], entropy: bytes) -> bytes:
    """Encrypt one slot for each key, and put it at a random place among random bytes.

    Args:
        nonce: of the carrier, 32 bytes.
        entries: a key and its slot for each picture, 64 at most.
        entropy: 32 secret random bytes, which decide on the places and the filling.

    Returns:
        64 x 32 bytes.

    Raises:
        SettingError: there are more entries than slots.
    """
    if len(entries) > SLOTS:
        raise SettingError(f"a carrier holds at most {SLOTS} pictures, got {len(entries)}")
    filling = keystream(entropy, nonce, "slots/filling", SLOTS * SLOT_BYTES // 8).tobytes()
    slots = [filling[start : start + SLOT_BYTES] for start in range(0, len(filling), SLOT_BYTES)]
    places = np.argsort(keystream(entropy, nonce, "slots/places", SLOTS), kind="stable")
    for place, (key, slot) in zip(places, entries, strict=False):
        slots[place] = _cipher(key, nonce).encrypt(slot._pack(), None)
    return b"".join(slots)


def open_slots(nonce: bytes, slots: bytes, key: SecretKey) -> Slot | None:
    """Look for a key's slot.

    Args:
        nonce: of the carrier, 32 bytes.
        slots: of the carrier, 64 x 32 bytes.
        key: that was bound to the carrier.

    Returns:
        The first slot that the key opens, or None.

    Raises:
        FormatError: the key opens a slot of a later version.
    """
    cipher = _cipher(key, nonce)
    for start in range(0, len(slots), SLOT_BYTES):
        try:
            return Slot._unpack(cipher.decrypt(slots[start : start + SLOT_BYTES], None))
        except InvalidTag:
            continue
    return None


def _cipher(key: SecretKey, nonce: bytes) -> AESSIV:
    """Make a key's cipher: AES-256-SIV, which needs no nonce of its own.

    Should two carriers ever share theirs, equal slots alone would look equal.
    """
    return AESSIV(derive(key.secret, nonce, "slot", length=64))
