"""A language model trained in bfloat16 beside the same one trained in float32: how good each gets.

Both read the same film reviews in the same order from the same first weights, once for every seed,
and are judged on the same held-out reviews in float32. With native kernels the masks of recurrent
weights come from other random numbers. Each pair of a seed differs by some per cent; their mean is
held against its standard error, or half a per cent where that is more.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks._harness import Asked, Options, Report
from benchmarks._reviews import by_film
from benchmarks._sides import HOME
from benchmarks._statistics import significant

if TYPE_CHECKING:
    from experiments._stages import DemoSize

SEEDS = (0, 1, 2)
SMALLEST_DIFFERENCE = 0.5  # per cent of the perplexity: less than this is of no use to anyone


class Task(NamedTuple):
    """One training."""

    store: str
    size: DemoSize
    seed: int
    bf16: bool


def run(options: Options) -> Report:
    """Train each seed in both precisions, as many at a time as there are threads."""
    from experiments._stages import language_model_corpus
    from steadfit.data.prepare import prepare_tokens
    from steadfit.kernels.choose import describe

    began = time.perf_counter()
    size = _size(options.quick)
    corpus = language_model_corpus(by_film(), size, seed=0)
    store, _ = prepare_tokens(corpus, max_vocab=size.max_vocab, min_freq=3, cache=HOME / "tokens")
    kernels = describe().used  # built before there are several that want them
    # The slow ones first, so that no process waits for the last of them.
    tasks = [Task(str(store.folder), size, seed, bf16) for bf16 in (False, True) for seed in SEEDS]
    with ProcessPoolExecutor(options.threads, multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(perplexity, tasks))
    report = compare(found[: len(SEEDS)], found[len(SEEDS) :])
    report.figures["seconds"] = round(time.perf_counter() - began, 1)
    report.conditions = {**asdict(size), "seeds": list(SEEDS), "bf16_kernels": kernels}
    return report


def compare(float32: Sequence[float], bf16: Sequence[float]) -> Report:
    """Compare perplexities, one for each seed, pair by pair.

    `smallest_shown_percent` is the smallest mean difference that so many pairs, as far apart as
    these, tell from none (Student's t, two-sided, 5 %).
    """
    from scipy.stats import t

    differences = [100 * (b / a - 1) for a, b in zip(float32, bf16, strict=True)]
    mean = statistics.mean(differences)
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    shown = float(t.ppf(0.975, len(differences) - 1)) * error
    report = Report()
    report.figures |= {
        "perplexity_float32": [round(one, 2) for one in float32],
        "perplexity_bf16": [round(one, 2) for one in bf16],
        "differences_percent": [round(one, 2) for one in differences],
        "difference_percent": round(mean, 2),
        "standard_error_percent": round(error, 2),
        "smallest_shown_percent": round(shown, 2),
        "difference_over_allowed": significant(abs(mean) / max(error, SMALLEST_DIFFERENCE)),
    }
    report.asked["difference_over_allowed"] = Asked(most=1.0)
    return report


def perplexity(task: Task) -> float:
    """Train as the demo does, and return the perplexity on held-out reviews in float32."""
    import torch

    from experiments._stages import LM_DROP_MULT, MOMS, PLAIN
    from steadfit.data.lm_stream import LanguageModelStream
    from steadfit.data.token_store import TokenStore
    from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
    from steadfit.models.language_model import LanguageModel
    from steadfit.text.corpus import TRAIN, VALID
    from steadfit.training.devices import generator_on
    from steadfit.training.engine import fit
    from steadfit.training.evaluation import evaluate
    from steadfit.training.history import History
    from steadfit.training.objective import LanguageModelObjective
    from steadfit.training.state import FitPlan

    torch.set_num_threads(1)
    store, size, seed = TokenStore.open(task.store), task.size, task.seed
    train = LanguageModelStream(store, store.rows(TRAIN), size.batch_size, seed=seed)
    valid = LanguageModelStream(store, store.rows(VALID), size.batch_size, shuffle=False)
    config = AWDLSTMConfig.from_defaults(
        LANGUAGE_MODEL_DEFAULTS, store.vocab_size, LM_DROP_MULT, size.sizes
    )
    objective = LanguageModelObjective(LanguageModel(config, generator_on(None, seed)), PLAIN)
    plan = FitPlan(epochs=1, lr=1e-2, moms=MOMS, seed=seed, bf16=task.bf16)
    fit(objective, train, None, plan, History())
    return math.exp(evaluate(objective, valid).loss)


def _size(quick: bool) -> Any:
    from dataclasses import replace

    from experiments._stages import FULL

    if quick:
        return replace(FULL, lm_reviews=400, max_vocab=3000, emb_sz=64, n_hid=128, batch_size=12)
    return replace(FULL, lm_reviews=2000)
