"""How long the parts of a training take on this machine, from a few steps of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from steadfit.data.buckets import DocumentBatches
from steadfit.files.transfer import read_pretrained
from steadfit.kernels.precision import has_fast_bf16
from steadfit.linear.counting import NothingToCount
from steadfit.recipe.base import AUTO, base_for
from steadfit.recipe.choices import Recipe
from steadfit.recipe.held_out import hold_out, not_judged
from steadfit.recipe.language_model import TooLittleText, prepare_language_model
from steadfit.recipe.linear_part import mixing_allowed, nbsvm
from steadfit.recipe.network import Reading, starting_network
from steadfit.recipe.networks import tokens_of
from steadfit.recipe.rates import STEPS as RANGE_TEST
from steadfit.recipe.self_training import texts_read
from steadfit.recipe.settings import FIND, ClassifierSettings, with_rate
from steadfit.recipe.work import Work
from steadfit.text.corpus import TRAIN, Corpus
from steadfit.text.joined_texts import joined
from steadfit.text.tokenizer import SUBWORDS
from steadfit.training.engine import fit
from steadfit.training.evaluation import Batches
from steadfit.training.history import History
from steadfit.training.objective import ClassifierObjective, Objective
from steadfit.training.optimizer import freeze_to
from steadfit.training.state import FitPlan

STEPS = 3  # timed; one before them is not, in which kernels may be built
_SAMPLE = 200  # documents that NBSVM is timed on


class Phase(NamedTuple):
    """A phase of the classifier, all networks together.

    Attributes:
        seconds: of an epoch.
        epochs: how many.
    """

    seconds: float
    epochs: int


class Costs(NamedTuple):
    """Seconds of a training.

    Attributes:
        language_model: of an epoch, all directions together.
        epochs: of the language model.
        phases: of the classifier; with `refit` those of both trainings.
        rest: what is not made of epochs: NBSVM, reading what is held out.
    """

    language_model: float
    epochs: int
    phases: tuple[Phase, ...]
    rest: float

    def total(self, share: float) -> float:
        """Return the seconds of everything with a share of the epochs, one of each at least."""

        def some(epochs: int) -> int:
            return max(1, math.floor(share * epochs + 1e-9))

        return (
            some(self.epochs) * self.language_model
            + sum(some(phase.epochs) * phase.seconds for phase in self.phases)
            + self.rest
        )


def measured(
    corpus: Corpus,
    unlabeled: Sequence[str],
    recipe: Recipe,
    work: Work,
    clock: Callable[[], float],
    weighed: bool = False,
) -> Costs:
    """Return what a recipe costs here; texts are tokenized for it, and found again by training.

    Args:
        corpus: labelled documents.
        unlabeled: more texts for the language model.
        recipe: what will be trained.
        work: where to work.
        clock: tells seconds.
        weighed: whether documents have weights.
    """
    recipe = recipe.for_documents(len(corpus))
    corpus = hold_out(corpus, recipe.held_out, recipe.seed)
    unlabeled = not_judged(unlabeled, corpus)
    texts = Corpus(joined(corpus.part(TRAIN).texts, unlabeled))
    base = recipe.base
    if base == AUTO:
        base = None if recipe.tokenizer == SUBWORDS else base_for(texts.texts)
    ways = len(recipe.directions)
    backwards = recipe.directions[0]
    vocab, sizes, of_language_model, epochs, rest = None, recipe.sizes, 0.0, 1, 0.0
    if recipe.language_model is not None:
        try:
            made = prepare_language_model(
                texts,
                recipe.language_model,
                base=base,
                sizes=recipe.sizes,
                backwards=backwards,
                seed=recipe.seed,
                tokenizer=recipe.tokenizer,
                pieces=recipe.pieces,
                cache=work.cache,
            )
            each = _step(made.objective, made.train, clock)
            of_language_model = ways * each * len(made.train)
            epochs = recipe.language_model.passes
            if recipe.language_model.lr == FIND:
                rest += ways * RANGE_TEST * each
            vocab, base = made.vocab, None
            config = made.objective.model.config
            sizes = {name: getattr(config, name) for name in ("emb_sz", "n_hid", "n_layers")}
        except TooLittleText:
            pass
    if base is not None:
        vocab = read_pretrained(base, backwards).saved.tokenizer.vocab
    store, vocab = tokens_of(corpus, corpus.classes, vocab, recipe, work)
    how = recipe.classifier
    model = starting_network(Reading(store, vocab, base, sizes, backwards), how, recipe.seed)
    objective = ClassifierObjective(model.eval(), how.penalties)
    rows = store.rows(TRAIN)
    train = DocumentBatches(store, rows, how.rows_of(len(rows)), recipe.seed)
    groups = model.layer_groups()
    tokens = ways * float(store.lengths_of(rows).mean())  # of a document
    seconds = []  # of a document, where the head alone trains, and where all layers do
    for unfrozen in (-1, 0):
        freeze_to(groups, unfrozen)
        seconds.append(tokens * _token(objective, train, clock))
    head = seconds[0]
    if how.lr == FIND:
        rest += (1 + recipe.refit) * RANGE_TEST * head * how.rows_of(len(rows))
    phases = _phases(how, len(rows), len(groups), *seconds)
    judged = 1  # times that what is held out is read
    if recipe.patience is not None:
        judged += sum(phase.epochs for phase in phases)
    if recipe.refit:
        phases += _phases(how, len(store), len(groups), *seconds)
    rest += head * judged * (len(store) - len(rows))
    taught = 0
    if mixing_allowed(corpus, recipe, weighed) and recipe.self_training:
        taught = texts_read(unlabeled)
        rest += head * taught * _mean_length(unlabeled) / _mean_length(corpus.texts)
    rest += _linear(corpus, recipe, taught, clock)
    return Costs(of_language_model, epochs, tuple(phases), rest)


def _phases(
    how: ClassifierSettings, documents: int, groups: int, head: float, all_layers: float
) -> list[Phase]:
    """Return the phases of a training.

    Args:
        how: says which.
        documents: to learn from.
        groups: of layers.
        head: seconds of a document where the head alone trains.
        all_layers: the same where more than the head trains: what that costs at most.
    """
    return [
        Phase(documents * (head if one.unfrozen == -1 else all_layers), one.epochs)
        for one in with_rate(how).phases(documents, groups)
    ]


class _Few:
    """The first batches of an epoch alone."""

    def __init__(self, batches: Batches, count: int) -> None:
        self._batches = batches
        self._count = min(count, len(batches))

    def __len__(self) -> int:
        return self._count

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Any]:
        return islice(self._batches.epoch(epoch, start), self._count - start)

    def describe(self) -> dict[str, Any]:
        return {**self._batches.describe(), "count": self._count}


def _step(objective: Objective, train: Batches, clock: Callable[[], float]) -> float:
    """Return the seconds of a step."""
    few = _Few(train, STEPS)
    return _seconds(objective, few, clock) / len(few)


def _token(objective: Objective, train: DocumentBatches, clock: Callable[[], float]) -> float:
    """Return the seconds of a token; the first batch of an epoch has the longest document."""
    few = _Few(train, STEPS)
    tokens = sum(int(batch.lengths.sum()) for batch in few.epoch(0))
    return _seconds(objective, few, clock) / tokens


def _seconds(objective: Objective, few: _Few, clock: Callable[[], float]) -> float:
    plan = FitPlan(1, 1e-4, bf16=has_fast_bf16())
    fit(objective, _Few(few, 1), None, plan, History())
    began = clock()
    fit(objective, few, None, plan, History())
    return clock() - began


def _linear(corpus: Corpus, recipe: Recipe, taught: int, clock: Callable[[], float]) -> float:
    """Return the seconds of NBSVM, once on what is not held out and once on all.

    Where it is taught on so many texts without labels it is made three times, twice with them.
    """
    if recipe.blend is None or corpus.multi_label:
        return 0.0
    rows = np.arange(0, len(corpus), max(1, len(corpus) // _SAMPLE))
    sample = corpus.select(rows.tolist())
    if sample.labels is None or len(sample.classes) < 2:
        return 0.0
    try:
        nbsvm(sample)  # the first one loads libraries
        began = clock()
        nbsvm(sample)
    except NothingToCount:
        return 0.0  # then training leaves it out, or says why it cannot
    learned = len(corpus.part(TRAIN)) + len(corpus)
    if taught:
        learned += len(corpus.part(TRAIN)) + 2 * round(recipe.self_training * taught)
    return (clock() - began) * learned / len(sample)


def _mean_length(texts: Sequence[str]) -> float:
    """Return characters of a text."""
    return max(1.0, sum(map(len, texts)) / max(1, len(texts)))
