"""An epoch of a language model over 1, 4 and 16 million tokens: speed and memory must not change.

The model is a small one (one layer of 64 units, 2,000 words), so that the largest epoch ends in
minutes; what reading the corpus costs weighs the more. Each size is trained in a process of its own
from a token store on disk.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from benchmarks._harness import Asked, Options, Report, measure
from benchmarks._made_up import documents
from benchmarks._sides import HOME, Side, ours
from benchmarks._statistics import significant

MILLIONS, QUICK_MILLIONS = (1, 4, 16), (0.25, 1, 4)
WORDS, ROWS = 2_000, 64
SMALL: dict[str, Any] = {"emb_sz": 64, "n_hid": 64, "n_layers": 1}


def run(options: Options) -> Report:
    """Train over each size, and compare the smallest with the largest."""
    millions = QUICK_MILLIONS if options.quick else MILLIONS
    folder = HOME / "scale"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        sides = [_side(folder, size) for size in millions]
        rounds = 1 if options.quick else 3
        found = measure(sides, options, unit="tokens/s", rounds=rounds, warm_up=0, fresh=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report = Report(conditions={"model": SMALL, "words": WORDS, "rows": ROWS})
    report.add_sides(found)
    smallest, *_, largest = (found[side.name] for side in sides)
    report.compare("speed_ratio", largest, smallest, Asked(least=0.9, most=1.1))
    report.compare_memory("memory_ratio", largest, smallest, Asked(most=1.05))
    slowest, fastest = (pick(max(m.speeds) for m in found.values()) for pick in (min, max))
    report.figures["limit"] = significant(slowest / fastest)
    return report


def _side(folder: Path, millions: float) -> Side:
    from steadfit.data.token_store import write_store

    name = f"{millions:g} M tokens"
    store = write_store(
        folder / f"{millions:g}", documents(round(millions * 1e6), WORDS), vocab_size=WORDS
    )
    return ours(
        name,
        "benchmarks.sides.our_streams:epoch",
        store=str(store.folder),
        rows=ROWS,
        config=SMALL,
    )
