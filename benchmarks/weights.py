"""Can functions with secrets be told by their weights from functions that were trained for decoys?

And from bare ones? `python benchmarks/weights.py --data DIR -o FOLDER [--functions 60] [--side 64]`
trains, for each cover, functions with two and with one secret, of decoys alone of each kind, and of
the cover alone, all for as many steps; runs every detector on each pair of populations; prints a
table and writes FOLDER/weights.json. Functions are kept in FOLDER and not made again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import joblib
import numpy as np

import sirensong as ss
from pictures import square
from sirensong.lab.steganalysis.weights import detect
from sirensong.pictures.decoys import KINDS as MADE

KINDS = ("photographs", "cover", "leaves", "noise", "folder")
"""Kinds of decoys; the last are pictures of the secrets' own data sets."""


def populations(folder: Path, count: int) -> dict[str, list[tuple[Path, int, str]]]:
    """What each population's functions are made of.

    Args:
        folder: of data.
        count: functions of each population.

    Returns:
        By the population's name: cover, number of secrets, and kind of decoys, "" for none.
    """
    covers = sorted((folder / "celebahq").glob("*.png"))[:count]
    made = {"two secrets": (2, KINDS[0])}
    made |= {f"one secret, {kind}": (1, kind) for kind in KINDS}
    made |= {f"decoys, {kind}": (0, kind) for kind in KINDS}
    made |= {"bare": (0, "")}
    return {name: [(cover, *form) for cover in covers] for name, form in made.items()}


def make(
    path: Path, data: Path, side: int, index: int, cover: Path, secrets: int, kind: str
) -> None:
    """Train one function, unless it is there.

    Args:
        path: of its carrier.
        data: folder of data.
        side: of all pictures, in pixels.
        index: of the cover, which draws secrets and decoys.
        cover: path of the cover.
        secrets: how many.
        kind: of decoys, "" for none.
    """
    if path.exists():
        return
    photographs = sorted((data / "coco").glob("*.png"))
    others = sorted((data / "div2k").glob("*.png"))
    pool = photographs + others
    rng = np.random.default_rng([index, secrets])
    chosen = [square(pool[place], side) for place in rng.permutation(len(pool))]
    pairs = [(ss.SecretKey.generate(), np.asarray(picture)) for picture in chosen[:secrets]]
    recipe = replace(ss.FAST, functions=2 if kind else 0, decoys=kind if kind in MADE else "cover")
    decoys = [np.asarray(picture) for picture in chosen[2:10]] if kind == "folder" else []
    options = ss.Options(threads=1)
    picture = np.asarray(square(cover, side))
    ss.hide(picture, pairs, recipe=recipe, options=options, decoys=decoys).save(path)


def main() -> None:
    """Make the populations and judge them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--functions", type=int, default=60)
    parser.add_argument("--side", type=int, default=64)
    arguments = parser.parse_args()

    jobs, paths = [], {}
    for name, functions in populations(arguments.data, arguments.functions).items():
        folder = arguments.output / name.replace(", ", "-").replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        paths[name] = [folder / f"{index:03}.safetensors" for index in range(len(functions))]
        for index, (path, function) in enumerate(zip(paths[name], functions, strict=True)):
            jobs.append((path, arguments.data, arguments.side, index, *function))
    parallel = joblib.Parallel(n_jobs=joblib.cpu_count(), verbose=1)
    parallel(joblib.delayed(make)(*job) for job in jobs)
    loaded = {name: [ss.load(path) for path in files] for name, files in paths.items()}

    rows = []
    for clean, stego in [("bare", "two secrets"), *_fair_pairs()]:
        comparison = detect(loaded[clean], loaded[stego])
        print(f"{clean} against {stego}: p = {comparison.p:.3f}, corrected", flush=True)
        for found in comparison.detections:
            interval = f"[{found.low:.3f}, {found.high:.3f}]"
            print(f"  {found.name:36} {found.auc:.3f} {interval} p = {found.p:.3f}", flush=True)
        rows.append({"clean": clean, "stego": stego, **asdict(comparison)})
    report = {"functions": arguments.functions, "side": arguments.side, "rows": rows}
    (arguments.output / "weights.json").write_text(json.dumps(report))


def _fair_pairs() -> list[tuple[str, str]]:
    """Functions of decoys alone, against those with two secrets and with one."""
    pairs = [(f"decoys, {kind}", "two secrets") for kind in KINDS]
    return pairs + [(f"decoys, {kind}", f"one secret, {kind}") for kind in KINDS]


if __name__ == "__main__":
    main()
