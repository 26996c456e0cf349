"""Training killed for good, again and again: what survives is what was never disturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process a kill would take minutes")
def test_killed_at_random_moments_and_run_again_is_never_killed() -> None:
    # In a process of its own: one that has computed with threads must not fork.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "kill-storm", "--quick", "--json"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["different"] == []
    assert result["kills"] >= 20
    assert {"steps", "lr_find", "checkpoint"} <= result["phases"].keys()
    assert len(result["phases"]) >= 4, result["phases"]
