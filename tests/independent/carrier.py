"""docs/format.md, sections 1, 2.2 and 7: what a carrier says, or why it is refused."""

import hashlib
import math
import re
import struct
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import derivation
from independent.codes import RefusedError, read_codes, require

INTEGER = rb"(0|[1-9][0-9]*)"
NUMBER = rb"([0-9.e+-]+)"
HEADER = re.compile(
    rb'\{"__metadata__":\{"sirensong":"\{'
    + rb", ".join(
        rb'\\"%s\\": %s' % (name, NUMBER if name == b"omega" else INTEGER)
        for name in (
            *(b"columns", b"height", b"hidden_features", b"hidden_layers"),
            *(b"omega", b"rows", b"version", b"width"),
        )
    )
    + rb'\}"\},"steps":\{"dtype":"F32","shape":\[([0-9]+)\],"data_offsets":\[0,([0-9]+)\]\},'
    rb'"codes":\{"dtype":"U8","shape":\[' + INTEGER + rb"\],"
    rb'"data_offsets":\[([0-9]+),([0-9]+)\]\},'
    rb'"nonce":\{"dtype":"U8","shape":\[32\],"data_offsets":\[([0-9]+),([0-9]+)\]\},'
    rb'"slots":\{"dtype":"U8","shape":\[64,16\],"data_offsets":\[([0-9]+),([0-9]+)\]\}\}( *)'
)


@dataclass
class Carrier:
    """What the file says. codes: a list for each tensor, in the first layer without their start."""

    columns: int
    height: int
    features: int
    layers: int
    omega: float
    rows: int
    width: int
    steps: tuple[float, ...]
    codes: list[list[int]]
    nonce: bytes
    slots: bytes

    @property
    def tiles(self):
        return self.rows * self.columns

    @property
    def shapes(self):
        """Of each weight matrix, (rows, columns)."""
        features = self.features
        return [(features, 2), *[(features, features)] * (self.layers - 1), (3, features)]

    @property
    def digest(self):
        sha = hashlib.sha256(struct.pack(f"<{len(self.steps)}f", *self.steps))
        for codes in self.codes:
            sha.update(struct.pack(f"<{len(codes)}h", *codes))
        return sha.digest()

    def weights(self):
        """(weight, bias) of each layer: float32, with a first axis of tiles."""
        starts = [
            start_codes(self.omega, self.features, self.steps, self.nonce, tile)
            for tile in range(self.tiles)
        ]
        begins = [[code for own in tensor for code in own] for tensor in zip(*starts, strict=True)]
        begins += [[0] * len(codes) for codes in self.codes[2:]]
        tensors = [
            np.array([(start + code) * step for start, code in zip(*both, strict=True)], np.float32)
            for *both, step in zip(begins, self.codes, self.steps, strict=True)
        ]
        return [
            (tensors[2 * layer].reshape(-1, *shape), tensors[2 * layer + 1].reshape(-1, shape[0]))
            for layer, shape in enumerate(self.shapes)
        ]


def reaches(omega, steps):
    return [
        math.floor(bound / step + 0.5)
        for bound, step in zip((omega / 2, math.pi), steps[:2], strict=True)
    ]


def start_codes(omega, features, steps, nonce, tile):
    """Where the first matrix and its biases start in a tile: two lists."""
    drawn = derivation.integers(nonce, nonce, "start", tile, 3 * features, 4)
    matrix, bias = reaches(omega, steps)
    return (
        [(u * (2 * matrix + 1) >> 32) - matrix for u in drawn[: 2 * features]],
        [(u * (2 * bias + 1) >> 32) - bias for u in drawn[2 * features :]],
    )


def read_carrier(data):
    """Read a carrier's bytes, or raise Refused."""
    require(10 <= len(data) <= 6 * 2**30, "its length is out of range")
    (length,) = struct.unpack_from("<Q", data)
    require(length <= 1024 and 8 + length <= len(data), "the header is too long")
    found = HEADER.fullmatch(data[8 : 8 + length])
    require(found is not None, "the header has another form")
    columns, height, features, layers = _integers(found, 1, 4)
    rows, version, width = _integers(found, 6, 3)
    require(version == 2, f"version {version}")
    omega = _omega(found[5].decode())
    ranges = [(columns, 1, 1024), (rows, 1, 1024), (features, 1, 1024), (layers, 2, 64)]
    ranges += [(height, 1, 65535), (width, 1, 65535)]
    require(all(low <= value <= high for value, low, high in ranges), "a field is out of range")
    tensors = 2 * (layers + 1)
    (coded,) = _integers(found, 11, 1)
    require(coded <= 2**33, "codes are out of range")
    ends = [4 * tensors, 4 * tensors + coded]
    ends += [ends[1] + 32, ends[1] + 32 + 1024]
    offsets = [ends[0], *(end for pair in pairwise(ends) for end in pair)]
    said = [found[group].decode() for group in (9, 10, 12, 13, 14, 15, 16, 17)]
    require(said == [str(number) for number in (tensors, *offsets)], "another header")
    spaces = -(length - len(found[18])) % 8
    require(len(found[18]) == spaces, "spaces at the header's end")
    require(len(data) == 8 + length + ends[3], "the file's length")
    body = data[8 + length :]
    steps = struct.unpack_from(f"<{tensors}f", body)
    require(all(2**-40 <= step <= 2**9 for step in steps), "a step is out of range")
    require(max(reaches(omega, steps)) < 2**20, "the start is too wide")
    require(suits(height, width, rows, columns), "the cover does not suit the grid")
    nonce, slots = body[ends[1] : ends[2]], body[ends[2] :]
    said = columns, height, features, layers, omega, rows, width, steps
    carrier = Carrier(*said, [], nonce, slots)
    sizes = [size for out, into in carrier.shapes for size in (out * into, out)]
    sizes = [carrier.tiles * size for size in sizes]
    carrier.codes = read_codes(body[ends[0] : ends[1]], sizes)
    return carrier


def suits(height, width, rows, columns):
    """Whether a picture suits a grid (section 1.1)."""
    return height >= rows and width >= columns and height * width <= 2**18 * rows * columns


def _integers(found, first, count):
    """Integers of a header; those of more digits than any range has are refused."""
    texts = [found[first + index] for index in range(count)]
    require(all(len(text) <= 10 for text in texts), "a number is out of range")
    return list(map(int, texts))


def _omega(text):
    try:
        omega = float(text)
    except ValueError:
        raise RefusedError("omega is no number") from None
    require(repr(omega) == text, "omega is not written as its shortest decimal")
    require(0 < omega <= 10_000, "omega is out of range")
    return omega
