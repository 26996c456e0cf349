"""What the three penalties cost of a training step: forward and backward, alone.

AR, TAR and norm stabilizer over the last layer's states of a window, 48 rows × 70 steps × 400
units, as the learner adds them up; beside them a step of `lm-step`, in the same run.
"""

from __future__ import annotations

import statistics

from benchmarks._harness import Asked, Options, Report, measure
from benchmarks._sides import ours
from benchmarks._statistics import significant
from benchmarks.lm_step import BETA_NORM, ROWS, STEPS, our_side

UNITS = 400


def run(options: Options) -> Report:
    """Measure a step and the penalties in turn."""
    sizes = {"rows": ROWS, "steps": STEPS, "units": UNITS, "beta_norm": BETA_NORM}
    sides = [
        our_side(),
        ours("penalties", "benchmarks.sides.our_kernels:penalties", **sizes),
        ours("bandwidth", "benchmarks.sides.our_kernels:floor", shapes=[]),
    ]
    found = measure(sides, options, unit="tokens/s", rounds=3 if options.quick else 15)
    bandwidth = max(one["bandwidth"] for one in found.pop("bandwidth").reports)
    report = Report(conditions=sizes)
    report.add_sides(found)
    step, penalties = (statistics.median(found[n].seconds) for n in ("steadfit", "penalties"))
    report.figures["step_seconds"] = significant(step)
    report.figures["penalties_seconds"] = significant(penalties)
    report.figures["overhead"] = significant(penalties / step)
    # States are read once by each penalty; each writes a gradient, and two of them are added.
    moved = ROWS * STEPS * UNITS * 4 * (3 + 3 + 3)
    report.figures["limit"] = significant(moved / bandwidth / penalties)
    report.asked["overhead"] = Asked(most=0.03)
    return report
