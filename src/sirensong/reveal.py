"""From a stego function back to pictures (section 3.7), on NumPy alone: no torch, no trained decoder."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from sirensong.errors import NoPictureError, SettingError
from sirensong.image import LARGEST_SIDE, Pixels
from sirensong.keys import Key, SecretKey
from sirensong.mask import Mask
from sirensong.siren import Array, Weights, evaluate, stack
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
from sirensong.tiles import Grid, Patch

LARGEST_RENDER = 200_000_000  # pixels
_ACTIVATIONS = 2**18  # numbers in a layer that a thread evaluates at a time, so that they stay in its core's cache
_GROUP = 2**13  # pixels of small tiles that are evaluated together

Size = tuple[int, int]
"""(height, width) in pixels."""

_Group = list[tuple[int, Patch]]


class Function(Protocol):
    """What can be rendered: a SIREN for each tile of a grid."""

    @property
    def grid(self) -> Grid:
        """Where the tiles are."""

    def tile(self, index: int) -> Weights:
        """The SIREN of one tile."""


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

    def tile(self, index: int) -> Weights:
        """The secret function's SIREN of one tile (Eq. 11)."""
        stego, positions = self.stego, self._positions(index)
        values = key_weights(self.key, stego.nonce, stego.architecture, positions, index)
        return substitute(stego.tile(index), positions, values)

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


def reveal(stego: StegoFunction, key: Key, *, mask: Mask | None = None, size: Size | None = None, force: bool = False) -> Pixels:
    """Render the secret picture that a key stands for (Eq. 11, 12).

    key: a SecretKey or a Passphrase. mask: needed for carriers made with magnitude selection. size: (height, width), the secret's
    own by default. force: for a key with no picture here, render the noise that it makes instead of raising. Returns (height,
    width, 3) in [0, 1]. Raises NoPictureError if the key opens no slot, SettingError if the mask is missing or wrong.
    """
    secret = unlock(stego, key, mask=mask, force=force)
    return render(secret, size or (secret.height, secret.width))


def unlock(stego: StegoFunction, key: Key, *, mask: Mask | None = None, force: bool = False) -> SecretFunction:
    """Recover the secret function that a key stands for (Eq. 11). Arguments and errors are those of `reveal`."""
    bound = key.bind(stego.nonce)
    slot = open_slots(stego.nonce, stego.slots, bound)
    if slot is None and not force:
        raise NoPictureError("no picture for this key")
    rule = slot or Slot(
        Selection.MAGNITUDE if mask else Selection.KEYED, mask.ratio if mask else 0.05, stego.height, stego.width, b""
    )
    masked = rule.selection is Selection.MAGNITUDE
    if masked:
        _check_mask(stego, rule, mask)
    return SecretFunction(stego, bound, rule, mask if masked else None, found=slot is not None)


def _check_mask(stego: StegoFunction, rule: Slot, mask: Mask | None) -> None:
    if mask is None:
        raise SettingError("this picture needs the carrier's mask besides the key", hint="pass --mask song.mask, from the sender")
    if not mask.fits(stego.architecture, stego.grid.tiles, rule.ratio, stego.nonce):
        raise SettingError("the mask belongs to another carrier")


def render(function: Function, size: Size) -> Pixels:
    """Evaluate a function at the pixel centres of a picture of any size (Eq. 12), blending tiles where they meet.

    size: (height, width). Returns (height, width, 3) in [0, 1]. Raises SettingError for a size below 1 or too large.
    """
    height, width = size
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE and height * width <= LARGEST_RENDER):
        raise SettingError(f"cannot render {width}x{height}: sides are 1 to {LARGEST_SIDE} pixels, {LARGEST_RENDER} in all at most")
    pixels = np.zeros((height, width, 3), np.float32)
    for patch, output in _outputs(function, size):
        pixels[patch.rows, patch.columns] += output.reshape(*patch.size, 3) * patch.blend[..., None]
    return colours(pixels)


def _outputs(function: Function, size: Size) -> Iterator[tuple[Patch, Array]]:
    """Each tile's patch and output, made on all cores: a thread a chunk, and one core for each thread's products."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(cores) as pool:

        def begin(group: _Group) -> tuple[_Group, Iterator[Array]]:
            weights = stack([function.tile(tile) for tile, _ in group])
            coords = np.stack([patch.coords for _, patch in group])
            tiles, features, _ = weights[0].weight.shape
            points = max(1, _ACTIVATIONS // (tiles * features))
            chunks = (coords[:, start : start + points] for start in range(0, coords.shape[1], points))
            return group, pool.map(lambda chunk: evaluate(weights, chunk), chunks)

        begun = map(begin, _groups(function.grid, size))
        ahead = deque(islice(begun, 1))
        while ahead:
            ahead.extend(islice(begun, 1))  # no core waits while the next tiles' weights are made
            group, outputs = ahead.popleft()
            for (_, patch), output in zip(group, np.concatenate(list(outputs), axis=1), strict=True):
                yield patch, output


def _groups(grid: Grid, size: Size) -> Iterator[_Group]:
    """Tiles with patches of one size, a few together: small ones alone would spend their time between NumPy's calls."""
    waiting: dict[Size, _Group] = {}
    for tile, patch in enumerate(grid.patches(size)):
        group = waiting.setdefault(patch.size, [])
        group.append((tile, patch))
        if len(patch.coords) * (len(group) + 1) > _GROUP:
            yield waiting.pop(patch.size)
    yield from (group for (height, width), group in waiting.items() if height and width)


def colours(output: Array) -> Array:
    """A function's output, where -1 is no light and 1 full light, as colours in [0, 1], in place. What lies outside is clipped."""
    output += 1
    output /= 2
    return np.clip(output, 0, 1, out=output)
