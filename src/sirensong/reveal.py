"""From a stego function back to pictures (section 3.7), on NumPy alone: no torch, no trained decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sirensong.carrier.slots import DIGEST_BYTES, Slot, open_slots
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import NoPictureError, SettingError
from sirensong.keys.secret import Key, SecretKey
from sirensong.network.mask import Mask
from sirensong.network.rendering import Size, render
from sirensong.network.siren import Weights, unstack
from sirensong.network.substitution import (
    Positions,
    Selection,
    key_weights,
    keyed_positions,
    random_positions,
    substitute,
)
from sirensong.network.tiles import Grid
from sirensong.pictures.image import Pixels


@dataclass(frozen=True, eq=False)
class SecretFunction:
    """What a key makes of a stego function; its weights are made tile by tile, as they are asked for.

    height, width: of the secret picture. found: whether the key opened a slot. intact: whether the stego function's weights are
    those that were published; pruned or quantised ones still reveal, less well.
    """

    stego: StegoFunction = field(repr=False)
    key: SecretKey
    rule: Slot
    mask: Mask | None = field(default=None, repr=False)
    found: bool = True

    @property
    def height(self) -> int:
        """Of the secret picture, in pixels."""
        return self.rule.height

    @property
    def width(self) -> int:
        """Of the secret picture, in pixels."""
        return self.rule.width

    @property
    def intact(self) -> bool:
        """Whether the stego function's weights are those that were published, as far as is known."""
        return not self.found or self.rule.digest == self.stego.digest[:DIGEST_BYTES]

    @property
    def grid(self) -> Grid:
        """Where the tiles are."""
        return self.stego.grid

    def tiles(self, indices: Sequence[int]) -> Weights:
        """The secret function's SIRENs of some tiles, layer by layer (Eq. 11)."""
        stego, positions = self.stego, {index: self._positions(index) for index in indices}
        values = key_weights(self.key, stego.nonce, stego.architecture, positions)
        weights = stego.tiles(indices)
        for own, places, inserted in zip(unstack(weights), positions.values(), values, strict=True):
            substitute(own, places, inserted)
        return weights

    def _positions(self, tile: int) -> Positions:
        stego, rule = self.stego, self.rule
        if rule.selection is Selection.KEYED:
            return keyed_positions(self.key, stego.nonce, stego.architecture, rule.ratio, tile)
        if self.mask is None:
            return random_positions(stego.nonce, stego.architecture, rule.ratio, tile)
        return self.mask.positions[tile]


def sample(stego: StegoFunction, size: Size | None = None) -> Pixels:
    """Render the cover, as anybody can. size: (height, width), the cover's own by default. Returns (height, width, 3) in [0, 1]."""
    return render(stego, size or (stego.height, stego.width))


def reveal(
    stego: StegoFunction,
    key: Key,
    *,
    mask: Mask | None = None,
    size: Size | None = None,
    force: bool = False,
) -> Pixels:
    """Render the secret picture that a key stands for (Eq. 11, 12).

    key: a SecretKey or a Passphrase. mask: needed for carriers made with magnitude selection. size: (height, width), the secret's
    own by default. force: for a key with no picture here, render the noise that it makes instead of raising. Returns (height,
    width, 3) in [0, 1]. Raises NoPictureError if the key opens no slot, SettingError if the mask is missing or wrong.
    """
    secret = unlock(stego, key, mask=mask, force=force)
    return render(secret, size or (secret.height, secret.width))


def unlock(
    stego: StegoFunction, key: Key, *, mask: Mask | None = None, force: bool = False
) -> SecretFunction:
    """Recover the secret function that a key stands for (Eq. 11). Arguments and errors are those of `reveal`."""
    bound = key.bind(stego.nonce)
    slot = open_slots(stego.nonce, stego.slots, bound)
    if slot is None and not force:
        raise NoPictureError("no picture for this key")
    rule = slot or Slot(
        Selection.MAGNITUDE if mask else Selection.KEYED,
        mask.ratio if mask else 0.05,
        stego.height,
        stego.width,
        b"",
    )
    masked = rule.selection is Selection.MAGNITUDE
    if masked:
        _check_mask(stego, rule, mask)
    return SecretFunction(stego, bound, rule, mask if masked else None, found=slot is not None)


def _check_mask(stego: StegoFunction, rule: Slot, mask: Mask | None) -> None:
    if mask is None:
        raise SettingError(
            "this picture needs the carrier's mask besides the key",
            hint="pass --mask song.mask, from the sender",
        )
    if not mask.fits(stego.architecture, stego.grid.tiles, rule.ratio, stego.nonce):
        raise SettingError("the mask belongs to another carrier")
