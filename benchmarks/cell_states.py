"""What cell states cost: an LSTM that steps to show them, beside the fused one that hides them.

Forward and backward of one layer over a window, 48 rows × 70 steps × 400 units: `nn.LSTM` alone,
watched for its outputs, and watched for its cell states, for which `watch` lets it step.
"""

from __future__ import annotations

from benchmarks._harness import Options, Report, measure
from benchmarks._sides import ours

ROWS, STEPS, UNITS = 48, 70, 400
SIDES = {"nn.LSTM": None, "outputs": "hidden", "cell states": "cell"}


def run(options: Options) -> Report:
    """Measure the three in turn; a ratio is of the time to that of `nn.LSTM` alone."""
    sizes = {"rows": ROWS, "steps": STEPS, "units": UNITS}
    found = measure(
        [
            ours(name, "benchmarks.sides.our_watch:lstm", **sizes, on=on)
            for name, on in SIDES.items()
        ],
        options,
        unit="tokens/s",
        rounds=3 if options.quick else 15,
    )
    report = Report(conditions=sizes)
    report.add_sides(found)
    report.compare("ratio", found["nn.LSTM"], found["cell states"])
    report.compare("ratio_outputs", found["nn.LSTM"], found["outputs"])
    return report
