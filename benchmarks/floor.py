"""How near a training step comes to what the hardware allows: its matrix products, its memory.

The floor of a step of `lm-step` is the time of its matrix products, each measured by itself in
bfloat16 with `torch.mm` in the same run, and the time that the bytes of its other work need at the
bandwidth of a large addition. Bytes are counted once where they have to be read or written even if
every operation between two products is one pass; `limit` is floor ÷ step.
"""

from __future__ import annotations

import statistics

from benchmarks._harness import Asked, Options, Report, measure
from benchmarks._limits import EMBEDDING, Product, best_seconds, encoder_products, layers
from benchmarks._sides import ours
from benchmarks._statistics import significant
from benchmarks.lm_step import ROWS, STEPS, WORDS, our_side


def run(options: Options) -> Report:
    """Measure a step, its products and the bandwidth in turn."""
    listed = products()
    shapes = [[p.m, p.k, p.n, p.times] for p in listed]
    sides = [
        our_side(),
        ours("floor", "benchmarks.sides.our_kernels:floor", shapes=shapes),
    ]
    found = measure(sides, options, unit="steps/s", rounds=2 if options.quick else 7, warm_up=1)
    step = statistics.median(found["steadfit"].seconds)
    # Best of all rounds: noise only ever slows down, and a floor is not to be exceeded.
    reports = found["floor"].reports
    times = best_seconds(found["floor"])
    bandwidth = max(report["bandwidth"] for report in reports)
    memory = pointwise_bytes() / bandwidth
    report = Report(
        conditions={
            "products": [
                {**product._asdict(), "seconds": significant(time)}
                for product, time in zip(listed, times, strict=True)
            ],
            "pointwise_bytes": pointwise_bytes(),
        }
    )
    floor = sum(times) + memory
    flop = sum(2 * p.m * p.k * p.n * p.times for p in listed)
    report.figures = {
        "step_seconds": significant(step),
        "products_seconds": significant(sum(times)),
        "products_gflop_per_second": significant(flop / sum(times) / 1e9),
        "bandwidth_gb_per_second": significant(bandwidth / 1e9),
        "pointwise_seconds": significant(memory),
        "floor_seconds": significant(floor),
        "limit": significant(floor / step),
    }
    report.asked["limit"] = Asked(least=0.75, stretch=0.85)
    return report


def products() -> list[Product]:
    """Return the matrix products of a step, forward and backward."""
    tokens = ROWS * STEPS
    return [
        *encoder_products(tokens, ROWS, backward=True),
        Product("decoder", tokens, EMBEDDING, WORDS, 1),
        Product("decoder backward", tokens, WORDS, EMBEDDING, 1),
        Product("decoder weights", WORDS, tokens, EMBEDDING, 1),
    ]


def pointwise_bytes() -> int:
    """Return the bytes that a step has to move beside its products."""
    short, full, tokens = 2, 4, ROWS * STEPS
    # Gates are read and, for the way back, written; cells and outputs written. Backward reads
    # these and the gradient of the outputs, and writes that of the gates.
    units = sum(n_out for _, n_out in layers())
    forward = tokens * units * (8 * short + full + short)
    backward = tokens * units * (4 * short + 2 * full + short + 4 * short)
    # Logits are read for the sum of a row, read again, and written as their own gradient.
    logits = tokens * WORDS * 3 * short
    # AdamW reads weight, gradient and two moments, and writes all but the gradient; a gradient is
    # written, read for its norm; a weight is read and written once more in bfloat16.
    weights = WORDS * (EMBEDDING + 1) + sum(4 * b * (a + b + 2) for a, b in layers())
    return forward + backward + logits + weights * (7 * full + 2 * full + full + short)
