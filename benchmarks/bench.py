"""Time and quality of the main job: `make bench`, or `make bench BENCH="--data DIR --quick --only 128x128"`.

Times are given in paper steps: one step of the paper's training (section 4.1) written as anybody would, with autograd, Adam and
three whole 128x128 pictures, timed in the same run, because machines differ and drift. Every hide is the command as a user types
it, in a process of its own, from start to finished file; quality is that of the file as written, read back with the keys.
Prints a table, and writes benchmarks/results/bench.json and bench.png.
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
from dataclasses import dataclass
from pathlib import Path

import torch

from paper_step import paper_step_seconds
from pictures import Set, large, many, mosaics, released, triples
from plot import draw
from roofline import roofline

HERE = Path(__file__).parent
# A small process between this one and the measured one, which would otherwise be told to have used this one's memory.
MEASURED = """
import os, resource, sys
code = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from sirensong.cli import main; main()"


def run_timed(command: list[str]) -> tuple[float, float, str]:
    """Wall seconds, peak memory in MB and standard output of a process that must succeed."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stderr}")
    return seconds, int(done.stderr.split()[-1]) / 1000, done.stdout


def hide_once(pictures: Set, folder: Path, options: list[str]) -> dict[str, object]:
    """Hide one set of pictures by the command. Returns seconds, memory in MB and PSNR of each picture."""
    paths = [folder / f"picture-{index}.png" for index in range(len(pictures.images))]
    for path, image in zip(paths, pictures.images, strict=True):
        image.save(path)
    command = [
        sys.executable,
        "-m",
        "sirensong",
        "hide",
        str(paths[0]),
        "-o",
        str(folder / "song.safetensors"),
        "--overwrite",
        "--json",
    ]
    for index, path in enumerate(paths[1:], start=1):
        key = folder / f"{index}.key"
        if not key.exists():
            subprocess.run(
                [sys.executable, "-m", "sirensong", "keygen", "-o", str(key)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        command += ["--secret", f"{key}={path}"]
    seconds, memory, printed = run_timed(command + options)
    psnr = [picture["psnr"] for picture in json.loads(printed)["pictures"]]
    return {"set": pictures.name, "seconds": seconds, "memory_mb": memory, "psnr": psnr}


def reveal_seconds(folder: Path) -> float:
    """Median wall seconds of `sirensong reveal` of the last carrier, in a process in which torch cannot be imported."""
    command = [
        sys.executable,
        "-c",
        WITHOUT_TORCH,
        "reveal",
        str(folder / "song.safetensors"),
        "--key",
        str(folder / "1.key"),
    ]
    command += ["-o", str(folder / "revealed.png"), "--overwrite"]
    return statistics.median(run_timed(command)[0] for _ in range(3))


@dataclass(frozen=True)
class Work:
    """A row of the table. target: PSNR in dB of the stego image and of the worst secret, and paper steps, that were asked for."""

    name: str
    sets: list[Set]
    options: tuple[str, ...] = ()
    target: tuple[float, float, float] | None = None
    in_quick: bool = True


def works(data: Path | None) -> list[Work]:
    """All rows: those with targets, then cost against steps, pixels and secrets."""
    short, long = ("--steps", "350"), ("--steps", "1500")
    small = (
        "--steps",
        "600",
        "--hidden-features",
        "40",
    )  # 435,392 weights at 256x256; one 8 x 256 network has 462,083
    rows = [
        Work("two secrets, 128x128", triples(data), target=(50.0, 50.0, 100)),
        Work("two secrets, 128x128, 350 steps", triples(data), short, target=(46.9, 44.6, 25)),
        Work("two secrets, the authors' own", released(data, 2), target=(44.0, 43.0, 100)),
        Work(
            "five secrets, the authors' own, 1500 steps",
            released(data, 5),
            long,
            target=(44.7, 44.0, 200),
        ),
        Work(
            "one secret, 256x256, fewer weights than 8 x 256",
            large(data, 1),
            small,
            target=(43.7, 41.4, 200),
        ),
        Work(
            "two secrets, 256x256, fewer weights than 8 x 256",
            large(data, 2),
            small,
            target=(41.2, 42.5, 250),
        ),
        Work("two secrets, 256x256, 350 steps", large(data, 2), short, in_quick=False),
    ]
    rows += [
        Work(f"steps: {steps}", triples(data)[:2], ("--steps", str(steps)), in_quick=steps < 1000)
        for steps in (80, 160, 1300)
    ]
    rows += [
        Work(f"pixels: {side}x{side}", mosaics(data, side, 2), in_quick=side <= 256)
        for side in (128, 256, 512, 1024)
    ]
    rows += [
        Work(f"secrets: {count}", many(data, count), in_quick=count <= 8)
        for count in (1, 2, 4, 8, 16)
    ]
    return [row for row in rows if row.sets]


def bench(work: Work, sets: list[Set], folder: Path, options: list[str]) -> dict[str, object]:
    """Hide every set, with paper steps timed before, between and after."""
    steps, rows = [paper_step_seconds()], []
    for pictures in sets:
        rows.append(hide_once(pictures, folder, [*work.options, *options]))
        steps.append(paper_step_seconds())
        print(
            f"  {pictures.name}: {rows[-1]['seconds']:.1f} s, PSNR {[round(value, 2) for value in rows[-1]['psnr']]}",
            flush=True,
        )
    paper_step = statistics.median(steps)
    psnr = [statistics.mean(values) for values in zip(*(row["psnr"] for row in rows), strict=True)]
    seconds = statistics.mean(row["seconds"] for row in rows)
    return {
        "name": work.name,
        "sets": len(rows),
        "options": [*work.options, *options],
        "target": work.target,
        "paper_step_seconds": paper_step,
        "paper_steps": seconds / paper_step,
        "seconds": seconds,
        "memory_mb": max(row["memory_mb"] for row in rows),
        "psnr_mean": psnr,
        "psnr_worst": [min(values) for values in zip(*(row["psnr"] for row in rows), strict=True)],
        "reveal_seconds": reveal_seconds(folder),
        "rows": rows,
    }


def show(table: dict[str, object]) -> None:
    """Print one row's numbers."""
    mean, worst = (
        " / ".join(f"{value:.2f}" for value in table[key]) for key in ("psnr_mean", "psnr_worst")
    )
    print(
        f"\n{table['name']} (N = {table['sets']}, paper step {table['paper_step_seconds']:.3f} s)"
    )
    print(f"  PSNR mean   {mean} dB (stego / secrets)")
    print(f"  PSNR worst  {worst} dB")
    print(
        f"  hide        {table['paper_steps']:.0f} paper steps ({table['seconds']:.1f} s), peak memory {table['memory_mb']:.0f} MB"
    )
    if table["target"]:
        stego, secret, steps = table["target"]
        print(f"  target      {stego} / {secret} dB in {steps:.0f} paper steps")
    print(f"  reveal      {table['reveal_seconds']:.2f} s, torch not importable")


