"""A language model of the texts of a task, from a pretrained one or from nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from steadfit.core.checks import number
from steadfit.core.errors import DataError
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.prepare import prepare_tokens
from steadfit.data.token_store import TokenStore
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.files.transfer import load_language_model, read_pretrained
from steadfit.kernels.precision import has_fast_bf16
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.recipe.rates import found_rate
from steadfit.recipe.settings import FIND, LanguageModelSettings
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.tokenizer import SUBWORDS, WORDS, Tokenizer, tokenizer_kind
from steadfit.text.vocab import Vocab
from steadfit.training.devices import generator_on
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.objective import LanguageModelObjective
from steadfit.training.sampled_softmax import SampledSoftmax
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan

FEWEST_ROWS = 4
FEWEST_TEXTS = 10
PIECES = 8_000  # of a vocabulary of subwords
ROW_TOKENS = 2_000  # of a row at least, so that the state it carries tells something


class TooLittleText(DataError):
    """Less text than a language model could learn from."""


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
    tokenizer: str = WORDS,
    pieces: int = PIECES,
    cache: Path | None = None,
    callbacks: Sequence[Callback] = (),
    details: Mapping[str, Any] | None = None,
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
        tokenizer: "words" or "subwords"; where `base` is of subwords its own are taken.
        pieces: subwords at most.
        cache: where token stores are kept; None is the usual place.
        callbacks: for the fit.
        details: plain JSON values that the folder keeps beside seed, recipe and base.

    Raises:
        TooLittleText: fewer than ten texts, or 400 tokens.
    """
    made = prepare_language_model(
        texts,
        how,
        base=base,
        sizes=sizes,
        backwards=backwards,
        seed=seed,
        tokenizer=tokenizer,
        pieces=pieces,
        cache=cache,
    )
    objective, train = made.objective, made.train
    bf16 = has_fast_bf16()
    plan = FitPlan(how.passes, 1.0, clip=how.clip, bf16=bf16, seed=seed)
    rate = (
        found_rate(objective, train, plan, LanguageModelSettings.lr) if how.lr == FIND else how.lr
    )
    plan = replace(plan, lr=number("lr", rate))
    history = History()
    stages = None if checkpoints is None else Stages(checkpoints)
    fit(objective, train, None, plan, history, callbacks, stages=stages)
    figures = {
        "perplexity": round(math.exp(evaluate(objective, made.valid, bf16).loss), 2),
        "tokens": train.tokens,
        "texts": len(train.rows),
        "epochs": len(history.epochs),
        "lr": plan.lr,
        "seconds": round(sum(epoch.seconds for epoch in history.epochs), 1),
        "tokens_per_second": round(history.epochs[-1].tokens_per_second),
    }
    kept = {"seed": seed, "recipe": asdict(how), "base": None if base is None else str(base)}
    kept |= details or {}
    saved = SavedModel(objective.model, Tokenizer.of(made.vocab), (), backwards, kept, figures)
    save_model(folder, saved)
    return figures


class Prepared(NamedTuple):
    """A language model before its first step, and what it will read."""

    objective: LanguageModelObjective
    train: LanguageModelStream
    valid: LanguageModelStream
    vocab: Vocab


def prepare_language_model(
    texts: Corpus,
    how: LanguageModelSettings,
    *,
    base: str | Path | None = None,
    sizes: Mapping[str, Any] | None = None,
    backwards: bool = False,
    seed: int = 0,
    tokenizer: str = WORDS,
    pieces: int = PIECES,
    cache: Path | None = None,
) -> Prepared:
    """Return what `train_language_model` begins with; arguments and errors are its own."""
    if len(texts) < FEWEST_TEXTS:
        raise TooLittleText(
            f"{len(texts)} texts are too few for a language model; it needs {FEWEST_TEXTS} at "
            "least. Give more, or train without one of your own."
        )
    if texts.split is None:
        texts = texts.split_randomly(max(how.held_out, 1 / len(texts)), seed)
    start = None if base is None else read_pretrained(base, backwards)
    given = None if start is None else start.saved.tokenizer.vocab
    if SUBWORDS not in (tokenizer, tokenizer_kind(None, given)):
        given = None  # words are counted anew, and matched by their text
    store, vocab = prepare_tokens(
        texts,
        vocab=given,
        max_vocab=how.max_vocab,
        min_freq=how.min_freq,
        tokenizer=None if tokenizer == WORDS else tokenizer,
        vocab_size=pieces,
        cache=cache,
    )
    rows = _rows(int(store.lengths_of(store.rows(TRAIN)).sum()), how.rows)
    train = LanguageModelStream(store, store.rows(TRAIN), rows, how.bptt, seed, backwards=backwards)
    valid = LanguageModelStream(
        store, store.rows(VALID), _few_rows(store), how.bptt, shuffle=False, backwards=backwards
    )
    defaults = LANGUAGE_MODEL_DEFAULTS
    if start is not None:
        defaults = {**defaults, **start.sizes, **start.decoder}
    sizes = {k: v for k, v in (sizes or {}).items() if start is None or k not in start.sizes}
    config = AWDLSTMConfig.from_defaults(defaults, len(vocab), how.drop_mult, sizes)
    model = LanguageModel(config, generator_on(None, seed))
    if start is not None:
        load_language_model(model, vocab, start, backwards)
    sampled = None
    if how.sampled:
        sampled = SampledSoftmax(store.token_counts(store.rows(TRAIN), len(vocab)))
    return Prepared(LanguageModelObjective(model, how.penalties, sampled), train, valid, vocab)


def _rows(tokens: int, most: int) -> int:
    """Return how many texts to read side by side."""
    if tokens < FEWEST_ROWS * 100:
        raise TooLittleText(
            f"All texts together have {tokens} tokens; a language model needs "
            f"{FEWEST_ROWS * 100} at least. Give more text, or train without one of your own."
        )
    return max(FEWEST_ROWS, min(most, tokens // ROW_TOKENS))


def _few_rows(store: TokenStore) -> int:
    """Return how many texts held out to read side by side."""
    tokens = int(store.lengths_of(store.rows(VALID)).sum())
    if tokens < 2:
        raise TooLittleText("A text held out is empty: too little text for a language model.")
    return min(FEWEST_ROWS, tokens - 1)
