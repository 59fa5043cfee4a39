"""Breaks lines of the source, one at a time, and counts how many breaks the tests see.

mutmut makes the mutants and runs each against the tests that reach it, in folder `mutants/`; here a
sample of them is drawn and the result is counted. As a plugin of pytest, this module has fast tests
run first, so that most mutants are killed in a second.
"""

import argparse
import fnmatch
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
MUTANTS = ROOT / "mutants"
PROBE = "sirensong.hide.x_discard_checkpoint__mutmut_1"
"""Any mutant: to run it, mutmut makes all others too, and finds out which tests reach which."""

SLOWEST = 2.0
"""Seconds. Slower tests would take most of the time, and kill few that others do not."""

NO_TESTS = (5, 33)
KILLED = (1, 3)
TIMED_OUT = (-24, 24, 36, 152, 255)
"""Exit codes that mutmut keeps for each mutant."""


def pytest_collection_modifyitems(config, items):
    """Run tests from fast to slow and leave out the slowest, as far as durations are known."""
    known = Path("mutmut-stats.json")
    if config.option.collectonly or not known.exists():
        return
    durations = json.loads(known.read_text(encoding="utf-8"))["duration_by_test"]
    items.sort(key=lambda item: durations.get(item.nodeid, 0.0))
    slow = [item for item in items if durations.get(item.nodeid, 0.0) > SLOWEST]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


def main():
    options = _options()
    if not list(MUTANTS.glob("src/**/*.meta")):
        _mutmut(PROBE)
    names = sorted(name for name in _exit_codes() if fnmatch.fnmatch(name, options.only))
    chosen = names
    if options.sample < len(names):
        chosen = random.Random(options.seed).sample(names, options.sample)
    begun = time.monotonic()
    _mutmut(*chosen)
    codes = _exit_codes()
    _report([codes[name] for name in chosen], len(names), options.seed, time.monotonic() - begun)
    survivors = [name for name in chosen if codes[name] == 0]
    sys.stdout.writelines(f"{name}\n" for name in sorted(survivors))


def _options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=sys.maxsize, help="mutants to run")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--only", default="*", help="a pattern of mutants' names")
    return parser.parse_args()


def _mutmut(*names):
    """Run these mutants, one after the other. Processes that tests start see the whole source."""
    paths = [str(ROOT / "src"), str(ROOT / "tests")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", "1", *names]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def _exit_codes():
    """What became of each mutant, by its name; None where it has not been run."""
    codes = {}
    for path in MUTANTS.glob("src/**/*.meta"):
        codes |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return codes


def _report(codes, of, seed, seconds):
    counts = Counter(codes)
    covered = len(codes) - sum(counts[code] for code in NO_TESTS)
    killed = sum(counts[code] for code in KILLED)
    timed_out = sum(counts[code] for code in TIMED_OUT)
    other = covered - killed - timed_out - counts[0]
    sys.stdout.write(
        f"{len(codes)} of {of} mutants (seed {seed}): {covered} covered, {killed} killed, "
        f"{counts[0]} survived, {timed_out} timed out, {other} other; "
        f"score {(killed + timed_out) / max(1, covered):.1%} of the covered; {seconds:.0f} s\n"
    )


if __name__ == "__main__":
    main()
