"""What the demo does: classifiers of the same labelled reviews that begin with ever more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.data.buckets import DocumentBatches
from steadfit.data.prepare import prepare_tokens
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.files.transfer import read_pretrained
from steadfit.inference.blend import blended
from steadfit.inference.deviation import DOCUMENTS, int8_deviation
from steadfit.inference.ensemble import tempered
from steadfit.kernels.precision import has_fast_bf16
from steadfit.models.classifier import TextClassifier
from steadfit.recipe.fitted import USUAL_SCALE, answers_of
from steadfit.recipe.language_model import train_language_model
from steadfit.recipe.linear_part import nbsvm
from steadfit.recipe.network import Reading, starting_network, train_network
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.report.norms import longest_rows, norms_of
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.tokenizer import Tokenizer
from steadfit.training.evaluation import evaluate, in_row_order
from steadfit.training.history import History
from steadfit.training.lr_finder import RangeTest, find_lr
from steadfit.training.objective import ClassifierObjective
from steadfit.training.optimizer import freeze_to
from steadfit.training.state import FitPlan

CLASSES = ("neg", "pos")
BETA_NORM = 50.0


@dataclass(frozen=True)
class DemoSize:
    """How much of everything the demo takes, chosen to fit its time on two cores.

    Attributes:
        lm_reviews: what the language model of the reviews reads.
        labelled_reviews: what the classifiers learn from, all of them the same.
        test_reviews: what they are judged by.
        range_test_steps: of the range test for the head's rate.
        norm_reviews: the longest of all test reviews, over which norms are measured: far beyond
            the length of those that are learned from.
        language_model, classifier: the numbers of their training.
        sizes: of the network that begins with nothing.
        longest: characters; a review of more is neither learned from nor judged by.
    """

    lm_reviews: int
    labelled_reviews: int
    test_reviews: int
    range_test_steps: int
    norm_reviews: int
    language_model: LanguageModelSettings
    classifier: ClassifierSettings
    sizes: dict[str, int]
    longest: int


FULL = DemoSize(
    lm_reviews=2_000,
    labelled_reviews=1_000,
    test_reviews=1_000,
    range_test_steps=30,
    norm_reviews=32,
    language_model=LanguageModelSettings(epochs=1, max_vocab=12_000, sampled=True),
    classifier=ClassifierSettings(steps=60, last=1.0, lr=4e-2, drop_mult=0.2),
    sizes={"emb_sz": 320, "n_hid": 768, "n_layers": 3},
    longest=1_000,
)
QUICK = DemoSize(
    lm_reviews=60,
    labelled_reviews=32,
    test_reviews=64,
    range_test_steps=8,
    norm_reviews=16,
    language_model=LanguageModelSettings(epochs=1, max_vocab=4_000),
    classifier=ClassifierSettings(steps=2, last=1.0, batch_size=16),
    sizes={"emb_sz": 100, "n_hid": 200, "n_layers": 2},
    longest=1_000,
)


class DemoRun(NamedTuple):
    """One row of the demo's table, and what the figures and the model folder need."""

    name: str
    accuracy: float
    seconds: float
    tokens_per_second: float
    norm_drift: float
    norm_curve: list[float]
    probabilities: NDArray[np.float64]  # (test reviews, classes)
    model: TextClassifier
    reading: Reading
    how: ClassifierSettings


class Mixture(NamedTuple):
    """What NBSVM reaches, alone and mixed with a run, and what it took to train and predict."""

    linear: float
    both: float
    seconds: float


def texts_of_train(reviews: Corpus, count: int, seed: int) -> Corpus:
    """Return what a language model may read: some reviews of `train`.

    Neither a test review nor another review of a test set's film is among them.
    """
    train = reviews.filter_by_folder(include=["train"])
    return train.select(sample_rows(range(len(train)), count, seed))


def labelled_and_judged(reviews: Corpus, labelled: int, judged: int, seed: int) -> Corpus:
    """Return labelled reviews of `train` to learn from and of `test` to be judged by."""
    every = reviews.split_by_folder(train="train", valid="test").label_from_folder(CLASSES)
    assert every.split is not None
    chosen: list[int] = []
    for side, count in ((TRAIN, labelled), (VALID, judged)):
        rows = [row for row, name in enumerate(every.split) if name == side]
        chosen += sample_rows(rows, count, seed)
    return every.select(chosen)


