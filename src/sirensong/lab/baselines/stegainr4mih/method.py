"""StegaINR4MIH as a method: `sirensong.hide` and `sirensong.reveal`, at a size or by a recipe."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from sirensong.carrier.file import dumps, loads
from sirensong.carrier.header import LARGEST_HEADER, read_header
from sirensong.carrier.slots import SLOTS
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import FormatError
from sirensong.hide import hide
from sirensong.keys.secret import KEY_BYTES, SecretKey
from sirensong.keys.stream import derive
from sirensong.lab.baselines.functions.wrapping import WRAPPED_BYTES, unwrap, wrap
from sirensong.lab.baselines.method import FunctionMethod
from sirensong.network.mask import Mask, mask_from_bytes, mask_to_bytes
from sirensong.network.rendering import render_uint8
from sirensong.network.siren import Weights
from sirensong.network.substitution import Selection
from sirensong.network.tiles import Grid
from sirensong.pictures.image import RGB
from sirensong.reveal import unlock
from sirensong.training.options import Options
from sirensong.training.recipe import FAST, PAPER, Recipe

_PURPOSE = "stegainr4mih/mask"
_NOTHING = "stegainr4mih/nothing"
_ONCE = bytes(12)  # a nonce for a key that seals one mask
_LENGTH = 8  # bytes that a header begins with: its own length


def _of_size(bits: float) -> Recipe:
    """Ours, for a file of so many bits a pixel of the cover."""
    return replace(FAST, bits=bits, whole_file=True)


class StegaInr4Mih(FunctionMethod):
    """Steganography by implicit neural representation for multi-image hiding, on our engine.

    A key opens its own picture, whatever number is asked for; any other key is refused.

    Attributes:
        recipe: how functions are trained.
        options: how the training is run.
    """

    name: ClassVar[str] = "stegainr4mih"
    title: ClassVar[str] = "StegaINR4MIH (2024), ours"
    variants: ClassVar[tuple[str, ...]] = ("24bpp", "12bpp", "8bpp", "archive", "paper")
    most: ClassVar[int] = SLOTS
    recipes: ClassVar[dict[str, Recipe]] = {
        "24bpp": _of_size(24.0),
        "12bpp": _of_size(12.0),
        "8bpp": _of_size(8.0),
        "archive": FAST.at("archive"),
        "paper": PAPER,
    }

    def __init__(self, variant: str | None = None, secrets: int = 2) -> None:
        """Choose a variant; see `Method`."""
        super().__init__(variant, secrets)
        self.recipe = self.recipes[self.variant]
        self.options = Options(device="cpu", threads=1)

    def hide(self, cover: RGB, secrets: Sequence[RGB], keys: Sequence[SecretKey]) -> bytes:
        """Train a stego function; see `Method.hide`.

        Raises:
            SettingError: the pictures or keys do not suit the scheme, or no carrier of this
                picture can be so small.
        """
        self.check(cover, secrets, keys)
        return self._make(cover, secrets, keys, self.options)

    def hide_nothing(self, cover: RGB, seed: bytes) -> bytes:
        """Train made decoys in the secrets' places, if the recipe has them; see `FunctionMethod`.

        Raises:
            SettingError: no carrier of this picture can be as small as the variant says.
        """
        self._check_size(cover)
        number = int.from_bytes(derive(seed, b"", _NOTHING)[:8])
        return self._make(cover, (), (), replace(self.options, seed=number))

    def _make(
        self, cover: RGB, secrets: Sequence[RGB], keys: Sequence[SecretKey], options: Options
    ) -> bytes:
        pairs = list(zip(keys, secrets, strict=True))
        hidden = hide(cover, pairs, recipe=self.recipe, options=options)
        file = dumps(hidden.stego)
        if hidden.mask is not None:
            file += _sealed(mask_to_bytes(hidden.mask), keys, hidden.stego.nonce)
        return file

    def function(self, file: bytes) -> tuple[Weights, Grid]:
        """All tiles of the stego function; see `FunctionMethod.function`."""
        stego, _ = self._split(file)
        return stego.weights, stego.grid

    def view(self, file: bytes) -> RGB:
        """Render the stego function; see `Method.view`."""
        stego, _ = self._split(file)
        return render_uint8(stego, (stego.height, stego.width))

    def reveal(self, file: bytes, index: int, key: SecretKey | None = None) -> RGB:
        """Render a key's secret function; see `Method.reveal`."""
        self.check_index(index, key)
        assert key is not None  # noqa: S101
        stego, seal = self._split(file)
        mask = self._mask(seal, key, stego.nonce) if self._is_masked else None
        secret = unlock(stego, key, mask=mask)
        return render_uint8(secret, (secret.height, secret.width))

    @property
    def _is_masked(self) -> bool:
        return self.recipe.selection is Selection.MAGNITUDE

    def _split(self, file: bytes) -> tuple[StegoFunction, bytes]:
        """The carrier, and what comes after it where keys share a mask."""
        if not self._is_masked or len(file) < _LENGTH:
            return loads(file), b""
        size = read_header(file[: _LENGTH + LARGEST_HEADER], "the data").file_bytes
        return loads(file[:size]), file[size:]

    def _mask(self, seal: bytes, key: SecretKey, nonce: bytes) -> Mask:
        """Open the mask that `_sealed` closed."""
        rows = [
            seal[start : start + WRAPPED_BYTES]
            for start in range(0, self.secrets * WRAPPED_BYTES, WRAPPED_BYTES)
        ]
        if any(len(row) != WRAPPED_BYTES for row in rows):
            raise FormatError("the file has no mask after its carrier")
        shared = unwrap(rows, key, nonce, _PURPOSE)
        rest = seal[self.secrets * WRAPPED_BYTES :]
        try:
            opened = ChaCha20Poly1305(shared).decrypt(_ONCE, rest, nonce)
        except InvalidTag:
            raise FormatError("the file's mask is damaged") from None
        return mask_from_bytes(opened)


def _sealed(mask: bytes, keys: Sequence[SecretKey], nonce: bytes) -> bytes:
    """Encrypt a mask for each recipient: 40 bytes for each key, then the mask and 16 bytes."""
    shared = os.urandom(KEY_BYTES)
    sealed = ChaCha20Poly1305(shared).encrypt(_ONCE, mask, nonce)
    return b"".join([*wrap(shared, keys, nonce, _PURPOSE), sealed])
