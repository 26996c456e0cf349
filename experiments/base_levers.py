"""What makes a better base model: one lever at a time, in bits per byte.

Each model reads a million words once. Each row changes one thing of the first, which trains against
a part of its words at each step, so that all of it ends in an hour. Words and subwords are compared
by the length of a code for the same text, so that the size of a vocabulary is no advantage.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments._pretraining import Pretraining
from experiments._report import Found, Options, mean_and_spread
from experiments._runs import run_all
from experiments.base_model import training

_BASE = Pretraining(
    vocab=24_000, emb_sz=160, n_hid=320, epochs=1, rows=16, words=1_000_000, sampled=True
)
LEVERS: dict[str, Pretraining] = {
    "words seen three times": _BASE,
    "words, 10,000": replace(_BASE, vocab=10_000),
    "subwords, 8,000": replace(_BASE, tokenizer="subwords", vocab=8_000),
    "subwords, 16,000": replace(_BASE, tokenizer="subwords", vocab=16_000),
    "GloVe's vectors": replace(_BASE, glove=True),
    "rate 8e-3": replace(_BASE, lr=8e-3),
    "rate 2e-3": replace(_BASE, lr=2e-3),
    "32 rows": replace(_BASE, rows=32),
    "64 rows": replace(_BASE, rows=64),
    "two layers": replace(_BASE, n_layers=2),
    "dropouts × 0.1": replace(_BASE, drop_mult=0.1),
    "softmax over all words": replace(_BASE, sampled=False),
    "read twice": replace(_BASE, epochs=2),
}
ARMS: dict[str, Pretraining] = {
    "no penalty": replace(_BASE, alpha=0.0, beta=0.0),
    "AR + TAR": _BASE,
    "AR + TAR + norm stabilizer": replace(_BASE, beta_norm=50.0),
}
SEEDS = 3


def run(options: Options) -> Found:
    """Train every lever with one seed, and the three arms of penalties with three."""
    seeds = options.seeds if options.seeds is not None else 1 if options.quick else SEEDS
    levers = {name: LEVERS[name] for name in list(LEVERS)[: 2 if options.quick else None]}
    trained = [training(options, how) for how in levers.values()]
    arms = [training(options, replace(how, seed=s)) for how in ARMS.values() for s in range(seeds)]
    done = run_all([*trained, *arms], options.jobs, options.fresh)
    of_arms = done[len(levers) :]
    bits = [
        [r["bits_per_byte"] for r in of_arms[i : i + seeds]] for i in range(0, len(arms), seeds)
    ]
    figures: dict[str, Any] = {
        "levers": {name: _figures(r) for name, r in zip(levers, done, strict=False)},
        "arms": {name: mean_and_spread(values) for name, values in zip(ARMS, bits, strict=True)},
    }
    different = [one for i, one in enumerate(done) if one not in done[:i]]
    return Found(figures, different, _table(figures))


def _figures(one: dict[str, Any]) -> dict[str, Any]:
    names = ("bits_per_byte", "perplexity", "megabytes", "tokens_per_second", "training_seconds")
    return {name: one[name] for name in names}


def _table(figures: dict[str, Any]) -> list[str]:
    lines = ["| lever | bits per byte | perplexity | MB | tokens/s |", "|---|---|---|---|---|"]
    for name, one in figures["levers"].items():
        lines.append(
            f"| {name} | {one['bits_per_byte']:.3f} | {one['perplexity']} | {one['megabytes']} | "
            f"{one['tokens_per_second']:,} |"
        )
    lines += ["", "| penalties | bits per byte |", "|---|---|"]
    for name, arm in figures["arms"].items():
        lines.append(f"| {name} | {arm['mean']:.3f} ± {arm['sd']:.3f} ({arm['n']} seeds) |")
    return lines
