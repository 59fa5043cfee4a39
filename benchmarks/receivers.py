"""The receiver in JavaScript beside Python's: from file and key to picture.

    python benchmarks/receivers.py [--sizes 128,512,1024] [--rounds 5]

Both do the same work in turn: read the carrier, open its slot, substitute, render. Python is timed
as a whole process and within one; JavaScript within one (Node's engine is Chromium's), compiled and
plain, on one thread. Songs are of the default network with random weights, whose cost is that of
trained ones. Prints seconds, medians, and their ratio to Python's command.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import sirensong as ss
from golden import make
from sirensong.network.substitution import Selection
from web.receiver import answers, song

KEY = ss.SecretKey(bytes(range(32)))


def made(folder: Path, side: int) -> Path:
    """A song of the default network, with a secret as large as its cover."""
    grid, network = ss.FAST.grid(side, side), ss.FAST.architecture(side, side)
    shape = network.hidden_features, network.hidden_layers
    stego = song(shape, (grid.rows, grid.columns), (side, side), side)
    stego = make.with_slots(stego, (KEY, Selection.KEYED, 0.2, side, side))
    path = folder / f"{side}.safetensors"
    ss.save(path, stego)
    return path


def seconds(path: Path, key: Path, to: Path) -> dict[str, float]:
    """One round of all ways."""
    begun = time.perf_counter()
    command = ["reveal", path, "--key", key, "-o", to.with_suffix(".png"), "--overwrite", "-q"]
    subprocess.run([sys.executable, "-m", "sirensong", *command], check=True)
    found = {"command": time.perf_counter() - begun}
    begun = time.perf_counter()
    secret = ss.unlock(ss.load(path), ss.read_key(key))
    ss.render_uint8(secret, (secret.height, secret.width))
    found["python"] = time.perf_counter() - begun
    for name, fast in (("compiled", True), ("plain", False)):
        (answer,) = answers([{"song": path, "key": key, "fast": fast, "to": to}])
        found[name] = answer["seconds"]
    return found


def main() -> None:
    """Time all sizes, and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="128,512,1024")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ss.write_key(folder / "a.key", KEY)
        for side in map(int, arguments.sizes.split(",")):
            path = made(folder, side)
            rounds = [
                seconds(path, folder / "a.key", folder / "x") for _ in range(arguments.rounds)
            ]
            medians = {way: statistics.median(r[way] for r in rounds) for way in rounds[0]}
            ratios = {way: medians[way] / medians["command"] for way in medians}
            print(
                json.dumps(
                    {
                        "side": side,
                        "bytes": path.stat().st_size,
                        "seconds": {way: round(value, 3) for way, value in medians.items()},
                        "ratio": {way: round(value, 3) for way, value in ratios.items()},
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
