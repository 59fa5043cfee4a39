"""What does one published carrier give away, to whom? Adversaries of sirensong.lab.secrecy at work.

`python benchmarks/secrecy.py --data DIR -o FOLDER [--sets 10] [--first 0] [--side 64] [--secrets 2]
[--method M] [--steps N] [--sections traces positions search insiders]` hides, set by set, pictures
from DIR/coco and DIR/div2k in a cover from DIR/celebahq, lets each adversary look for them, and
prints a table for each section. Carriers and findings are kept in FOLDER and not made again; a
folder there, named after the settings, also gets tables.json. Control pictures are of the secret's
own data set. What adversaries learn, they learn from carriers of their own (sets 80 and on) and
from photographs of their own (the last of each data set).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import sirensong as ss
from pictures import square
from sirensong.keys.stream import derive
from sirensong.lab.secrecy.insiders import Holder, View, view
from sirensong.lab.secrecy.knowledge import (
    Insertion,
    Knowledge,
    in_order,
    renders_of,
    replacements,
    with_key,
)
from sirensong.lab.secrecy.objectives import Objective, likeness, search_of, variation
from sirensong.lab.secrecy.positions import (
    OF_COVER,
    OF_WEIGHTS,
    Detector,
    Scores,
    Table,
    area,
    areas,
    confirmation,
    features,
    learn,
    replaced_weights,
)
from sirensong.lab.secrecy.prior import PatchPrior, fit_prior
from sirensong.lab.secrecy.search import (
    Budget,
    Climbed,
    Sets,
    climb,
    learn_objective,
    right_share,
    slope,
)
from sirensong.lab.secrecy.supermask import Descent, influence, optimize, true_sets
from sirensong.lab.secrecy.traces import Finding, find, interval
from sirensong.network.rendering import render
from sirensong.network.siren import Layer, Weights
from sirensong.network.substitution import keyed_counts, keyed_matrices
from sirensong.pictures.image import Pixels, from_uint8
from sirensong.reveal import SecretFunction, unlock

Record = dict[str, Any]

METHODS: dict[str, dict[str, Any]] = {"locked": {}, "unlocked": {"lock": None}}
"""Changes to the default recipe, by the method's name: wrong keys are trained, or not."""

CONTROLS = 19
SECRETS = (("coco", 0), ("div2k", 0), ("coco", 50))
"""Data set of each secret, and how far its index is from the set's."""

KNOWN_FROM, LAST = 80, 15
"""First set that adversaries learn from; photographs of each data set that they learn from."""

RESTARTS = 3  # of each search, whose renders are averaged
SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
WRONG = 20  # keys against which a right one is confirmed
KNOWN = {
    "another key": Knowledge(0, Insertion.RANDOM),
    "all positions, random values": Knowledge(1, Insertion.RANDOM),
    "all positions, zeros": Knowledge(1, Insertion.ZEROS),
    "10 % of positions and values": Knowledge(0.1, Insertion.RIGHT),
    "25 % of positions and values": Knowledge(0.25, Insertion.RIGHT),
    "50 % of positions and values": Knowledge(0.5, Insertion.RIGHT),
    "75 % of positions and values": Knowledge(0.75, Insertion.RIGHT),
    "25 % of positions, random values": Knowledge(0.25, Insertion.RANDOM),
    "50 % of positions, random values": Knowledge(0.5, Insertion.RANDOM),
    "75 % of positions, random values": Knowledge(0.75, Insertion.RANDOM),
    "all positions, random values, not the shuffle": Knowledge(1, Insertion.RANDOM, shuffle=False),
    "75 % of positions and values, not the shuffle": Knowledge(
        0.75, Insertion.RIGHT, shuffle=False
    ),
    "all, not the shuffle": Knowledge(1, Insertion.RIGHT, shuffle=False),
}
"""What adversaries know of a key, for the section of traces."""


@dataclass(frozen=True)
class Bench:
    """Settings of a run.

    Args:
        data: folder of data.
        folder: of carriers and findings.
        side: of all pictures, in pixels.
        recipe: how carriers are trained.
        secrets: how many each carrier has.
        known: carriers that adversaries have made themselves, to learn from.
    """

    data: Path
    folder: Path
    side: int
    recipe: ss.Recipe
    secrets: int
    known: int

    def picture(self, name: str, index: int) -> Pixels:
        """A picture of a data set; indices begin anew at its end."""
        paths = sorted((self.data / name).glob("*.png"))
        return from_uint8(np.asarray(square(paths[index % len(paths)], self.side)))

    def secret(self, place: int, index: int) -> Pixels:
        """A secret of a set of pictures."""
        name, shift = SECRETS[place]
        return self.picture(name, index + shift)

    def controls(self, place: int, index: int) -> list[Pixels]:
        """Other pictures of a secret's data set."""
        return [self.secret(place, index + step) for step in range(1, CONTROLS + 1)]

    def cases(self) -> list[Case]:
        """Carriers that adversaries have made themselves."""
        return [case_of(self, KNOWN_FROM + place) for place in range(self.known)]


