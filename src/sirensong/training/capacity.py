"""How large a hidden file may be: how many samples the functions of a carrier can hold exactly."""

from __future__ import annotations

import math

import numpy as np

from sirensong.errors import SettingError
from sirensong.payload.code import coded_bytes, data_bytes
from sirensong.payload.content import HiddenFile
from sirensong.payload.envelope import OVERHEAD
from sirensong.payload.payload import Layout, Payload, layout_for
from sirensong.payload.samples import MODULATIONS, Modulation, Size
from sirensong.training.classes import CLASSES, functions_for
from sirensong.training.quality import QUALITIES, estimated_bits
from sirensong.training.recipe import Recipe

_USUAL, _DENSE = Modulation(2, 16), Modulation(4, 12)
_ROBUST = Modulation(1, 128)
_PRECISE = 70.0  # bits a pixel from which on functions are exact enough for many values

# Bits that a carrier's codes take for each pixel of the cover, and bits of a file's code for each
# sample of the cover that are then read back well, where the one secret is a file. The cover has 2
# to 3 dB less than with a photograph (docs/performance.md).
_DENSITIES = ((11.6, 0.22), (23.7, 0.66), (44.0, 1.2), (110.0, 3.2))
_SHARED = 0.75  # of n that share a carrier each has n to minus this power of it
_ROBUST_SHARE = 0.25  # of the usual, where weights will be changed


def modulation_for(recipe: Recipe, cover: Size) -> Modulation:
    """How files are written: with values far apart where the weights are to survive changes.

    Args:
        recipe: how functions are trained.
        cover: (height, width) of the cover, in pixels.
    """
    if _is_robust(recipe):
        return _ROBUST
    return _USUAL if _bits(recipe, cover) < _PRECISE else _DENSE


def largest_layout(recipe: Recipe, cover: Size, secrets: int) -> Layout:
    """The largest picture of samples that a secret may have, where all of them are files.

    Args:
        recipe: how functions are trained.
        cover: (height, width) of the cover, in pixels.
        secrets: how many there are, at least 1.

    Returns:
        Its layout; `room` says how many bytes of a file that is.
    """
    known, densities = zip(*_DENSITIES, strict=True)
    bits = math.log(_bits(recipe, cover))
    sharing = _sharing(recipe, secrets)
    density = math.exp(np.interp(bits, np.log(known), np.log(densities))) * sharing**-_SHARED
    if _is_robust(recipe):
        density *= _ROBUST_SHARE
    grid, modulation = recipe.grid(*cover), modulation_for(recipe, cover)
    side = math.sqrt(density / modulation.bits)
    size = max(grid.rows, int(side * cover[0])), max(grid.columns, int(side * cover[1]))
    return Layout(MODULATIONS.index(modulation) + 1, size)


def _sharing(recipe: Recipe, secrets: int) -> int:
    """How many share a carrier, decoys with them; a second one that is a decoy is in the table."""
    functions = functions_for(recipe, secrets)
    return secrets if functions <= CLASSES[0] else functions


def payload_for(file: HiddenFile, recipe: Recipe, cover: Size, secrets: int) -> Payload:
    """Lay out a file, as small as it gets.

    Args:
        file: to be hidden.
        recipe: how functions are trained.
        cover: (height, width) of the cover, in pixels.
        secrets: how many pictures and files are hidden in it.

    Raises:
        SettingError: it does not fit.
    """
    need, most = len(file.packed), largest_layout(recipe, cover, secrets).room
    if need > most:
        better = (
            name
            for name in QUALITIES
            if largest_layout(recipe.at(name), cover, secrets).room >= need
        )
        name = next(better, None)
        raise SettingError(
            f"{file.name} takes {need} bytes, and {most} fit here",
            hint=f"--quality {name} would do" if name else "a larger cover holds more",
        )
    return Payload(file, _smallest_layout(need, recipe, cover))


def decoy_payload(recipe: Recipe, cover: Size, rng: np.random.Generator) -> Payload:
    """Make a file up, and lay it out as if somebody hid it.

    It is of any length that fits (`even_room`). Its bytes do not matter, as they are sealed.

    Args:
        recipe: how functions are trained.
        cover: (height, width) of the cover, in pixels.
        rng: source of its length.
    """
    file = HiddenFile("-", b"")
    least = len(file.packed)
    most = max(least, largest_layout(recipe, cover, 1).room)
    return Payload(file, _smallest_layout(even_room(least, most, rng), recipe, cover))


def even_room(least: int, most: int, rng: np.random.Generator) -> int:
    """Draw a length of a packed file, so that every factor of the code's length is as likely.

    As many have 100 to 200 bytes of code as 400 to 800.

    Args:
        least: bytes of the shortest.
        most: bytes of the longest.
        rng: source of the length.
    """
    first, last = (math.log(coded_bytes(room + OVERHEAD)) for room in (least, most))
    coded = math.floor(math.exp(rng.uniform(first, last)))
    return min(most, max(least, data_bytes(coded) - OVERHEAD))


def _smallest_layout(packed: int, recipe: Recipe, cover: Size) -> Layout:
    """The smallest layout that so many bytes of a packed file fit into."""
    grid = recipe.grid(*cover)
    return layout_for(packed, modulation_for(recipe, cover), cover, (grid.rows, grid.columns))


def _bits(recipe: Recipe, cover: Size) -> float:
    """Bits that codes take for each pixel of the cover."""
    grid, architecture = recipe.grid(*cover), recipe.architecture(*cover)
    own = estimated_bits(architecture, recipe.coarseness_of(*cover))
    return grid.tiles * own / (cover[0] * cover[1])


def _is_robust(recipe: Recipe) -> bool:
    return bool(recipe.joint.pruning or recipe.joint.noise)