class Demo:
    """Classifiers of the same reviews; with `checkpoints` each goes on where it was stopped."""

    def __init__(
        self,
        reviews: Corpus,
        size: DemoSize,
        seed: int,
        out: Path,
        checkpoints: Path | None = None,
    ) -> None:
        self.size, self.seed, self.out = size, seed, out
        lengths = [len(text) for text in reviews.texts]
        test = reviews.filter_by_folder(include=["test"]).label_from_folder(CLASSES)
        by_length = longest_rows([len(text) for text in test.texts], size.norm_reviews)
        self.long = test.select(by_length.tolist())
        reviews = reviews.select(row for row, n in enumerate(lengths) if n <= size.longest)
        self.texts = texts_of_train(reviews, size.lm_reviews, seed)
        self.labelled = labelled_and_judged(reviews, size.labelled_reviews, size.test_reviews, seed)
        self.history = History()
        self._checkpoints = checkpoints

    def language_model(self, base: str | Path | None) -> tuple[Path, dict[str, Any]]:
        """Train a language model of the reviews; return its folder and its figures."""
        folder = self.out / "language-model"
        figures = train_language_model(
            self.texts,
            self.size.language_model,
            folder,
            base=base,
            sizes=None if base is not None else self.size.sizes,
            seed=self.seed,
            checkpoints=self._place("language-model"),
        )
        return folder, figures

    def range_test(self, encoder: str | Path | None) -> RangeTest:
        """Look for a learning rate for the head."""
        reading = self._reading(encoder)
        how = self.size.classifier
        model = starting_network(reading, how, self.seed)
        freeze_to(model.layer_groups(), -1)
        train = self._batches(reading, TRAIN, how.rows_of(self.size.labelled_reviews))
        plan = FitPlan(1, 1.0, bf16=has_fast_bf16(), seed=self.seed)
        objective = ClassifierObjective(model.eval(), how.penalties)
        return find_lr(objective, train, plan, steps=self.size.range_test_steps)

    def run(self, name: str, encoder: str | Path | None, beta_norm: float = 0.0) -> DemoRun:
        """Train a classifier from an encoder, or from nothing, then judge the test reviews."""
        reading = self._reading(encoder)
        how = replace(self.size.classifier, beta_norm=beta_norm)
        history = History()
        model = train_network(
            reading,
            reading.store.rows(TRAIN),
            how,
            seed=self.seed,
            checkpoints=self._place(name.replace(" ", "-")),
            history=history,
        ).eval()
        self.history = history
        test = self._batches(reading, VALID, 48)
        evaluation = evaluate(ClassifierObjective(model, how.penalties), test, has_fast_bf16())
        probabilities, labels = in_row_order(evaluation)
        norms = norms_of(model, self._long_reviews(reading))
        return DemoRun(
            name,
            float((probabilities.argmax(dim=1) == labels).double().mean()),
            sum(epoch.seconds for epoch in history.epochs),
            history.epochs[-1].tokens_per_second,
            norms.drift.ratio,
            norms.curve,
            probabilities.double().numpy(),
            model,
            reading,
            how,
        )

    def mixed(self, run: DemoRun) -> Mixture:
        """Mix a run with NBSVM of the same labelled reviews, as the recipe begins to.

        Nothing is held out to fit weight and temperature on, so they are the recipe's own: half and
        half, and the usual temperature.
        """
        began = time.perf_counter()
        test = self.labelled.part(VALID)
        linear = nbsvm(self.labelled.part(TRAIN)).probabilities(test.texts)
        seconds = time.perf_counter() - began
        table = blended(tempered(run.probabilities, USUAL_SCALE), linear, 0.5)
        answers = answers_of(test, CLASSES)
        alone, both = ((one.argmax(axis=1) == answers).mean() for one in (linear, table))
        return Mixture(float(alone), float(both), seconds)

    def save(self, run: DemoRun, folder: Path) -> Path:
        """Write the model folder of a run."""
        store = run.reading.store
        rows = sample_rows(store.rows(VALID).tolist(), DOCUMENTS, self.seed)
        found = int8_deviation(run.model, (store[row].tolist() for row in rows))
        details = {
            "seed": self.seed,
            "penalties": asdict(run.how.penalties),
            "data": {"set": "movie reviews", "demo": asdict(self.size)},
            "int8": None if found is None else found._asdict(),
        }
        metrics = {"accuracy": run.accuracy, "norm_drift": run.norm_drift}
        tokenizer = Tokenizer.of(run.reading.vocab)
        saved = SavedModel(run.model, tokenizer, CLASSES, False, details, metrics)
        return save_model(folder, saved)

    def _reading(self, encoder: str | Path | None) -> Reading:
        """Tokenize the reviews with the encoder's vocabulary, or with one of their own."""
        vocab = None
        if encoder is not None:
            vocab = read_pretrained(encoder).saved.tokenizer.vocab
        store, vocab = prepare_tokens(self.labelled, vocab=vocab, classes=CLASSES)
        return Reading(store, vocab, encoder, {} if encoder is not None else self.size.sizes)

    def _batches(self, reading: Reading, side: str, batch_size: int) -> DocumentBatches:
        shuffle = side == TRAIN
        rows = reading.store.rows(side)
        return DocumentBatches(reading.store, rows, batch_size, self.seed, shuffle)

    def _long_reviews(self, reading: Reading) -> DocumentBatches:
        store, _ = prepare_tokens(self.long, vocab=reading.vocab, classes=CLASSES)
        return DocumentBatches(store, range(len(store)), 32, shuffle=False)

    def _place(self, name: str) -> Path | None:
        return None if self._checkpoints is None else self._checkpoints / name


def sample_rows(rows: Sequence[int], count: int, seed: int) -> list[int]:
    """Return so many rows drawn at random, sorted; all of them where there are fewer."""
    order = np.random.default_rng(seed).permutation(len(rows))[:count]
    return sorted(rows[place] for place in order)