@dataclass(frozen=True, eq=False)
class Case:
    """A carrier with its keys and pictures.

    Args:
        index: of the set of pictures.
        stego: the published function.
        keys: of the secrets.
        pictures: the cover, then the secrets.
    """

    index: int
    stego: ss.StegoFunction
    keys: tuple[ss.SecretKey, ...]
    pictures: tuple[Pixels, ...]

    @property
    def secrets(self) -> list[SecretFunction]:
        """What each key makes of the function."""
        return [unlock(self.stego, key) for key in self.keys]

    def holders_but(self, place: int) -> list[Holder]:
        """All who hold a key, except for one."""
        pairs = zip(self.secrets, self.pictures[1:], strict=True)
        return [Holder(*pair) for other, pair in enumerate(pairs) if other != place]


def case_of(bench: Bench, index: int) -> Case:
    """Hide a set of pictures, unless that is done.

    Args:
        bench: the settings.
        index: of the set.
    """
    path = bench.folder / "carriers" / f"{index:03}.safetensors"
    secrets = [bench.secret(place, index) for place in range(bench.secrets)]
    pictures = (bench.picture("celebahq", index), *secrets)
    keys = tuple(
        ss.SecretKey(derive(index.to_bytes(8), b"", f"secrecy/{place}"))
        for place in range(bench.secrets)
    )
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pairs = list(zip(keys, secrets, strict=True))
        options = ss.Options(threads=1)
        ss.hide(pictures[0], pairs, recipe=bench.recipe, options=options).save(path)
    return Case(index, ss.load(path), keys, pictures)


def quality_of(case: Case) -> list[float]:
    """PSNR of the cover and of each secret, in dB."""
    renders = [ss.sample(case.stego), *(ss.reveal(case.stego, key) for key in case.keys)]
    pairs = zip(case.pictures, renders, strict=True)
    return [ss.measure(picture, render).psnr for picture, render in pairs]


def traces(bench: Bench, case: Case) -> Record:
    """What of each secret is in the renders of those who know a part of its key."""
    size = (bench.side, bench.side)
    found: Record = {"psnr": quality_of(case)}
    for name, knowledge in KNOWN.items():
        found[name] = [
            judged(
                bench,
                case,
                place,
                renders_of(secret, knowledge, size, seed=case.index),
                shuffle=knowledge.shuffle,
            )
            for place, secret in enumerate(case.secrets)
        ]
    return found


def judged(
    bench: Bench, case: Case, place: int, renders: Sequence[Pixels], *, shuffle: bool = True
) -> Record:
    """Look for a secret, and for control pictures, in an adversary's renders.

    The renders are in the order of the secret's key, which takes the cover apart, if `shuffle`.
    """
    controls = bench.controls(place, case.index)
    published = in_order(case.secrets[place]) if shuffle else case.stego
    return as_record(find(renders, case.pictures[1 + place], controls, published))


def as_record(finding: Finding) -> Record:
    """The numbers of a finding that tables show."""
    return {
        "true": asdict(finding.true),
        "excess": asdict(finding.excess),
        "rank": asdict(finding.rank),
    }


def tell_traces(records: Sequence[Record]) -> Record:
    """Print the table of traces.

    Args:
        records: of all carriers.

    Returns:
        The table.
    """
    psnr = np.mean([record["psnr"] for record in records], axis=0)
    print(f"PSNR of cover and secrets: {', '.join(f'{value:.1f}' for value in psnr)} dB")
    return {"psnr": psnr.tolist()} | {name: tell_found(name, records) for name in KNOWN}


def tell_found(name: str, records: Sequence[Record]) -> Record:
    """Print one adversary's line: excess over controls, and rank, with 95 % intervals.

    A carrier's secrets are not independent of each other, so intervals are over carriers.

    Args:
        name: of the adversary.
        records: of all carriers.

    Returns:
        The line.
    """
    line: Record = {"carriers": len(records)}
    for measure in ("excess", "rank"):
        for part in ("edges", "light"):
            means = [
                float(np.mean([found[measure][part] for found in record[name]]))
                for record in records
            ]
            line[f"{part} {measure}"] = interval(means)
    texts = (
        f"{key} {value.mean:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"
        for key, value in line.items()
        if key != "carriers"
    )
    print(f"  {name:48} {'  '.join(texts)}", flush=True)
    return line


