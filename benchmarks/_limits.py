"""What the hardware allows: the matrix products of the reference model, each measured by itself.

They are multiplied in bfloat16 with `torch.mm`, in the same run as what they are compared with; a
`limit` is their time ÷ the time of the whole. A kernel that packs its weights once can pass it.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from benchmarks._harness import Measured
from benchmarks._sides import Side, ours
from benchmarks._statistics import significant

EMBEDDING, HIDDEN, LAYERS = 400, 1152, 3
TOGETHER = 3360  # tokens of a product that takes all steps at once


class Product(NamedTuple):
    """A matrix product (m, k) × (k, n), made so many times."""

    name: str
    m: int
    k: int
    n: int
    times: float


def layers() -> list[tuple[int, int]]:
    """Return input and output size of each LSTM layer."""
    return list(pairwise([EMBEDDING, *[HIDDEN] * (LAYERS - 1), EMBEDDING]))


def encoder_products(tokens: int, rows: int, backward: bool) -> list[Product]:
    """Return the products of an encoder that reads so many tokens, `rows` documents at a time."""
    steps = tokens / rows
    whole = min(tokens, TOGETHER)
    parts = tokens / whole
    found = []
    for number, (n_in, n_out) in enumerate(layers()):
        name, gates = f"layer {number}", 4 * n_out
        found += [
            Product(f"{name} inputs", whole, n_in, gates, parts),
            Product(f"{name} recurrence", rows, n_out, gates, steps),
        ]
        if backward:
            found += [
                Product(f"{name} recurrence backward", rows, gates, n_out, steps),
                Product(f"{name} input weights", gates, whole, n_in, parts),
                Product(f"{name} recurrent weights", gates, whole, n_out, parts),
                Product(f"{name} inputs backward", whole, gates, n_in, parts),
            ]
    return found


def products_side(products: Sequence[Product]) -> Side:
    """Return a side that measures these products, to take its turn beside the others."""
    shapes = [[p.m, p.k, p.n, p.times] for p in products]
    return ours("products", "benchmarks.sides.our_kernels:products", shapes=shapes)


def best_seconds(measured: Measured) -> list[float]:
    """Return the best time of each product over all rounds: noise only ever slows down."""
    reports = measured.reports
    return [min(times) for times in zip(*(r["products"] for r in reports), strict=True)]


def limit(products: Measured, ours_measured: Measured) -> float:
    """Return the time of the products ÷ that of the same work by our side."""
    return significant(sum(best_seconds(products)) / statistics.median(ours_measured.seconds))
