"""How surely hidden files come back: at each quality, beside other secrets, and after changes.

`python benchmarks/payload.py --data DIR [--sets 3] [--only capacity|changes] [-o results]`.

Each file is random bytes, as many as `sirensong capacity` says. Counts the wrong bytes of its code
before they are mended, and says how much parity a code needs for them: there are 32 bytes of 255.
Covers are 128x128, from coco and div2k by turns. Prints Markdown, writes payload.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import sirensong as ss
from changes import CHANGES
from pictures import neighbours
from sirensong.payload.payload import Layout
from sirensong.payload.samples import from_picture
from sirensong.training.capacity import largest_layout

HERE = Path(__file__).parent
SIDE = 128
WORD = 255
QUALITIES = ("small", "standard", "high", "archive")


def covers(data: Path, count: int) -> list[np.ndarray[Any, Any]]:
    """Covers from both data sets by turns, at 128x128."""
    sets = zip(neighbours(data, "coco", 1), neighbours(data, "div2k", 1), strict=True)
    images = [pictures.images[0] for pair in sets for pictures in pair]
    return [np.asarray(image.resize((SIDE, SIDE))) for image in images[:count]]


def packed_to(room: int, seed: int) -> ss.HiddenFile:
    """A file of random bytes that fills its room."""
    return ss.HiddenFile("a", np.random.default_rng(seed).bytes(room - 7))


def hide(
    cover: np.ndarray[Any, Any], recipe: ss.Recipe, secrets: int
) -> tuple[ss.StegoFunction, dict[ss.SecretKey, ss.HiddenFile], Layout]:
    """Hide as many files as large as they may be."""
    layout = largest_layout(recipe, (SIDE, SIDE), secrets)
    files = {ss.SecretKey.generate(): packed_to(layout.room, place) for place in range(secrets)}
    return ss.hide(cover, files, recipe=recipe).stego, files, layout


class Read(NamedTuple):
    """How a file was read.

    Args:
        wrong: bytes of its code that are.
        parity: bytes of 255 that a code needs to mend the word with most wrong bytes; it has 32.
        back: whether the file came back.
    """

    wrong: int
    parity: int
    back: bool


def read_all(
    stego: ss.StegoFunction, files: dict[ss.SecretKey, ss.HiddenFile], layout: Layout
) -> list[Read]:
    """Read each file, and count what is wrong before it is mended, mended or not."""
    found = []
    for key, file in files.items():
        secret = ss.unlock(stego, key)
        sent = layout.picture(file.packed, key, stego.nonce) / np.float32(255)
        read = partial(from_picture, modulation=layout.modulation, key=key, nonce=stego.nonce)
        shown = ss.render(secret, layout.size)
        codes = [np.frombuffer(read(pixels), np.uint8) for pixels in (shown, sent)]
        wrong = codes[0] != codes[1]
        words = -(-len(wrong) // 255)
        shares = [np.mean(wrong[word::words]) for word in range(words)]
        try:
            back = secret.read_file()[0] == file
        except ss.FormatError:
            back = False
        found.append(Read(int(wrong.sum()), math.ceil(2 * 255 * max(shares)), back))
    return found


def capacity_rows(pictures: list[np.ndarray[Any, Any]]) -> list[dict[str, Any]]:
    """Files as large as they may be, at each quality and beside each other."""
    works = [(quality, 1) for quality in QUALITIES]
    works += [("standard", count) for count in (2, 4, 8)] + [("archive", 4)]
    rows = []
    for quality, secrets in works:
        recipe = ss.FAST.at(quality)
        for index, cover in enumerate(pictures):
            stego, files, layout = hide(cover, recipe, secrets)
            rows.append({
                "quality": quality, "secrets": secrets, "set": index, "bytes": layout.room,
                "carrier": len(ss.dumps(stego)), "coded": layout.coded,
                "read": read_all(stego, files, layout),
                "cover": ss.measure(cover, ss.sample(stego)).psnr,
            })  # fmt: skip
            print(json.dumps(rows[-1]), flush=True)
    return rows


def change_rows(pictures: list[np.ndarray[Any, Any]]) -> list[dict[str, Any]]:
    """What changes of the weights do to files, with the usual training and with --robust."""
    rows = []
    for robust in (False, True):
        recipe = ss.FAST.robust() if robust else ss.FAST
        for index, cover in enumerate(pictures):
            stego, files, layout = hide(cover, recipe, 1)
            for name, change in CHANGES.items():
                read = read_all(change(stego), files, layout)
                rows.append({
                    "robust": robust, "set": index, "change": name, "bytes": layout.room,
                    "coded": layout.coded, "read": read,
                })  # fmt: skip
                print(json.dumps(rows[-1]), flush=True)
    return rows


def table(rows: list[dict[str, Any]], names: tuple[str, ...]) -> str:
    """Markdown: a row for each value of some names; files that came back, and the most wrong."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    head = (*names, "bytes a file", "came back", "most wrong of coded bytes", "parity of 255")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for group, members in groups.items():
        every = [read for row in members for read in row["read"]]
        back = sum(read.back for read in every)
        cells = [*group, members[0]["bytes"], f"{back} of {len(every)}"]
        cells.append(f"{max(read.wrong for read in every)} of {members[0]['coded']}")
        most = max(read.parity for read in every)
        cells.append(most if most < WORD else "none would do")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write."""
    data = os.environ.get("SIRENSONG_DATA")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data, required=data is None)
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--only", choices=("capacity", "changes"))
    parser.add_argument("-o", "--output", type=Path, default=HERE / "results")
    given = parser.parse_args()
    pictures = covers(given.data, given.sets)
    found: dict[str, Any] = {}
    if given.only != "changes":
        found["capacity"] = capacity_rows(pictures)
        print(table(found["capacity"], ("quality", "secrets")))
    if given.only != "capacity":
        found["changes"] = change_rows(pictures)
        print(table(found["changes"], ("robust", "change")))
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "payload.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
