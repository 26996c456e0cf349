"""Labelling 2,000 real reviews, text in and label out, beside fastai and DistilBERT.

All models have the weights they begin with, which cost as much as trained ones. fastai reads the
texts with `get_preds` over a `test_dl`, in float32, its spaCy tokenizer included. DistilBERT
(66 M weights) reads at most 512 tokens of a review and is so slow that it gets a smaller sample of
128 reviews; the ratios to it are over that sample, ours measured on it as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks._harness import Asked, Options, Report, fastai, measure, peer
from benchmarks._limits import encoder_products, limit, products_side
from benchmarks._reviews import reviews, sample, texts_file, vocabulary
from benchmarks._sides import Side, ours
from steadfit.text.words import split_words

REVIEWS, QUICK_REVIEWS = 2_000, 200
SMALL, QUICK_SMALL = 128, 32
DTYPES = ("float32", "bf16", "int8")


def run(options: Options) -> Report:
    """Measure against fastai on the large sample, then against DistilBERT on the small one."""
    count, small = (QUICK_REVIEWS, QUICK_SMALL) if options.quick else (REVIEWS, SMALL)
    rounds = 1 if options.quick else 2
    words, texts = str(vocabulary()), str(texts_file(sample(count)))
    report = Report(conditions={"reviews": count, "reviews_distilbert": small})

    target = "benchmarks.sides.fastai_prediction:many"
    peer_side = fastai("fastai float32", target, options, texts=texts, vocabulary=words)
    products = products_side(encoder_products(_tokens(texts), 48, backward=False))
    sides = [*our_sides("many", texts, words), peer_side, products]
    found = measure(sides, options, unit="documents/s", rounds=rounds, warm_up=0)
    report.figures["limit"] = limit(found.pop("products"), found["steadfit"])
    report.add_sides(found)
    us, them = found.get("steadfit"), found.get("fastai float32")
    report.compare("ratio", us, them, Asked(least=2.2))
    report.compare("ratio_int8", found.get("steadfit int8"), them, Asked(least=4.0))

    few = str(texts_file(sample(small)))
    sides = [*our_sides("many", few, words), *_distilberts(few, options)]
    found = measure(sides, options, unit="documents/s", rounds=rounds, warm_up=0)
    report.sides.update({f"{n} ({small})": side.to_dict() for n, side in found.items()})
    us, in_int8 = found.get("steadfit"), found.get("steadfit int8")
    for dtype in DTYPES:
        them = found.get(f"DistilBERT {dtype}")
        asked = Asked(least=10.0) if dtype == "float32" else None
        report.compare(f"ratio_distilbert_{dtype}", us, them, asked)
        report.compare(f"ratio_int8_distilbert_{dtype}", in_int8, them, asked)
    return report


def _tokens(texts: str) -> int:
    return sum(len(split_words(text)) for text in json.loads(Path(texts).read_text("utf-8")))


def _distilberts(texts: str, options: Options) -> list[Side | None]:
    target = "benchmarks.sides.distilbert:many"
    given = {"texts": texts, "every_text": str(texts_file(reviews()))}
    return [
        peer("transformers", f"DistilBERT {dtype}", target, options, **given, dtype=dtype)
        for dtype in DTYPES
    ]


def our_sides(task: str, texts: str, words: str) -> list[Side]:
    """Return our side as it comes, and in int8 where that runs."""
    target = f"benchmarks.sides.our_prediction:{task}"
    given: dict[str, Any] = {"texts": texts, "vocabulary": words}
    sides = [ours("steadfit", target, **given)]
    if _has_int8():
        sides.append(ours("steadfit int8", target, **given, loading={"engine": "int8"}))
    return sides


def _has_int8() -> bool:
    from steadfit import DataError, Predictor, Tokenizer, Vocab
    from steadfit.models.classifier import TextClassifier
    from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
    from steadfit.text.vocab import MARKERS

    sizes = {"emb_sz": 8, "n_hid": 8, "n_layers": 1}
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(MARKERS), 1.0, sizes)
    tokenizer = Tokenizer(Vocab(MARKERS))
    model = TextClassifier(config, 2).eval()
    try:
        Predictor(model, tokenizer, ("neg", "pos"), engine="int8")
    except DataError as error:
        print(f"int8 is not measured: {error}")
        return False
    return True