@cache
def prior_of(bench: Bench) -> PatchPrior:
    """What adversaries have learned of photographs."""
    names = ("celebahq", "coco", "div2k")
    return fit_prior([bench.picture(name, -1 - step) for name in names for step in range(LAST)])


@cache
def learned_objective(bench: Bench) -> Objective:
    """What adversaries have learned of sets of positions that are partly right, set to zero."""
    secrets = [secret for case in bench.cases()[:6] for secret in case.secrets]
    return learn_objective(prior_of(bench), secrets, Insertion.ZEROS)


def table_of(bench: Bench, case: Case) -> Table:
    """Features of a carrier's weights: of themselves, of the cover, of gradients of searches."""
    columns = [features(case.stego, case.pictures[0])]
    for objective in objectives_of(bench).values():
        found = influence(case.stego, search_of(case.stego, objective), bench.recipe.share)
        columns.append(found[:, None].astype(np.float32))
    return np.concatenate(columns, axis=1)


def objectives_of(bench: Bench) -> dict[str, Objective]:
    """What searches look for, by name."""
    return {
        "variation": variation,
        "patches": likeness(prior_of(bench)),
        "learned": learned_objective(bench),
    }


LEARNED = {
    "learned from weights": len(OF_WEIGHTS),
    "learned from weights, cover known": len(OF_WEIGHTS) + len(OF_COVER),
    "learned from weights, cover known, searches' gradients": None,
}
"""Detectors of positions, and how many of the features they know."""


@cache
def detectors(bench: Bench) -> dict[str, Detector]:
    """Detectors of positions, which have learned from the adversaries' own carriers."""
    labels = [replaced_weights(case.secrets) for case in bench.cases()]
    tables = [table_of(bench, case) for case in bench.cases()]
    return {
        name: learn([table[:, :width] for table in tables], labels)
        for name, width in LEARNED.items()
    }


def scores_of(bench: Bench, case: Case) -> dict[str, Scores]:
    """What each detector of positions says of a carrier's weights; the strongest is the last."""
    table = table_of(bench, case)
    scores = {
        "size": table[:, OF_WEIGHTS.index("rank in matrix")].astype(np.float64),
        "gradient of the cover's error, negative": -table[:, len(OF_WEIGHTS)].astype(np.float64),
    }
    for name, detector in detectors(bench).items():
        scores[name] = detector(table[:, : LEARNED[name]])
    return scores


def positions(bench: Bench, case: Case) -> Record:
    """How well detectors find replaced weights, and whether their size confirms a key."""
    labels = replaced_weights(case.secrets)
    matrices = features(case.stego)[:, 0]
    middle = np.isin(matrices, list(keyed_matrices(case.stego.architecture)))
    scores = scores_of(bench, case)
    wrong = [with_key(case.secrets[0], seed) for seed in range(WRONG)]
    return {
        "areas": {
            name: areas(own[middle], labels[middle], matrices[middle])
            for name, own in scores.items()
        },
        "right keys": [confirmation(secret) for secret in case.secrets],
        "wrong keys": [confirmation(other) for other in wrong],
    }


def tell_positions(records: Sequence[Record]) -> Record:
    """Print the table of detectors of positions."""
    tables: Record = {}
    for name, found in records[0]["areas"].items():
        line = {}
        for part in found:
            line[part] = interval([record["areas"][name][part] for record in records])
        tables[name] = line
        whole = f"{line['all'].mean:.3f} [{line['all'].low:.3f}, {line['all'].high:.3f}]"
        parts = " ".join(f"{value.mean:.3f}" for part, value in line.items() if part != "all")
        print(f"  {name:56} AUC {whole}  by matrix {parts}", flush=True)
    right = [value for record in records for value in record["right keys"]]
    wrong = [value for record in records for value in record["wrong keys"]]
    print(
        f"  z of |w|: right keys {min(right):.1f} to {max(right):.1f},"
        f" mean {np.mean(right):.1f}; wrong keys at most {max(wrong):.1f}"
    )
    return tables | {"right keys": right, "wrong keys": wrong}


