"""From a stego function back to pictures (section 3.7), on NumPy alone: no torch, no decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sirensong.carrier.slots import DIGEST_BYTES, PICTURE, Slot, open_slots
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import FormatError, NoPictureError, SettingError
from sirensong.keys.given import Key, as_key
from sirensong.keys.secret import SecretKey
from sirensong.network.mask import Mask
from sirensong.network.rendering import Size, preview, render
from sirensong.network.siren import Weights
from sirensong.network.substitution import (
    Positions,
    Selection,
    key_weights,
    keyed_positions,
    random_positions,
    secret_places,
    substitute,
)
from sirensong.network.tiles import Grid
from sirensong.payload.content import HiddenFile
from sirensong.payload.payload import Layout
from sirensong.pictures.image import Pixels


@dataclass(frozen=True, eq=False)
class SecretFunction:
    """What a key makes of a stego function; a tile's weights are made when they are asked for.

    Args:
        stego: the stego function.
        key: bound to the carrier.
        rule: what the key's slot says of its picture and of the selection.
        mask: positions that all keys share, for magnitude selection; None otherwise.
        found: whether the key opened a slot.
    """

    stego: StegoFunction = field(repr=False)
    key: SecretKey
    rule: Slot
    mask: Mask | None = field(default=None, repr=False)
    found: bool = True

    @property
    def height(self) -> int:
        """Height of the secret picture in pixels."""
        return self.rule.height

    @property
    def width(self) -> int:
        """Width of the secret picture in pixels."""
        return self.rule.width

    @property
    def is_file(self) -> bool:
        """Whether the key stands for a file; it is a picture's otherwise."""
        return self.rule.kind != PICTURE

    @property
    def layout(self) -> Layout:
        """How a file's bytes lie in the picture of samples.

        Raises:
            SettingError: the key stands for a picture.
        """
        if not self.is_file:
            raise SettingError("the key opens a picture, not a file")
        return Layout(self.rule.kind, (self.height, self.width))

    def read_file(self) -> tuple[HiddenFile, int]:
        """Read the file that the key stands for, byte for byte as it was hidden.

        Returns:
            Its name and content, and how many bytes of its code had to be put right.

        Raises:
            SettingError: the key stands for a picture.
            FormatError: the carrier was altered, so that the file cannot be read.
        """
        layout = self.layout
        return layout.read(render(self, layout.size), self.key, self.stego.nonce)

    @property
    def intact(self) -> bool:
        """Whether the stego function's weights are still those that were published.

        Pruned or quantised weights reveal too, less well. True if the key opened no slot, since
        nothing is known then.
        """
        if not self.found:
            return True
        return self.stego.is_rounded and self.rule.digest == self.stego.digest[:DIGEST_BYTES]

    @property
    def grid(self) -> Grid:
        """The grid of tiles."""
        return self.stego.grid

    def tiles(self, indices: Sequence[int]) -> Weights:
        """Make the secret function's weights in some tiles of the secret picture (Eq. 11)."""
        stego, places = self.stego, [int(self.places[index]) for index in indices]
        positions = dict(zip(places, self._positions(places), strict=True))
        gain = self.rule.selection.gain
        values = key_weights(self.key, stego.nonce, stego.architecture, positions, gain)
        weights = stego.tiles(places)
        substitute(weights, list(positions.values()), values)
        return weights

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """The carrier's tile for each of the picture's; a key with no picture here moves none."""
        if not self.found:
            return np.arange(self.grid.tiles)
        return secret_places(self.key, self.stego.nonce, self.grid.tiles)

    def _repr_png_(self) -> bytes:
        return preview(self, (self.height, self.width))

    def _positions(self, tiles: Sequence[int]) -> list[Positions]:
        stego, rule = self.stego, self.rule
        if rule.selection is Selection.KEYED:
            return keyed_positions(self.key, stego.nonce, stego.architecture, rule.ratio, tiles)
        if self.mask is None:
            return random_positions(stego.nonce, stego.architecture, rule.ratio, tiles)
        return [self.mask.positions[tile] for tile in tiles]


def sample(stego: StegoFunction, size: Size | None = None) -> Pixels:
    """Render the cover, as anybody can (Eq. 12).

    Args:
        stego: the stego function.
        size: (height, width) in pixels, by default the cover's own.

    Returns:
        (height, width, 3) in [0, 1].

    Raises:
        SettingError: the size is out of range.

    Example:
        >>> import numpy as np, sirensong as ss
        >>> song = ss.fit(np.zeros((16, 16)), recipe=ss.FAST.with_steps(1))
        >>> ss.sample(song, size=(32, 32)).shape
        (32, 32, 3)
    """
    return render(stego, size or (stego.height, stego.width))


