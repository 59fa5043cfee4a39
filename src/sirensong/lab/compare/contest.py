"""The pictures that all schemes hide, and where what they did with them is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sirensong.errors import FileError
from sirensong.lab.baselines.networks.crops import picture_files
from sirensong.lab.reproduce.study import Kept, Record, own_photograph
from sirensong.pictures.image import RGB, fill
from sirensong.pictures.photographs import NAMES
from sirensong.pictures.reading import read_picture
from sirensong.version import __version__

FOLDERS = ("coco", "div2k")
"""The paper's data sets, for Table 4."""

OWN = "scikit-image"


@dataclass(frozen=True)
class Contest(Kept):
    """Settings that all schemes share.

    Args:
        data: a folder of pictures, or one with coco and div2k in it; None for scikit-image's
            photographs.
        sets: how many sets of pictures of each data set are hidden.
        size: side of the pictures in pixels.
        output: folder of results.
    """

    data: Path | None
    sets: int
    size: int
    output: Path

    @property
    def settings(self) -> Record:
        """What a result depends on besides its item's key, as JSON reads it back."""
        data = None if self.data is None else str(self.data)
        settings = {"sirensong": __version__, "size": self.size, "data": data}
        return dict(json.loads(json.dumps(settings)))

    def data_sets(self) -> Mapping[str, Sequence[Path]]:
        """Picture files of each data set; none for scikit-image's photographs.

        Raises:
            FileError: there is no such folder, or no picture in it.
        """
        if self.data is None:
            return {OWN: ()}
        if not self.data.is_dir():
            raise FileError(f"no folder {self.data}")
        folders = [self.data / name for name in FOLDERS if (self.data / name).is_dir()]
        return {folder.name: picture_files(folder) for folder in folders or [self.data.resolve()]}

    def distinct(self, files: Sequence[Path]) -> int:
        """How many covers a data set has."""
        return len(files) or 2 * len(NAMES)

    def sets_of(self, files: Sequence[Path]) -> int:
        """How many sets a data set is good for: one a cover."""
        return min(self.sets, self.distinct(files))

    def pictures(self, files: Sequence[Path], index: int, secrets: int) -> list[RGB]:
        """A cover and its secrets: the pictures that follow it, the first ones after the last.

        Args:
            files: of the data set, in order; none for scikit-image's photographs.
            index: of the cover.
            secrets: how many.

        Returns:
            The middle square of each, resampled: (size, size, 3).

        Raises:
            FileError: a file cannot be read.
            FormatError: a file is no picture.
        """
        places = range(index, index + secrets + 1)
        whole = (
            read_picture(files[place % len(files)]).rgb if files else own_photograph(place)
            for place in places
        )
        return [fill(picture, self.size, self.size) for picture in whole]
