"""`steadfit predict` beside its own predictor, and its memory over a million rows.

Both sides label the same 2,000 reviews with the same model, in turn. The command also reads the
model's folder, parses the table, writes every row with its probabilities, and syncs the result;
only the start of Python is left out, which a short table would be all about. Memory is that of a
small network over made-up rows: what grows with the rows would be hidden by a larger one.
"""

from __future__ import annotations

from typing import Any

from benchmarks._harness import Asked, Options, Report, measure
from benchmarks._reviews import as_file, of_length, sample, texts_file, vocabulary
from benchmarks._sides import ours
from benchmarks.predict import QUICK_REVIEWS, REVIEWS

ROWS, QUICK_ROWS = 1_000_000, 20_000
FEWER = 10  # times as few rows, to compare memory with
WORDS = 12  # of a made-up row
SMALL: dict[str, Any] = {"emb_sz": 16, "n_hid": 16, "n_layers": 1}


def run(options: Options) -> Report:
    """Measure speed against the predictor, then memory against a tenth of the rows."""
    count, rows = (QUICK_REVIEWS, QUICK_ROWS) if options.quick else (REVIEWS, ROWS)
    given = {"texts": str(texts_file(sample(count))), "vocabulary": str(vocabulary())}
    rounds = 1 if options.quick else 3
    report = Report(conditions={"reviews": count, "rows": rows, "model_of_rows": SMALL})
    sides = [
        ours("steadfit predict", "benchmarks.sides.our_command:predict", **given),
        ours("predictor", "benchmarks.sides.our_prediction:many", **given),
    ]
    found = measure(sides, options, unit="documents/s", rounds=rounds, warm_up=1)
    report.add_sides(found)
    report.compare("ratio", found["steadfit predict"], found["predictor"], Asked(least=0.9))

    given["texts"] = str(_rows_file())
    sizes = {f"{size:,} rows": size for size in (rows // FEWER, rows)}
    sides = [
        ours(name, "benchmarks.sides.our_command:many_rows", rows=size, config=SMALL, **given)
        for name, size in sizes.items()
    ]
    found = measure(sides, options, unit="documents/s", rounds=1, warm_up=0, fresh=True)
    report.add_sides(found)
    few, many = (found[name] for name in sizes)
    report.compare_memory("memory_ratio", many, few, Asked(most=1.05))
    return report


def _rows_file() -> Any:
    """Write a thousand short texts of words that reviews have."""
    words = [word for review in of_length(100, 200, 100) for word in review.text.split()]
    texts = [" ".join(words[start : start + WORDS]) for start in range(0, 1_000 * 7, 7)]
    return as_file("short-texts", texts)
