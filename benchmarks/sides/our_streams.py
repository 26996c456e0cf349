"""Steadfit reading much: an epoch of a large corpus, a document as long as a library."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks._made_up import names
from benchmarks._worker import Gate
from benchmarks.sides.our_prediction import loaded
from benchmarks.sides.our_training import made_up_stream
from steadfit import AWD_LSTM, language_model_learner
from steadfit.data.token_store import TokenStore
from steadfit.notebook.data_bunch import DataBunch
from steadfit.notebook.text_learners import LanguageModelLearner
from steadfit.text.vocab import MARKERS, Vocab

WARM_UP = 20_000  # tokens


def epoch(gate: Gate, settings: dict[str, Any]) -> None:
    """Train a language model for an epoch of a store on disk."""
    torch.set_num_threads(settings["threads"])
    with tempfile.TemporaryDirectory() as warming:  # a first step builds and finds much
        _learner(made_up_stream(Path(warming), WARM_UP, 100, bs=8, bptt=70), settings).fit(1)
    store = TokenStore.open(settings["store"])
    vocab = Vocab([*MARKERS, *names(store.vocab_size)])
    folder = Path(settings["store"]).parent
    data = DataBunch("language-model", store, vocab, (), folder, bs=settings["rows"])
    learn = _learner(data, settings)
    for _ in gate:
        learn.fit_one_cycle(1, 1e-3)
        last = learn.recorder.history.epochs[-1]
        tokens = round(last.tokens_per_second * last.seconds)
        gate.report(seconds=last.seconds, work=tokens)


def documents(gate: Gate, settings: dict[str, Any]) -> None:
    """Label documents one at a time, each from a file of its own."""
    predictor = loaded(settings)
    for _ in gate:
        began = time.perf_counter()
        for file in settings["files"]:
            assert predictor.predict_file(file).label in predictor.classes
        gate.report(seconds=time.perf_counter() - began, work=settings["work"])


def _learner(data: DataBunch, settings: dict[str, Any]) -> LanguageModelLearner:
    learn = language_model_learner(data, AWD_LSTM, config=settings["config"], bf16=True)
    learn.objective.to(settings["device"])
    return learn
