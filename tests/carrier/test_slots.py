"""Slots: what a key finds among 64 blocks that look random."""

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import derivation
from sirensong.carrier.slots import SLOT_BYTES, SLOTS, Slot, open_slots, seal_slots
from sirensong.errors import FormatError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.network.substitution import Selection

ENTROPY = bytes(range(60, 92))


def slot_of(number):
    return Slot(
        list(Selection)[number % 3],
        (number + 1) / 10_000,
        10 + number,
        20 + number,
        bytes([number] * 5),
    )


def key_of(number):
    return SecretKey(hashlib.sha256(b"key %d" % number).digest())


def cut(slots, size=SLOT_BYTES):
    return [slots[start : start + size] for start in range(0, len(slots), size)]


def cipher_by_hand(key, nonce):
    return derivation.aes(derivation.derive(key.secret, nonce, "slot"))


def block_of(key, nonce, head=0, units=500, height=6, width=9, zeros=bytes(4)):
    plain = struct.pack("<BHHH5s4s", head, units, height, width, b"diges", zeros)
    return cipher_by_hand(key, nonce).encryptor().update(plain)


def with_block(slots, block, place=0):
    return slots[: place * SLOT_BYTES] + block + slots[(place + 1) * SLOT_BYTES :]


@pytest.mark.parametrize("count", [0, 1, 2, 16, 64])
def test_each_key_finds_its_own(nonce, count):
    slots = seal_slots(
        nonce, [(key_of(number), slot_of(number)) for number in range(count)], ENTROPY
    )
    assert len(slots) == 64 * 16
    assert [open_slots(nonce, slots, key_of(number)) for number in range(count)] == [
        slot_of(number) for number in range(count)
    ]
    assert open_slots(nonce, slots, key_of(count)) is None


def test_there_is_room_for_64(nonce):
    with pytest.raises(SettingError, match="at most 64 secrets, got 65"):
        seal_slots(nonce, [(key_of(number), slot_of(number)) for number in range(65)], ENTROPY)


@given(
    selection=st.sampled_from(Selection),
    units=st.integers(1, 9999),
    height=st.integers(1, 65535),
    width=st.integers(1, 65535),
    digest=st.binary(min_size=5, max_size=5),
)
def test_every_field_survives(key, nonce, selection, units, height, width, digest):
    slot = Slot(selection, units / 10_000, height, width, digest)
    assert open_slots(nonce, seal_slots(nonce, [(key, slot)], ENTROPY), key) == slot


def test_a_slot_byte_by_byte(key, nonce):
    slots = seal_slots(
        nonce, [(key, Slot(Selection.MAGNITUDE, 0.05, 0x0102, 0x0304, b"diges"))], ENTROPY
    )
    empty = seal_slots(nonce, [], ENTROPY)
    (block,) = [
        block for block, filling in zip(cut(slots), cut(empty), strict=True) if block != filling
    ]
    plain = cipher_by_hand(key, nonce).decryptor().update(block)
    assert plain == bytes.fromhex("01 f401 0201 0403") + b"diges" + bytes(4)


def test_another_key_or_carrier_opens_none(key, other_key, nonce):
    slots = seal_slots(nonce, [(key, slot_of(1))], ENTROPY)
    assert open_slots(nonce, slots, other_key) is None
    assert open_slots(nonce[::-1], slots, key) is None


def test_every_flipped_bit_closes_a_slot(key, nonce):
    block = block_of(key, nonce)
    others = seal_slots(nonce, [], ENTROPY)
    assert open_slots(nonce, with_block(others, block), key) == Slot(
        Selection.KEYED, 0.05, 6, 9, b"diges"
    )
    for bit in range(8 * SLOT_BYTES):
        flipped = (int.from_bytes(block) ^ (1 << bit)).to_bytes(SLOT_BYTES)
        assert open_slots(nonce, with_block(others, flipped), key) is None


NO_SLOTS = {
    "a zero bit is one": {"zeros": b"\0\0\0\1"},
    "the first zero bit is one": {"zeros": b"\x80\0\0\0"},
    "a later kind, without zeros": {"head": 0x10, "zeros": b"\0\1\0\0"},
    "a fourth selection": {"head": 3},
    "a sixteenth selection": {"head": 15},
    "a ratio of 0": {"units": 0},
    "a ratio of 1": {"units": 10_000},
    "the largest ratio": {"units": 65_535},
    "no rows": {"height": 0},
    "no columns": {"width": 0},
}


