"""Integrated gradients of a classifier with respect to its words' embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from steadfit.core.checks import whole_number
from steadfit.core.errors import DataError
from steadfit.inference.modes import require_evaluation_mode
from steadfit.kernels.lstm import lstm
from steadfit.kernels.weights import LSTMWeights
from steadfit.models.classifier import TextClassifier
from steadfit.models.outputs import State
from steadfit.models.recurrent import layer_weights

STEPS = 32
WINDOW = 128  # tokens whose steps through the layers are held at a time
ROWS = 8  # points of the path that are read together


class IntegratedGradients(NamedTuple):
    """Weights of tokens, and the two numbers whose difference they add up to.

    Attributes:
        weights: (tokens,), in nats of log-odds.
        log_odds: of the target in the document.
        baseline: of the target in as many words without meaning.
        gap: the sum of the weights less the difference; it shrinks with more steps.
    """

    weights: Tensor
    log_odds: float
    baseline: float
    gap: float


def integrated_gradients(
    model: TextClassifier,
    ids: Sequence[int],
    target: int,
    steps: int = STEPS,
    scale: float = 1.0,
) -> IntegratedGradients:
    """Weigh each token of a document by the gradients along a path to it.

    Sundararajan et al. (2017), equation 1. The function is the log-odds of a class: its logit less
    the logsumexp of the others, with two classes the difference of logits. The path goes straight
    from embeddings of zeros to those of the document. Zeros are what dropout shows in training for
    a word that is hidden (Merity et al., 2017, 4.3): the model has learned to read them as no word.
    The row of `xxpad` need not be zero where a decoder was tied to the embedding, that of `xxunk`
    is a word of its own, which could then have no weight, and a mean over the vocabulary is mostly
    one of rare words.

    The integral is a Gauss-Legendre sum. Gradients go back through the whole document, whatever
    `bptt` and `grad_tokens` say. It is read in windows, and between them only states are kept:
    memory does not grow by all that the layers computed. Nothing of the model is changed, and its
    parameters get no gradient.

    Args:
        model: in evaluation mode.
        ids: in the order in which the model reads them.
        target: the class.
        steps: points of the path; each costs about four readings.
        scale: of the logits.

    Raises:
        DataError: no tokens or steps, no such class, or a model in training mode.
    """
    require_evaluation_mode(model)
    whole_number("steps", steps, 1)
    whole_number("target", target, 0, model.n_classes - 1)
    if not len(ids):
        raise DataError("The document has no tokens; give at least one, such as xxbos.")
    device = model.encoder.embedding.weight.device
    places, shares = np.polynomial.legendre.leggauss(steps)
    with torch.autocast(device.type, enabled=False), torch.inference_mode(False):
        tokens = torch.tensor(list(ids), device=device)
        embedded = model.encoder.embedding.weight.detach()[tokens]
        reader = _Reader(model, embedded, target, scale)
        nodes = torch.tensor((places + 1) / 2, dtype=embedded.dtype, device=device)
        weights = torch.zeros(len(ids), dtype=torch.float64, device=device)
        for start in range(0, steps, ROWS):
            rows = slice(start, start + ROWS)
            share = torch.tensor(shares[rows] / 2, device=device)
            for place, along in reader.derivatives(nodes[rows]):
                weights[place] += share @ along.double()
        baseline, log_odds = reader.log_odds(embedded.new_tensor([0.0, 1.0]))
    gap = float(weights.sum()) - (log_odds - baseline)
    return IntegratedGradients(weights.cpu(), log_odds, baseline, gap)


class _Reader:
    """Reads a document whose embeddings are multiplied by each of some numbers, there and back."""

    def __init__(self, model: TextClassifier, embedded: Tensor, target: int, scale: float) -> None:
        self._model = model
        self._embedded = embedded  # (time, features)
        self._target = target
        self._scale = scale
        self._layers = [
            # Without gradients of their own, so that none is computed for them.
            LSTMWeights(*(weight.detach() for weight in layer_weights(layer)))
            for layer in model.encoder.rnns
        ]

    def log_odds(self, factors: Tensor) -> list[float]:
        """Return the target's log-odds for each factor."""
        pooled, _, _ = self._there(factors)
        with torch.no_grad():
            return [float(one) for one in self._score(pooled)]

    def derivatives(self, factors: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield, from the last window to the first, its place and x · ∂F/∂x: `(factors, time)`.

        Each window is read a second time, with gradients, from the state kept before it.
        """
        pooled, states, peaks = self._there(factors)
        pooled.requires_grad_()
        (gradient,) = torch.autograd.grad(self._score(pooled).sum(), pooled)
        of_last, of_largest, of_mean = gradient.chunk(3, dim=1)
        length = len(self._embedded)
        of_state = [torch.zeros_like(part) for layer in states[0] for part in layer]
        for index in reversed(range(len(states))):
            place = slice(index * WINDOW, min((index + 1) * WINDOW, length))
            x = factors.view(-1, 1, 1) * self._embedded[place]
            x.requires_grad_()
            before = tuple(
                (h.clone().requires_grad_(), c.clone().requires_grad_()) for h, c in states[index]
            )
            with torch.enable_grad():
                hidden, after = self._read(x, before)
            of_hidden = (of_mean / length).unsqueeze(1).expand_as(hidden).clone()
            if place.stop == length:
                of_hidden[:, -1] += of_last
            inside = (peaks >= place.start) & (peaks < place.stop)
            step = (peaks - place.start).clamp(0, hidden.shape[1] - 1)
            of_hidden.scatter_add_(1, step.unsqueeze(1), (of_largest * inside).unsqueeze(1))
            found = torch.autograd.grad(
                [hidden, *(part for layer in after for part in layer)],
                [x, *(part for layer in before for part in layer)],
                [of_hidden, *of_state],
            )
            of_state = list(found[1:])
            yield place, (found[0] * self._embedded[place]).sum(dim=-1)

    @torch.no_grad()
    def _there(self, factors: Tensor) -> tuple[Tensor, list[State], Tensor]:
        """Return pooled outputs, the state before each window, and where units are largest."""
        rows, length = len(factors), len(self._embedded)
        state = self._model.encoder.initial_state(rows)
        states: list[State] = []
        total = self._embedded.new_zeros(rows, self._model.encoder.units)
        largest = torch.full_like(total, -torch.inf)
        peaks = torch.zeros_like(total, dtype=torch.long)
        last = total
        for start in range(0, length, WINDOW):
            states.append(state)
            x = factors.view(-1, 1, 1) * self._embedded[start : start + WINDOW]
            hidden, state = self._read(x, state)
            value, where = hidden.max(dim=1)
            peaks = torch.where(value > largest, where + start, peaks)
            largest = torch.maximum(largest, value)
            total = total + hidden.sum(dim=1)
            last = hidden[:, -1]
        return torch.cat([last, largest, total / length], dim=1), states, peaks

    def _read(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        after = []
        for weights, before in zip(self._layers, state, strict=True):
            x, layer_state = lstm(x, before, weights)
            after.append(layer_state)
        return x, tuple(after)

    def _score(self, pooled: Tensor) -> Tensor:
        """Return the log-odds of the target, `(rows,)`."""
        with torch.set_grad_enabled(pooled.requires_grad):
            logits: Tensor = self._scale * self._model.head(pooled)
            chosen = logits[:, self._target]
            if self._model.multi_label:  # each class has a probability of its own
                return chosen
            others = torch.arange(logits.shape[1], device=logits.device) != self._target
            return chosen - logits[:, others].logsumexp(dim=1)
