"""Does a carrier tell, without a key, where its secrets are busy and which tiles are neighbours?

    python benchmarks/busy.py --data DIR -o FOLDER [--carriers 10] [--side 512] [--steps N]

hides in covers from DIR/celebahq a picture from DIR/coco and one from DIR/div2k each; no picture is
used twice. Sides above 256 are put together of pictures of 256x256, so that there is as much detail
at every size. Then adversaries that learn from all carriers but one judge that one
(sirensong.lab.secrecy.busy and .neighbours). It prints tables and writes busy.json into a
folder in FOLDER that is named after the settings. Carriers, and what is seen of them, are kept
there and not made again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV

import sirensong as ss
from pictures import square
from sirensong.keys.stream import derive
from sirensong.lab.secrecy.busy import (
    Features,
    Scene,
    detail,
    estimates,
    learned,
    sight,
    strongest,
    with_neighbours,
)
from sirensong.lab.secrecy.knowledge import DRAWS
from sirensong.lab.secrecy.neighbours import (
    Pairs,
    arrange,
    borders,
    distances,
    pairs_of,
    recognised,
    residuals,
    right_neighbours,
    strongest_distance,
)
from sirensong.lab.secrecy.positions import area
from sirensong.lab.secrecy.traces import Interval, interval
from sirensong.lab.steganalysis.response import picture_facts, response
from sirensong.lab.steganalysis.statistics import joint_statistics, layer_statistics
from sirensong.pictures.image import Pixels, from_uint8
from sirensong.reveal import unlock

SETS = ("celebahq", "coco", "div2k")
"""Data sets of the cover and of the secrets."""

PIECE = 256  # pixels a side of the pictures that larger ones are put together of
STATISTICS, KURTOSIS = 34, 3
"""Numbers that layer_statistics gives of a layer, and which of them is its kurtosis."""

_BOOSTING = {"max_iter": 100, "learning_rate": 0.06, "max_leaf_nodes": 15, "random_state": 0}


@dataclass(frozen=True)
class Bench:
    """Settings of a run.

    Args:
        data: folder of data.
        folder: of carriers and of what is seen of them.
        side: of all pictures, in pixels.
        recipe: how carriers are trained.
    """

    data: Path
    folder: Path
    side: int
    recipe: ss.Recipe

    def picture(self, name: str, index: int) -> Pixels:
        """A picture of a data set that shares nothing with those of other indices."""
        piece = min(self.side, PIECE)
        across = self.side // piece
        paths = sorted((self.data / name).glob("*.png"))[across**2 * index :]
        if len(paths) < across**2:
            raise SystemExit(f"{self.data / name} has too few pictures for carrier {index}")
        whole = Image.new("RGB", (self.side, self.side))
        for place in range(across**2):
            row, column = divmod(place, across)
            whole.paste(square(paths[place], piece), (column * piece, row * piece))
        return from_uint8(np.asarray(whole))


@dataclass(frozen=True, eq=False)
class Seen:
    """What adversaries see of a carrier, and the truth.

    Args:
        grid: of the carrier's tiles.
        arrays: by name, each with a first axis of tiles or of secrets. Of statistics: "statistics"
            of weights and responses, "kurtosis" of each layer, "cover" (what it shows). Of borders:
            "own" (the cover's), "random" and "zeros" (what random keys leave beyond it). Of the
            truth: "details", "places", "right" (borders by the right keys, in the picture's
            order), "psnr".
    """

    grid: ss.Grid
    arrays: dict[str, Any]

    @cached_property
    def scene(self) -> Scene:
        """Statistics of single tiles against the secrets."""
        own = self.arrays
        return Scene(own["statistics"], own["cover"], own["details"], own["places"])

    @cached_property
    def pairs(self) -> list[Pairs]:
        """Neighbours of each secret, and pairs that are none."""
        places = self.arrays["places"]
        return [pairs_of(order, self.grid, seed) for seed, order in enumerate(places)]


def carrier_of(bench: Bench, index: int) -> tuple[ss.StegoFunction, list[ss.SecretKey]]:
    """Hide two pictures, unless that is done.

    Args:
        bench: the settings.
        index: of the pictures.
    """
    path = bench.folder / "carriers" / f"{index:03}.safetensors"
    keys = [ss.SecretKey(derive(index.to_bytes(8), b"", f"busy/{place}")) for place in range(2)]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        cover, *secrets = (bench.picture(name, index) for name in SETS)
        pairs = list(zip(keys, secrets, strict=True))
        options = ss.Options(threads=1)
        ss.hide(cover, pairs, recipe=bench.recipe, options=options).save(path)
    return ss.load(path), keys


def seen_of(bench: Bench, index: int) -> Seen:
    """Look at a carrier, unless that is done.

    Args:
        bench: the settings.
        index: of the carrier.
    """
    path = bench.folder / "seen" / f"{index:03}.npz"
    stego, keys = carrier_of(bench, index)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, **looked_at(bench, index, stego, keys))
        part.replace(path)
        print(f"carrier {index} is made and looked at", flush=True)
    with np.load(path) as arrays:
        return Seen(stego.grid, dict(arrays))


def looked_at(
    bench: Bench, index: int, stego: ss.StegoFunction, keys: Sequence[ss.SecretKey]
) -> dict[str, Any]:
    """Compute what Seen holds of a carrier."""
    pictures = [bench.picture(name, index) for name in SETS]
    secrets = [unlock(stego, key) for key in keys]
    renders = [ss.sample(stego), *(ss.reveal(stego, key) for key in keys)]
    random, zeros = residuals(stego, DRAWS)
    rows = list(rows_of(stego))
    layers = layer_statistics(stego.weights)
    statistics = [
        layers,
        joint_statistics(stego.weights),
        np.concatenate([response(row) for row in rows]),
        np.stack([np.abs(left).mean((1, 2, 3)) for left in (random, zeros)], axis=1),
    ]
    shown = np.concatenate([picture_facts(row) for row in rows])
    whole = range(stego.grid.tiles)
    return {
        "statistics": np.concatenate(statistics, axis=1),
        "kurtosis": layers[:, KURTOSIS::STATISTICS],
        "cover": np.column_stack([detail(renders[0], stego.grid), shown]),
        "own": borders(stego.weights),
        "random": random,
        "zeros": zeros,
        "details": np.stack([detail(picture, stego.grid) for picture in pictures[1:]]),
        "places": np.stack([secret.places for secret in secrets]),
        "right": np.stack([borders(secret.tiles(whole)) for secret in secrets]),
        "psnr": [ss.measure(*pair).psnr for pair in zip(pictures, renders, strict=True)],
    }


def rows_of(stego: ss.StegoFunction) -> Iterator[ss.StegoFunction]:
    """Each row of tiles as a carrier of its own, so that memory stays small."""
    grid = stego.grid
    for row in range(grid.rows):
        first = row * grid.columns
        weights = stego.tiles(range(first, first + grid.columns))
        height = stego.height // grid.rows
        yield replace(stego, grid=ss.Grid(1, grid.columns), weights=weights, height=height)


def tell_maps(carriers: Sequence[Seen]) -> dict[str, Any]:
    """Look for where secrets are busy, and print the table."""
    single = [seen.scene for seen in carriers]
    kurtosis = [
        replace(scene, features=seen.arrays["kurtosis"])
        for scene, seen in zip(single, carriers, strict=True)
    ]
    wide = [
        replace(scene, features=with_neighbours(scene.features, seen.grid))
        for scene, seen in zip(single, carriers, strict=True)
    ]
    adversaries = {
        "kurtosis of one layer": (kurtosis, strongest),
        "strongest statistic": (single, strongest),
        "ridge": (wide, learned(RidgeCV(alphas=np.logspace(-1, 4, 11)))),
        "boosting": (wide, learned(HistGradientBoostingRegressor(**_BOOSTING))),
    }
    print("rank correlation with the secrets' detail: as it lies in the carrier (no shuffle would")
    print("show that), in the picture's order (what is seen), and of other carriers' secrets")
    tables = {}
    for name, (scenes, estimator) in adversaries.items():
        found = sight(scenes, estimates(scenes, estimator))
        columns = [asdict(one) for one in found]
        line = {order: interval([own[order] for own in columns]) for order in columns[0]}
        tables[name] = line
        text = "  ".join(f"{order} {shown(own)}" for order, own in line.items())
        print(f"  {name:24} {text}", flush=True)
    layers = np.mean([scene.strengths for scene in kurtosis], axis=0)
    print("  kurtosis of each layer, carrier's order:", " ".join(f"{own:+.3f}" for own in layers))
    strengths = np.mean([scene.strengths for scene in single], axis=0)
    best = name_of(int(np.argmax(np.abs(strengths))), len(layers))
    print(f"  strongest over all carriers, carrier's order: {best}")
    return tables | {"kurtosis by layer": layers.tolist(), "strongest": best}


def name_of(column: int, layers: int) -> str:
    """Which of the statistics a column is."""
    layer, number = divmod(column, STATISTICS)
    if layer < layers:
        return f"number {number} of layer_statistics, layer {layer}"
    return f"number {column - STATISTICS * layers} of those after layer_statistics"


def shown(own: Interval) -> str:
    """A mean and its interval for the table."""
    return f"{own.mean:+.3f} [{own.low:+.3f}, {own.high:+.3f}]"


def tell_pairs(carriers: Sequence[Seen]) -> dict[str, Interval]:
    """Look for tiles that hold neighbouring tiles of a secret, and print the table."""
    labels = [np.concatenate([own.near for own in seen.pairs]) for seen in carriers]
    alike = [of_secrets(seen, seen.scene.table, []) for seen in carriers]
    met = [of_secrets(seen, none(seen), beyond(seen)) for seen in carriers]
    both = [np.concatenate(tables, axis=1) for tables in zip(alike, met, strict=True)]
    boosting = HistGradientBoostingClassifier(**_BOOSTING)
    areas = {
        "strongest statistic": strongest_distance(alike, labels),
        "strongest border": strongest_distance(met, labels),
        "estimated detail": by_detail(carriers, labels),
        "boosting on all": recognised(boosting, both, labels),
        "CONTROL right keys, border": strongest_distance(*of_right_keys(carriers)),
        "CONTROL cover, border": strongest_distance(*of_covers(carriers, borders_too=True)),
        "CONTROL cover, boosting on statistics": recognised(
            boosting, *of_covers(carriers, borders_too=False)
        ),
    }
    print("area under the ROC curve, neighbours of a secret among other pairs (0.5 is guessing)")
    tables = {name: interval(found) for name, found in areas.items()}
    for name, own in tables.items():
        print(f"  {name:40} {shown(own)}", flush=True)
    return tables


def none(seen: Seen) -> Features:
    """No statistics of the tiles."""
    return np.empty((seen.grid.tiles, 0))


def beyond(seen: Seen) -> list[Features]:
    """What is at the borders beyond the cover, of random keys and of zeros."""
    return [seen.arrays["random"], seen.arrays["zeros"]]


def of_secrets(seen: Seen, features: Features, edges: Sequence[Features]) -> Features:
    """Distances of the pairs of both secrets."""
    return np.concatenate([distances(features, edges, pairs) for pairs in seen.pairs])


def by_detail(carriers: Sequence[Seen], labels: Sequence[Any]) -> list[float]:
    """Neighbours have similar detail: take the one that boosting estimates."""
    found = []
    for seen, own, near in zip(carriers, guessed_detail(carriers), labels, strict=True):
        found.append(area(-of_secrets(seen, own[:, None], [])[:, 0], near))
    return found


def guessed_detail(carriers: Sequence[Seen]) -> list[Features]:
    """The detail in each carrier's tiles, as boosting estimates it that the others have taught."""
    scenes = [seen.scene for seen in carriers]
    return estimates(scenes, learned(HistGradientBoostingRegressor(**_BOOSTING)))


def tell_arrangements(carriers: Sequence[Seen]) -> dict[str, Interval]:
    """Try to undo the shuffle: put tiles of like detail beside each other, and print the table."""
    found: dict[str, list[float]] = {"estimated detail": [], "true detail": [], "by chance": []}
    for seen, guessed in zip(carriers, guessed_detail(carriers), strict=True):
        rng = np.random.default_rng(0)
        for held, order in zip(seen.scene.held, seen.scene.places, strict=True):
            tried = {
                "estimated detail": arrange(guessed, seen.grid),
                "true detail": arrange(held, seen.grid),
                "by chance": rng.permutation(seen.grid.tiles),
            }
            for name, own in tried.items():
                found[name].append(right_neighbours(own, order, seen.grid))
    print("neighbours that are right when tiles of like detail are put beside each other")
    secrets = len(carriers[0].scene.places)
    tables = {}
    for name, shares in found.items():
        tables[name] = interval(np.reshape(shares, (-1, secrets)).mean(1).tolist())
        print(f"  {name:40} {shown(tables[name])}", flush=True)
    return tables


def of_right_keys(carriers: Sequence[Seen]) -> tuple[list[Features], list[Any]]:
    """Distances at the borders that the right keys show, and labels."""
    tables, labels = [], []
    for seen in carriers:
        ordered = [pairs_of(np.arange(seen.grid.tiles), seen.grid, seed) for seed in range(2)]
        rights = zip(seen.arrays["right"], ordered, strict=True)
        tables.append(np.concatenate([distances(none(seen), [own], two) for own, two in rights]))
        labels.append(np.concatenate([two.near for two in ordered]))
    return tables, labels


def of_covers(carriers: Sequence[Seen], *, borders_too: bool) -> tuple[list[Features], list[Any]]:
    """Distances of neighbours in the cover, by its borders or by statistics, and labels."""
    tables, labels = [], []
    for seen in carriers:
        pairs = pairs_of(np.arange(seen.grid.tiles), seen.grid)
        edges = [seen.arrays["own"]] if borders_too else []
        features = none(seen) if borders_too else seen.arrays["statistics"]
        tables.append(distances(features, edges, pairs))
        labels.append(pairs.near)
    return tables, labels


def main() -> None:
    """Make carriers, look at them, and tell what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--carriers", type=int, default=10)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--steps", type=int, help="joint steps, the recipe's by default")
    arguments = parser.parse_args()
    if arguments.side > PIECE and arguments.side % PIECE:
        parser.error(f"a side above {PIECE} must be a multiple of it, got {arguments.side}")
    if arguments.carriers < 2:
        parser.error("adversaries learn from other carriers: --carriers must be at least 2")
    name = f"busy-{arguments.side}" + (f"-{arguments.steps}" if arguments.steps else "")
    recipe = ss.FAST.with_steps(arguments.steps)
    bench = Bench(arguments.data, arguments.output / name, arguments.side, recipe)
    torch.set_num_threads(1)
    carriers = [seen_of(bench, index) for index in range(arguments.carriers)]
    psnr = np.mean([seen.arrays["psnr"] for seen in carriers], axis=0)
    tiles = carriers[0].grid.tiles
    print(f"{name}: {len(carriers)} carriers of {tiles} tiles, PSNR of cover and secrets:", end=" ")
    print(", ".join(f"{value:.1f}" for value in psnr), "dB")
    report = {"carriers": len(carriers), "tiles": tiles, "psnr": psnr.tolist()}
    report |= {"maps": tell_maps(carriers), "pairs": tell_pairs(carriers)}
    report["arrangements"] = tell_arrangements(carriers)
    (bench.folder / "busy.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
