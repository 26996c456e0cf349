"""Documents of 10 thousand to 10 million tokens, read from a file and labelled one at a time.

The full-size model (400/1152×3, 60,000 words) reads a document of 1 million tokens, a small one
(64 units, one layer) a document of 10 million, beside 40 reviews' lengths of text that make 10
thousand. Each file is read in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._harness import Asked, Measured, Options, Report, measure
from benchmarks._limits import encoder_products, limit, products_side
from benchmarks._reviews import vocabulary
from benchmarks._sides import HOME, Side, ours
from benchmarks.scale import SMALL

SHORT, TEN_THOUSAND, MILLION = 250, 10_000, 1_000_000
FULL_LENGTHS, QUICK_FULL_LENGTHS = (TEN_THOUSAND, MILLION), (TEN_THOUSAND, 5 * TEN_THOUSAND)
SMALL_LENGTHS, QUICK_SMALL_LENGTHS = (TEN_THOUSAND, 10 * MILLION), (TEN_THOUSAND, MILLION)
MEMORY = Asked(most=50.0)
SPEED = Asked(least=0.9)


def run(options: Options) -> Report:
    """Read short documents and long ones with both models."""
    report = Report(conditions={"small_model": SMALL})
    full = QUICK_FULL_LENGTHS if options.quick else FULL_LENGTHS
    small = QUICK_SMALL_LENGTHS if options.quick else SMALL_LENGTHS
    for model, lengths, config in (("full", full, {}), ("small", small, SMALL)):
        # As many short documents as make ten thousand tokens, ten times as many where that is fast.
        total = TEN_THOUSAND * (10 if config else 1)
        short = _side(f"{model}: short", SHORT, total // SHORT, config)
        sides = [short, *(_side(f"{model}: {n:,} tokens", n, 1, config) for n in lengths)]
        products = products_side(encoder_products(TEN_THOUSAND, 1, backward=False))
        found = measure(
            sides if config else [*sides, products],
            options,
            unit="tokens/s",
            rounds=1,
            warm_up=0,
        )
        if not config:
            ten_thousand = found[sides[1].name]
            report.figures["limit"] = limit(found.pop("products"), ten_thousand)
        report.add_sides(found)
        first, *_, last = (found[side.name] for side in sides)
        report.figures[f"{model}_growth_mb"] = _growth(found[sides[1].name], last)
        report.asked[f"{model}_growth_mb"] = MEMORY
        report.compare(f"{model}_speed_ratio", last, first, SPEED)
    return report


def _growth(short: Measured, long: Measured) -> float | str:
    if short.peak_mb is None or long.peak_mb is None:
        return "unknown"
    return round(long.peak_mb - short.peak_mb, 1)


def _side(name: str, tokens: int, documents: int, config: dict[str, Any]) -> Side:
    words = vocabulary()
    files = [str(_write(tokens, number, words)) for number in range(documents)]
    target = "benchmarks.sides.our_streams:documents"
    return ours(
        name, target, files=files, work=tokens * documents, vocabulary=str(words), config=config
    )


def _write(tokens: int, number: int, vocabulary: Path) -> Path:
    """Write a document of common words, each a token; xxbos is the first one."""
    itos = json.loads(vocabulary.read_text(encoding="utf-8"))
    plain = [word for word in itos[9:3000] if word.isascii() and word.isalpha() and len(word) > 3]
    path = HOME / "long" / f"{tokens}-{number}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([tokens, number])
    places = rng.integers(len(plain), size=tokens - 1)
    path.write_text(" ".join(plain[place] for place in places), encoding="utf-8")
    return path
