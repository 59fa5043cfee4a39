"""Time and quality of the main job.

`make bench`, or `make bench BENCH="--data DIR --quick --only 128x128"`.

Times are given in paper steps: one step of the paper's training (section 4.1) as anybody would
write it, with autograd, Adam and three whole 128x128 pictures, timed in the same run, for machines
differ and drift. Every hide is the command as a user types it, in a process of its own, from start
to finished file; quality is that of the file as written, read back with the keys. Prints a table,
and writes benchmarks/results/bench.json and bench.png.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from paper_step import paper_step_seconds
from pictures import PictureSet, large, many, mosaics, released, triples
from plot import draw
from roofline import roofline

HERE = Path(__file__).parent
# A small process between this one and the measured one, whose peak would else include this one's.
MEASURED = """
import os, resource, sys
code = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
SIRENSONG = (sys.executable, "-m", "sirensong")
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from sirensong.cli import main; main()"


def run_timed(command: Sequence[str]) -> tuple[float, float, str]:
    """Run a process that must succeed. Returns wall seconds, peak memory in MB, standard output."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stderr}")
    return seconds, int(done.stderr.split()[-1]) / 1000, done.stdout


def hide_once(pictures: PictureSet, folder: Path, options: list[str]) -> dict[str, Any]:
    """Hide one set of pictures by the command.

    Returns:
        Seconds, peak memory in MB, and PSNR of each picture.
    """
    paths = [folder / f"picture-{index}.png" for index in range(len(pictures.images))]
    for path, image in zip(paths, pictures.images, strict=True):
        image.save(path)
    carrier = str(folder / "song.safetensors")
    command = [*SIRENSONG, "hide", str(paths[0]), "-o", carrier, "--overwrite", "--json"]
    for index, path in enumerate(paths[1:], start=1):
        key = folder / f"{index}.key"
        if not key.exists():
            keygen = [*SIRENSONG, "keygen", "-o", str(key)]
            subprocess.run(keygen, check=True, stdout=subprocess.DEVNULL)
        command += ["--secret", f"{key}={path}"]
    seconds, memory, printed = run_timed(command + options)
    psnr = [picture["psnr"] for picture in json.loads(printed)["pictures"]]
    return {"set": pictures.name, "seconds": seconds, "memory_mb": memory, "psnr": psnr}


def reveal_seconds(folder: Path) -> float:
    """Median wall seconds of `sirensong reveal` of the last carrier, with no torch to import."""
    carrier, key, output = (str(folder / name) for name in ("song.safetensors", "1.key", "1.png"))
    command = [sys.executable, "-c", WITHOUT_TORCH, "reveal", carrier, "--key", key]
    command += ["-o", output, "--overwrite"]
    return statistics.median(run_timed(command)[0] for _ in range(3))


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Args:
        name: of the row.
        sets: of pictures that are hidden.
        options: of `sirensong hide`.
        target: PSNR in dB of the stego image and of the worst secret, and paper steps, that were
            asked for; None if nothing was.
        in_quick: it is run with --quick too.
    """

    name: str
    sets: list[PictureSet]
    options: tuple[str, ...] = ()
    target: tuple[float, float, float] | None = None
    in_quick: bool = True


def cases(data: Path | None) -> list[Case]:
    """All rows: those with targets, then cost against steps, pixels and secrets.

    Targets are those of weights that are as good as floats; how small carriers are is rate.py's.
    """
    best = ("--quality", "archive")
    short, long = (*best, "--steps", "550"), (*best, "--steps", "1500")
    # 435,392 weights at 256x256; one network of 8 x 256 has 462,083.
    small = (*best, "--steps", "600", "--hidden-features", "40")
    rows = [
        Case("two secrets, 128x128", triples(data)),
        Case("two secrets, 128x128, 550 steps", triples(data), short, target=(46.0, 44.5, 45)),
        Case(
            "two secrets, 128x128, 1100 steps",
            triples(data),
            (*best, "--steps", "1100"),
            target=(48.5, 48.0, 100),
        ),
        Case("two secrets, the authors' own", released(data, 2), target=(44.0, 43.0, 100)),
        Case(
            "five secrets, the authors' own, 1500 steps",
            released(data, 5),
            long,
            target=(44.7, 44.0, 200),
        ),
        Case(
            "one secret, 256x256, fewer weights than 8 x 256",
            large(data, 1),
            small,
            target=(43.7, 41.4, 200),
        ),
        Case(
            "two secrets, 256x256, fewer weights than 8 x 256",
            large(data, 2),
            small,
            target=(41.2, 42.5, 250),
        ),
        Case("two secrets, 256x256, 550 steps", large(data, 2), short, in_quick=False),
    ]
    rows += [
        Case(f"steps: {steps}", triples(data)[:2], ("--steps", str(steps)), in_quick=steps < 1000)
        for steps in (80, 160, 1300)
    ]
    rows += [
        Case(f"pixels: {side}x{side}", mosaics(data, side, 2), in_quick=side <= 256)
        for side in (128, 256, 512, 1024)
    ]
    rows += [
        Case(f"secrets: {count}", many(data, count), in_quick=count <= 8)
        for count in (1, 2, 4, 8, 16)
    ]
    return [row for row in rows if row.sets]


