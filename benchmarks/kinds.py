"""Do pools of decoys bound what weights tell of a secret, whatever its kind, files among them?

    python benchmarks/kinds.py --data DIR -o FOLDER [--functions 40] [--side 64] [--only POOL ...]

For each pool of decoys, functions with one secret and one decoy are compared with functions of two
decoys. Pools are "four kinds" (photographs, documents, drawings, payloads; a share p of a quarter
each), "two kinds" (photographs and payloads), "photographs", and "made", which is what the command
does where there is no pool. Half of the pictures of each kind are decoys, the other half secrets:
photographs from DIR/coco and DIR/div2k, documents and drawings that are made here. Files are random
bytes: of a length drawn as decoys' are ("payload"), and those that fill a quarter and all of the
room that a carrier has for one file.

Of a kind with share p no detector's area under the ROC curve is above 1 - p/2, but for luck
(docs/decoys.md). A quarter and all are single lengths, which this does not bound. The positive
control is a document among decoys that are photographs.

Functions are kept in FOLDER and not made again; it also gets kinds.json. A FOLDER is of one --side
and one number of --steps.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import sirensong as ss
from pictures import square
from sirensong.pictures.image import RGB
from sirensong.pictures.kinds import PAYLOAD
from sirensong.pictures.pool import Pool, add_picture, open_pool
from sirensong.training.capacity import decoy_payload, largest_layout
from weights import judged

MADE = 60
"""Pictures of each kind that the pool has, and that are secrets."""

SHARES = {"a quarter": 0.25, "all": 1.0}
"""Lengths of files, in parts of the room that a carrier has for one."""

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
    }


def file_of(length: str, side: int) -> ss.HiddenFile:
    """A file of random bytes: "payload" is of a decoy's length, the others a share of the room.

    Args:
        length: "payload", or a name in `SHARES`.
        side: of the cover, in pixels.
    """
    size, rng = (side, side), np.random.default_rng()
    if length == PAYLOAD:
        room = decoy_payload(ss.FAST, size, rng).layout.room
    else:
        room = int(SHARES[length] * largest_layout(ss.FAST, size, 1).room)
    empty = len(ss.HiddenFile("a", b"").packed)
    return ss.HiddenFile("a", rng.bytes(room - empty))


def pools(folder: Path, pictures: dict[str, list[RGB]]) -> dict[str, Pool | tuple[()]]:
    """Where decoys come from, by name.

    Args:
        folder: of the pictures that decoys are drawn from.
        pictures: of each kind; the first half is taken.
    """
    for kind, own in pictures.items():
        for picture in own[:MADE]:
            add_picture(folder, picture, kind)
    whole = open_pool(folder)

    def part(*kinds: str) -> Pool:
        own = {kind: paths for kind, paths in whole.pictures.items() if kind in kinds}
        return replace(whole, pictures=own, shares=dict.fromkeys(kinds, 1 / len(kinds)))

    return {
        "photographs": part("photograph"),
        "two kinds": part("photograph", PAYLOAD),
        "made": (),
        "four kinds": part("photograph", "document", "drawing", PAYLOAD),
    }


SECRETS = {
    "photographs": ("a quarter", "all", "document"),
    "two kinds": ("a quarter", "all", PAYLOAD, "photograph"),
    "made": ("a quarter", "all"),
    "four kinds": ("photograph", "document", "drawing", PAYLOAD),
}
"""What is hidden beside a decoy of each pool."""


def make(
    path: Path, cover: Path, secret: RGB | ss.HiddenFile | None, decoys: Any, settings: Any
) -> None:
    """Train one function, unless it is there.

    Args:
        path: of its carrier; a file's key lies beside it.
        cover: path of the cover.
        secret: None for decoys alone.
        decoys: for `hide`.
        settings: of the command.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    key = ss.SecretKey.generate()
    pairs = [] if secret is None else [(key, secret)]
    hidden = ss.hide(
        np.asarray(square(cover, settings.side)),
        pairs,
        recipe=ss.FAST.with_steps(settings.steps),
        options=ss.Options(threads=1),
        decoys=decoys,
    )
    hidden.save(path)
    if isinstance(secret, ss.HiddenFile):
        with path.with_suffix(".log").open("w") as log:
            log.write(json.dumps({"exact": _comes_back(hidden.stego, key, secret)}))


def _comes_back(stego: ss.StegoFunction, key: ss.SecretKey, file: ss.HiddenFile) -> bool:
    try:
        return ss.reveal_file(stego, key) == file
    except ss.SirensongError:
        return False


def main() -> None:
    """Make the pools and the populations, and judge them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--functions", type=int, default=40)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--steps", type=int, help="of the joint stage")
    parser.add_argument("--only", nargs="+", metavar="POOL", choices=SECRETS, default=[*SECRETS])
    arguments = parser.parse_args()
    pictures = pictures_of(arguments.data, arguments.side)
    all_pools = pools(arguments.output / "pool", pictures)
    chosen = {name: all_pools[name] for name in arguments.only}
    covers = sorted((arguments.data / "celebahq").glob("*.png"))[: arguments.functions]
    made = [(pool, secret) for pool in chosen for secret in (None, *SECRETS[pool])]
    for index, cover in enumerate(covers):  # cover by cover, so that populations grow together
        for pool, kind in made:
            secret: RGB | ss.HiddenFile | None = None
            if kind in pictures:
                secret = pictures[kind][MADE + index % MADE]
            elif kind is not None:
                secret = file_of(kind, arguments.side)
            path = _carrier(arguments.output, pool, kind, index)
            make(path, cover, secret, chosen[pool], arguments)
    loaded = {
        key: [ss.load(_carrier(arguments.output, *key, index)) for index in range(len(covers))]
        for key in made
    }
    pairs = [((pool, None), (pool, kind)) for pool, kind in made if kind is not None]
    if "photographs" in chosen:  # does the length of a file show?
        pairs.append((("photographs", "a quarter"), ("photographs", "all")))
    rows = [judged(_name(*one), loaded[one], _name(*two), loaded[two]) for one, two in pairs]
    logs = [json.loads(path.read_text())["exact"] for path in arguments.output.glob("*/*.log")]
    print(f"files that came back: {sum(logs)} of {len(logs)}")
    report = {"functions": len(covers), "side": arguments.side, "rows": rows}
    (arguments.output / "kinds.json").write_text(json.dumps(report))


def _name(pool: str, kind: str | None) -> str:
    return f"{kind or 'decoys'}, {pool}"


def _carrier(output: Path, pool: str, kind: str | None, index: int) -> Path:
    folder = output / _name(pool, kind).replace(", ", "-").replace(" ", "-")
    return folder / f"{index:03}.safetensors"


if __name__ == "__main__":
    main()
