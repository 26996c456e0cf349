"""A classifier's networks, one for each direction, trained on one corpus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.data.buckets import DocumentBatches
from steadfit.data.prepare import prepare_tokens
from steadfit.data.token_store import TokenStore
from steadfit.files.model_folder import SavedModel
from steadfit.files.pretrained import DIRECTIONS
from steadfit.files.transfer import read_pretrained
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import Ensemble
from steadfit.models.classifier import TextClassifier
from steadfit.recipe.choices import Recipe
from steadfit.recipe.network import Reading, best_epochs, train_network
from steadfit.recipe.weights import class_weights_of
from steadfit.recipe.work import Encoder, Work
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.tokenizer import WORDS, Tokenizer
from steadfit.text.vocab import Vocab
from steadfit.training.history import History

JUDGED = 64  # documents of a batch that is not learned from
HELD_OUT, ALL = "held-out", "all"  # names of folders


@dataclass(frozen=True)
class Networks:
    """Trains networks: all that is the same whatever they learn from.

    Attributes:
        recipe: the choices.
        encoders: one for each of `recipe.directions`.
        classes: names of the classes.
        work: where to work.
        learn: what trains each network, called as `train_network`.
    """

    recipe: Recipe
    encoders: Sequence[Encoder]
    classes: tuple[str, ...]
    work: Work
    learn: Callable[..., TextClassifier] = train_network

    def train(
        self,
        corpus: Corpus,
        weights: NDArray[Any] | None,
        name: str,
        like: Trained | None = None,
    ) -> Trained:
        """Train on what is not held out, or on that too if the name is `ALL`.

        Args:
            corpus: labelled, with a split.
            weights: (documents,), how much each counts; None is one each.
            name: of the folder of checkpoints.
            like: networks whose phases have the epochs to train for; None is those of the recipe.
        """
        ways = zip(self.encoders, self.recipe.directions, strict=True)
        epochs = [None] * len(self.encoders) if like is None else like.epochs
        done = [
            self._one(corpus, weights, name, encoder, backwards, of_phases)
            for (encoder, backwards), of_phases in zip(ways, epochs, strict=True)
        ]
        return Trained(tuple(one for one, _ in done), [epochs for _, epochs in done])

    def _one(
        self,
        corpus: Corpus,
        weights: NDArray[Any] | None,
        name: str,
        encoder: Encoder,
        backwards: bool,
        epochs: Sequence[int] | None,
    ) -> tuple[SavedModel, list[int] | None]:
        recipe, work = self.recipe, self.work
        vocab = None
        if encoder.place is not None:
            vocab = read_pretrained(encoder.place, backwards).saved.tokenizer.vocab
        store, vocab = tokens_of(corpus, self.classes, vocab, recipe, work)
        rows = store.rows(TRAIN)
        if name == ALL:
            rows = np.sort(np.concatenate([rows, store.rows(VALID)]))
        counts = store.class_counts(rows, len(self.classes))
        reading = Reading(
            store,
            vocab,
            encoder.place,
            recipe.sizes,
            backwards,
            weights,
            class_weights_of(recipe.class_weight, self.classes, counts),
        )
        stoppable = recipe.patience is not None and name != ALL
        valid = judged_batches(store, backwards) if stoppable else None
        history = History()
        model = self.learn(
            reading,
            rows,
            recipe.classifier,
            valid=valid,
            patience=recipe.patience if stoppable else None,
            callbacks=work.callbacks,
            seed=recipe.seed,
            checkpoints=work.checkpoints(name, DIRECTIONS[backwards]),
            history=history,
            epochs=epochs,
        )
        figures = {"training_seconds": round(sum(epoch.seconds for epoch in history.epochs), 1)}
        tokenizer = Tokenizer.of(vocab)
        saved = SavedModel(model.eval(), tokenizer, self.classes, backwards, metrics=figures)
        return saved, best_epochs(history) if stoppable else None


def judged_batches(store: TokenStore, backwards: bool) -> DocumentBatches:
    """Return the documents held out, as batches that a network is judged by."""
    return DocumentBatches(store, store.rows(VALID), JUDGED, shuffle=False, backwards=backwards)


def tokens_of(
    corpus: Corpus, classes: tuple[str, ...], vocab: Vocab | None, recipe: Recipe, work: Work
) -> tuple[TokenStore, Vocab]:
    """Return labelled documents in tokens of a vocabulary, or of one that is counted for them."""
    return prepare_tokens(
        corpus,
        vocab=vocab,
        classes=classes,
        tokenizer=None if recipe.tokenizer == WORDS else recipe.tokenizer,  # or the vocabulary's
        vocab_size=recipe.pieces,
        max_vocab=recipe.max_vocab,
        cache=work.cache,
    )


@dataclass(frozen=True)
class Trained:
    """Networks, one for each direction.

    Attributes:
        networks: ready to predict.
        epochs: for each network those of each phase until its best one, where it could be stopped
            early; None where it could not.
    """

    networks: tuple[SavedModel, ...]
    epochs: Sequence[Sequence[int] | None]

    @property
    def seconds(self) -> float:
        """What their training took."""
        return float(sum(one.metrics["training_seconds"] for one in self.networks))

    @cached_property
    def alone(self) -> Ensemble:
        """A classifier of the networks, and nothing else."""
        first = self.networks[0]
        assert isinstance(first.model, TextClassifier)
        return Ensemble(self.networks, Decision(first.classes, multi_label=first.model.multi_label))
