"""Features of a colour picture in which hidden data shows: the rich model SCRMQ1.

A residual is what is left of a pixel when its neighbours have predicted it. Of the residuals in
some directions the least and the largest are taken, in a few levels, and it is counted which levels
meet: of four pixels in a row (the spatial rich model, with one quantisation: Fridrich and Kodovsky,
"Rich models for steganalysis of digital images", IEEE TIFS 2012), and of one pixel's three colours
(Goljan, Fridrich and Cogranne, "Rich model for steganalysis of color images", IEEE WIFS 2014).

Both papers count a picture's columns as its rows, and with each group of directions its reflections
and quarter turns: only one of each is named here. Counts of the three colours' rows are added, as
in the second paper.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError
from sirensong.lab.steganalysis.significance import Features
from sirensong.pictures.image import RGB, size_of, size_text

LENGTH = 18_157
"""How many features a picture has: 12,753 of rows and 5,404 of colours."""

LEAST_SIDE = 16
"""The smallest side of a picture, in pixels."""

_PIXELS, _ROW_LEVEL = 4, 2
_COLOURS, _COLOUR_LEVEL = 3, 3

_Levels = npt.NDArray[np.uint8]
_Counts = npt.NDArray[np.int64]
_Kernel = npt.NDArray[np.int16]

_STEPS = {
    "N": (-1, 0), "NE": (-1, 1), "E": (0, 1), "SE": (1, 1),
    "S": (1, 0), "SW": (1, -1), "W": (0, -1), "NW": (-1, -1),
}  # fmt: skip
_SQUARE_3 = np.array([(-1, 2, -1), (2, -4, 2), (-1, 2, -1)], np.int16)
_SQUARE_5 = np.array(
    [(-1, 2, -2, 2, -1), (2, -6, 8, -6, 2), (-2, 8, -12, 8, -2), (2, -6, 8, -6, 2),
     (-1, 2, -2, 2, -1)], np.int16
)  # fmt: skip


_FLIPS = str.maketrans("NS", "SN"), str.maketrans("EW", "WE")


@dataclass(frozen=True)
class _Family:
    """Residuals of one size.

    Attributes:
        kernels: a filter for each direction, (3, 3) or (5, 5).
        step: the distance of two levels.
        rows: groups of directions that are counted along rows.
        colours: groups that are counted across colours, of which turns make more alike.
    """

    kernels: Mapping[str, _Kernel]
    step: int
    rows: tuple[str, ...]
    colours: tuple[str, ...]

    def reflections(self, group: str) -> Iterable[list[str]]:
        """The directions of a group and of its reflections, those with the same filters once."""
        found = {}
        for names in (group, group.translate(_FLIPS[0])):
            for reflected in (names.split(), names.translate(_FLIPS[1]).split()):
                found[frozenset(self.kernels[name].tobytes() for name in reflected)] = reflected
        return found.values()


def _along(weights: Mapping[int, int], side: int) -> dict[str, _Kernel]:
    """Filters on lines through the centre: weights by the distance in each direction."""
    kernels = {}
    for direction, (down, right) in _STEPS.items():
        kernels[direction] = np.zeros((side, side), np.int16)
        for distance, weight in weights.items():
            place = side // 2 + distance * down, side // 2 + distance * right
            kernels[direction][place] = weight
    return kernels


def _halves(square: _Kernel) -> dict[str, _Kernel]:
    """A filter, and its halves in four directions, each with the line through the centre."""
    north = square.copy()
    north[len(square) // 2 + 1 :] = 0
    turned = {name: np.rot90(north, turns) for turns, name in enumerate("NWSE")}
    return {"all": square} | turned


_POINTS = (
    "E", "N", "E W", "N S", "N E", "W N E", "N E S", "N NE E", "N E S W", "NW N NE E",
    "N NE E SE", "NW N NE E SE",
)  # fmt: skip
_POINTS_APART = (
    "E", "E W", "N E", "W N E", "N NE E", "N E S W", "NW N NE E", "NW N NE E SE",
)  # fmt: skip
_LINES = ("E", "N", "E N", "NE E", "NE N", "E N NE", "N NE E SE")
_LINES_APART = ("E", "E N", "NE E", "E N NE", "N NE E SE")
_HALVES = ("all", "N", "E", "N E", "N S", "E W", "N E S W")
_HALVES_APART = ("all", "N", "N E", "N S", "N E S W")
_FAMILIES = (
    _Family(_along({1: 1, 0: -1}, 3), 1, _POINTS, _POINTS_APART),
    _Family(_along({-1: 1, 0: -2, 1: 1}, 3), 2, _LINES, _LINES_APART),
    _Family(_along({-1: 1, 0: -3, 1: 3, 2: -1}, 5), 3, _POINTS, _POINTS_APART),
    _Family(_halves(_SQUARE_3), 4, _HALVES, _HALVES_APART),
    _Family(_halves(_SQUARE_5), 12, _HALVES, _HALVES_APART),
)


def rich_features(picture: RGB) -> Features:
    """Compute the rich model of a picture.

    Args:
        picture: (height, width, 3), sides of at least `LEAST_SIDE`.

    Returns:
        Shares of all that was counted in each group, (`LENGTH`,).

    Raises:
        SettingError: the picture is too small.
    """
    if min(size_of(picture)) < LEAST_SIDE:
        raise SettingError(
            f"detectors need sides of at least {LEAST_SIDE} pixels, "
            f"got {size_text(size_of(picture))}"
        )
    planes = np.moveaxis(picture.astype(np.int16), -1, 0)
    turned = np.ascontiguousarray(np.swapaxes(planes, 1, 2))
    counts = zip(_ways(), _tables(np.ascontiguousarray(planes)), _tables(turned), strict=True)
    return np.concatenate([_shares(one + other, *way) for way, one, other in counts])


def _tables(planes: npt.NDArray[np.int16]) -> Iterator[_Counts]:
    """How often which levels meet in a picture of (3, height, width), in each way of `_ways`."""
    for family in _FAMILIES:
        levels = {
            name: _levels(planes, kernel, family.step) for name, kernel in family.kernels.items()
        }
        for meetings, groups in ((_row_meetings, family.rows), (_colour_meetings, family.colours)):
            for group in groups:
                tables = [
                    _both_ends(meetings, [levels[name] for name in names])
                    for names in family.reflections(group)
                ]
                yield np.sum(tables, axis=0)


def _levels(planes: npt.NDArray[np.int16], kernel: _Kernel, step: int) -> _Levels:
    """Residuals in levels, 0 to twice `_COLOUR_LEVEL`; halves are rounded away from zero."""
    rows, columns = (side - len(kernel) + 1 for side in planes.shape[1:])
    residual = np.zeros((len(planes), rows, columns), np.int16)
    for down, right in np.argwhere(kernel):
        seen = planes[:, down : down + rows, right : right + columns]
        residual += kernel[down, right] * seen
    reach = step * (_COLOUR_LEVEL + 1)
    sizes = np.arange(-reach, reach + 1)
    rounded = np.sign(sizes) * ((2 * np.abs(sizes) + step) // (2 * step))
    table = np.clip(rounded + _COLOUR_LEVEL, 0, 2 * _COLOUR_LEVEL).astype(np.uint8)
    return np.take(table, np.clip(residual, -reach, reach) + reach)


def _both_ends(meetings: Callable[[_Levels], _Counts], levels: Sequence[_Levels]) -> _Counts:
    """Count the least levels of a group, and the largest with their signs changed."""
    least = meetings(functools.reduce(np.minimum, levels))
    if len(levels) == 1:
        return least + least[::-1]
    return least + meetings(functools.reduce(np.maximum, levels))[::-1]


def _row_meetings(levels: _Levels) -> _Counts:
    margin = _COLOUR_LEVEL - _ROW_LEVEL
    fewer = np.clip(levels, margin, margin + 2 * _ROW_LEVEL) - margin
    width = levels.shape[-1] - _PIXELS + 1
    return _meetings([fewer[..., k : k + width] for k in range(_PIXELS)], 2 * _ROW_LEVEL + 1)


def _colour_meetings(levels: _Levels) -> _Counts:
    return _meetings(list(levels), 2 * _COLOUR_LEVEL + 1)


def _meetings(levels: Sequence[_Levels], base: int) -> _Counts:
    """How often each combination of levels is met, (base ** len(levels),)."""
    code = np.zeros(levels[0].shape, np.int16)
    for digit in levels:
        code *= base
        code += digit
    return np.bincount(code.ravel(), minlength=base ** len(levels))


def _shares(table: _Counts, shape: tuple[int, ...], single: bool) -> Features:
    """Shares of combinations that are not each other's mirror image."""
    shares: Features = np.bincount(_classes(shape, single), table) / table.sum()
    return shares


@functools.cache
def _classes(shape: tuple[int, ...], single: bool) -> npt.NDArray[np.intp]:
    """Number combinations of levels so that a combination and its reverse have one number.

    Args:
        shape: of the table of combinations.
        single: whether combinations whose signs are changed have one number, too: what is counted
            of a single direction is the same with either sign.
    """
    codes = np.arange(np.prod(shape)).reshape(shape)
    alike = np.minimum(codes, codes.T)
    if single:
        alike = np.minimum(alike, np.flip(alike))
    return np.unique(alike, return_inverse=True)[1].ravel()


def _ways() -> Iterator[tuple[tuple[int, ...], bool]]:
    """For each table, its shape and whether a single direction is counted in it."""
    for family in _FAMILIES:
        for names in family.rows:
            yield (2 * _ROW_LEVEL + 1,) * _PIXELS, " " not in names
        for names in family.colours:
            yield (2 * _COLOUR_LEVEL + 1,) * _COLOURS, " " not in names
