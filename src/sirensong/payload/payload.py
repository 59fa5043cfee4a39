"""A file on its way into a carrier: which picture of samples stands for it, and back."""

from __future__ import annotations

from dataclasses import dataclass

from sirensong.errors import SettingError
from sirensong.keys.secret import SecretKey
from sirensong.payload import code, envelope, samples
from sirensong.payload.content import HiddenFile
from sirensong.payload.samples import MODULATIONS, Modulation, Size
from sirensong.pictures.image import RGB, Pixels


@dataclass(frozen=True)
class Layout:
    """The picture of samples that stands for a file.

    Args:
        kind: 1 to 14, of the modulation; a slot of kind 0 is a picture's.
        size: (height, width) in pixels.
    """

    kind: int
    size: Size

    @property
    def modulation(self) -> Modulation:
        """How samples stand for bits."""
        return MODULATIONS[self.kind - 1]

    @property
    def room(self) -> int:
        """Bytes of a packed file that fit."""
        return max(0, self._envelope - envelope.OVERHEAD)

    @property
    def coded(self) -> int:
        """Bytes that the samples stand for, parity and all."""
        return samples.coded_bytes(self.size, self.modulation)

    @property
    def _envelope(self) -> int:
        return code.data_bytes(self.coded)

    def picture(self, packed: bytes, key: SecretKey, nonce: bytes) -> RGB:
        """Make the picture.

        Args:
            packed: of `HiddenFile.packed`.
            key: bound to the carrier.
            nonce: of the carrier, 32 bytes.

        Returns:
            (height, width, 3).

        Raises:
            SettingError: the file does not fit.
        """
        sealed = envelope.seal(key, nonce, packed, self._envelope)
        stream = code.encode(sealed, self.coded)
        return samples.to_picture(stream, self.size, self.modulation, key, nonce)

    def read(self, pixels: Pixels, key: SecretKey, nonce: bytes) -> tuple[HiddenFile, int]:
        """Read a file from a render of the picture.

        Args:
            pixels: (height, width, 3), in [0, 1].
            key: bound to the carrier.
            nonce: of the carrier, 32 bytes.

        Returns:
            The file, and how many bytes of its code were wrong.

        Raises:
            FormatError: too many samples are wrong, or the carrier was altered.
        """
        stream = samples.from_picture(pixels, self.modulation, key, nonce)
        sealed, wrong = code.decode(stream)
        return HiddenFile.unpack(envelope.unseal(key, nonce, sealed)), wrong


def layout_for(packed: int, modulation: Modulation, shape: Size, least: Size) -> Layout:
    """The smallest layout that a file fits into.

    Args:
        packed: bytes of the packed file.
        modulation: how samples stand for bits.
        shape: (height, width) of the cover, whose shape it has.
        least: (height, width) that it has at least: a pixel for each tile.
    """
    kind = MODULATIONS.index(modulation) + 1
    coded = code.coded_bytes(packed + envelope.OVERHEAD)
    layout = Layout(kind, samples.size_for(coded, modulation, shape, least))
    while layout.room < packed:  # the words of a larger picture are cut differently
        coded += code.PARITY
        layout = Layout(kind, samples.size_for(coded, modulation, shape, least))
    return layout


@dataclass(frozen=True)
class Payload:
    """A file and its layout: what is trained for in place of a picture.

    Args:
        file: the file.
        layout: of its samples.

    Raises:
        SettingError: the file does not fit the layout.
    """

    file: HiddenFile
    layout: Layout

    def __post_init__(self) -> None:
        need = len(self.file.packed)
        if need > self.layout.room:
            raise SettingError(f"{self.file.name} takes {need} bytes, where {self.layout.room} fit")

    def picture(self, key: SecretKey, nonce: bytes) -> RGB:
        """Make the picture that a key of a carrier is to show; see `Layout.picture`."""
        return self.layout.picture(self.file.packed, key, nonce)
