"""LSB as a method: high bits in low bits, or a codec's files there, sealed for each recipient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from sirensong.keys.secret import SecretKey
from sirensong.lab.baselines.lsb import codec
from sirensong.lab.baselines.lsb.bits import (
    LEVELS,
    MOST,
    Rates,
    adjust,
    low_values,
    neighbours,
    replace,
)
from sirensong.lab.baselines.lsb.sealing import LowBits, random_bits
from sirensong.lab.baselines.method import PictureMethod, encode_png
from sirensong.pictures.image import RGB, size_of


class Lsb(PictureMethod):
    """Replacement of least significant bits. An instance is of its variant's own class.

    `keyed` and `most` are the variant's: ask an instance. Here they tell of the default variant
    whether it has keys, and of all variants the largest number of secrets.
    """

    name: ClassVar[str] = "lsb"
    title: ClassVar[str] = "LSB"
    variants: ClassVar[tuple[str, ...]] = (
        "published",
        "plain",
        "tamimi",
        "codec1",
        "codec2",
        "codec3",
        "codec4",
    )
    most: ClassVar[int] = 25

    def __new__(cls, variant: str | None = None, secrets: int = 2) -> Lsb:  # noqa: ARG004
        """Choose the variant's class; a variant that there is not is refused by `__init__`."""
        kind = _CLASSES.get(variant or cls.variants[0], HighBits) if cls is Lsb else cls
        return super().__new__(kind)


class HighBits(Lsb):
    """High bits of the secrets in the four low bits: 3 and 1 (or 4), read with zeros below.

    This is how the row of DeepMIH's table came about (Guan et al. 2022), which the paper quotes.
    """

    most: ClassVar[int] = 2

    @property
    def kept(self) -> tuple[int, ...]:
        """How many high bits of each secret are hidden."""
        return (MOST,) if self.secrets == 1 else (MOST - 1, 1)

    def hide(self, cover: RGB, secrets: Sequence[RGB], keys: Sequence[SecretKey] = ()) -> bytes:
        """Replace the four low bits of every sample; see `Method.hide`."""
        self.check(cover, secrets, keys)
        values = np.zeros_like(cover)
        for secret, bits in zip(secrets, self.kept, strict=True):
            values = (values << bits | secret >> (8 - bits)).astype(np.uint8)
        return encode_png(self.embed(cover, values))

    def embed(self, cover: RGB, values: RGB) -> RGB:
        """Put values, 0 to 15, into the four low bits of samples."""
        return replace(cover, values, np.full_like(cover, MOST))

    def reveal(self, file: bytes, index: int, key: SecretKey | None = None) -> RGB:
        """Read high bits from low ones; see `Method.reveal`."""
        self.check_index(index, key)
        bits = self.kept[index]
        above = self.view(file) >> sum(self.kept[index + 1 :])
        return (above << (8 - bits)).astype(np.uint8)


class Plain(HighBits):
    """High bits in four low bits, as well as it can be done.

    The secrets share the four bits evenly, the first has what remains. Half a step is added to what
    is read, and samples are adjusted to lie as near to the cover's as they can.
    """

    most: ClassVar[int] = 4

    @property
    def kept(self) -> tuple[int, ...]:
        """How many high bits of each secret are hidden."""
        share, rest = divmod(MOST, self.secrets)
        return (share + rest,) + (share,) * (self.secrets - 1)

    def embed(self, cover: RGB, values: RGB) -> RGB:
        """Put values, 0 to 15, into the four low bits of samples."""
        return adjust(cover, values, np.full_like(cover, MOST), np.zeros_like(cover))

    def reveal(self, file: bytes, index: int, key: SecretKey | None = None) -> RGB:
        """Read high bits from low ones, and add half a step; see `Method.reveal`."""
        return super().reveal(file, index, key) + np.uint8(128 >> self.kept[index])


class Codec(Lsb):
    """AVIF files of the secrets, each sealed for its recipient, in as many low bits as it says.

    Attributes:
        band: levels that samples fall into bands of, none of which embedding leaves.
    """

    keyed: ClassVar[bool] = True
    band: ClassVar[int] = LEVELS

    def rates(self, picture: RGB) -> Rates:
        """How many low bits each sample gives, the same for a cover and its stego picture."""
        return np.full_like(picture, int(self.variant[-1]))

    def hide(self, cover: RGB, secrets: Sequence[RGB], keys: Sequence[SecretKey]) -> bytes:
        """Encode, seal and embed the secrets; see `Method.hide`.

        Raises:
            SettingError: also if a secret does not fit at the lowest quality.
            MissingDependencyError: this build of Pillow has no AVIF.
        """
        self.check(cover, secrets, keys)
        rates = self.rates(cover)
        low = LowBits.random(rates.ravel(), self.secrets)
        for index, (secret, key) in enumerate(zip(secrets, keys, strict=True)):
            file = codec.encode(secret, low.room(index), f"secret {index + 1}")
            low.seal(index, key, file)
        coins = random_bits(cover.size).reshape(cover.shape)
        values = low.values.reshape(cover.shape)
        return encode_png(adjust(cover, values, rates, coins, self.band))

    def reveal(self, file: bytes, index: int, key: SecretKey | None = None) -> RGB:
        """Open and decode a recipient's file; see `Method.reveal`."""
        self.check_index(index, key)
        assert key is not None  # noqa: S101  (the line above has refused it)
        stego = self.view(file)
        rates = self.rates(stego)
        low = LowBits(low_values(stego, rates).ravel(), rates.ravel(), self.secrets)
        return codec.decode(low.open(index, key), size_of(stego), f"secret {index + 1}")


class Tamimi(Codec):
    """As `Codec`, but a sample's neighbours decide on its rate (Tamimi et al. 2013)."""

    band: ClassVar[int] = 1 << MOST  # the rates of others hang on the high bits

    def rates(self, picture: RGB) -> Rates:
        """See `bits.neighbours`."""
        return neighbours(picture)


_CLASSES: dict[str, type[Lsb]] = {
    "published": HighBits,
    "plain": Plain,
    "tamimi": Tamimi,
    "codec1": Codec,
    "codec2": Codec,
    "codec3": Codec,
    "codec4": Codec,
}
