"""Training pictures: crops of photographs, at a half and a quarter of their size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sirensong.errors import FileError, SettingError
from sirensong.pictures.image import RGB, resize
from sirensong.pictures.reading import read_picture

_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}
_SHARP = 1000  # pixels; a longer side is halved first: photographs are soft at their full size
_SMALLEST = 200  # pixels of the shorter side: no level is smaller


class Crops:
    """Photographs in memory, of which crops are drawn.

    Args:
        folders: with picture files, at any depth.
        side: of the crops, in pixels.

    Raises:
        FileError: a folder is missing, or has no picture.
        FormatError: a file is no picture.
    """

    def __init__(self, folders: Sequence[Path], side: int = 64) -> None:
        files = [path for folder in folders for path in picture_files(folder)]
        self.side = side
        self.names = [path.name for path in files]
        self._levels: list[RGB] = []
        for path in files:
            self._levels += _levels(read_picture(path).rgb)
        self._levels = [level for level in self._levels if min(level.shape[:2]) >= side]
        if not self._levels:
            raise SettingError(f"no photograph has sides of {side} pixels at half its size")
        areas = np.array([level.shape[0] * level.shape[1] for level in self._levels], float)
        self._shares = np.sqrt(areas) / np.sqrt(areas).sum()

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of all pixels: two trainings saw the same pictures."""
        state = hashlib.sha256()
        for level in self._levels:
            state.update(repr(level.shape).encode() + level.tobytes())
        return state.hexdigest()

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Draw crops, mirrored and turned at random.

        Args:
            count: how many.
            rng: that draws them.

        Returns:
            (count, 3, side, side), in [0, 1].
        """
        crops = np.empty((count, 3, self.side, self.side), np.float32)
        for place, level in enumerate(rng.choice(len(self._levels), count, p=self._shares)):
            crops[place] = self._crop(self._levels[level], rng)
        return crops / np.float32(255)

    def _crop(self, picture: RGB, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        top = rng.integers(picture.shape[0] - self.side + 1)
        left = rng.integers(picture.shape[1] - self.side + 1)
        crop = picture[top : top + self.side, left : left + self.side]
        if rng.integers(2):
            crop = crop[:, ::-1]
        return np.rot90(crop, int(rng.integers(4))).transpose(2, 0, 1)


def picture_files(folder: Path) -> list[Path]:
    """Picture files of a folder and its folders, by name.

    Raises:
        FileError: there is no folder, or it has no picture.
    """
    if not folder.is_dir():
        raise FileError(f"no folder {folder}")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    if not found:
        raise FileError(f"no pictures in {folder}", hint=f"pictures end in {', '.join(_ENDINGS)}")
    return found


def _levels(picture: RGB) -> list[RGB]:
    """A photograph in the two sizes in which it is cropped, one half of the other."""
    if max(picture.shape[:2]) > _SHARP:
        picture = _half(picture)
    levels: list[RGB] = []
    while len(levels) < 2 and min(picture.shape[:2]) >= _SMALLEST:
        levels.append(picture)
        picture = _half(picture)
    return levels


def _half(picture: RGB) -> RGB:
    return resize(picture, picture.shape[0] // 2, picture.shape[1] // 2)