def search(bench: Bench, case: Case) -> Record:
    """What searches without a key find, and what they would find if they were right."""
    found: Record = {"slope": {}}
    for name, objective in objectives_of(bench).items():
        looking = search_of(case.stego, objective)
        for insertion in (Insertion.ZEROS, Insertion.RANDOM, Insertion.RIGHT):
            known = [Knowledge(share, insertion) for share in SHARES]
            found["slope"][f"{name}, {insertion}"] = [
                slope(looking, secret, known, 8, case.index) for secret in case.secrets
            ]
        descend = partial(optimize, case.stego, looking, bench.recipe.share, Descent())
        found[f"mask, {name}"] = _blind(bench, case, descend)
        found[f"ORACLE of positions, {name}"] = _oracle(bench, case, descend)
    for name in ("variation", "learned"):
        looking = search_of(case.stego, objectives_of(bench)[name])
        seek = partial(climb, case.stego, looking, bench.recipe.share, Budget(zeros=True))
        found[f"climb, zeros, {name}"] = _blind(bench, case, seek, restarts=1)
    detected = _largest(case, [*scores_of(bench, case).values()][-1], bench)
    looking = search_of(case.stego, objectives_of(bench)["patches"])
    found["detected positions, patches"] = _blind(
        bench,
        case,
        partial(optimize, case.stego, looking, bench.recipe.share, Descent(), given=detected),
    )
    found["insider's start, patches"] = _from_own(bench, case)
    return found


Seek = Callable[..., Climbed]


def _blind(bench: Bench, case: Case, seek: Seek, restarts: int = RESTARTS) -> list[Record]:
    """Search without a key, and look for each secret in what is found."""
    ends = [seek(seed=seed) for seed in range(restarts)]
    return [_judged(bench, case, place, ends) for place in range(bench.secrets)]


def _oracle(bench: Bench, case: Case, seek: Seek) -> list[Record]:
    """Search with a key's positions given."""
    records = []
    for place, secret in enumerate(case.secrets):
        ends = [seek(seed=seed, given=true_sets(secret)) for seed in range(RESTARTS)]
        records.append(_judged(bench, case, place, ends))
    return records


def _from_own(bench: Bench, case: Case) -> list[Record]:
    """Each secret is sought by another's holder, who begins with their own function."""
    records = []
    for place in range(bench.secrets):
        own = _in_carriers_order(case.secrets[place - 1])
        looking = search_of(case.stego, likeness(prior_of(bench)), [own])
        ends = [
            optimize(case.stego, looking, bench.recipe.share, Descent(), seed, start=own)
            for seed in range(RESTARTS)
        ]
        records.append(_judged(bench, case, place, ends))
    return records


def _in_carriers_order(secret: SecretFunction) -> Weights:
    """A secret's SIRENs, those of the carrier's first tile first."""
    order = np.argsort([own.tile for own in replacements(secret)])
    return secret.tiles([int(place) for place in order])


def _judged(bench: Bench, case: Case, place: int, ends: Sequence[Climbed]) -> Record:
    """Judge ends of a search, shown as the secret's key shuffles the tiles."""
    secret, size = case.secrets[place], (bench.side, bench.side)
    order = [own.tile for own in replacements(secret)]
    renders = [render(replace(end, order=order), size) for end in ends]
    share = float(np.mean([right_share(end.sets, secret) for end in ends]))
    return judged(bench, case, place, renders) | {"right": share}


def _largest(case: Case, scores: Scores, bench: Bench) -> Sets:
    """The weights that score most, as many in each matrix as a key replaces."""
    stego = case.stego
    sizes = [out * into for out, into in stego.architecture.shapes]
    tiles = scores.reshape(stego.grid.tiles, -1)
    sets: Sets = []
    counts = keyed_counts(stego.architecture, bench.recipe.share)
    parts = np.split(tiles, np.cumsum(sizes)[:-1], axis=1)
    for part, shape, count in zip(parts, stego.architecture.shapes, counts, strict=True):
        chosen = np.zeros(part.shape, bool)
        np.put_along_axis(chosen, np.argsort(-part, axis=1)[:, :count], True, axis=1)
        sets.append(chosen.reshape(-1, *shape))
    return sets


def tell_search(records: Sequence[Record]) -> Record:
    """Print the tables of searches."""
    print(f"  objective for {', '.join(f'{share:.0%}' for share in SHARES)} of positions right,")
    print("  in standard deviations of none, a tile and draw:")
    tables: Record = {"slope": {}}
    for name in records[0]["slope"]:
        means = np.mean([record["slope"][name] for record in records], axis=1)
        line = [interval(list(column)) for column in means.T]
        tables["slope"][name] = line
        text = "  ".join(f"{own.mean:+.2f} +- {own.high - own.mean:.2f}" for own in line)
        print(f"  {name:24} {text}")
    for name in records[0]:
        if name != "slope":
            tables[name] = tell_found(name, records)
            shares = [np.mean([found["right"] for found in record[name]]) for record in records]
            tables[name]["right"] = own = interval(shares)
            print(f"  {'':48} positions right {own.mean:.3f} [{own.low:.3f}, {own.high:.3f}]")
    return tables


