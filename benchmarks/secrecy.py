"""What does one published carrier give away, to whom? Adversaries of sirensong.lab.secrecy at work.

`python benchmarks/secrecy.py --data DIR -o FOLDER [--sets 10] [--first 0] [--side 64] [--method M]
[--sections traces positions search insiders]` hides, set by set, one picture from DIR/coco and one
from DIR/div2k in a cover from DIR/celebahq, lets each adversary look for them, and prints a table
for each section. Carriers and findings are kept in FOLDER and not made again; FOLDER/METHOD-SIDE
also gets tables.json. Control pictures are of the secret's own data set.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import sirensong as ss
from pictures import square
from sirensong.keys.stream import derive
from sirensong.lab.secrecy.traces import Finding, Insertion, Knowledge, find, interval, renders_of
from sirensong.pictures.image import Pixels, from_uint8
from sirensong.reveal import SecretFunction, unlock

Record = dict[str, Any]

METHODS: dict[str, dict[str, Any]] = {"before": {}}
"""Changes to the recipe, by the method's name."""

CONTROLS = 19
SECRETS = ("coco", "div2k")
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
    """

    data: Path
    folder: Path
    side: int
    recipe: ss.Recipe

    def picture(self, name: str, index: int) -> Pixels:
        """A picture of a data set; indices begin anew at its end."""
        paths = sorted((self.data / name).glob("*.png"))
        return from_uint8(np.asarray(square(paths[index % len(paths)], self.side)))

    def controls(self, name: str, index: int) -> list[Pixels]:
        """Other pictures of a secret's data set."""
        return [self.picture(name, index + step) for step in range(1, CONTROLS + 1)]


@dataclass(frozen=True)
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


def case_of(bench: Bench, index: int) -> Case:
    """Hide a set of pictures, unless that is done.

    Args:
        bench: the settings.
        index: of the set.
    """
    path = bench.folder / "carriers" / f"{index:03}.safetensors"
    pictures = tuple(bench.picture(name, index) for name in ("celebahq", *SECRETS))
    keys = tuple(
        ss.SecretKey(derive(index.to_bytes(8), b"", f"secrecy/{place}"))
        for place in range(len(SECRETS))
    )
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        secrets = list(zip(keys, pictures[1:], strict=True))
        options = ss.Options(threads=1)
        ss.hide(pictures[0], secrets, recipe=bench.recipe, options=options).save(path)
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
            judged(bench, case, place, renders_of(secret, knowledge, size, seed=case.index))
            for place, secret in enumerate(case.secrets)
        ]
    return found


def judged(bench: Bench, case: Case, place: int, renders: Sequence[Pixels]) -> Record:
    """Look for a secret, and for control pictures, in an adversary's renders."""
    controls = bench.controls(SECRETS[place], case.index)
    return as_record(find(renders, case.pictures[1 + place], controls, case.stego))


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


SECTIONS: dict[
    str, tuple[Callable[[Bench, Case], Record], Callable[[Sequence[Record]], Record]]
] = {"traces": (traces, tell_traces)}
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
    parser.add_argument("--method", choices=METHODS, default="before")
    parser.add_argument("--steps", type=int, help="joint steps, the recipe's by default")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    arguments = parser.parse_args()

    recipe = replace(ss.FAST, **METHODS[arguments.method]).with_steps(arguments.steps)
    name = f"{arguments.method}-{arguments.side}"
    if arguments.steps:
        name += f"-{arguments.steps}"
    bench = Bench(arguments.data, arguments.output / name, arguments.side, recipe)
    tables = {}
    for section in arguments.sections:
        indices = range(arguments.first, arguments.first + arguments.sets)
        records = [record_of(bench, section, index) for index in indices]
        print(f"{section}: {name}, {len(records)} carriers")
        tables[section] = SECTIONS[section][1](records)
    (bench.folder / "tables.json").write_text(json.dumps(tables))


if __name__ == "__main__":
    main()
