"""Tiny models and made-up documents, small enough to train in milliseconds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from steadfit.data.buckets import DocumentBatches
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.token_store import TokenStore
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.training.objective import ClassifierObjective, LanguageModelObjective
from steadfit.training.penalty_terms import Penalties
from steadfit.training.state import FitPlan
from tests.training.programs import Program

WORDS = 20
SIZES = {"emb_sz": 6, "n_hid": 8, "n_layers": 2}
NO_PENALTIES = Penalties(0.0, 0.0, 0.0)

MakeLanguageModel = Callable[..., LanguageModelObjective]
MakeClassifier = Callable[..., ClassifierObjective]


def store_of(documents: Sequence[Sequence[int]], labels: Sequence[int] | None = None) -> TokenStore:
    return TokenStore(
        Path("in memory"),
        tokens=np.array([token for document in documents for token in document], np.uint16),
        offsets=np.cumsum([0, *(len(document) for document in documents)]),
        labels=None if labels is None else np.array(labels, np.int64),
        split=None,
        vocab_size=WORDS,
        meta={},
    )


@pytest.fixture(scope="session")
def documents() -> TokenStore:
    """Return 24 labelled documents of 3 to 14 tokens; label 1 goes with the larger numbers."""
    rng = np.random.default_rng(0)
    labels = [row % 2 for row in range(24)]
    texts = [rng.integers(2 + 9 * label, 11 + 9 * label, rng.integers(3, 15)) for label in labels]
    return store_of([[int(token) for token in text] for text in texts], labels)


@pytest.fixture(scope="session")
def stream(documents: TokenStore) -> LanguageModelStream:
    return LanguageModelStream(documents, range(24), batch_size=4, bptt=7)


@pytest.fixture(scope="session")
def drawn(documents: TokenStore) -> LanguageModelStream:
    """Return the documents of label 0 in windows of drawn lengths."""
    return LanguageModelStream(documents, range(0, 24, 2), 2, bptt=10, bptt_jitter=True)


@pytest.fixture(scope="session")
def contrary(documents: TokenStore) -> LanguageModelStream:
    """Return those of label 1, other words: a model that learns the others gets worse at these."""
    return LanguageModelStream(documents, range(1, 24, 2), 2, bptt=10, shuffle=False)


@pytest.fixture(scope="session")
def buckets(documents: TokenStore) -> DocumentBatches:
    return DocumentBatches(documents, range(24), batch_size=8)


@pytest.fixture(scope="session")
def held_out(documents: TokenStore) -> DocumentBatches:
    return DocumentBatches(documents, range(0, 24, 3), batch_size=3, shuffle=False)


def config_of(defaults: dict[str, Any], drop_mult: float) -> AWDLSTMConfig:
    return AWDLSTMConfig.from_defaults(defaults, WORDS, drop_mult, SIZES)


@pytest.fixture(scope="session")
def language_model() -> MakeLanguageModel:
    def make(
        penalties: Penalties = NO_PENALTIES, drop_mult: float = 0.0, seed: int = 0
    ) -> LanguageModelObjective:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = LanguageModel(config_of(LANGUAGE_MODEL_DEFAULTS, drop_mult))
        return LanguageModelObjective(model, penalties)

    return make


@pytest.fixture(scope="session")
def classifier() -> MakeClassifier:
    def make(
        penalties: Penalties = NO_PENALTIES,
        drop_mult: float = 0.0,
        seed: int = 0,
        bptt: int = 70,
        classes: int = 2,
    ) -> ClassifierObjective:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            config = config_of(CLASSIFIER_DEFAULTS, drop_mult)
            model = TextClassifier(config, classes, bptt)
        return ClassifierObjective(model, penalties)

    return make


@pytest.fixture(params=["classifier", "language_model"])
def case(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """Return a maker of objectives and the batches they train on."""
    batches = "buckets" if request.param == "classifier" else "stream"
    return request.getfixturevalue(request.param), request.getfixturevalue(batches)


@pytest.fixture
def simple(tmp_path: Path, classifier: Any, buckets: Any, held_out: Any) -> Program:
    return Program(tmp_path, classifier, buckets, held_out, [FitPlan(2, 1e-2)] * 2)


@pytest.fixture
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
