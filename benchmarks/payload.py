"""How surely hidden files come back: at each quality, beside other secrets, and after changes.

`python benchmarks/payload.py --data DIR [--sets 3] [--only capacity|changes] [-o results]`.

Each file is random bytes, as many as `sirensong capacity` says. Counts the wrong bytes of its code,
of which 16 of 255 are mended, before they are; a file whose count is "lost" did not come back.
Covers are 128x128, from coco and div2k by turns. Prints Markdown, writes payload.json.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import sirensong as ss
from pictures import neighbours
from sirensong.lab.finetuning import finetune
from sirensong.lab.robustness import perturb, prune, quantise
from sirensong.payload.payload import Layout
from sirensong.training.capacity import largest_layout

HERE = Path(__file__).parent
SIDE = 128
QUALITIES = ("small", "standard", "high", "archive")

Change = Callable[[ss.StegoFunction], ss.StegoFunction]


def noisy(stego: ss.StegoFunction, strength: float) -> ss.StegoFunction:
    """Noise on all weights, in standard deviations of their matrix."""
    return perturb(stego, strength, np.random.default_rng(0))


def tuned(stego: ss.StegoFunction, steps: int) -> ss.StegoFunction:
    """Trained on, towards the cover that it shows."""
    return finetune(stego, ss.sample(stego), steps=steps)


CHANGES: dict[str, Change] = {
    "none": lambda stego: stego,
    "8 bits": partial(quantise, bits=8),
    "6 bits": partial(quantise, bits=6),
    "noise 1 %": partial(noisy, strength=0.01),
    "noise 5 %": partial(noisy, strength=0.05),
    "tuned 50 steps": partial(tuned, steps=50),
    "pruned 5 %": partial(prune, rate=0.05),
    "pruned 10 %": partial(prune, rate=0.1),
    "pruned 20 %": partial(prune, rate=0.2),
}


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


def wrong_bytes(stego: ss.StegoFunction, files: dict[ss.SecretKey, ss.HiddenFile]) -> list[Any]:
    """Wrong bytes of each file's code that were mended; "lost" where the file was not."""
    found: list[Any] = []
    for key, file in files.items():
        try:
            back, mended = ss.unlock(stego, key).read_file()
            found.append(mended if back == file else "lost")
        except ss.FormatError:
            found.append("lost")
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
                "wrong": wrong_bytes(stego, files),
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
                wrong = wrong_bytes(change(stego), files)
                rows.append({
                    "robust": robust, "set": index, "change": name, "bytes": layout.room,
                    "coded": layout.coded, "wrong": wrong,
                })  # fmt: skip
                print(json.dumps(rows[-1]), flush=True)
    return rows


def table(rows: list[dict[str, Any]], names: tuple[str, ...]) -> str:
    """Markdown: a row for each value of some names; files that came back, and the most wrong."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    head = (*names, "bytes a file", "came back", "most wrong of coded bytes")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for group, members in groups.items():
        every = [wrong for row in members for wrong in row["wrong"]]
        back = [wrong for wrong in every if wrong != "lost"]
        cells = [*group, members[0]["bytes"], f"{len(back)} of {len(every)}"]
        cells.append(f"{max(back)} of {members[0]['coded']}" if back else "-")
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
