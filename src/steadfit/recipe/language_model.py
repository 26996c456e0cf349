"""A language model of the texts of a task, from a pretrained one or from nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from steadfit.core.errors import DataError
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.prepare import prepare_tokens
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.files.transfer import load_language_model, read_pretrained
from steadfit.kernels.precision import has_fast_bf16
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.recipe.settings import LanguageModelSettings
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.tokenizer import Tokenizer
from steadfit.training.devices import generator_on
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate
from steadfit.training.history import History
from steadfit.training.objective import LanguageModelObjective
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan

FEWEST_ROWS = 4
ROW_TOKENS = 2_000  # of a row at least, so that the state it carries tells something


def train_language_model(
    texts: Corpus,
    how: LanguageModelSettings,
    folder: Path,
    *,
    base: str | Path | None = None,
    sizes: Mapping[str, Any] | None = None,
    backwards: bool = False,
    seed: int = 0,
    checkpoints: Path | None = None,
) -> dict[str, Any]:
    """Train a language model, write it to `folder`, and return its figures.

    It goes on where it was stopped. Every text must be one that the classifier's test set does not
    hold: what a language model has read, its classifier is not judged by.

    Args:
        texts: documents; labels are not looked at. A split is kept, else some are held out.
        how: the numbers.
        folder: where the model folder is written.
        base: a language model to start from: a folder or an installed name; None is none.
        sizes: keys of the configuration, where there is no `base`.
        backwards: read each document from its end.
        seed: of weights, masks and order.
        checkpoints: a folder for what is needed to go on.

    Raises:
        DataError: too little text.
    """
    if texts.split is None:
        texts = texts.split_randomly(how.held_out, seed)
    start = None if base is None else read_pretrained(base, backwards)
    store, vocab = prepare_tokens(texts, max_vocab=how.max_vocab, min_freq=how.min_freq)
    rows = _rows(int(store.lengths_of(store.rows(TRAIN)).sum()), how.rows)
    train = LanguageModelStream(store, store.rows(TRAIN), rows, how.bptt, seed, backwards=backwards)
    valid = LanguageModelStream(
        store, store.rows(VALID), FEWEST_ROWS, how.bptt, shuffle=False, backwards=backwards
    )
    defaults = LANGUAGE_MODEL_DEFAULTS
    if start is not None:
        defaults = {**defaults, **start.sizes, **start.decoder}
    config = AWDLSTMConfig.from_defaults(defaults, len(vocab), how.drop_mult, sizes)
    model = LanguageModel(config, generator_on(None, seed))
    if start is not None:
        load_language_model(model, vocab, start, backwards)
    objective = LanguageModelObjective(model, how.penalties)
    bf16 = has_fast_bf16(torch.device("cpu"))
    plan = FitPlan(how.epochs, how.lr, clip=how.clip, bf16=bf16, seed=seed)
    history = History()
    stages = None if checkpoints is None else Stages(checkpoints)
    fit(objective, train, None, plan, history, stages=stages)
    figures = {
        "perplexity": round(math.exp(evaluate(objective, valid, bf16).loss), 2),
        "tokens": train.tokens,
        "texts": len(texts.part(TRAIN)),
        "epochs": how.epochs,
        "seconds": round(sum(epoch.seconds for epoch in history.epochs), 1),
        "tokens_per_second": round(history.epochs[-1].tokens_per_second),
    }
    details = {"seed": seed, "recipe": asdict(how), "base": None if base is None else str(base)}
    save_model(folder, SavedModel(model, Tokenizer.of(vocab), (), backwards, details, figures))
    return figures


def _rows(tokens: int, most: int) -> int:
    """Return how many texts to read side by side."""
    if tokens < FEWEST_ROWS * 100:
        raise DataError(
            f"All texts together have {tokens} tokens; a language model needs "
            f"{FEWEST_ROWS * 100} at least. Give more text, or train without one of your own."
        )
    return max(FEWEST_ROWS, min(most, tokens // ROW_TOKENS))
