"""docs/format.md, sections 2, 5 and 6: from a carrier and a key to 8-bit pictures."""

import math
import struct
from dataclasses import dataclass

import numpy as np

import derivation
from independent.carrier import suits
from independent.codes import RefusedError, require


class NoPictureError(Exception):
    """The key opens no slot."""


@dataclass
class Slot:
    kind: int
    selection: int
    units: int
    height: int
    width: int
    digest: bytes


def open_slot(carrier, key):
    """The key's slot (section 6)."""
    opened = derivation.aes(derivation.derive(key, carrier.nonce, "slot")).decryptor()
    for start in range(0, 1024, 16):
        block = opened.update(carrier.slots[start : start + 16])
        head, units, height, width, digest, zeros = struct.unpack("<BHHH5s4s", block)
        if zeros != bytes(4):
            continue
        kind, selection = divmod(head, 16)
        require(kind <= 14, "a slot of a newer release")
        if selection <= 2 and 1 <= units <= 9999 and height and width:
            require(
                suits(height, width, carrier.rows, carrier.columns), "the picture's size is wrong"
            )
            return Slot(kind, selection, units, height, width, digest)
    raise NoPictureError


def cover(carrier):
    """(height, width, 3), uint8."""
    return render(carrier, carrier.weights(), carrier.height, carrier.width)


def reveal(carrier, key, *, force=False):
    """(height, width, 3), uint8: a key's picture, or what `--force` shows of a wrong key."""
    try:
        slot, order = open_slot(carrier, key), _order(carrier, key)
    except NoPictureError:
        if not force:
            raise
        slot = Slot(0, 0, 2000, carrier.height, carrier.width, b"")
        order = list(range(carrier.tiles))
    if slot.selection == 1:
        raise RefusedError("the mask is missing")
    changed = [_changed(carrier, key, slot, tile) for tile in order]
    weights = [
        tuple(np.stack(part) for part in zip(*layers, strict=True))
        for layers in zip(*changed, strict=True)
    ]
    return render(carrier, weights, slot.height, slot.width)


def _order(carrier, key):
    drawn = derivation.integers(key, carrier.nonce, "tiles", 0, carrier.tiles, 8)
    return sorted(range(carrier.tiles), key=lambda tile: (drawn[tile], tile))


def _changed(carrier, key, slot, tile):
    """A tile's function with a key's values in it (section 5)."""
    shapes = carrier.shapes
    keyed = slot.selection == 0
    chosen = range(1, len(shapes) - 1)[:4] if keyed else range(len(shapes))
    sizes = [math.prod(shapes[layer]) for layer in chosen]
    counts = [(slot.units * size + 5000) // 10_000 for size in sizes]
    secret = key if keyed else carrier.nonce
    places = derivation.positions(secret, carrier.nonce, tile, sizes, counts)
    gain = 2 if keyed else 1
    deviations = [gain * math.sqrt(2 / sum(shapes[layer])) for layer in chosen]
    values = derivation.values(key, carrier.nonce, tile, counts, deviations)
    layers = [(weight[tile].copy(), bias[tile]) for weight, bias in carrier.weights()]
    for layer, where, what in zip(chosen, places, values, strict=True):
        layers[layer][0].reshape(-1)[where] = np.array(what, np.float32)
    return layers


def render(carrier, weights, height, width):
    """Evaluate and blend all tiles (sections 2 and 2.1), and round."""
    output = np.zeros((height, width, 3), np.float32)
    for tile in range(carrier.tiles):
        row, column = divmod(tile, carrier.columns)
        rows, y, down = _axis(height, carrier.rows, row)
        columns, x, across = _axis(width, carrier.columns, column)
        points = np.array([(at_x, at_y) for at_y in y for at_x in x], np.float32).reshape(-1, 2)
        own = _evaluate([(weight[tile], bias[tile]) for weight, bias in weights], points)
        shares = np.multiply.outer(down, across)
        output[np.ix_(rows, columns)] += own.reshape(len(y), len(x), 3) * shares[..., None]
    colours = np.clip((output + np.float32(1)) / np.float32(2), 0, 1)
    return np.rint(colours * np.float32(255)).astype(np.uint8)  # a half to the even one


def _axis(pixels, tiles, tile):
    """Which pixels of an axis a tile has a part in, their coordinates, and its shares of them."""
    found = []
    for pixel in range(pixels):
        at = (2 * pixel + 1) * tiles / pixels - (2 * tile + 1)
        share = min(
            1.0,
            (at + 1) / 0.1 + 0.5 if tile else 1.0,
            (1 - at) / 0.1 + 0.5 if tile < tiles - 1 else 1.0,
        )
        if share > 0:
            found.append((pixel, at, share))
    numbers, coords, shares = zip(*found, strict=True) if found else ((), (), ())
    return list(numbers), np.array(coords, np.float32), np.array(shares, np.float32)


def _evaluate(layers, points):
    for weight, bias in layers[:-1]:
        points = np.sin(points @ weight.T + bias)
    weight, bias = layers[-1]
    return points @ weight.T + bias
