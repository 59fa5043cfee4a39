"""Do holders of some keys find another's positions by the gradients of their own pictures' errors?

Where training has come to rest, the gradients of all functions add up to zero at every shared
weight. At a weight that the other key replaces, the other function adds nothing, so those of the
cover and of the holders add up to zero alone. Elsewhere they are balanced by the other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sirensong.carrier.stego import StegoFunction
from sirensong.lab.secrecy.knowledge import replacements
from sirensong.lab.secrecy.positions import (
    Labels,
    Scores,
    Table,
    features,
    replaced_weights,
    slopes,
)
from sirensong.pictures.image import Pixels
from sirensong.reveal import SecretFunction

_Flat = npt.NDArray[np.float64]

EMPHASIS = 1.0
"""Weight of the cover's error against a secret's in training, which insiders know: the recipe's."""

_TINY = 1e-30


class Holder(NamedTuple):
    """Somebody with a key.

    Args:
        secret: what their key makes of the carrier.
        picture: their picture as it was hidden.
    """

    secret: SecretFunction
    picture: Pixels


class View(NamedTuple):
    """What insiders know of the weights of a carrier.

    Args:
        table: a row for each weight that none of their keys replaces: all that outsiders with the
            true cover know, then each gradient and curvature in units of its matrix, and how
            little is left where they are added up.
        rest: how little is left of the gradients, in units of the matrix: more is rather
            replaced by another key. The detector that needs no learning.
        open: which of the carrier's weights the rows are.
    """

    table: Table
    rest: Scores
    open: Labels


def view(stego: StegoFunction, cover: Pixels, holders: Sequence[Holder]) -> View:
    """Collect what insiders know of each weight.

    Args:
        stego: the carrier.
        cover: the true cover.
        holders: who put their keys and pictures together, one at least.
    """
    public, bends = _of_cover(stego, cover)
    gradients, curvatures = [EMPHASIS * public], [EMPHASIS * bends]
    for holder in holders:
        gradient, curvature = _of_holder(holder)
        gradients.append(gradient)
        curvatures.append(curvature)
    open_ = ~replaced_weights([holder.secret for holder in holders])
    left, bend = np.sum(gradients, axis=0), np.sum(curvatures, axis=0)
    groups = _matrices_of(stego)
    columns = [_standardised(column, groups) for column in (*gradients, *curvatures, left)]
    newton = _standardised(left / np.sqrt(bend + _TINY), groups)
    rest = -np.abs(columns[-1])
    agreement = columns[0] * columns[1]
    added = np.stack([*columns, rest, -np.abs(newton), agreement], axis=1).astype(np.float32)
    table = np.concatenate([features(stego, cover), added], axis=1)[open_]
    return View(table, rest[open_], open_)


def _of_cover(stego: StegoFunction, cover: Pixels) -> tuple[_Flat, _Flat]:
    tiles = range(stego.grid.tiles)
    return _joined([slopes(stego, stego.tiles([tile]), tile, cover) for tile in tiles])


def _of_holder(holder: Holder) -> tuple[_Flat, _Flat]:
    """Gradient and curvature of a holder's error, in the order of the carrier's tiles."""
    secret, picture = holder
    replaced = sorted((own.tile, place) for place, own in enumerate(replacements(secret)))
    found = [slopes(secret, secret.tiles([place]), place, picture) for _, place in replaced]
    return _joined(found)


def _joined(found: Sequence[Sequence[tuple[_Flat, _Flat]]]) -> tuple[_Flat, _Flat]:
    gradients = [matrix[0].ravel() for tile in found for matrix in tile]
    curvatures = [matrix[1].ravel() for tile in found for matrix in tile]
    return np.concatenate(gradients), np.concatenate(curvatures)


def _matrices_of(stego: StegoFunction) -> npt.NDArray[np.int64]:
    """A number for each weight: which matrix of which tile it is of."""
    sizes = [out * into for out, into in stego.architecture.shapes] * stego.grid.tiles
    return np.repeat(np.arange(len(sizes)), sizes)


def _standardised(column: _Flat, groups: npt.NDArray[np.int64]) -> _Flat:
    """In units of the root mean square of each group."""
    squares = np.bincount(groups, column**2) / np.bincount(groups)
    scaled: _Flat = column / np.sqrt(squares + _TINY)[groups]
    return scaled
