"""A run that is killed at random moments, many times, ends with the same bits as one that is left alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("seed", [1])
def test_a_run_killed_again_and_again_ends_with_the_same_bits(tmp_path: Path, seed: int) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.experiments.killed_run", str(tmp_path / "runs"), str(seed)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout)
    first, *attempts, last = result["endings"]
    assert (first, last) == (0, 0), process.stderr
    assert set(attempts) <= {-signal.SIGKILL, -signal.SIGPROF, 0}, process.stderr
    assert sum(ending < 0 for ending in attempts) >= 8
    alone, killed = result["alone"], result["killed"]
    assert killed["damaged"] == 0
    assert [row["step"] for row in killed["rows"] if "loss/train" in row] == list(range(1, 41))
    files, expected_files = set(killed.pop("files")), set(alone.pop("files"))
    assert expected_files <= files
    # A kill between the last checkpoint and the end may leave an old one that was to go.
    assert all(name.startswith("checkpoints/") or ".partial" in name for name in files - expected_files)
    assert killed == alone
