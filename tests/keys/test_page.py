"""The vectors of docs/format.md that are about keys, computed once more by `derivation`."""

import hashlib
import math
import struct
from pathlib import Path

import numpy as np
import pytest

import derivation
from sirensong.keys.bech32 import encode

PAGE = (Path(__file__).parents[2] / "docs/format.md").read_text("utf-8")
K, NONCE = bytes(range(32)), bytes(range(32, 64))
KEYED = [128 * 128] * 4, [3277] * 4, [2 * math.sqrt(2 / 256)] * 4
RANDOM = [256, *[128 * 128] * 7, 384], [13, *[819] * 7, 19]


def as_floats(values):
    return np.array(values, "<f4")


@pytest.mark.parametrize("purpose", ["slot", "positions", "values", "tiles"])
def test_derived_keys(purpose):
    assert derivation.derive(K, NONCE, purpose).hex() in PAGE


@pytest.mark.parametrize(
    ("purpose", "size"), [("positions", 4), ("values", 8)], ids=["positions", "values"]
)
@pytest.mark.parametrize("tile", [0, 1])
def test_integers(purpose, size, tile):
    count = 16 // size + size // 8
    drawn = derivation.integers(K, NONCE, purpose, tile, count, size)
    shown = "  ".join(f"0x{integer:0{2 * size}x}" for integer in drawn)
    assert f"{purpose}, tile {tile}, u{8 * size}" in PAGE
    assert f"{shown} .." in PAGE


@pytest.fixture(scope="module")
def keyed():
    sizes, counts, deviations = KEYED
    return {
        tile: (
            derivation.positions(K, NONCE, tile, sizes, counts),
            derivation.values(K, NONCE, tile, counts, deviations),
        )
        for tile in (0, 1)
    }


@pytest.mark.parametrize("layer", [1, 2, 3, 4])
def test_keyed_positions_and_values(keyed, layer):
    places, values = (drawn[layer - 1] for drawn in keyed[0])
    floats = as_floats(values)
    shown = " ".join(value.tobytes().hex() for value in floats[:4])
    rounded = ", ".join(f"{value:.6f}" for value in floats[:4])
    first = ", ".join(map(str, places[:4]))
    row = f"| {layer} | 128 x 128 | 3277 | {first} | {places[-1]} | `{shown}` | {rounded} |"
    assert row in PAGE
    digests = [hashlib.sha256(part).hexdigest()[:16] for part in (np.array(places, "<i8"), floats)]
    assert f"layer {layer}  {digests[0]}  {digests[1]}" in PAGE


def test_another_tile(keyed):
    places, values = (drawn[1] for drawn in keyed[1])
    first = ", ".join(map(str, places[:4]))
    shown = " ".join(value.tobytes().hex() for value in as_floats(values)[:4])
    assert f"{first}, the last {places[-1]}; first values `{shown}`" in PAGE


def test_random_positions_and_the_values_there():
    sizes, counts = RANDOM
    layers = derivation.positions(NONCE, NONCE, 0, sizes, counts)
    deviations = [math.sqrt(2 / sides) for sides in (130, *[256] * 7, 131)]
    values = as_floats(derivation.values(K, NONCE, 0, counts, deviations)[1])
    first, second = (", ".join(map(str, places[:5])) for places in layers[:2])
    said = " ".join(PAGE.split())
    assert f"layer 0's first positions for this nonce are {first}, and layer 1's {second};" in said
    assert " ".join(value.tobytes().hex() for value in values[:4]) in PAGE


def test_the_order_of_tiles():
    drawn = derivation.integers(K, NONCE, "tiles", 0, 6, 8)
    order = sorted(range(6), key=lambda tile: drawn[tile])
    assert "  ".join(f"0x{integer:016x}" for integer in drawn[:3]) in PAGE
    assert f"Of six tiles K's order is {', '.join(map(str, order))}." in PAGE


def test_the_slot():
    block = struct.pack("<BHHH5s4x", 0, 500, 96, 128, bytes.fromhex("0123456789"))
    cipher = derivation.aes(derivation.derive(K, NONCE, "slot")).encryptor()
    assert f"block  {block.hex()}\n    slot   {cipher.update(block).hex()}" in PAGE


def test_the_key_pair():
    identity, private = bytes(range(64, 96)), bytes(range(96, 128))
    recipient, nonce = derivation.public_of(identity), derivation.public_of(private)
    shared = derivation.x25519(private, recipient)
    assert shared == derivation.x25519(identity, nonce)
    lines = [
        f"P          {recipient.hex()}",
        f"identity   {encode('age-secret-key-', identity).upper()}",
        f"recipient  {encode('age', recipient)}",
        f"N          {nonce.hex()}",
        f"shared     {shared.hex()}",
        f"K          {derivation.bound(private, recipient, nonce, recipient).hex()}",
    ]
    assert "".join(f"    {line}\n" for line in lines) in PAGE
