"""Two losses of documents without labels, which a classifier reads beside the labelled ones.

Entropy minimisation (Grandvalet & Bengio, 2004) and virtual adversarial training on embeddings
(Miyato et al., 2017, "Adversarial training methods for semi-supervised text classification").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Generator, Tensor
from torch.func import functional_call

from steadfit.data.buckets import DocumentBatch, DocumentBatches
from steadfit.data.prepare import prepare_tokens
from steadfit.models.classifier import TextClassifier
from steadfit.models.outputs import State
from steadfit.recipe.network import Reading, starting_network, train_phase
from steadfit.recipe.settings import ClassifierSettings
from steadfit.text.corpus import Corpus
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.objective import ClassifierObjective, StepResult
from steadfit.training.optimizer import freeze_to
from steadfit.training.penalty_terms import Penalties, Sizes
from steadfit.training.stages import Stages

FIRST_MOVE = 0.01  # how far along a random direction the divergence's gradient is taken
MOVE = 0.02  # of the norm of a document's embeddings; 5 for 400 words of Miyato et al. is 0.016


def entropy(model: TextClassifier, batch: DocumentBatch, generator: Generator) -> Tensor:
    """Return the mean entropy of the classes' probabilities, in nats a document."""
    log_probabilities = _Beside(model, batch, generator)()
    return -(log_probabilities.exp() * log_probabilities).sum(dim=1).mean()


def virtual_adversarial(
    model: TextClassifier, batch: DocumentBatch, generator: Generator
) -> Tensor:
    """Return how far the worst small move of a document's embeddings moves its probabilities.

    Miyato et al. (2017), equations 5 to 8, with one iteration of the power method; in nats a
    document. A document's move is `MOVE` times as long as its embeddings.
    """
    read = _Beside(model, batch, generator)
    with torch.no_grad():
        before = read()
        embedded = read.embedded()
        size = _norm(embedded)
    move = torch.randn(embedded.shape, generator=generator, device=embedded.device) * read.real
    move = (FIRST_MOVE * size * move / _norm(move)).requires_grad_()
    with torch.enable_grad():
        (worst,) = torch.autograd.grad(_divergence(before, read(move)), move)
    return _divergence(before, read(MOVE * size * worst / _norm(worst)))


TERMS = {"entropy": entropy, "virtual adversarial": virtual_adversarial}


class _Beside:
    """Reads a batch, with the same masks each time; a move may be added to its embeddings.

    Batch normalisation's running figures stay those of the labelled documents.
    """

    def __init__(self, model: TextClassifier, batch: DocumentBatch, generator: Generator) -> None:
        self._model = model
        self._batch = batch
        self._generator = generator
        self._drawn = generator.get_state()
        steps = torch.arange(batch.tokens.shape[1], device=batch.tokens.device)
        self.real = (steps < batch.lengths.unsqueeze(1)).unsqueeze(-1)  # (batch, time, 1)

    def __call__(self, move: Tensor | float = 0.0) -> Tensor:
        """Return logarithms of probabilities, (batch, classes)."""
        # Each place is a word of its own, with an embedding of its own.
        pad = self._model.config.pad_token
        words = F.pad((self.embedded() + move).flatten(0, 1), (0, 0, pad + 1, 0))
        places = torch.arange(pad + 1, len(words), device=words.device).view(self.real.shape[:2])
        tokens = torch.where(self.real.squeeze(-1), places, pad)
        changed = {name: one.clone() for name, one in self._model.named_buffers()}
        changed["encoder.embedding.weight"] = words
        self._generator.set_state(self._drawn)
        arguments = (tokens, self._batch.lengths, None, self._generator)
        logits: Tensor = functional_call(self._model, changed, arguments)
        return logits.log_softmax(dim=1)

    def embedded(self) -> Tensor:
        """Return the documents' embeddings, (batch, time, units); zeros where they have ended."""
        return F.embedding(self._batch.tokens, self._model.encoder.embedding.weight) * self.real


def _norm(documents: Tensor) -> Tensor:
    return documents.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1)


def _divergence(before: Tensor, after: Tensor) -> Tensor:
    return F.kl_div(after, before, log_target=True, reduction="batchmean")


