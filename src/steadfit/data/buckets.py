"""Batches of whole documents of like length."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from steadfit.core.checks import LARGEST_SEED, whole_number
from steadfit.core.errors import DataError
from steadfit.data.token_store import TokenStore, checked_rows, described
from steadfit.text.vocab import PAD

_CHUNK_BATCHES = 50  # batches sorted together: more pads less, fewer shuffles better
_BATCHES_KEPT = 8  # read before their pages are given back


class DocumentBatch(NamedTuple):
    """Some documents, whole, padded behind to the longest of them.

    `tokens` (batch, time), `lengths` (batch,), `labels` (batch,) or None, and `rows` (batch,), the
    place of each document in the store, are int64. Where documents may have several classes,
    `labels` is (batch, classes), float32 of zeros and ones. `weights` (batch,), float32, say how
    much each counts in training; None is one each.
    """

    tokens: Tensor
    lengths: Tensor
    labels: Tensor | None
    rows: Tensor
    weights: Tensor | None = None


class DocumentBatches:
    """Every document once an epoch, those of like length together.

    Shuffled, for training: documents are permuted, sorted by length within chunks of 50 batches
    and cut into batches. The batch with the longest document comes first, so that memory runs out
    at once or never; the others follow in random order. A remainder of a single document joins the
    batch before it, because batch normalisation needs two rows; so every batch but at most one has
    `batch_size` rows.

    Not shuffled, for evaluation: longest first, documents of one length in the order of the store.

    `weights` are one number for each document of the store, of which those of `rows` are used: how
    much each counts in training, as scikit-learn's `sample_weight`. Evaluation counts all alike.

    Raises:
        DataError: No rows, a batch size below 1, or weights that are no numbers from zero on, or
            all zero.
    """

    def __init__(
        self,
        store: TokenStore,
        rows: ArrayLike,
        batch_size: int = 64,
        seed: int = 0,
        shuffle: bool = True,
        backwards: bool = False,
        weights: ArrayLike | None = None,
    ) -> None:
        whole_number("batch_size", batch_size, 1)
        whole_number("seed", seed, 0, LARGEST_SEED)
        self.store = store
        self.rows = checked_rows(store, rows)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.backwards = backwards
        self._weights = None if weights is None else _checked_weights(weights, store, self.rows)
        self._cuts = self._batch_cuts()

    def __len__(self) -> int:
        return len(self._cuts) + 1

    def epoch(self, epoch: int, start: int = 0) -> Iterator[DocumentBatch]:
        """Return the batches of one epoch, from batch `start` on.

        The same epoch gives the same batches, however many are skipped.
        """
        if epoch < 0 or not 0 <= start <= len(self):
            raise DataError(
                f"Epoch {epoch}, batch {start} was asked for: epochs count from 0, batches from 0 "
                f"to {len(self)}."
            )
        plan = self._shuffled(epoch) if self.shuffle else self._sorted()
        return self._batches(plan[start:])

    def describe(self) -> dict[str, Any]:
        """Return all that decides what the batches hold, as plain JSON values."""
        names = ("batch_size", "seed", "shuffle", "backwards")
        found = {**described(self.store, self.rows), **{n: getattr(self, n) for n in names}}
        if self._weights is not None:  # without them as before, so that fits begun can go on
            used = self._weights[self.rows].tobytes()
            found["weights"] = blake2b(used, digest_size=16).hexdigest()
        return found

    def _batch_cuts(self) -> NDArray[np.int64]:
        cuts = np.arange(self.batch_size, len(self.rows), self.batch_size)
        if self.shuffle and len(cuts) and self.batch_size > 1 and cuts[-1] == len(self.rows) - 1:
            cuts = cuts[:-1]
        return cuts

    def _shuffled(self, epoch: int) -> list[NDArray[Any]]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(self.rows)
        chunk = self.batch_size * _CHUNK_BATCHES
        for begin in range(0, len(order), chunk):
            part = order[begin : begin + chunk]
            order[begin : begin + chunk] = part[self._longest_first(part)]
        # A chunk is a whole number of batches, so no batch crosses from one into the next, and
        # only the last batch of all can be another size.
        batches = np.split(order, self._cuts)
        longest = [int(self.store.lengths_of(rows).max()) for rows in batches]
        first = batches.pop(int(np.argmax(longest)))
        return [first, *(batches[place] for place in rng.permutation(len(batches)))]

    def _sorted(self) -> list[NDArray[Any]]:
        order = np.sort(self.rows)
        return list(np.split(order[self._longest_first(order)], self._cuts))

    def _longest_first(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        return np.argsort(-self.store.lengths_of(rows), kind="stable")

    def _batches(self, plan: list[NDArray[Any]]) -> Iterator[DocumentBatch]:
        for number, rows in enumerate(plan, 1):
            yield self._batch(rows)
            if number % _BATCHES_KEPT == 0:
                self.store.let_go()

    def _batch(self, rows: NDArray[Any]) -> DocumentBatch:
        lengths = self.store.lengths_of(rows)
        tokens = np.full((len(rows), lengths.max()), PAD, np.int64)
        for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            document = self.store.checked(self.store[row])
            tokens[place, :length] = document[::-1] if self.backwards else document
        labels = self.store.labels
        return DocumentBatch(
            torch.from_numpy(tokens),
            torch.from_numpy(lengths),
            None if labels is None else torch.from_numpy(labels[rows]),
            torch.from_numpy(rows.astype(np.int64)),
            None if self._weights is None else torch.from_numpy(self._weights[rows]),
        )


def _checked_weights(
    weights: ArrayLike, store: TokenStore, rows: NDArray[Any]
) -> NDArray[np.float32]:
    given = np.asarray(weights)
    if given.shape != (len(store),) or given.dtype.kind not in "biuf":
        raise DataError(
            f"Weights must be one number for each of the {len(store)} documents of the store; "
            f"given: {given.dtype} of shape {given.shape}."
        )
    kept = given.astype(np.float32)
    used = kept[rows]
    if not np.isfinite(used).all() or used.min() < 0 or not used.any():
        raise DataError(
            f"Weights go from {used.min():g} to {used.max():g}; accepted are finite numbers from "
            "zero on, one of them above it."
        )
    return kept
