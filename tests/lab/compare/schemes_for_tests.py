"""Schemes of which every number is known; in a module of their own, which processes import."""

import hashlib
import os

import numpy as np

from sirensong.errors import NoPictureError, SettingError
from sirensong.lab.baselines.method import Method, PictureMethod, decode_png, encode_png

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
