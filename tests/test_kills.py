"""Runs that are killed by the system, resumed by the command, and compared byte for byte."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kills import moments

KILLS = Path(__file__).parent / "kills.py"


def runs(*, every):
    return [
        f"{stage}-{first}-{number.name}.safetensors"
        for stage, first, number in moments(every=every)
    ]


FEW = runs(every=False)


def killed_and_resumed(folder, *options):
    """What became of each run: killed in one group of tiles and stage by one signal, resumed."""
    done = subprocess.run(
        [sys.executable, str(KILLS), str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found, done.stderr
    return {result["run"]: result for result in found}


def assert_undisturbed(run, result):
    """Killed, resumed, and then as if nothing had been."""
    first, second = result["codes"]
    assert first in ((-9,) if "SIGKILL" in run else (-15, 130))
    assert (second, result["same"], result["left"]) == (0, True, []), result.get("log")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    return killed_and_resumed(tmp_path_factory.mktemp("kills"))


def test_every_stage_group_and_signal_is_among_the_few():
    stages, groups, signals = zip(*(Path(run).stem.split("-") for run in FEW), strict=True)
    assert set(stages) == {"cover", "joint"}
    assert sorted(groups) == ["0", "16", "32"]
    assert sorted(signals) == ["SIGINT", "SIGKILL", "SIGTERM"]
    assert len(runs(every=True)) == 18


@pytest.mark.parametrize("run", FEW)
def test_a_killed_run_that_is_resumed_publishes_what_an_undisturbed_one_does(killed, run):
    assert_undisturbed(run, killed[run])


@pytest.mark.slow
def test_so_does_every_run_whatever_kills_it(tmp_path):
    found = killed_and_resumed(tmp_path, "--all")
    assert sorted(found) == sorted(runs(every=True))
    for run, result in found.items():
        assert_undisturbed(run, result)
