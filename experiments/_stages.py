"""The notebook's steps on movie reviews, from nothing: each a function of the one before."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from steadfit.cli.demo_recipe import (
    CLASSES,
    labelled_and_judged,
    sample_rows,
    texts_of_train,
)
from steadfit.data.buckets import DocumentBatches
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.prepare import prepare_tokens
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.files.transfer import load_encoder
from steadfit.inference.deviation import DOCUMENTS, int8_deviation
from steadfit.kernels.precision import has_fast_bf16
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import (
    CLASSIFIER_DEFAULTS,
    LANGUAGE_MODEL_DEFAULTS,
    AWDLSTMConfig,
)
from steadfit.models.language_model import LanguageModel
from steadfit.report.norms import longest_rows, norms_of
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import Vocab
from steadfit.training.devices import generator_on
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate, in_row_order
from steadfit.training.history import History
from steadfit.training.lr_finder import RangeTest, find_lr
from steadfit.training.objective import ClassifierObjective, LanguageModelObjective
from steadfit.training.optimizer import Rate, freeze_to
from steadfit.training.penalty_terms import Penalties
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan

NORM_DOCUMENTS = 64
MOMS = (0.8, 0.7)
LM_DROP_MULT = 0.3
DROP_MULT = 0.25  # half the notebook's: so small a model has little to drop
CLIP = 0.1  # at these rates one steep step of a classifier can undo its epoch
PLAIN = Penalties(alpha=2.0, beta=1.0)
STABILIZED = Penalties(alpha=2.0, beta=1.0, beta_norm=50.0)


@dataclass(frozen=True)
class NotebookSize:
    """How much of everything the notebook's steps take."""

    lm_reviews: int
    labelled_reviews: int
    test_reviews: int
    max_vocab: int
    emb_sz: int
    n_hid: int
    batch_size: int
    range_test_steps: int

    @property
    def sizes(self) -> dict[str, Any]:
        """The keys of the model's configuration that differ from the defaults."""
        return {"emb_sz": self.emb_sz, "n_hid": self.n_hid}


FULL = NotebookSize(
    lm_reviews=2500,
    labelled_reviews=2500,
    test_reviews=4992,
    max_vocab=8000,
    emb_sz=160,
    n_hid=320,
    batch_size=24,
    range_test_steps=60,
)
QUICK = NotebookSize(
    lm_reviews=600,
    labelled_reviews=600,
    test_reviews=400,
    max_vocab=5000,
    emb_sz=100,
    n_hid=200,
    batch_size=12,
    range_test_steps=40,
)


class LanguageModelResult(NamedTuple):
    """What came of training the language model."""

    folder: Path
    vocab: Vocab
    perplexity: float
    seconds: float
    tokens_per_second: float


class ClassifierRun(NamedTuple):
    """One row of the demo's table, and what the figures need."""

    name: str
    accuracy: float
    seconds: float
    tokens_per_second: float
    norm_drift: float
    norm_curve: list[float]
    right: list[bool]  # of each test document, in the order of the token store


def language_model_corpus(reviews: Corpus, size: NotebookSize, seed: int) -> Corpus:
    """Return what the demo's language model may read, a tenth held out."""
    return texts_of_train(reviews, size.lm_reviews, seed).split_randomly(0.1, seed)


def classifier_corpus(reviews: Corpus, size: NotebookSize, seed: int) -> Corpus:
    """Return labelled reviews of `train` to learn from and of `test` to be judged by."""
    return labelled_and_judged(reviews, size.labelled_reviews, size.test_reviews, seed)


def train_language_model(
    corpus: Corpus, size: NotebookSize, seed: int, folder: Path, checkpoints: Path | None = None
) -> LanguageModelResult:
    """Train a language model from scratch and save its encoder to `folder`.

    With `checkpoints` it goes on where an earlier call was stopped.
    """
    store, vocab = prepare_tokens(corpus, max_vocab=size.max_vocab, min_freq=3)
    train = LanguageModelStream(store, store.rows(TRAIN), size.batch_size, seed=seed)
    valid = LanguageModelStream(store, store.rows(VALID), size.batch_size, shuffle=False)
    config = AWDLSTMConfig.from_defaults(
        LANGUAGE_MODEL_DEFAULTS, len(vocab), LM_DROP_MULT, size.sizes
    )
    objective = LanguageModelObjective(LanguageModel(config, generator_on(None, seed)), PLAIN)
    history = History()
    stages = _stages(checkpoints, "language-model")
    fit(objective, train, valid, _plan(1, 1e-2, seed), history, stages=stages)
    last = history.epochs[-1]
    assert last.valid_loss is not None
    encoder = SavedModel(objective.model.encoder, Tokenizer(vocab), details={"seed": seed})
    save_model(folder, encoder)
    seconds = sum(epoch.seconds for epoch in history.epochs)
    perplexity = float(np.exp(last.valid_loss))
    return LanguageModelResult(folder, vocab, perplexity, seconds, last.tokens_per_second)


