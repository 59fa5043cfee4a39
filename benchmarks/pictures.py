"""The pictures that benchmarks hide.

From a data folder if there is one, else scikit-image's photographs.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sirensong.pictures.image import fill, to_pil
from sirensong.pictures.photographs import NAMES, photograph
from sirensong.pictures.reading import read_picture

SIDE = 128


@dataclass(frozen=True)
class PictureSet:
    """A cover and its secrets.

    Args:
        name: for the table.
        images: the cover first.
    """

    name: str
    images: list[Image.Image]


def triples(folder: Path | None, side: int = SIDE) -> list[PictureSet]:
    """Ten covers from celebahq (every second), each with a secret from coco and one from div2k.

    Args:
        folder: of data; None for scikit-image's photographs.
        side: of all pictures, in pixels.
    """
    if folder is None:
        return _own(side)
    covers, first, second = (
        sorted((Path(folder) / name).glob("*.png")) for name in ("celebahq", "coco", "div2k")
    )
    sets = []
    for index in range(10):
        paths = (covers[2 * index], first[index], second[index])
        sets.append(PictureSet(f"triple {index}", [square(path, side) for path in paths]))
    return sets


def released(folder: Path | None, secrets: int) -> list[PictureSet]:
    """The pictures that the paper's authors released with their code, if the folder has them.

    Args:
        folder: of data.
        secrets: 2 or 5.
    """
    path = None if folder is None else Path(folder) / f"released-{secrets}-secrets"
    if path is None or not path.is_dir():
        return []
    names = ["cover", *(f"secret{index}" for index in range(1, secrets + 1))]
    images = [Image.open(path / f"{name}.png").convert("RGB") for name in names]
    return [PictureSet(path.name, images)]


def large(folder: Path | None, secrets: int) -> list[PictureSet]:
    """Ten sets of 256x256 pictures from coco, in the order of their names; none without data.

    Args:
        folder: of data.
        secrets: in each set.
    """
    if folder is None:
        return []
    paths = sorted((Path(folder) / "coco").glob("*.png"))
    size = secrets + 1
    sets = []
    for index in range(10):
        own = paths[size * index : size * (index + 1)]
        sets.append(PictureSet(f"coco set {index}", [square(path, 256) for path in own]))
    return sets


def neighbours(folder: Path, name: str, secrets: int) -> list[PictureSet]:
    """Ten sets of 256x256 pictures of one folder: the i-th set begins with its picture i.

    Args:
        folder: of data.
        name: of the folder in it.
        secrets: in each set.
    """
    paths = sorted((folder / name).glob("*.png"))
    return [
        PictureSet(f"{name} {i}", [square(path, 256) for path in paths[i : i + 1 + secrets]])
        for i in range(10)
    ]


def mosaics(folder: Path | None, side: int, secrets: int) -> list[PictureSet]:
    """One set of pictures, each put together of many 256x256 ones from coco; none without data.

    So there is as much detail at every size.

    Args:
        folder: of data.
        side: of each picture, in pixels.
        secrets: how many.
    """
    if folder is None:
        return []
    paths = itertools.cycle(sorted((Path(folder) / "coco").glob("*.png")))
    images = []
    for _ in range(secrets + 1):
        image = Image.new("RGB", (side, side))
        for top, left in itertools.product(range(0, side, 256), repeat=2):
            image.paste(square(next(paths), 256), (left, top))
        images.append(image)
    return [PictureSet(f"mosaic {side}", images)]


def many(folder: Path | None, secrets: int) -> list[PictureSet]:
    """One set of 128x128 pictures.

    Args:
        folder: of data, whose coco is taken; None for scikit-image's photographs over and over,
            mirrored.
        secrets: how many.
    """
    name = f"{secrets} secrets"
    if folder is not None:
        paths = sorted((folder / "coco").glob("*.png"))[: secrets + 1]
        return [PictureSet(name, [square(path, SIDE) for path in paths])]
    images = [pictures.images[0] for pictures in _own(SIDE)]
    mirrored = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in images]
    endless = itertools.cycle([*images, *mirrored])
    return [PictureSet(name, list(itertools.islice(endless, secrets + 1)))]


def _own(side: int) -> list[PictureSet]:
    """Each of scikit-image's photographs with the next two."""
    squares = [to_pil(fill(photograph(name), side, side)) for name in NAMES]
    return [
        PictureSet(f"{name} first", [squares[(index + place) % len(NAMES)] for place in range(3)])
        for index, name in enumerate(NAMES)
    ]


def square(path: Path, side: int) -> Image.Image:
    """The middle square of a picture, resampled to side x side pixels."""
    return to_pil(fill(read_picture(path).rgb, side, side))