def insiders(bench: Bench, case: Case) -> Record:
    """How well all holders of keys but one find the other's positions, and see its picture."""
    found: Record = {"rest": [], "learned": [], "size": [], "detected, zeros": []}
    detector = insiders_detector(bench)
    for place, secret in enumerate(case.secrets):
        seen = view(case.stego, case.pictures[0], case.holders_but(place))
        own = replaced_weights([secret])[seen.open]
        scores = detector(seen.table)
        size = seen.table[:, OF_WEIGHTS.index("rank in matrix")].astype(np.float64)
        found["rest"].append(area(seen.rest, own))
        found["learned"].append(area(scores, own))
        found["size"].append(area(size, own))
        whole = np.full(len(seen.open), -np.inf)
        whole[seen.open] = scores
        found["detected, zeros"].append(_zeroed(bench, case, place, _largest(case, whole, bench)))
    return found


@cache
def insiders_detector(bench: Bench) -> Detector:
    """What insiders have learned from carriers of their own, seen by all holders but one."""
    tables, labels = [], []
    for case in bench.cases():
        for place, secret in enumerate(case.secrets):
            seen: View = view(case.stego, case.pictures[0], case.holders_but(place))
            tables.append(seen.table)
            labels.append(replaced_weights([secret])[seen.open])
    return learn(tables, labels)


def _zeroed(bench: Bench, case: Case, place: int, sets: Sets) -> Record:
    """Set detected positions to zero, and look for a secret."""
    weights = tuple(
        Layer(np.where(chosen, np.float32(0), layer.weight), layer.bias)
        for layer, chosen in zip(case.stego.weights, sets, strict=True)
    )
    end = Climbed(case.stego.grid, weights, sets, range(case.stego.grid.tiles), 0.0)
    return _judged(bench, case, place, [end])


def tell_insiders(records: Sequence[Record]) -> Record:
    """Print the table of insiders."""
    tables: Record = {}
    for name in ("size", "rest", "learned"):
        tables[name] = own = interval([float(np.mean(record[name])) for record in records])
        print(f"  {name:12} AUC {own.mean:.3f} [{own.low:.3f}, {own.high:.3f}]")
    name = "detected, zeros"
    shares = [np.mean([found["right"] for found in record[name]]) for record in records]
    print(f"  positions right among those detected: {interval(shares).mean:.3f}")
    return tables | {name: tell_found(name, records)}


SECTIONS: dict[
    str, tuple[Callable[[Bench, Case], Record], Callable[[Sequence[Record]], Record]]
] = {
    "traces": (traces, tell_traces),
    "positions": (positions, tell_positions),
    "search": (search, tell_search),
    "insiders": (insiders, tell_insiders),
}
"""What is measured on a carrier, and what is told of all carriers."""


def record_of(bench: Bench, section: str, index: int) -> Record:
    """Measure a section on a carrier, unless that is done."""
    path = bench.folder / section / f"{index:03}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        found = SECTIONS[section][0](bench, case_of(bench, index))
        path.with_suffix(".part").write_text(json.dumps(found))
        path.with_suffix(".part").replace(path)
    return json.loads(path.read_text())


def main() -> None:
    """Make carriers, attack them, and tell what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="index of the first set")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--secrets", type=int, default=2, choices=range(1, len(SECRETS) + 1))
    parser.add_argument("--known", type=int, default=10, help="carriers to learn from")
    parser.add_argument("--method", choices=METHODS, default="locked")
    parser.add_argument("--steps", type=int, help="joint steps, the recipe's by default")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    arguments = parser.parse_args()

    recipe = replace(ss.FAST, **METHODS[arguments.method]).with_steps(arguments.steps)
    name = f"{arguments.method}-{arguments.side}"
    if arguments.steps:
        name += f"-{arguments.steps}"
    if arguments.secrets != 2:
        name += f"-{arguments.secrets}"
    folder = arguments.output / name
    bench = Bench(
        arguments.data, folder, arguments.side, recipe, arguments.secrets, arguments.known
    )
    torch.set_num_threads(1)
    tables = {}
    for section in arguments.sections:
        indices = range(arguments.first, arguments.first + arguments.sets)
        records = [record_of(bench, section, index) for index in indices]
        print(f"{section}: {name}, {len(records)} carriers")
        tables[section] = SECTIONS[section][1](records)
    (bench.folder / "tables.json").write_text(json.dumps(tables))


if __name__ == "__main__":
    main()
