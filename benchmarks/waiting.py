"""What it costs and brings that threads wait for a moment awake and then asleep.

A step of a language model, 16 rows × 70 steps through an AWD-LSTM 320/768×3, by PyTorch's layers in
float32, whose threads wait for each other at every time step. `steadfit` waits as the command line
lets it, `awake` as PyTorch's OpenMP does by itself, `asleep` never turns. They work in turn, first
alone with the processor, then beside a program that keeps one core busy.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from benchmarks._harness import Options, Report, measure
from benchmarks._sides import ours
from steadfit.core.waiting import POLICY

SIZES: dict[str, Any] = {
    "rows": 16,
    "steps": 70,
    "tokens": 200_000,
    "words": 2_000,
    "config": {"emb_sz": 320, "n_hid": 768, "n_layers": 3},
    "beta_norm": 0.0,
    "bf16": False,
}
OTHERS: dict[str, dict[str, str]] = {"awake": {}, "asleep": {POLICY: "passive"}}


def run(options: Options) -> Report:
    """Measure all three ways, alone and beside a busy program."""
    us = ours("steadfit", "benchmarks.sides.our_training:language_model", **SIZES)
    report = Report(conditions=SIZES)
    for place, busy in (("alone", nullcontext()), ("beside", _busy())):
        sides = [replace(us, name=name, variables=these) for name, these in OTHERS.items()]
        with busy:
            found = measure(
                [us, *sides],
                options,
                unit="tokens/s",
                rounds=1 if options.quick else 7,
                pieces=1 if options.quick else 3,
            )
        report.sides.update({f"{one.name}, {place}": one.to_dict() for one in found.values()})
        for name in OTHERS:
            report.compare(f"{place}_to_{name}", found["steadfit"], found[name])
    return report


@contextmanager
def _busy() -> Iterator[None]:
    program = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        program.kill()
        program.wait()
