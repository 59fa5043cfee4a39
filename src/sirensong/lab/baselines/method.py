"""What a scheme that hides pictures can do, whatever it is made of: hide, view, reveal."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from PIL import Image

from sirensong.errors import NoPictureError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.network.siren import Weights
from sirensong.network.tiles import Grid
from sirensong.pictures.image import RGB, size_of, size_text
from sirensong.pictures.opening import open_image


class Method(ABC):
    """A scheme with its settings: hides pictures in the bytes of a file.

    Attributes:
        name: by which the command and the tables know it.
        title: its authors' name for it, and the year.
        variants: names of its variants; the first is the default.
        ending: of its files, ".png" or ".safetensors".
        keyed: whether who has no key is kept from the secrets.
        trained: whether sender and receiver need weights that were trained before.
        most: the largest number of secrets.
        least_side: the smallest side of a picture, in pixels.
        multiple: that sides must be a multiple of, in pixels.
        variant: the chosen variant.
        secrets: how many pictures each file hides.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    variants: ClassVar[tuple[str, ...]]
    ending: ClassVar[str] = ".png"
    keyed: ClassVar[bool] = False
    trained: ClassVar[bool] = False
    most: ClassVar[int] = 2
    least_side: ClassVar[int] = 8
    multiple: ClassVar[int] = 1

    def __init__(self, variant: str | None = None, secrets: int = 2) -> None:
        """Choose a variant.

        Args:
            variant: its name; the default one if None.
            secrets: how many pictures are to be hidden, 1 to `most`.

        Raises:
            SettingError: there is no such variant, or it does not hide so many.
        """
        self.variant = self.variants[0] if variant is None else variant
        self.secrets = secrets
        if self.variant not in self.variants:
            known = ", ".join(self.variants)
            raise SettingError(f"variants of {self.name} are {known}, got {self.variant!r}")
        if not 1 <= secrets <= self.most:
            raise SettingError(
                f"{self.name} {self.variant} hides 1 to {self.most} pictures, got {secrets}"
            )

    @property
    def decoder_bytes(self) -> int:
        """What every receiver must hold before the first file comes, in bytes."""
        return 0

    @property
    def side_information(self) -> int:
        """What a receiver must be sent apart from the file and the key, in bytes a secret."""
        return 0

    @property
    def key_bits(self) -> int:
        """Entropy of a receiver's key; 0 where anybody who has the decoder can reveal."""
        return 256 if self.keyed else 0

    @abstractmethod
    def hide(self, cover: RGB, secrets: Sequence[RGB], keys: Sequence[SecretKey]) -> bytes:
        """Hide pictures.

        Args:
            cover: the picture that everybody is to see, (height, width, 3).
            secrets: the pictures to hide, of the same size.
            keys: one for each secret; none where the scheme has no keys.

        Returns:
            The file.

        Raises:
            SettingError: the pictures or keys do not suit the scheme.
        """

    @abstractmethod
    def view(self, file: bytes) -> RGB:
        """Show what everybody sees.

        Args:
            file: as `hide` returned it.

        Raises:
            FormatError: it is no file of this scheme.
        """

    @abstractmethod
    def reveal(self, file: bytes, index: int, key: SecretKey | None = None) -> RGB:
        """Recover a secret.

        Args:
            file: as `hide` returned it.
            index: which secret, from 0.
            key: of the receiver, where the scheme has keys.

        Raises:
            FormatError: it is no file of this scheme.
            NoPictureError: there is no picture for this key.
            SettingError: there is no such secret, or a key is missing.
        """

    def find(self, file: bytes, key: SecretKey) -> RGB:
        """Recover the secret of a key, whichever it is.

        Args:
            file: as `hide` returned it.
            key: of the receiver.

        Returns:
            The first picture that the key opens.

        Raises:
            FormatError: it is no file of this scheme.
            NoPictureError: the key opens none.
        """
        for index in range(self.secrets):
            try:
                return self.reveal(file, index, key)
            except NoPictureError:
                continue
        raise NoPictureError(f"there is no picture of {self.name} for this key")

    def check(
        self, cover: RGB, secrets: Sequence[RGB], keys: Sequence[SecretKey] | None = None
    ) -> None:
        """Refuse pictures and keys that do not suit the scheme.

        Args:
            cover: the cover.
            secrets: to be hidden.
            keys: of the secrets' receivers; None if they are not yet known.

        Raises:
            SettingError: sizes differ, sides are too small or no multiple of what the scheme needs,
                or there are too few or too many secrets or keys.
        """
        if len(secrets) != self.secrets:
            raise SettingError(
                f"{self.name} hides {self.secrets} pictures here, got {len(secrets)}"
            )
        self._check_size(cover)
        for place, secret in enumerate(secrets, 1):
            if secret.shape != cover.shape:
                raise SettingError(
                    f"secret {place} is {size_text(size_of(secret))}, expected the cover's size, "
                    f"{size_text(size_of(cover))}"
                )
        if keys is not None and len(keys) != (self.secrets if self.keyed else 0):
            expected = f"{self.secrets} keys" if self.keyed else "no keys"
            raise SettingError(f"{self.name} takes {expected}, got {len(keys)}")

    def check_index(self, index: int, key: SecretKey | None) -> None:
        """Refuse a secret that there is not, or a missing key.

        Raises:
            SettingError: see above.
        """
        if not 0 <= index < self.secrets:
            raise SettingError(f"secrets are 1 to {self.secrets}, got {index + 1}")
        if self.keyed and key is None:
            raise SettingError(f"{self.name} reveals with a key", hint="--key KEY for each secret")

    def _check_size(self, picture: RGB) -> None:
        sides = size_of(picture)
        if min(sides) < self.least_side or any(side % self.multiple for side in sides):
            needs = f"sides of at least {self.least_side} pixels"
            if self.multiple > 1:
                needs += f" that are multiples of {self.multiple}"
            raise SettingError(f"{self.name} needs {needs}, got {size_text(sides)}")


