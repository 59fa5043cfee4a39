"""What pruning, noise, rounding and tuning of published weights leave of the pictures.

`python benchmarks/robust.py --data DIR [--sets 5] [-o results]`.

Every hide is the command as a user types it, of the benchmark's 128x128 triples; the file is read,
its weights are changed, and each picture is rendered with its key. PSNR of 8-bit RGB, means over
sets, of the cover and of both secrets. Prints a table in Markdown, and writes robust.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np

import sirensong as ss
from bench import hide_once
from changes import CHANGES
from codecs_of_pictures import psnr
from pictures import PictureSet, triples

HERE = Path(__file__).parent

HOWS = {
    "archive": ["--quality", "archive"],
    "standard": ["--quality", "standard"],
    "small": ["--quality", "small"],
    "standard, `--robust`": ["--quality", "standard", "--robust"],
    "archive, `--robust`": ["--quality", "archive", "--robust"],
}
"""Options of `sirensong hide`, by the names of the rows."""


def measure(pictures: PictureSet, options: list[str]) -> dict[str, list[float]]:
    """PSNR of all pictures of one set after each change, the cover's first."""
    originals = [np.asarray(image) for image in pictures.images]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hide_once(pictures, folder, options)
        published = ss.load(folder / "song.safetensors")
        keys = [ss.read_key(folder / f"{place}.key") for place in range(1, len(originals))]
    found = {}
    for change, apply in CHANGES.items():
        stego = apply(published)
        functions = [stego, *(ss.unlock(stego, key) for key in keys)]
        size = originals[0].shape[:2]
        renders = [ss.render_uint8(function, size) for function in functions]
        found[change] = [psnr(*pair) for pair in zip(originals, renders, strict=True)]
    return found


def row(name: str, sets: list[dict[str, list[float]]]) -> str:
    """One row of the table."""
    means = (np.mean([found[change] for found in sets], axis=0) for change in CHANGES)
    cells = (" / ".join(f"{value:.1f}" for value in values) for values in means)
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = os.environ.get("SIRENSONG_BENCH_DATA")
    parser.add_argument("--data", type=Path, default=data, required=data is None)
    parser.add_argument("--sets", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    print(f"| | {' | '.join(CHANGES)} |\n|{'---|' * (len(CHANGES) + 1)}")
    found = {}
    for name, options in HOWS.items():
        found[name] = [measure(one, options) for one in triples(arguments.data)[: arguments.sets]]
        print(row(name, found[name]), flush=True)
        path = arguments.output / "robust.json"
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
