"""How small a carrier is for how good pictures: bits a pixel against PSNR, beside JPEG and AVIF.

`python benchmarks/rate.py --data DIR [--quality small,standard,16bpp] [--sets 10] [--only NAME]`.

Every hide is the command as a user types it; quality is that of the file as written, read back with
the keys, on 8-bit pictures: of RGB, and of luma as DeepMIH measures it. A carrier is compared with
the JPEG files (and AVIF files) of the cover and its secrets, each at the PSNR that it has in the
carrier. Times are in paper steps (bench.py). Prints a table, and writes results/rate.json and
rate.png.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot

from bench import hide_once
from codecs_of_pictures import bytes_at, psnr
from paper_step import paper_step_seconds
from pictures import PictureSet, neighbours, triples
from sirensong import load, read_key, render_uint8, unlock
from sirensong.pictures.metrics import luma_psnr

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Work:
    """A row of the table: sets of pictures."""

    name: str
    sets: list[PictureSet]


def works(data: Path) -> list[Work]:
    """All rows."""
    return [
        Work("128x128, two secrets", triples(data)),
        Work("256x256 div2k, two secrets", neighbours(data, "div2k", 2)),
        Work("256x256 coco, two secrets", neighbours(data, "coco", 2)),
        Work("256x256 div2k, one secret", neighbours(data, "div2k", 1)),
        Work("256x256 coco, one secret", neighbours(data, "coco", 1)),
    ]


def measure(pictures: PictureSet, folder: Path, options: list[str]) -> dict[str, Any]:
    """Hide one set, and compare the carrier with files of its pictures."""
    row = hide_once(pictures, folder, options)
    song = folder / "song.safetensors"
    stego = load(song)
    originals = [np.asarray(image) for image in pictures.images]
    keys = [read_key(folder / f"{index}.key") for index in range(1, len(originals))]
    height, width = originals[0].shape[:2]
    renders = [render_uint8(stego, (height, width))]
    renders += [render_uint8(unlock(stego, key), (height, width)) for key in keys]
    pairs = list(zip(originals, renders, strict=True))
    row["psnr"] = [psnr(*pair) for pair in pairs]
    row["luma"] = [luma_psnr(*pair) for pair in pairs]
    row["bytes"] = song.stat().st_size
    row["bits"] = 8 * row["bytes"] / (height * width)
    for codec in ("JPEG", "AVIF"):
        row[codec] = row["bytes"] / bytes_at(originals, row["psnr"], codec)
    return row


def size_options(quality: str) -> list[str]:
    """Options of `sirensong hide`. quality: of the dial, or bits a pixel, as 16bpp."""
    if quality.endswith("bpp"):
        return ["--bits-per-pixel", quality.removesuffix("bpp")]
    return ["--quality", quality]


def summary(name: str, quality: str, rows: list[dict[str, Any]], step: float) -> dict[str, Any]:
    """Means over sets: of the cover's PSNR, of each set's worst secret, and so on."""

    def mean(values: list[float]) -> float:
        return round(statistics.mean(values), 2)

    return {
        "name": name,
        "quality": quality,
        "sets": len(rows),
        "bits": mean([row["bits"] for row in rows]),
        "most_bits": round(max(row["bits"] for row in rows), 2),
        "stego": mean([row["psnr"][0] for row in rows]),
        "secret": mean([min(row["psnr"][1:]) for row in rows]),
        "stego_luma": mean([row["luma"][0] for row in rows]),
        "secret_luma": mean([min(row["luma"][1:]) for row in rows]),
        "jpeg": mean([row["JPEG"] for row in rows]),
        "avif": mean([row["AVIF"] for row in rows]),
        "paper_steps": mean([row["seconds"] for row in rows]) / step,
        "seconds": mean([row["seconds"] for row in rows]),
        "rows": rows,
    }


def show(row: dict[str, Any]) -> None:
    """Print a row."""
    steps = f"{row['paper_steps']:.0f} paper steps ({row['seconds']:.1f} s)"
    luma = f"luma {row['stego_luma']:.1f} / {row['secret_luma']:.1f}"
    print(
        f"{row['name']}, {row['quality']} (N = {row['sets']}): {row['bits']:.1f} bits a pixel (most"
        f" {row['most_bits']:.1f}), {row['stego']:.1f} / {row['secret']:.1f} dB, {luma};"
        f" {row['jpeg']:.2f} of JPEGs, {row['avif']:.2f} of AVIFs; {steps}",
        flush=True,
    )


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw PSNR against bits a pixel: of carriers, and of the files of the same pictures."""
    names = sorted({row["name"] for row in rows})
    figure, axes = pyplot.subplots(1, len(names), figsize=(5 * len(names), 4.5), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        own = sorted((row for row in rows if row["name"] == name), key=lambda row: row["bits"])
        for label, ratio in (("carrier", None), ("JPEG files", "jpeg"), ("AVIF files", "avif")):
            bits = [row["bits"] / (row[ratio] if ratio else 1) for row in own]
            axis.plot(bits, [(row["stego"] + row["secret"]) / 2 for row in own], "o-", label=label)
        axis.set(title=name, xlabel="bits a pixel of the cover", ylabel="PSNR in dB")
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = os.environ.get("SIRENSONG_DATA")
    parser.add_argument("--data", type=Path, default=data, required=data is None)
    parser.add_argument("--quality", default="small,standard,high")
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--only", default="", help="only works whose name has this in it")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "results")
    parser.add_argument("options", nargs="*", help="further options of `sirensong hide`, after --")
    arguments = parser.parse_args()
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for work in works(arguments.data):
            if arguments.only not in work.name:
                continue
            for quality in arguments.quality.split(","):
                options = [*size_options(quality), *arguments.options]
                steps, rows = [paper_step_seconds()], []
                for pictures in work.sets[: arguments.sets]:
                    rows.append(measure(pictures, Path(folder), options))
                    steps.append(paper_step_seconds())
                table.append(summary(work.name, quality, rows, statistics.median(steps)))
                show(table[-1])
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "rate.json").write_text(json.dumps(table, indent=2))
    draw(table, arguments.output / "rate.png")


if __name__ == "__main__":
    main()