def bench(case: Case, sets: list[PictureSet], folder: Path, options: list[str]) -> dict[str, Any]:
    """Hide every set, with paper steps timed before, between and after.

    Args:
        case: the row of the table.
        sets: its sets of pictures, or some of them.
        folder: for the files.
        options: of `sirensong hide`, besides the case's.

    Returns:
        The row's numbers.
    """
    options = [*case.options, *options]
    steps, rows = [paper_step_seconds()], []
    for pictures in sets:
        row = hide_once(pictures, folder, options)
        rows.append(row)
        steps.append(paper_step_seconds())
        psnr = [round(value, 2) for value in row["psnr"]]
        print(f"  {pictures.name}: {row['seconds']:.1f} s, PSNR {psnr}", flush=True)
    paper_step = statistics.median(steps)
    psnr = list(zip(*(row["psnr"] for row in rows), strict=True))
    seconds = statistics.mean(row["seconds"] for row in rows)
    return {
        "name": case.name,
        "sets": len(rows),
        "options": options,
        "target": case.target,
        "paper_step_seconds": paper_step,
        "paper_steps": seconds / paper_step,
        "seconds": seconds,
        "memory_mb": max(row["memory_mb"] for row in rows),
        "psnr_mean": [statistics.mean(values) for values in psnr],
        "psnr_worst": [min(values) for values in psnr],
        "reveal_seconds": reveal_seconds(folder),
        "rows": rows,
    }


def show(row: dict[str, Any]) -> None:
    """Print one row's numbers."""
    mean, worst = (
        " / ".join(f"{value:.2f}" for value in row[key]) for key in ("psnr_mean", "psnr_worst")
    )
    cost = f"{row['paper_steps']:.0f} paper steps ({row['seconds']:.1f} s)"
    print(f"\n{row['name']} (N = {row['sets']}, paper step {row['paper_step_seconds']:.3f} s)")
    print(f"  PSNR mean   {mean} dB (stego / secrets)")
    print(f"  PSNR worst  {worst} dB")
    print(f"  hide        {cost}, peak memory {row['memory_mb']:.0f} MB")
    if row["target"]:
        stego, secret, steps = row["target"]
        print(f"  target      {stego} / {secret} dB in {steps:.0f} paper steps")
    print(f"  reveal      {row['reveal_seconds']:.2f} s, torch not importable")


def parse_arguments() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = os.environ.get("SIRENSONG_DATA")
    parser.add_argument("--data", type=Path, default=data, help="folder with celebahq, coco, div2k")
    parser.add_argument("--quick", action="store_true", help="one set of each of the smaller kinds")
    parser.add_argument("--only", default="", help="only the rows whose name has this in it")
    parser.add_argument("options", nargs="*", help="further options of `sirensong hide`, after --")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark, print its table, write JSON and a plot."""
    arguments = parse_arguments()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(arguments.data):
            if arguments.only in case.name and (case.in_quick or not arguments.quick):
                print(case.name, flush=True)
                sets = case.sets[:1] if arguments.quick else case.sets
                rows.append(bench(case, sets, Path(folder), arguments.options))
    for row in rows:
        show(row)
    shares = roofline(quick=arguments.quick)
    for share in shares:
        rates = f"{share['gflops']:.0f} of {share['roof']:.0f} GFLOP/s"
        print(f"\n{share['name']}: {rates}, {100 * share['share']:.0f} %")

    machine = {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    report = {"machine": machine, "quick": arguments.quick, "tables": rows, "roofline": shares}
    (results / "bench.json").write_text(json.dumps(report, indent=2))
    draw(report, results / "bench.png")
    print(f"\n{results / 'bench.json'}, {results / 'bench.png'}")


if __name__ == "__main__":
    main()