class PictureMethod(Method):
    """A scheme whose file is a picture: an 8-bit PNG."""

    def view(self, file: bytes) -> RGB:
        """Read the picture; see `Method.view`."""
        picture = decode_png(file)
        self._check_size(picture)
        return picture


class FunctionMethod(Method):
    """A scheme whose file is a neural function."""

    ending: ClassVar[str] = ".safetensors"
    keyed: ClassVar[bool] = True

    @abstractmethod
    def hide_nothing(self, cover: RGB, seed: bytes) -> bytes:
        """Train a function as somebody publishes it who has no secrets, with the same settings.

        Args:
            cover: the picture that everybody is to see, (height, width, 3).
            seed: 32 bytes that all is drawn from.

        Returns:
            A file of the form that `hide` returns.

        Raises:
            SettingError: the cover does not suit the scheme.
        """

    @abstractmethod
    def function(self, file: bytes) -> tuple[Weights, Grid]:
        """Read what a file publishes.

        Args:
            file: as `hide` returned it.

        Returns:
            The layers of the function's tiles, and how the tiles lie in the picture; one tile for
            one function of the whole picture.

        Raises:
            FormatError: it is no file of this scheme.
        """


def encode_png(rgb: RGB) -> bytes:
    """Write a picture as a PNG.

    Args:
        rgb: (height, width, 3), uint8.

    Returns:
        The file.
    """
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", optimize=True)
    return file.getvalue()


def decode_png(file: bytes) -> RGB:
    """Read a picture from the bytes of an image file.

    Args:
        file: of any format without loss that the library reads.

    Returns:
        (height, width, 3), uint8.

    Raises:
        FormatError: it is no picture.
    """
    with open_image(file, "the stego picture") as image:
        return np.asarray(image.convert("RGB"))
