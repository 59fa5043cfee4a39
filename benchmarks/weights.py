"""Can functions with secrets be told by their weights from functions that were trained for decoys?

And from bare ones? It trains, for each cover, functions with two and with one secret, of decoys
alone of each kind, and of the cover alone, all for as many steps; runs every detector on each pair
of populations; prints a table and writes FOLDER/weights.json. With 60 a side of 128x128 pixels, so
of 16 tiles, and for default decoys alone:

    python benchmarks/weights.py --data DIR -o FOLDER --only "two secrets" "decoys, photographs"

Other populations are "bare", "decoys, KIND" and "one secret, KIND", of the kinds photographs,
cover, leaves, noise, and folder: pictures of the secrets' own data sets. Without --only, all.

Functions are trained cover by cover and written whole, and those that are in FOLDER are not made
again: after an interruption the same command goes on, and with a larger --functions it adds to
them. A FOLDER is of one recipe and one --side.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

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
    path: Path,
    data: Path,
    side: int,
    steps: int | None,
    index: int,
    cover: Path,
    secrets: int,
    kind: str,
) -> None:
    """Train one function, unless it is there.

    Args:
        path: of its carrier.
        data: folder of data.
        side: of all pictures, in pixels.
        steps: of the joint stage; None for as many as the recipe has.
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
    recipe = replace(
        ss.FAST.with_steps(steps),
        functions=2 if kind else 0,
        decoys=kind if kind in MADE else "cover",
    )
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
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--steps", type=int, help="of the joint stage")
    parser.add_argument("--jobs", type=int, default=joblib.cpu_count())
    parser.add_argument("--only", nargs="+", metavar="POPULATION", help="these and no others")
    arguments = parser.parse_args()
    made = populations(arguments.data, arguments.functions)
    names = arguments.only or list(made)
    paths = _make_all({name: made[name] for name in names}, arguments)
    loaded = {name: [ss.load(path) for path in files] for name, files in paths.items()}
    pairs = [pair for pair in _pairs() if set(pair) <= set(names)]
    rows = [judged(clean, loaded[clean], stego, loaded[stego]) for clean, stego in pairs]
    report = {"functions": arguments.functions, "side": arguments.side, "rows": rows}
    (arguments.output / "weights.json").write_text(json.dumps(report))


def _make_all(
    made: dict[str, list[tuple[Path, int, str]]], arguments: argparse.Namespace
) -> dict[str, list[Path]]:
    """Train what is not there yet, cover by cover, so that populations grow together."""
    paths, jobs = {}, []
    for name, functions in made.items():
        folder = arguments.output / name.replace(", ", "-").replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        paths[name] = [folder / f"{index:03}.safetensors" for index in range(len(functions))]
        for index, (path, function) in enumerate(zip(paths[name], functions, strict=True)):
            jobs.append((path, arguments.data, arguments.side, arguments.steps, index, *function))
    jobs.sort(key=lambda job: job[4])
    parallel = joblib.Parallel(n_jobs=arguments.jobs, verbose=1)
    parallel(joblib.delayed(make)(*job) for job in jobs)
    return paths


def judged(
    clean: str, without: list[ss.StegoFunction], stego: str, suspected: list[ss.StegoFunction]
) -> dict[str, Any]:
    """Judge two populations and print what each detector finds.

    Args:
        clean: name of the first.
        without: its functions.
        stego: name of the second.
        suspected: its functions.

    Returns:
        The comparison, for JSON.
    """
    comparison = detect(without, suspected)
    print(f"{clean} against {stego}: p = {comparison.p:.3f}, corrected", flush=True)
    for found in comparison.detections:
        interval = f"[{found.low:.3f}, {found.high:.3f}]"
        print(f"  {found.name:36} {found.auc:.3f} {interval} p = {found.p:.3f}", flush=True)
    return {"clean": clean, "stego": stego, **asdict(comparison)}


def _pairs() -> list[tuple[str, str]]:
    """Bare functions against two secrets, and decoys alone against two secrets and one."""
    pairs = [("bare", "two secrets")]
    pairs += [(f"decoys, {kind}", "two secrets") for kind in KINDS]
    return pairs + [(f"decoys, {kind}", f"one secret, {kind}") for kind in KINDS]


if __name__ == "__main__":
    main()
