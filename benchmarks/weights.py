"""Can functions with secrets be told by their weights from functions that were trained for decoys? And from bare ones?

`python benchmarks/weights.py --data DIR -o FOLDER [--functions 60] [--side 64]`. Trains, for each cover, functions with two and
with one secret, of decoys alone of each kind, and of the cover alone, all for as many steps; runs every detector on each pair of
populations; prints a table and writes FOLDER/weights.json. Functions are kept in FOLDER and not made again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np

import sirensong as ss
from pictures import square
from sirensong.lab.steganalysis.weights import detect
from sirensong.pictures.decoys import KINDS as MADE

KINDS = (
    "photographs",
    "cover",
    "leaves",
    "noise",
    "folder",
)  # the last: of the secrets' own data sets


def populations(folder: Path, count: int) -> dict[str, list[tuple[Path, int, str]]]:
    """What each population's functions are made of: (cover, number of secrets, kind of decoys; "" for none)."""
    covers = sorted((folder / "celebahq").glob("*.png"))[:count]
    made = {"two secrets": (2, KINDS[0])}
    made |= {f"one secret, {kind}": (1, kind) for kind in KINDS}
    made |= {f"decoys, {kind}": (0, kind) for kind in KINDS}
    made |= {"bare": (0, "")}
    return {
        name: [(cover, secrets, kind) for cover in covers] for name, (secrets, kind) in made.items()
    }


def make(
    path: Path, data: Path, side: int, index: int, cover: Path, secrets: int, kind: str
) -> None:
    """Train one function, unless it is there."""
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
    hidden = ss.hide(
        np.asarray(square(cover, side)), pairs, recipe=recipe, decoys=decoys, threads=1
    )
    hidden.save(path)


def main() -> None:
    """Make the populations and judge them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--functions", type=int, default=60)
    parser.add_argument("--side", type=int, default=64)
    arguments = parser.parse_args()

    work, paths = [], {}
    for name, functions in populations(arguments.data, arguments.functions).items():
        folder = arguments.output / name.replace(", ", "-").replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        paths[name] = [folder / f"{index:03}.safetensors" for index in range(len(functions))]
        work += [
            (path, arguments.data, arguments.side, index, *function)
            for index, (path, function) in enumerate(zip(paths[name], functions, strict=True))
        ]
    joblib.Parallel(n_jobs=joblib.cpu_count(), verbose=1)(
        joblib.delayed(make)(*function) for function in work
    )
    loaded = {name: [ss.load(path) for path in files] for name, files in paths.items()}

    rows = []
    for clean, stego in [("bare", "two secrets"), *_fair_pairs()]:
        for detection in detect(loaded[clean], loaded[stego]):
            rows.append(
                {"clean": clean, "stego": stego, **vars(detection), "guessing": detection.guessing}
            )
            row = rows[-1]
            print(
                f"{clean:20} {stego:22} {row['name']:36} {row['auc']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
                flush=True,
            )
    (arguments.output / "weights.json").write_text(
        json.dumps({"functions": arguments.functions, "side": arguments.side, "rows": rows})
    )


def _fair_pairs() -> list[tuple[str, str]]:
    """Functions of decoys alone, against those with two secrets and with one."""
    pairs = [(f"decoys, {kind}", "two secrets") for kind in KINDS]
    return pairs + [(f"decoys, {kind}", f"one secret, {kind}") for kind in KINDS]


if __name__ == "__main__":
    main()
