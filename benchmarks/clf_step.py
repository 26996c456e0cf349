"""Training a classifier on whole reviews of mixed length, all layers, beside fastai.

Both sides read the same reviews as the same ids of a vocabulary of 60,000, in batches of 32 of like
length, through an AWD-LSTM 400/1152×3 in windows of 70 steps. A round is an epoch over the reviews,
so each side has read every one of them. fastai pools the last 1,400 tokens of a longer review, ours
reads it whole.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks._harness import Asked, Options, Report, fastai, measure
from benchmarks._limits import encoder_products, limit, products_side
from benchmarks._reviews import WORDS, prepared, sample
from benchmarks._sides import ours
from steadfit.data.token_store import TokenStore
from steadfit.kernels.precision import multiplies_bf16

REVIEWS, QUICK_REVIEWS = 320, 64
ROWS, STEPS, BETA_NORM = 32, 70, 50.0


def run(options: Options) -> Report:
    """Measure both sides, fastai in float32 and, where the CPU has it, autocast to bfloat16."""
    count = QUICK_REVIEWS if options.quick else REVIEWS
    store, arrays = prepared(sample(count))
    sizes = {"rows": ROWS, "steps": STEPS, "words": WORDS}
    target = "benchmarks.sides.fastai_training:classifier"
    found = measure(
        [
            ours(
                "steadfit",
                "benchmarks.sides.our_training:classifier",
                **sizes,
                store=str(store),
                beta_norm=BETA_NORM,
            ),
            fastai("fastai float32", target, options, **sizes, arrays=str(arrays), bf16=False),
            None
            if options.quick or not multiplies_bf16()
            else fastai("fastai bf16", target, options, **sizes, arrays=str(arrays), bf16=True),
            products_side(encoder_products(_tokens(store), ROWS, backward=True)),
        ],
        options,
        unit="documents/s",
        rounds=1 if options.quick else 3,
    )
    report = Report(conditions={**sizes, "reviews": count, "beta_norm": BETA_NORM})
    report.add_sides({name: side for name, side in found.items() if name != "products"})
    us, float32 = found.get("steadfit"), found.get("fastai float32")
    report.compare("ratio", us, float32, Asked(least=2.5, stretch=3.0))
    report.compare("ratio_bf16", us, found.get("fastai bf16"))
    report.compare_memory("memory_ratio", us, float32)
    report.figures["limit"] = limit(found["products"], found["steadfit"])
    return report


def _tokens(store: Path) -> int:
    return int(TokenStore.open(store).lengths.sum())
