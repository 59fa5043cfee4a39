"""The pictures that benchmarks hide: from a data folder if there is one, else scikit-image's photographs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sirensong.pictures.image import fill, read_picture, to_pil
from sirensong.pictures.photographs import NAMES, photograph

SIDE = 128


@dataclass(frozen=True)
class Set:
    """A cover and its secrets. name: for the table. images: cover first."""

    name: str
    images: list[Image.Image]


def triples(folder: Path | None, side: int = SIDE) -> list[Set]:
    """Ten covers from celebahq (every second), each with a secret from coco and one from div2k, Lanczos to side x side."""
    if folder is None:
        return _own(side)
    covers, first, second = (
        sorted((Path(folder) / name).glob("*.png")) for name in ("celebahq", "coco", "div2k")
    )
    return [
        Set(f"triple {i}", [square(path, side) for path in (covers[2 * i], first[i], second[i])])
        for i in range(10)
    ]


def released(folder: Path | None, secrets: int) -> list[Set]:
    """The pictures that the paper's authors released with their code, with 2 or 5 secrets, if the folder has them."""
    path = None if folder is None else Path(folder) / f"released-{secrets}-secrets"
    if path is None or not path.is_dir():
        return []
    names = ["cover", *(f"secret{index}" for index in range(1, secrets + 1))]
    return [Set(path.name, [Image.open(path / f"{name}.png").convert("RGB") for name in names])]


def large(folder: Path | None, secrets: int) -> list[Set]:
    """Ten sets of 256x256 pictures from coco, each a cover and so many secrets, in the order of their names."""
    if folder is None:
        return []
    paths = sorted((Path(folder) / "coco").glob("*.png"))
    size = secrets + 1
    return [
        Set(f"coco set {i}", [square(path, 256) for path in paths[size * i : size * (i + 1)]])
        for i in range(10)
    ]


def mosaics(folder: Path | None, side: int, secrets: int) -> list[Set]:
    """One set of side x side pictures, each put together of many 256x256 ones from coco: as much detail at every size."""
    if folder is None:
        return []
    paths = itertools.cycle(sorted((Path(folder) / "coco").glob("*.png")))
    images = []
    for _ in range(secrets + 1):
        image = Image.new("RGB", (side, side))
        for top, left in itertools.product(range(0, side, 256), repeat=2):
            image.paste(square(next(paths), 256), (left, top))
        images.append(image)
    return [Set(f"mosaic {side}", images)]


def many(folder: Path | None, secrets: int) -> list[Set]:
    """One set of 128x128 pictures with so many secrets: from coco, else scikit-image's photographs over and over, mirrored."""
    if folder is not None:
        return [
            Set(
                f"{secrets} secrets",
                [
                    square(path, SIDE)
                    for path in sorted((folder / "coco").glob("*.png"))[: secrets + 1]
                ],
            )
        ]
    images = [image for pictures in _own(SIDE) for image in pictures.images[:1]]
    mirrored = itertools.cycle(
        [*images, *(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in images)]
    )
    return [Set(f"{secrets} secrets", list(itertools.islice(mirrored, secrets + 1)))]


def _own(side: int) -> list[Set]:
    squares = [to_pil(fill(photograph(name), side, side)) for name in NAMES]
    return [
        Set(f"{name} first", [squares[i], squares[(i + 1) % 4], squares[(i + 2) % 4]])
        for i, name in enumerate(NAMES)
    ]


def square(path: Path, side: int) -> Image.Image:
    """The middle square of a picture, resampled to side x side."""
    return to_pil(fill(read_picture(path).rgb, side, side))