class ClassifierDemo:
    """The notebook's classifier: head only, `freeze_to(-2)`, then all layers, two ways.

    With `checkpoints` its fits go on where an earlier program was stopped.
    """

    def __init__(
        self,
        corpus: Corpus,
        encoder: LanguageModelResult,
        size: NotebookSize,
        seed: int,
        checkpoints: Path | None = None,
    ) -> None:
        self.size, self.seed, self.vocab = size, seed, encoder.vocab
        self.store, _ = prepare_tokens(corpus, vocab=encoder.vocab, classes=CLASSES)
        self.train = DocumentBatches(self.store, self.store.rows(TRAIN), size.batch_size, seed)
        self.test = self._reading(self.store.rows(VALID))
        test_rows = self.store.rows(VALID)
        longest = longest_rows(self.store.lengths[test_rows], NORM_DOCUMENTS)
        self.longest = self._reading(test_rows[longest])
        config = AWDLSTMConfig.from_defaults(
            CLASSIFIER_DEFAULTS, len(self.vocab), DROP_MULT, size.sizes
        )
        model = TextClassifier(config, len(CLASSES), generator=generator_on(None, seed))
        load_encoder(model.encoder, self.vocab, encoder.folder)
        self.objective = ClassifierObjective(model.eval(), PLAIN)
        self.history = History()
        self._stage = 0
        self._checkpoints = checkpoints
        self._stages = _stages(checkpoints, "classifier")

    def range_test(self) -> RangeTest:
        """Look for a learning rate for the head; the model stays as it is."""
        freeze_to(self.objective.model.layer_groups(), -1)
        return find_lr(
            self.objective, self.train, _plan(1, 1.0, self.seed), steps=self.size.range_test_steps
        )

    def run(
        self, name: str, unfrozen: int, lr: Rate, penalties: Penalties = PLAIN
    ) -> ClassifierRun:
        """Train one epoch with the layer groups from `unfrozen` on, then judge the test reviews."""
        self.objective.penalties = penalties
        freeze_to(self.objective.model.layer_groups(), unfrozen)
        plan = replace(
            _plan(1, lr, self.seed), clip=CLIP, stage=self._stage, first_epoch=self._stage
        )
        fit(self.objective, self.train, None, plan, self.history, stages=self._stages)
        self._stage += 1
        last = self.history.epochs[-1]
        model = self.objective.model
        evaluation = evaluate(self.objective, self.test, plan.bf16)
        probabilities, labels = in_row_order(evaluation)
        norms = norms_of(model, self.longest)
        return ClassifierRun(
            name,
            evaluation.accuracy,
            last.seconds,
            last.tokens_per_second,
            norms.drift.ratio,
            norms.curve,
            (probabilities.argmax(dim=1) == labels).tolist(),
        )

    def fork(self, name: str) -> ClassifierDemo:
        """Return a copy that goes on from the same weights and seeds, into the same history.

        Its checkpoints have a folder of that name.
        """
        other = copy.copy(self)
        other._stages = _stages(self._checkpoints, name)
        other.objective = copy.deepcopy(self.objective)
        return other

    def save(self, folder: Path, metrics: Mapping[str, float]) -> Path:
        """Write the model folder."""
        rows = sample_rows(self.store.rows(VALID).tolist(), DOCUMENTS, self.seed)
        found = int8_deviation(self.objective.model, (self.store[row].tolist() for row in rows))
        details = {
            "seed": self.seed,
            "penalties": asdict(self.objective.penalties),
            "data": {"set": "movie reviews", "demo": asdict(self.size)},
            "int8": None if found is None else found._asdict(),
        }
        saved = SavedModel(
            self.objective.model, Tokenizer(self.vocab), CLASSES, False, details, metrics
        )
        return save_model(folder, saved)

    def _reading(self, rows: Any) -> DocumentBatches:
        return DocumentBatches(self.store, rows, self.size.batch_size, shuffle=False)


def _stages(checkpoints: Path | None, name: str) -> Stages | None:
    return None if checkpoints is None else Stages(checkpoints / name)


def _plan(epochs: int, lr: Rate, seed: int) -> FitPlan:
    bf16 = has_fast_bf16()
    return FitPlan(epochs=epochs, lr=lr, moms=MOMS, seed=seed, bf16=bf16)
