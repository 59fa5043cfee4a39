"""How large a hidden file may be: how many samples the functions of a carrier can hold exactly."""

from __future__ import annotations

import math

import numpy as np

from sirensong.errors import SettingError
from sirensong.payload.content import HiddenFile
from sirensong.payload.payload import Layout, Payload, layout_for
from sirensong.payload.samples import MODULATIONS, Modulation, Size
from sirensong.training.quality import QUALITIES, estimated_bits
from sirensong.training.recipe import Recipe

_USUAL = Modulation(2, 16)
_ROBUST = Modulation(1, 128)

# Bits that a carrier's codes take for each pixel of the cover, and how many samples of a file can
# then be told apart, for each sample of the cover, where one secret is a file
# (benchmarks/payload.py, docs/performance.md).
_DENSITIES = ((11.6, 0.11), (23.7, 0.33), (44.0, 0.6), (110.0, 0.9))
_SHARED = 0.75  # for n secrets the density goes with n to minus this power
_ROBUST_SHARE = 0.5  # of the usual density, where weights will be changed


def modulation_for(recipe: Recipe) -> Modulation:
    """How files are written: with values far apart where the weights are to survive changes."""
    return _ROBUST if _is_robust(recipe) else _USUAL


def largest_layout(recipe: Recipe, cover: Size, secrets: int) -> Layout:
    """The largest picture of samples that a secret may have, where all of them are files.

    Args:
        recipe: how functions are trained.
        cover: (height, width) of the cover, in pixels.
        secrets: how many there are, at least 1.

    Returns:
        Its layout; `room` says how many bytes of a file that is.
    """
    grid, architecture = recipe.grid(*cover), recipe.architecture(*cover)
    pixels = cover[0] * cover[1]
    bits = grid.tiles * estimated_bits(architecture, recipe.coarseness_of(*cover)) / pixels
    known, densities = zip(*_DENSITIES, strict=True)
    density = math.exp(np.interp(math.log(bits), np.log(known), np.log(densities)))
    density *= secrets**-_SHARED * (_ROBUST_SHARE if _is_robust(recipe) else 1.0)
    side = math.sqrt(density)
    size = max(grid.rows, int(side * cover[0])), max(grid.columns, int(side * cover[1]))
    return Layout(MODULATIONS.index(modulation_for(recipe)) + 1, size)


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
    need, most = len(file.pack()), largest_layout(recipe, cover, secrets).room
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
    grid = recipe.grid(*cover)
    layout = layout_for(need, modulation_for(recipe), cover, (grid.rows, grid.columns))
    return Payload(file, layout)


def _is_robust(recipe: Recipe) -> bool:
    return bool(recipe.joint.pruning or recipe.joint.noise)
