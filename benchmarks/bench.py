"""Time and quality of the main job: `make bench`, or `make bench BENCH="--data DIR --quick --only 128x128"`.

Times are given in paper steps: one step of the paper's training (section 4.1) written as anybody would, with autograd, Adam and
three whole 128x128 pictures, timed in the same run, because machines differ and drift. Every hide is the command as a user types
it, in a process of its own, from start to finished file; quality is that of the file as written, read back with the keys.
Prints a table and writes benchmarks/results/bench.json.
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
from pathlib import Path

import torch

from paper_step import paper_step_seconds
from pictures import Set, large, released, triples

HERE = Path(__file__).parent
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from sirensong.cli import main; main()"


def run_timed(command: list[str]) -> tuple[float, float, str]:
    """Wall seconds, peak memory in MB and standard output of a process that must succeed."""
    with tempfile.TemporaryFile("w+") as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{' '.join(command)} failed with exit code {process.returncode}")
        out.seek(0)
        return seconds, usage.ru_maxrss / 1024, out.read()


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
            subprocess.run([sys.executable, "-m", "sirensong", "keygen", "-o", str(key)], check=True, stdout=subprocess.DEVNULL)
        command += ["--secret", f"{key}={path}"]
    seconds, memory, printed = run_timed(command + options)
    psnr = [picture["psnr"] for picture in json.loads(printed)["pictures"]]
    return {"set": pictures.name, "seconds": seconds, "memory_mb": memory, "psnr": psnr}


def reveal_seconds(folder: Path) -> float:
    """Median wall seconds of `sirensong reveal` of the last carrier, in a process in which torch cannot be imported."""
    command = [sys.executable, "-c", WITHOUT_TORCH, "reveal", str(folder / "song.safetensors"), "--key", str(folder / "1.key")]
    command += ["-o", str(folder / "revealed.png"), "--overwrite"]
    return statistics.median(run_timed(command)[0] for _ in range(5))


def bench_sets(name: str, sets: list[Set], folder: Path, options: list[str]) -> dict[str, object]:
    """Hide every set, with paper steps timed before, between and after."""
    steps, rows = [paper_step_seconds()], []
    for pictures in sets:
        rows.append(hide_once(pictures, folder, options))
        steps.append(paper_step_seconds())
        print(f"  {pictures.name}: {rows[-1]['seconds']:.1f} s, PSNR {[round(value, 2) for value in rows[-1]['psnr']]}", flush=True)
    paper_step = statistics.median(steps)
    psnr = [statistics.mean(values) for values in zip(*(row["psnr"] for row in rows), strict=True)]
    worst = [min(values) for values in zip(*(row["psnr"] for row in rows), strict=True)]
    seconds = statistics.mean(row["seconds"] for row in rows)
    return {
        "name": name,
        "sets": len(rows),
        "options": options,
        "paper_step_seconds": paper_step,
        "paper_steps": seconds / paper_step,
        "seconds": seconds,
        "memory_mb": max(row["memory_mb"] for row in rows),
        "psnr_mean": psnr,
        "psnr_worst": worst,
        "reveal_seconds": reveal_seconds(folder),
        "rows": rows,
    }


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SIRENSONG_DATA"), help="folder with celebahq, coco, div2k")
    parser.add_argument("--quick", action="store_true", help="one set of each kind")
    parser.add_argument("--only", default="", help="only the kinds of work whose name has this in it")
    parser.add_argument("options", nargs="*", help="further options of `sirensong hide`, after --")
    arguments = parser.parse_args()

    data, tables = arguments.data, []
    work = {
        "two secrets, 128x128": triples(data),
        "two secrets, the authors' own pictures": released(data, 2),
        "five secrets, the authors' own pictures": released(data, 5),
        "one secret, 256x256": large(data, 1),
        "two secrets, 256x256": large(data, 2),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, sets in work.items():
            if sets and arguments.only in name:
                print(name, flush=True)
                tables.append(bench_sets(name, sets[:1] if arguments.quick else sets, Path(folder), arguments.options))

    machine = {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "bench.json").write_text(json.dumps({"machine": machine, "tables": tables}, indent=2))
    for table in tables:
        mean, worst = (" / ".join(f"{value:.2f}" for value in table[key]) for key in ("psnr_mean", "psnr_worst"))
        print(f"\n{table['name']} (N = {table['sets']}, paper step {table['paper_step_seconds']:.3f} s)")
        print(f"  PSNR mean   {mean} dB (stego / secrets)")
        print(f"  PSNR worst  {worst} dB")
        cost = f"{table['paper_steps']:.0f} paper steps ({table['seconds']:.1f} s)"
        print(f"  hide        {cost}, peak memory {table['memory_mb']:.0f} MB")
        print(f"  reveal      {table['reveal_seconds']:.2f} s, torch not importable")


if __name__ == "__main__":
    main()