def reveal(
    stego: StegoFunction,
    key: Key | str | Sequence[Key],
    *,
    mask: Mask | None = None,
    size: Size | None = None,
    force: bool = False,
) -> Pixels:
    """Render the secret picture that a key stands for (Eq. 11, 12).

    Args:
        stego: the stego function.
        key: as in `unlock`.
        mask: the carrier's mask, for carriers made with magnitude selection.
        size: (height, width) in pixels, by default the secret's own.
        force: for a key with no picture here, render what it makes of the function instead of
            raising.

    Returns:
        (height, width, 3) in [0, 1].

    Raises:
        NoPictureError: the key opens no slot.
        SettingError: the key opens a file, the mask is missing or belongs to another carrier, the
            key is of another type, or the size is out of range.

    Example:
        >>> import numpy as np, sirensong as ss
        >>> key = ss.SecretKey.generate()
        >>> white, black = np.ones((16, 16)), np.zeros((16, 16))
        >>> hidden = ss.hide(white, {key: black}, recipe=ss.FAST.with_steps(200))
        >>> bool(ss.reveal(hidden.stego, key).mean() < 0.2 < ss.sample(hidden.stego).mean())
        True
    """
    secret = unlock(stego, key, mask=mask, force=force)
    if secret.is_file:
        raise SettingError("the key opens a file, not a picture", hint="sirensong.reveal_file")
    return render(secret, size or (secret.height, secret.width))


def reveal_file(
    stego: StegoFunction, key: Key | str | Sequence[Key], *, mask: Mask | None = None
) -> HiddenFile:
    """Read the file that a key stands for, byte for byte as it was hidden.

    Args:
        stego: the stego function.
        key: as in `unlock`.
        mask: the carrier's mask, for carriers made with magnitude selection.

    Raises:
        NoPictureError: the key opens no slot.
        SettingError: the key opens a picture; or as in `reveal`.
        FormatError: the carrier was altered, so that the file cannot be read.

    Example:
        >>> import numpy as np, sirensong as ss
        >>> key, note = ss.SecretKey.generate(), ss.HiddenFile("note.txt", b"noon")
        >>> hidden = ss.hide(np.zeros((24, 24)), {key: note})
        >>> ss.reveal_file(hidden.stego, key).content
        b'noon'
    """
    return unlock(stego, key, mask=mask).read_file()[0]


def unlock(
    stego: StegoFunction,
    key: Key | str | Sequence[Key],
    *,
    mask: Mask | None = None,
    force: bool = False,
) -> SecretFunction:
    """Recover the secret function that a key stands for (Eq. 11).

    Args:
        stego: the stego function.
        key: a SecretKey, a Passphrase, an Identity, or the text of a key or an identity; or
            several, one at least, which are tried in turn.
        mask: the carrier's mask, for carriers made with magnitude selection.
        force: for a key with no picture here, return what it makes of the function instead of
            raising; of several keys the last.

    Raises:
        NoPictureError: no key opens a slot.
        SettingError: the mask is missing or belongs to another carrier, or the key is of another
            type.
        FormatError: the key opens a slot that only a later release can read, or the text of a key
            has a typo, or the carrier's nonce is of no use to an Identity.
    """
    bound, slot = _opened(stego, key)
    if slot is not None:
        _check_size(stego, slot)
    if slot is None and not force:
        raise NoPictureError("no picture for this key")
    rule = slot or _usual_rule(stego, mask)
    masked = rule.selection is Selection.MAGNITUDE
    if masked:
        _check_mask(stego, rule, mask)
    return SecretFunction(stego, bound, rule, mask if masked else None, found=slot is not None)


def _opened(stego: StegoFunction, key: object) -> tuple[SecretKey, Slot | None]:
    """The first of some keys that opens a slot, or the last, bound to the carrier; and the slot."""
    keys = key if isinstance(key, list | tuple) else [key]
    if not keys:
        raise SettingError("expected one key at least, got none")
    for one in keys:
        bound = as_key(one).bind(stego.nonce)
        slot = open_slots(stego.nonce, stego.slots, bound)
        if slot is not None:
            break
    return bound, slot


def _check_size(stego: StegoFunction, slot: Slot) -> None:
    try:
        stego.grid.check((slot.height, slot.width))
    except SettingError as error:  # it is the carrier's fault, and no setting's
        raise FormatError(f"the carrier is damaged: its slot names {error.message}") from None


def _usual_rule(stego: StegoFunction, mask: Mask | None) -> Slot:
    if mask is None:
        return Slot(Selection.KEYED, Selection.KEYED.ratio, stego.height, stego.width, b"")
    return Slot(Selection.MAGNITUDE, mask.ratio, stego.height, stego.width, b"")


def _check_mask(stego: StegoFunction, rule: Slot, mask: Mask | None) -> None:
    if mask is None:
        raise SettingError(
            "this picture needs the carrier's mask besides the key",
            hint="pass --mask song.mask, from the sender",
        )
    if not mask.fits(stego.architecture, stego.grid.tiles, rule.ratio, stego.nonce):
        raise SettingError("the mask belongs to another carrier")
