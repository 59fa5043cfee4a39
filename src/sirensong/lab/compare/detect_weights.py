"""How well can a steganalyst tell functions that hide something from functions that do not?

Each cover has two functions of one scheme and one schedule: one with secrets, and one as somebody
publishes it who has none. The steganalyst has functions of both kinds to learn from. The detectors
are those of `steganalysis.weights` that look at weights alone, which the functions of all schemes
have, and at nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sirensong.files import file_errors, read_bytes, write_bytes
from sirensong.lab.baselines.method import FunctionMethod
from sirensong.lab.compare.detect import check_pictures, hidden_file, set_of
from sirensong.lab.steganalysis.response import facts_of
from sirensong.lab.steganalysis.significance import FOLDS, PERMUTATIONS, Comparison, Features
from sirensong.lab.steganalysis.weights import Published, detect_by_weights
from sirensong.network.tiles import Grid
from sirensong.pictures.image import RGB, digest

_LARGEST_FILE = 2**31


def functions_of(
    method: FunctionMethod, pictures: Sequence[RGB], index: int, kept: Path, *, seed: int = 0
) -> tuple[bytes, bytes]:
    """Train the two functions of a cover, or look them up.

    Args:
        method: the scheme.
        pictures: covers; each one's secrets are the pictures that follow it, the first ones after
            the last.
        index: of the cover.
        kept: folder of functions, which are looked up and written there, by what they are of.
        seed: of keys.

    Returns:
        The file of a function without secrets, and of one with them.

    Raises:
        SettingError: the pictures do not suit the scheme.
        FileError: a function cannot be read or written.
    """
    used = set_of(pictures, index, method.secrets)
    cover = used[0]
    settings = (method.name, method.variant, method.secrets, seed)
    nothing, something = digest([cover], settings), digest(used, settings)
    folder = kept / f"{method.name}-{method.variant}-{method.secrets}"
    return (
        _kept(folder, nothing, lambda: method.hide_nothing(cover, nothing)),
        _kept(folder, something, lambda: hidden_file(method, used, something)),
    )


def weights_detectability(
    method: FunctionMethod,
    pictures: Sequence[RGB],
    kept: Path,
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> Comparison:
    """Measure how well functions that hide pictures are told from those that hide none.

    Args:
        method: the scheme.
        pictures: covers and secrets, as in `functions_of`.
        kept: as in `functions_of`.
        seed: of keys, folds, intervals and permutations.
        permutations: as in `significance.compare`.

    Raises:
        SettingError: there are too few pictures or permutations, or they do not suit the scheme.
        FormatError: a kept function is damaged.
        FileError: a function cannot be read or written.
        MissingDependencyError: scikit-learn is not installed.
    """
    check_pictures(len(pictures), max(FOLDS, method.secrets + 1))
    pairs = [
        functions_of(method, pictures, index, kept, seed=seed) for index in range(len(pictures))
    ]
    clean, stego = ([_published(method, pair[place]) for pair in pairs] for place in (0, 1))
    return detect_by_weights(clean, stego, seed=seed, permutations=permutations)


def _kept(folder: Path, identity: bytes, make: Callable[[], bytes]) -> bytes:
    """A function's file, made if it is not there."""
    path = folder / f"{identity.hex()[:32]}.safetensors"
    if path.exists():
        return read_bytes(path, cap=_LARGEST_FILE, what="a function")
    file = make()
    with file_errors("write", path):
        folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, file, overwrite=False)
    return file


def _published(method: FunctionMethod, file: bytes) -> Published:
    weights, grid = method.function(file)
    return Published(weights, facts_of(_by_tile(method.view(file), grid)))


def _by_tile(picture: RGB, grid: Grid) -> Features:
    """What each tile shows, from -1 to 1; sides that are no multiples of the grid's are cut."""
    height, width = picture.shape[0] // grid.rows, picture.shape[1] // grid.columns
    whole = picture[: grid.rows * height, : grid.columns * width] / 127.5 - 1
    parts = whole.reshape(grid.rows, height, grid.columns, width, 3).swapaxes(1, 2)
    return np.asarray(parts.reshape(grid.tiles, height, width, 3), np.float64)
