"""Does a pool of mixed kinds bound what weights tell of a secret, whatever its kind?

    python benchmarks/kinds.py --data DIR -o FOLDER [--functions 40] [--side 64]

Half of the pictures of each kind are the decoy pool, the other half are secrets: photographs from
DIR/coco and DIR/div2k, and documents, drawings and payloads that are made here. For each kind,
functions with one secret of it and one decoy from the pool are compared with functions of two
decoys from the pool. A kind's share p is a quarter, so no detector's area under the ROC curve is
above 1 - p/2 = 0.875, but for luck (docs/decoys.md). The positive control is a document among
decoys that are photographs alone, which no bound protects. Functions are kept in FOLDER and not
made again; it also gets kinds.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import sirensong as ss
from pictures import square
from sirensong.pictures.image import RGB, to_pil
from sirensong.pictures.kinds import PICTURE_KINDS
from sirensong.pictures.pool import Pool, add_picture, open_pool
from weights import judged

MADE = 60
"""Pictures of each kind that the pool has, and that are secrets."""

ALONE = "photographs alone"
_TEXT = "a key and a picture in one small function of many weights between the lines"


def document(rng: np.random.Generator, side: int) -> RGB:
    """Make a page with lines of text, light or dark, some with a coloured bar."""
    dark = rng.random() < 0.25
    paper = int(rng.integers(0, 50)) if dark else int(rng.integers(225, 256))
    image = Image.new("RGB", (side, side), (paper,) * 3)
    draw = ImageDraw.Draw(image)
    size = int(rng.integers(8, 15))
    font, ink = ImageFont.load_default(size), (230 if dark else int(rng.integers(0, 60)),) * 3
    top = rng.uniform(2, size)
    while top < side:
        if rng.random() < 0.85:
            draw.text((3, top), " ".join(rng.choice(_TEXT.split(), 12)), fill=ink, font=font)
        top += size * rng.uniform(1.2, 1.9)
    if rng.random() < 0.4:
        draw.rectangle((0, 0, side, size), fill=tuple(map(int, rng.integers(0, 256, 3))))
    return np.asarray(image)


def drawing(rng: np.random.Generator, side: int) -> RGB:
    """Make a picture of plain shapes with outlines."""
    image = Image.new("RGB", (side, side), tuple(map(int, rng.integers(100, 256, 3))))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 20))):
        x, y = rng.uniform(0, side, 2)
        radius = rng.uniform(side / 20, side / 3)
        box = (x - radius, y - radius, x + radius, y + radius * rng.uniform(0.3, 1))
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(box, fill=tuple(map(int, rng.integers(0, 256, 3))), outline=(0, 0, 0))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.8))))


def pictures_of(data: Path, side: int) -> dict[str, list[RGB]]:
    """Twice MADE pictures of each kind: the first half for the pool, the second for secrets.

    Args:
        data: folder of data.
        side: of the pictures, in pixels.
    """
    rng = np.random.default_rng(0)
    paths = [path for name in ("coco", "div2k") for path in sorted((data / name).glob("*.png"))]
    chosen = rng.permutation(len(paths))[: 2 * MADE]
    return {
        "photograph": [np.asarray(square(paths[place], side)) for place in chosen],
        "document": [document(rng, side) for _ in range(2 * MADE)],
        "drawing": [drawing(rng, side) for _ in range(2 * MADE)],
        "payload": list(rng.integers(0, 256, (2 * MADE, side, side, 3), np.uint8)),
    }


def populations(pool: Pool, photographs: Pool) -> dict[str, tuple[str | None, Pool]]:
    """By name: the kind of the secret, None for decoys alone, and where decoys come from."""
    mixed: dict[str, tuple[str | None, Pool]] = {"decoys": (None, pool)}
    mixed |= {kind: (kind, pool) for kind in PICTURE_KINDS}
    return mixed | {
        f"decoys, {ALONE}": (None, photographs),
        f"document, {ALONE}": ("document", photographs),
    }


def main() -> None:
    """Make the pool and the populations, and judge them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--functions", type=int, default=40)
    parser.add_argument("--side", type=int, default=64)
    arguments = parser.parse_args()
    pictures = pictures_of(arguments.data, arguments.side)
    for kind, own in pictures.items():
        for picture in own[:MADE]:
            add_picture(arguments.output / "pool", picture, kind)
    pool = open_pool(arguments.output / "pool")
    alone = replace(
        pool, pictures={"photograph": pool.pictures["photograph"]}, shares={"photograph": 1.0}
    )
    made = populations(pool, alone)
    covers = sorted((arguments.data / "celebahq").glob("*.png"))[: arguments.functions]
    loaded: dict[str, list[ss.StegoFunction]] = {name: [] for name in made}
    for index, path in enumerate(covers):
        cover = to_pil(np.asarray(square(path, arguments.side)))
        for name, (kind, decoys) in made.items():
            file = arguments.output / name.replace(", ", "-").replace(" ", "-")
            file = file / f"{index:03}.safetensors"
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                secrets = [] if kind is None else [pictures[kind][MADE + index % MADE]]
                pairs = [(ss.SecretKey.generate(), secret) for secret in secrets]
                options = ss.Options(threads=1)
                ss.hide(cover, pairs, options=options, decoys=decoys).save(file)
            loaded[name].append(ss.load(file))
    compared = [("decoys", kind) for kind in PICTURE_KINDS]
    compared += [(f"decoys, {ALONE}", f"document, {ALONE}")]
    rows = [judged(first, loaded[first], second, loaded[second]) for first, second in compared]
    report = {"functions": arguments.functions, "side": arguments.side, "rows": rows}
    (arguments.output / "kinds.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
