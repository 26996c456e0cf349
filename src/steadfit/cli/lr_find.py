"""`steadfit lr-find`: the range test on the head of a classifier."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from steadfit.cli.labelled_texts import Source
from steadfit.cli.sizes import named_or_none, sizes_of
from steadfit.cli.train_texts import classes_of
from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.data.buckets import DocumentBatches
from steadfit.data.prepare import prepare_tokens
from steadfit.files.transfer import read_pretrained
from steadfit.kernels.precision import has_fast_bf16
from steadfit.recipe.base import base_for, check_sizes
from steadfit.recipe.network import Reading, starting_network
from steadfit.recipe.settings import ClassifierSettings
from steadfit.report.figures import figure_of_range_test, save_figure
from steadfit.text.corpus import Corpus
from steadfit.training.lr_finder import RangeTest, find_lr
from steadfit.training.objective import ClassifierObjective
from steadfit.training.optimizer import freeze_to
from steadfit.training.state import FitPlan


class Trial(NamedTuple):
    """What is tried: where it starts, texts a step, steps, sizes and seed."""

    base: str
    batch_size: int
    steps: int
    sizes: str
    seed: int


def run_lr_find(source: Source, trial: Trial, plot: Path | None, as_json: bool) -> dict[str, Any]:
    """Print where the loss is half-way down, and draw it if a file is named.

    Returns:
        What `--json` prints.

    Raises:
        SteadfitError: a table that cannot be read, fewer than two classes, a loss of no number.
    """
    if plot is not None and plot.suffix.lower() != ".png":
        raise DataError(f"{plot}: name a file that ends in .png")
    given = source.read()
    classes_of(given.labels, source.path)
    with tempfile.TemporaryDirectory(prefix="steadfit-", ignore_cleanup_errors=True) as place:
        found = _range_test(given.corpus(), trial, Path(place))
    values = {"suggestion": found.suggestion, "lrs": found.lrs, "losses": found.losses}
    if plot is not None:
        save_figure(figure_of_range_test(found), plot)
    if as_json:
        say(json.dumps(values))
    else:
        say(found.advice)
    return values


def _range_test(corpus: Corpus, trial: Trial, cache: Path) -> RangeTest:
    base = base_for(corpus.texts, named_or_none(trial.base))
    sizes = sizes_of(trial.sizes)
    check_sizes(base, sizes, trial.base)
    vocab = None if base is None else read_pretrained(base).saved.tokenizer.vocab
    how = ClassifierSettings(batch_size=trial.batch_size)
    store, vocab = prepare_tokens(corpus, vocab=vocab, classes=corpus.classes, cache=cache)
    reading = Reading(store, vocab, base, {} if base else sizes)
    objective = ClassifierObjective(starting_network(reading, how, trial.seed), how.penalties)
    freeze_to(objective.model.layer_groups(), -1)
    batches = DocumentBatches(store, range(len(store)), how.rows_of(len(store)), trial.seed)
    plan = FitPlan(1, 1.0, wd=how.wd, clip=how.clip, bf16=has_fast_bf16(), seed=trial.seed)
    return find_lr(objective, batches, plan, steps=trial.steps)
