"""Tokens per second from a cold start, beside fastai's tokenizer with spaCy.

Each side runs in one process, started anew for every round, over the same reviews; imports and
reading the reviews are not counted, and ours begins with an empty memo and an empty vocabulary.
Agreement is 1 - edits / tokens of an alignment with spaCy's splitting under fastai 1's rules, which
are ours; fastai 2 writes some markers otherwise.
"""

from __future__ import annotations

import statistics

from benchmarks._environments import peer_python
from benchmarks._harness import Asked, Options, Report, fastai, measure
from benchmarks._peer_tokens import agreement
from benchmarks._reviews import sample, texts_file
from benchmarks._sides import Side, Worker, ours
from benchmarks._statistics import significant

REVIEWS, QUICK_REVIEWS = 5_000, 500
COMPARED, QUICK_COMPARED = 1_000, 100


def run(options: Options) -> Report:
    """Measure both sides, and compare their tokens."""
    count = QUICK_REVIEWS if options.quick else REVIEWS
    texts = str(texts_file(sample(count)))
    sides = [
        ours("steadfit", "benchmarks.sides.our_tokens:cold", texts=texts),
        fastai("fastai", "benchmarks.sides.fastai_tokens:cold", options, texts=texts),
    ]
    found = measure(
        sides,
        options,
        unit="tokens/s",
        rounds=2 if options.quick else 5,
        warm_up=0,
        fresh=True,
    )
    report = Report(conditions={"reviews": count})
    report.add_sides(found)
    us = found["steadfit"]
    report.compare("ratio", us, found.get("fastai"), Asked(least=15.0))
    # What the same texts take once every piece of them is known.
    known = min(one["known"] for one in us.reports)
    report.figures["limit"] = significant(known / statistics.median(us.seconds))
    compared = QUICK_COMPARED if options.quick else COMPARED
    if python := peer_python("fastai", build=False):
        report.conditions["reviews_compared"] = compared
        report.figures["agreement"] = _agreement(python, compared, options)
    return report


def _agreement(python: str, count: int, options: Options) -> float:
    texts = str(texts_file(sample(count)))
    lists = []
    for side in (
        ours("steadfit", "benchmarks.sides.our_tokens:compared", texts=texts),
        Side("fastai 1", "benchmarks.sides.fastai_tokens:compared", {"texts": texts}, python),
    ):
        with Worker(side, options.threads) as worker:
            worker.prepare()
            lists.append(worker.go()["tokens"])
    return round(agreement(*lists), 6)
