"""From a stego function back to pictures (section 3.7), on NumPy alone: no torch, no trained decoder."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sirensong.errors import NoPictureError, SettingError
from sirensong.image import LARGEST_SIDE, Pixels, coordinates
from sirensong.keys import Key
from sirensong.mask import Mask
from sirensong.siren import Array, Weights, evaluate
from sirensong.slots import DIGEST_BYTES, Slot, open_slots
from sirensong.stego import StegoFunction
from sirensong.substitution import (
    Positions,
    Selection,
    key_weights,
    keyed_positions,
    random_positions,
    substitute,
)

LARGEST_RENDER = 200_000_000  # pixels
_CHUNK = 8192  # points evaluated at a time: 8 MiB an activation at 256 features

Size = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True, eq=False)
class SecretFunction:
    """What a key makes of a stego function.

    weights: the secret function's. height, width: of the secret picture. found: whether the key opened a slot. intact: whether the
    stego function's weights are those that were published; pruned or quantised ones still reveal, less well.
    """

    weights: Weights = field(repr=False)
    height: int
    width: int
    found: bool = True
    intact: bool = True


def sample(stego: StegoFunction, size: Size | None = None) -> Pixels:
    """Render the cover, as anybody can. size: (height, width), the cover's own by default. Returns (height, width, 3) in [0, 1]."""
    return render(stego.weights, size or (stego.height, stego.width))


def reveal(stego: StegoFunction, key: Key, *, mask: Mask | None = None, size: Size | None = None, force: bool = False) -> Pixels:
    """Render the secret picture that a key stands for (Eq. 11, 12).

    key: a SecretKey or a Passphrase. mask: needed for carriers made with magnitude selection. size: (height, width), the secret's
    own by default. force: for a key with no picture here, render the noise that it makes instead of raising. Returns (height,
    width, 3) in [0, 1]. Raises NoPictureError if the key opens no slot, SettingError if the mask is missing or wrong.
    """
    secret = unlock(stego, key, mask=mask, force=force)
    return render(secret.weights, size or (secret.height, secret.width))


def unlock(stego: StegoFunction, key: Key, *, mask: Mask | None = None, force: bool = False) -> SecretFunction:
    """Recover the secret function that a key stands for (Eq. 11). Arguments and errors are those of `reveal`."""
    bound = key.bind(stego.nonce)
    slot = open_slots(stego.nonce, stego.slots, bound)
    if slot is None and not force:
        raise NoPictureError("no picture for this key")
    rule = slot or Slot(
        Selection.MAGNITUDE if mask else Selection.KEYED, mask.ratio if mask else 0.05, stego.height, stego.width, b""
    )
    if rule.selection is Selection.KEYED:
        positions = keyed_positions(bound, stego.nonce, stego.architecture, rule.ratio)
    elif rule.selection is Selection.RANDOM:
        positions = random_positions(stego.nonce, stego.architecture, rule.ratio)
    else:
        positions = _masked_positions(stego, rule, mask)
    values = key_weights(bound, stego.nonce, stego.architecture, positions)
    return SecretFunction(
        weights=substitute(stego.weights, positions, values),
        height=rule.height,
        width=rule.width,
        found=slot is not None,
        intact=slot is None or slot.digest == stego.digest[:DIGEST_BYTES],
    )


def _masked_positions(stego: StegoFunction, rule: Slot, mask: Mask | None) -> Positions:
    if mask is None:
        raise SettingError("this picture needs the carrier's mask besides the key", hint="pass --mask song.mask, from the sender")
    if not mask.fits(stego.architecture, rule.ratio, stego.nonce):
        raise SettingError("the mask belongs to another carrier")
    return mask.positions


def render(weights: Weights, size: Size) -> Pixels:
    """Evaluate a function at the pixel centres of a picture of any size, a chunk at a time (Eq. 12).

    size: (height, width). Returns (height, width, 3) in [0, 1]. Raises SettingError for a size below 1 or too large.
    """
    height, width = size
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE and height * width <= LARGEST_RENDER):
        raise SettingError(f"cannot render {width}x{height}: sides are 1 to {LARGEST_SIDE} pixels, {LARGEST_RENDER} in all at most")
    pixels = np.empty((height * width, 3), np.float32)
    rows = max(1, _CHUNK // width)
    points = coordinates(height, width)
    for start in range(0, height * width, rows * width):
        chunk = slice(start, start + rows * width)
        pixels[chunk] = colours(evaluate(weights, points[chunk]))
    return pixels.reshape(height, width, 3)


def colours(output: Array) -> Array:
    """The function's output, where -1 is no light and 1 full light, as colours in [0, 1]. What lies outside is clipped."""
    return np.clip((output + 1) / 2, 0, 1)