@pytest.mark.parametrize("fields", NO_SLOTS.values(), ids=NO_SLOTS)
def test_what_is_out_of_range_is_not_this_key_s(key, nonce, fields):
    """It can only have come about by chance; the key's own slot may be behind it."""
    stranger, own = block_of(key, nonce, **fields), block_of(key, nonce)
    slots = with_block(seal_slots(nonce, [], ENTROPY), stranger, 7)
    assert open_slots(nonce, slots, key) is None
    slots = with_block(slots, own, 50)
    assert open_slots(nonce, slots, key) == Slot(Selection.KEYED, 0.05, 6, 9, b"diges")


def test_the_first_slot_that_opens_is_the_key_s(key, nonce):
    slots = with_block(seal_slots(nonce, [], ENTROPY), block_of(key, nonce, width=1), 63)
    slots = with_block(slots, block_of(key, nonce, width=2), 0)
    assert open_slots(nonce, slots, key).width == 2


@pytest.mark.parametrize("place", [0, 63])
def test_a_slot_of_a_later_kind_is_an_error(key, nonce, place):
    """Whatever it has in the fields whose meaning only a later release knows."""
    block = block_of(key, nonce, head=16 * 15 + 9, units=0, height=0, width=65_535)
    slots = with_block(seal_slots(nonce, [], ENTROPY), block, place)
    with pytest.raises(FormatError, match=r"^the key opens a slot of kind 15,") as caught:
        open_slots(nonce, slots, key)
    assert caught.value.hint == "a newer Sirensong may read it"


@pytest.mark.parametrize("kind", [1, 8, 14])
def test_a_slot_of_a_file_says_its_kind(key, nonce, kind):
    block = block_of(key, nonce, head=16 * kind, height=7, width=9)
    slots = with_block(seal_slots(nonce, [], ENTROPY), block, 5)
    found = open_slots(nonce, slots, key)
    assert (found.kind, found.height, found.width) == (kind, 7, 9)
    assert open_slots(nonce, seal_slots(nonce, [(key, found)], ENTROPY), key) == found


@given(entropy=st.binary(min_size=32, max_size=32), count=st.integers(0, 64))
def test_sealed_and_unsealed_have_one_length_and_no_repetition(nonce, entropy, count):
    for entries in ([], [(key_of(number), slot_of(0)) for number in range(count)]):
        slots = seal_slots(nonce, entries, entropy)
        assert len(slots) == SLOTS * SLOT_BYTES
        assert len(set(cut(slots))) == SLOTS
        assert len(set(cut(slots, 8))) == 2 * SLOTS


def test_equal_entropy_gives_equal_slots_and_other_entropy_others(key, nonce):
    entries = [(key, slot_of(1))]
    assert seal_slots(nonce, entries, ENTROPY) == seal_slots(nonce, entries, ENTROPY)
    assert set(cut(seal_slots(nonce, [], ENTROPY))).isdisjoint(
        cut(seal_slots(nonce, [], ENTROPY[::-1]))
    )
    assert set(cut(seal_slots(nonce, [], ENTROPY))).isdisjoint(
        cut(seal_slots(nonce[::-1], [], ENTROPY))
    )


def test_places_and_bytes_look_random(key, nonce):
    """Over many carriers, every place is as frequent, and so is every byte's value."""
    runs, hits, frequencies = 640, np.zeros(SLOTS), np.zeros(256)
    for run in range(runs):
        entropy = hashlib.sha256(b"entropy %d" % run).digest()
        empty, sealed = (
            cut(seal_slots(nonce, [], entropy)),
            cut(seal_slots(nonce, [(key, slot_of(1))], entropy)),
        )
        changed = [place for place in range(SLOTS) if empty[place] != sealed[place]]
        assert len(changed) == 1
        hits[changed] += 1
        frequencies += np.bincount(np.frombuffer(b"".join(empty), np.uint8), minlength=256)
    assert 0.005 < stats.chisquare(hits).pvalue < 0.995
    assert 0.005 < stats.chisquare(frequencies).pvalue < 0.995


def test_golden(golden):
    pinned = golden["slots"]
    nonce, entropy = bytes.fromhex(golden["nonce"]), bytes.fromhex(pinned["entropy"])
    entry = pinned["entry"]
    slot = Slot(
        Selection(entry["selection"]),
        entry["ratio"],
        entry["height"],
        entry["width"],
        bytes.fromhex(entry["digest"]),
    )
    key = SecretKey(bytes.fromhex(golden["key"]))
    slots = seal_slots(nonce, [(key, slot)], entropy)
    assert hashlib.sha256(slots).hexdigest() == pinned["sha256"]
    assert open_slots(nonce, slots, key) == slot
