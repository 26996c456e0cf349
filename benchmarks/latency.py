"""The time from one review's text to its label, beside fastai's `learn.predict`.

Reviews of about 250 words, another one each time, both models with the weights they begin with.
"""

from __future__ import annotations

from benchmarks._harness import Asked, Measured, Options, Report, fastai, measure
from benchmarks._limits import best_seconds, encoder_products, products_side
from benchmarks._reviews import of_length, texts_file, vocabulary
from benchmarks._statistics import percentile, significant
from benchmarks.predict import our_sides

REVIEWS, LOW, HIGH = 400, 240, 260


def run(options: Options) -> Report:
    """Measure both sides."""
    pieces, rounds = (15, 2) if options.quick else (50, 4)
    words, texts = str(vocabulary()), str(texts_file(of_length(LOW, HIGH, REVIEWS)))
    target = "benchmarks.sides.fastai_prediction:one"
    sides = [
        *our_sides("one", texts, words),
        fastai("fastai", target, options, texts=texts, vocabulary=words),
        products_side(encoder_products((LOW + HIGH) // 2, 1, backward=False)),
    ]
    found = measure(sides, options, unit="reviews/s", rounds=rounds, pieces=pieces)
    products = sum(best_seconds(found.pop("products")))
    report = Report(conditions={"words": [LOW, HIGH], "predictions": pieces * rounds})
    for name, measured in found.items():
        # A round's speed is that of its median prediction: one that was disturbed says nothing.
        measured.speeds = [1 / percentile(r["latencies"], 0.5) for r in measured.reports]
        for share in (50, 99):
            milliseconds = significant(1000 * percentile(_all(measured), share / 100))
            report.figures[f"{name.replace(' ', '_')}_p{share}_ms"] = milliseconds
    report.add_sides(found)
    peer = found.get("fastai")
    asked = Asked(least=5.0, stretch=8.0)
    report.compare("ratio", found.get("steadfit"), peer, asked)
    report.compare("ratio_int8", found.get("steadfit int8"), peer, asked)
    report.figures["limit"] = significant(1000 * products / report.figures["steadfit_p50_ms"])
    return report


def _all(measured: Measured) -> list[float]:
    return [latency for report in measured.reports for latency in report["latencies"]]
