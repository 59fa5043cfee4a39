"""Runs that are killed by the system, resumed by the command, and compared byte for byte."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parent / "kills.py"
RUNS = [
    f"{stage}-{first}-{number}.safetensors"
    for stage in ("cover", "joint")
    for first in (0, 16, 32)
    for number in ("SIGKILL", "SIGTERM", "SIGINT")
]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """What became of each run: killed in one group of tiles and stage by one signal, resumed."""
    folder = tmp_path_factory.mktemp("kills")
    done = subprocess.run(
        [sys.executable, str(KILLS), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found, done.stderr
    return {result["run"]: result for result in found}


@pytest.mark.parametrize("run", RUNS)
def test_a_killed_run_that_is_resumed_publishes_what_an_undisturbed_one_does(killed, run):
    result = killed[run]
    first, second = result["codes"]
    assert first in ({"SIGKILL": (-9,)}.get(run.split("-")[2].partition(".")[0], (-15, 130)))
    assert (second, result["same"], result["left"]) == (0, True, []), result.get("log")