class Pair(NamedTuple):
    """What a step reads."""

    labelled: DocumentBatch
    unlabelled: DocumentBatch


class Pairs:
    """Batches of labelled documents, each beside the next one of documents without labels.

    The same step of the same epoch gives the same pair, so a fit can go on where it was stopped.
    """

    def __init__(self, labelled: DocumentBatches, unlabelled: DocumentBatches) -> None:
        self._labelled = labelled
        self._unlabelled = unlabelled

    def __len__(self) -> int:
        return len(self._labelled)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Pair]:
        """Return the pairs of one epoch, from pair `start` on."""
        beside = self._from(epoch * len(self) + start)
        for batch in self._labelled.epoch(epoch, start):
            yield Pair(batch, next(beside))

    def describe(self) -> dict[str, Any]:
        """Return all that decides what the pairs hold, as plain JSON values."""
        return {**self._labelled.describe(), "unlabelled": self._unlabelled.describe()}

    def _from(self, number: int) -> Iterator[DocumentBatch]:
        turn, place = divmod(number, len(self._unlabelled))
        while True:
            yield from self._unlabelled.epoch(turn, place)
            turn, place = turn + 1, 0


class UnlabelledObjective(ClassifierObjective):
    """A classifier's loss and penalties, and one of `TERMS` of the documents beside."""

    def __init__(self, model: TextClassifier, penalties: Penalties, term: str, **loss: Any) -> None:
        super().__init__(model, penalties, **loss)
        self._name = term
        self._term: Callable[..., Tensor] = TERMS[term]

    def sizes(self, batch: Pair) -> Sizes:  # type: ignore[override]
        """Return over how much the labelled documents' means are taken."""
        return super().sizes(batch.labelled)

    def forward(  # type: ignore[override]
        self, batch: Pair, state: State | None, sizes: Sizes, generator: Generator
    ) -> StepResult:
        """Return the labelled documents' share, and the term beside the penalties."""
        result = super().forward(batch.labelled, state, sizes, generator)
        term = self._term(self.model, batch.unlabelled, generator)
        return result._replace(penalties={**result.penalties, self._name: term})

    def settings(self) -> dict[str, Any]:
        """Return what decides how a step goes, as plain JSON values."""
        return {**super().settings(), "unlabelled": self._name}


def train_beside(
    term: str,
    texts: Sequence[str],
    reading: Reading,
    rows: ArrayLike,
    how: ClassifierSettings,
    *,
    seed: int,
    checkpoints: Path | None,
    history: History,
    callbacks: Sequence[Callback] = (),
    valid: None = None,
    patience: None = None,
    epochs: None = None,
) -> TextClassifier:
    """Return a classifier as of `train_network`, whose last phase reads texts without labels too.

    Before it the head is trained alone, which the term would hold at what it knows by chance.

    Args:
        term: one of `TERMS`.
        texts: without labels.
        reading, rows, how, seed, checkpoints, history, callbacks: as of `train_network`.
        valid, patience, epochs: None; such a fit is not stopped early, nor trained again.
    """
    assert valid is None
    assert patience is None
    assert epochs is None
    model = starting_network(reading, how, seed)
    documents = len(rows)  # type: ignore[arg-type]
    size = how.rows_of(documents)
    labelled = DocumentBatches(reading.store, rows, size, seed)
    store, _ = prepare_tokens(Corpus(texts), vocab=reading.vocab)
    pairs = Pairs(labelled, DocumentBatches(store, range(len(store)), size, seed))
    loss: Any = {"class_weights": reading.class_weights, "label_smoothing": how.label_smoothing}
    plain = ClassifierObjective(model.eval(), how.penalties, **loss)
    beside = UnlabelledObjective(model, how.penalties, term, **loss)
    stages = None if checkpoints is None else Stages(checkpoints)
    groups = model.layer_groups()
    *before, last = enumerate(how.phases(documents, len(groups)))
    for stage, phase in before:
        train_phase(plain, labelled, phase, stage, how, history, seed, None, callbacks, stages)
    stage, phase = last
    train_phase(beside, pairs, phase, stage, how, history, seed, None, callbacks, stages)
    freeze_to(groups, 0)
    return model
