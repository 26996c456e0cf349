"""A training step of a full-size language model, beside fastai in float32 and in bfloat16.

Each side trains an AWD-LSTM 400/1152×3 over 60,000 words on windows of 48 rows and 70 steps of the
same made-up tokens, state carried over, all dropouts at their defaults. Ours computes products in
bfloat16 with AR, TAR and norm stabilizer and AdamW; fastai has AR and TAR and its Adam, once as it
comes (float32) and, where the CPU multiplies it, once under autocast to bfloat16, which its own
`to_bf16` does on CUDA alone.
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks._harness import Asked, Measured, Options, Report, fastai, measure
from benchmarks._sides import Side, ours
from steadfit.kernels.precision import multiplies_bf16

ROWS, STEPS, WORDS = 48, 70, 60_000
TOKENS = 900_000  # some 260 windows: no epoch ends within a measurement
SIZES: dict[str, Any] = {"rows": ROWS, "steps": STEPS, "words": WORDS, "tokens": TOKENS}
BETA_NORM = 50.0


def run(options: Options) -> Report:
    """Measure the three sides."""
    sides = [
        our_side(),
        _fastai("fastai float32", options, bf16=False),
        _fastai("fastai bf16", options, bf16=True) if multiplies_bf16() else None,
    ]
    found = measure(
        sides,
        options,
        unit="tokens/s",
        rounds=2 if options.quick else 7,
        warm_up=1 if options.quick else 2,
        pieces=1 if options.quick else 3,
    )
    report = Report(conditions={**SIZES, "beta_norm": BETA_NORM})
    report.add_sides(found)
    us, float32, bf16 = (found.get(n) for n in ("steadfit", "fastai float32", "fastai bf16"))
    report.figures["step_seconds"] = step_seconds(us)
    report.compare("ratio_float32", us, float32, Asked(least=3.3, stretch=4.0))
    report.compare("ratio_bf16", us, bf16, Asked(least=2.2, stretch=2.7))
    report.compare_memory("memory_ratio", us, float32, Asked(most=round(1 / 3, 4)))
    return report


def our_side() -> Side:
    """Return our side: a step as `language_model_learner(..., bf16=True)` makes it."""
    target = "benchmarks.sides.our_training:language_model"
    return ours("steadfit", target, **SIZES, beta_norm=BETA_NORM)


def step_seconds(measured: Measured | None) -> float:
    """Return the median time of a step."""
    assert measured is not None
    return round(ROWS * STEPS / statistics.median(measured.speeds), 4)


def _fastai(name: str, options: Options, bf16: bool) -> Side | None:
    target = "benchmarks.sides.fastai_training:language_model"
    return fastai(name, target, options, **SIZES, bf16=bf16)