def main() -> None:
    """Run the benchmark, print its table, write JSON and a plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("SIRENSONG_DATA"),
        help="folder with celebahq, coco, div2k",
    )
    parser.add_argument(
        "--quick", action="store_true", help="one set of each kind, the smaller ones"
    )
    parser.add_argument(
        "--only", default="", help="only the kinds of work whose name has this in it"
    )
    parser.add_argument("options", nargs="*", help="further options of `sirensong hide`, after --")
    arguments = parser.parse_args()

    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for work in works(arguments.data):
            if arguments.only in work.name and (work.in_quick or not arguments.quick):
                print(work.name, flush=True)
                sets = work.sets[:1] if arguments.quick else work.sets
                tables.append(bench(work, sets, Path(folder), arguments.options))
    for table in tables:
        show(table)
    shares = roofline(quick=arguments.quick)
    for share in shares:
        print(
            f"\n{share['name']}: {share['gflops']:.0f} of {share['roof']:.0f} GFLOP/s, {100 * share['share']:.0f} %"
        )

    machine = {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    report = {"machine": machine, "quick": arguments.quick, "tables": tables, "roofline": shares}
    (results / "bench.json").write_text(json.dumps(report, indent=2))
    draw(report, results / "bench.png")
    print(f"\n{results / 'bench.json'}, {results / 'bench.png'}")


if __name__ == "__main__":
    main()
