"""Ctrl-C on the command line, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# The demo takes minutes, so another run stands in its place.
CHILD = """
import os, signal, sys, types

import torch

torch.set_num_threads(1)
from steadfit import *
from steadfit.cli.main import main

folder = sys.argv.pop(1)

class CtrlC(Callback):
    def on_step_end(self, run):
        if run.state.step == 2 and not os.path.exists(folder + "/pressed"):
            open(folder + "/pressed", "w").close()
            os.kill(os.getpid(), signal.SIGINT)

def run_demo(**settings):
    texts = TextList.from_texts([f"A dull film, number {row % 3}." for row in range(40)])
    data = texts.split_by_idx(range(30, 40)).label_for_lm().databunch(folder, bs=4, bptt=9)
    learn = language_model_learner(
        data, AWD_LSTM, config=dict(emb_sz=6, n_hid=8), callbacks=CtrlC(),
        checkpoint_dir=folder + "/checkpoints",
    )
    learn.fit_one_cycle(1, 1e-2)

sys.modules["steadfit.cli.demo"] = demo = types.ModuleType("demo")
demo.run_demo = run_demo
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process there")
def test_ctrl_c_ends_with_130_says_how_to_go_on_and_then_goes_on(tmp_path: Path) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", CHILD, str(tmp_path), "demo"],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )

    stopped = run()
    assert stopped.returncode == 130, stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "Run the same program again, and fit 1 goes on after step 2 of" in stopped.stderr
    again = run()
    assert again.returncode == 0, again.stderr
    assert "Fit 1 goes on after step 2 of" in again.stdout
