"""Schemes of which every number is known; in a module of their own, which processes import."""

import hashlib
import os

import numpy as np

from sirensong.errors import NoPictureError, SettingError
from sirensong.lab.baselines.method import (
    FunctionMethod,
    Method,
    PictureMethod,
    decode_png,
    encode_png,
)
from sirensong.network.siren import Layer
from sirensong.network.tiles import Grid

_TAG = 32


class Keyed(Method):
    """Shows the cover one level off, reveals secrets two levels off, to their keys only."""

    name = "lsb"
    title = "Keyed (2000)"
    variants = ("plain", "codec2")
    ending = ".bin"
    keyed = True
    most = 4
    side_information = 7
    decoder_bytes = 3_000_000

    def hide(self, cover, secrets, keys):
        self.check(cover, secrets, keys)
        if self.variant == "codec2":
            raise SettingError("these pictures do not fit")
        parts = [bytes(cover.shape[:2]), cover.tobytes()]
        for secret, key in zip(secrets, keys, strict=True):
            parts += [_tag(key), secret.tobytes()]
        return b"".join(parts)

    def view(self, file):
        return _pictures(file)[0][1] ^ 1

    def reveal(self, file, index, key=None):
        self.check_index(index, key)
        tag, picture = _pictures(file)[1 + index]
        if tag != _tag(key):
            raise NoPictureError("no picture")
        return picture ^ 2


class Open(PictureMethod):
    """Adds a fixed picture of noise; reveals black to everybody."""

    name = "weng"
    title = "Open (2001)"
    variants = ("small", "full")

    def hide(self, cover, secrets, keys):
        self.check(cover, secrets, keys)
        return encode_png(cover ^ 1)

    def reveal(self, file, index, key=None):
        return np.zeros_like(decode_png(file))


class Dying(Open):
    """Ends its process."""

    def hide(self, cover, secrets, keys):
        os._exit(3)


class Function(FunctionMethod):
    """Two tiles of random weights, of which one matrix is larger where something is hidden."""

    name = "inrsteg"
    title = "Function (2002)"
    variants = ("small", "full")
    gain = 5
    most = 4

    def hide(self, cover, secrets, keys):
        self.check(cover, secrets, keys)
        drawn = b"".join(key.secret for key in keys)
        return self._file(self.gain, cover, drawn + b"".join(one.tobytes() for one in secrets))

    def hide_nothing(self, cover, seed):
        return self._file(1, cover, seed)

    def _file(self, gain, cover, drawn):
        digest = hashlib.sha256(drawn).digest()
        return bytes([gain, *cover.shape[:2]]) + digest + cover.tobytes()

    def view(self, file):
        height, width = file[1:3]
        return np.frombuffer(file[35:], np.uint8).reshape(height, width, 3)

    def reveal(self, file, index, key=None):
        return self.view(file)

    def function(self, file):
        rng = np.random.default_rng(list(file[3:35]))
        layers = [
            Layer(rng.normal(size=(2, out, into)), rng.normal(size=(2, out)))
            for into, out in ((2, 8), (8, 8), (8, 3))
        ]
        layers[1] = Layer(layers[1].weight * file[0], layers[1].bias)
        return tuple(layers), Grid(1, 2)


def _tag(key):
    return hashlib.sha256(key.secret).digest()


def _pictures(file):
    """(tag, picture) of cover and secrets; the cover's tag is empty."""
    height, width = file[:2]
    length = 3 * height * width
    found, rest, tag = [], file[2:], b""
    while rest:
        picture = np.frombuffer(rest[:length], np.uint8).reshape(height, width, 3)
        found.append((tag, picture))
        rest = rest[length:]
        tag, rest = rest[:_TAG], rest[_TAG:]
    return found
