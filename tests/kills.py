"""Kill the command at chosen or random moments, resume it, and compare with an undisturbed run.

    python tests/kills.py FOLDER              # every group of tiles, a stage and a signal each
    python tests/kills.py FOLDER --all        # both stages of each, and three signals
    python tests/kills.py FOLDER --random 100 # at random moments (make kill-test)

Each run is a process of its own, forked from this one after the undisturbed run, so that all that a
run needs is imported once. The pictures are cut into groups of 16, 16 and 8 tiles. Prints a line of
JSON for each run.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

import sirensong as ss
from sirensong import cli
from sirensong.pictures.writing import write_picture
from sirensong.training import checkpoint, native, recipe, steps, train

STAGES = ("cover", "joint")
GROUPS = (0, 16, 32)
"""The first tile of each group."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
COVER_STEPS, JOINT_STEPS = 6, 12
SIZE = (40, 64)
OPTIONS = ["--tile-size", "8", "--hidden-features", "48", "--hidden-layers", "3", "--seed", "7"]


def prepare(folder, cover_steps, joint_steps):
    """Make pictures and keys, and have a recipe of few steps that reports after each."""
    torch.set_num_threads(1)
    native.routines_for("cpu")  # once, as PyTorch is imported once
    recipe.RECIPES["fast"] = ss.FAST.with_steps(joint_steps, cover=cover_steps)
    train._REPORT_EVERY = 0.0
    for seed, name in enumerate(("cover", "one", "two")):
        write_picture(folder / f"{name}.png", waves(seed), overwrite=True)
    for number, name in enumerate(("one", "two"), start=1):
        if not (folder / f"{name}.key").exists():
            ss.write_key(folder / f"{name}.key", ss.SecretKey(bytes([number]) * 32))


def waves(seed):
    """A smooth picture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / SIZE[1]
    phases = [rng.uniform(2, 9) * x + rng.uniform(2, 9) * y + rng.uniform(0, 6) for _ in range(3)]
    return np.sin(np.stack(phases, -1)) / 2 + 0.5


def command(folder, name):
    secrets = [f"--secret={folder / who}.key={folder / who}.png" for who in ("one", "two")]
    return ["hide", str(folder / "cover.png"), *secrets, "-o", str(folder / name), *OPTIONS]


def start(arguments, log, *, tripwire=None, interval=0.0):
    """Run the command in a fork. tripwire: (stage, first tile, step, signal) to kill it at."""
    child = os.fork()
    if child:
        return child
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    checkpoint.INTERVAL = interval
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if tripwire is not None:
        tell = steps._tell

        def trip(on_progress, stage, tiles, all_tiles, schedule, state):
            if (stage, tiles.start, state.step) == tripwire[:3]:
                os.kill(os.getpid(), tripwire[3])
            tell(on_progress, stage, tiles, all_tiles, schedule, state)

        steps._tell = trip
    code = 70
    try:
        code = cli.run(arguments)
    finally:
        sys.stdout.flush()
        os._exit(code)


def finish(child):
    """Wait for a run. Returns its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def qualities(folder, name):
    """PSNR in dB of the cover and of both secrets, as receivers see them."""
    stego = ss.load(folder / name)
    renders = [ss.sample(stego)]
    renders += [ss.reveal(stego, ss.read_key(folder / f"{who}.key")) for who in ("one", "two")]
    originals = [waves(seed) for seed in range(3)]
    return [ss.measure(*pair).psnr for pair in zip(originals, renders, strict=True)]


def left_behind(folder, name):
    """What a run has left beside its output."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(name + "."))


def compare(folder, name, log, codes):
    """What became of a run that was killed and resumed. lost: dB against an undisturbed one."""
    whole, resumed = folder / "whole.safetensors", folder / name
    found = {"run": name, "codes": codes, "same": False, "left": left_behind(folder, name)}
    if resumed.exists():
        pairs = zip(qualities(folder, whole.name), qualities(folder, name), strict=True)
        found["lost"] = max(one - other for one, other in pairs)
        found["same"] = whole.read_bytes() == resumed.read_bytes()
        resumed.unlink()
    else:
        found["log"] = log.read_text()[-2000:]
    return found


def moments(*, every):
    """(stage, first tile, signal) of each kill: all that there are, or one a group and signal."""
    if every:
        return list(itertools.product(STAGES, GROUPS, SIGNALS))
    pairs = enumerate(zip(GROUPS, SIGNALS, strict=True))
    return [(STAGES[index % len(STAGES)], *pair) for index, pair in pairs]


def chosen(folder, *, every):
    """Kill in every group, in both stages; then resume."""
    for stage, first, number in moments(every=every):
        name = f"{stage}-{first}-{number.name}.safetensors"
        log = folder / f"log-{name}"
        step = COVER_STEPS // 2 if stage == "cover" else JOINT_STEPS // 2
        tripwire = (stage, first, step, number)
        codes = [finish(start(command(folder, name), log, tripwire=tripwire))]
        codes.append(finish(start([*command(folder, name), "--resume"], log)))
        yield compare(folder, name, log, codes)
        log.unlink()


def at_random(folder, count):
    """Kill `count` times at random moments, until each run is through; then compare it."""
    rng = random.Random(1)
    length, kills, run = 2.0, 0, 0
    while kills < count:
        run += 1
        name, codes = f"run-{run}.safetensors", []
        log, resume = folder / f"run-{run}.log", False
        while True:
            arguments = [*command(folder, name), *(["--resume"] if resume else [])]
            child = start(arguments, log, interval=length / 50)
            time.sleep(rng.uniform(0, length))
            os.kill(child, rng.choice(SIGNALS))
            codes.append(finish(child))
            if codes[-1] == 0:  # it was through before: kill the next ones earlier
                length = max(1.0, 0.8 * length)
            if (folder / name).exists():
                break
            kills += 1
            resume = (folder / f"{name}.checkpoint").exists()
        yield compare(folder, name, log, codes) | {"kills": kills}
        log.unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--random", type=int, default=0)
    arguments = parser.parse_args()
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    many = 10 if arguments.random else 1
    prepare(folder, many * COVER_STEPS, many * JOINT_STEPS)
    with contextlib.redirect_stdout(sys.stderr):
        code = cli.run(command(folder, "whole.safetensors"))
    if code:
        sys.exit(code)
    if arguments.random:
        found = at_random(folder, arguments.random)
    else:
        found = chosen(folder, every=arguments.all)
    bad = 0
    for result in found:
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
        bad += result.get("lost", np.inf) > 0.3
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
