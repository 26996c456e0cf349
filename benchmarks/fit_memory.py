"""What `TextClassifier.fit` holds in memory beside the model, over 100,000 documents of 250 words.

The documents are made up, words drawn one by one with the frequencies of language: pairs of them,
which NBSVM counts, repeat less often than in text. There are none without labels. The network is a
small one, so that what grows with the documents is seen; they are the caller's and not counted.
"""

from __future__ import annotations

from typing import Any

from benchmarks._harness import Asked, Options, Report, measure
from benchmarks._sides import ours

DOCUMENTS, QUICK_DOCUMENTS = 100_000, 2_000
LENGTH, WORDS = 250, 60_000
SMALL: dict[str, Any] = {"emb_sz": 16, "n_hid": 16, "n_layers": 1}


def run(options: Options) -> Report:
    """Fit a tenth of the documents and all, each in a process of its own."""
    most = QUICK_DOCUMENTS if options.quick else DOCUMENTS
    given = {"length": LENGTH, "words": WORDS, "sizes": SMALL}
    report = Report(conditions={"documents": most, **given})
    sides = [
        ours(f"{count:,} documents", "benchmarks.sides.our_fit:fit", documents=count, **given)
        for count in (most // 10, most)
    ]
    found = measure(sides, options, unit="documents/s", rounds=1, warm_up=0, fresh=True)
    report.add_sides(found)
    fewer, all_of_them = (found[side.name].reports[0]["above_mb"] for side in sides)
    report.asked["above_mb"] = Asked(most=1_000)
    report.figures |= {"above_mb": all_of_them, "above_mb_of_a_tenth": fewer}
    return report
