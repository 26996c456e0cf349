"""All documents as one long text, read in parallel contiguous rows and windows of bptt steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from steadfit.core.checks import LARGEST_SEED, whole_number, yes_or_no
from steadfit.core.errors import DataError
from steadfit.data.token_store import TokenStore, checked_rows, described
from steadfit.data.window_ends import check_jitter, drawn_ends, regular_ends

# Read before their pages are given back. Documents lie anywhere in the file, and around each that
# is looked at the system maps 64 KB; with the large pages of newer kernels 1 MB was measured.
_ROWS_KEPT = 4
_BLOCK = 1 << 16  # documents whose lengths are looked at together


class LMBatch(NamedTuple):
    """One window: each target is the token after the input at its place.

    Both are int64 (batch, time); time is bptt but in the last window of an epoch, and anything
    from 5 with drawn lengths.
    """

    inputs: Tensor
    targets: Tensor


class LanguageModelStream:
    """Windows for truncated back-propagation through time, where every row reads on.

    The documents (permuted anew each epoch) form a stream of N tokens. Row i of every batch reads
    from position i·R on, with R = (N - 1) // batch_size, and each window begins where the one
    before stopped, so a recurrent state carried over belongs to the text before it. R steps make
    an epoch of ceil(R / bptt) windows, or where lengths are drawn as many as it takes. Each token
    but the first is a target exactly once, except the last `tail` ones. Nothing but three small
    numbers a document are held in memory.

    Args:
        store: Where the ids lie.
        rows: The documents to read.
        batch_size: Rows of a batch.
        bptt: Steps of a window.
        seed: With the epoch, it fixes the order of documents.
        shuffle: False keeps the order of `rows` in every epoch.
        backwards: Read each document from its end.
        bptt_jitter: Draw each window's length around `bptt`, anew each epoch (see `drawn_ends`).

    Attributes:
        tokens: N, the length of the stream.
        tail: Targets left out at the end, fewer than batch_size.

    Raises:
        DataError: No rows, or too few tokens for this batch size.
    """

    def __init__(
        self,
        store: TokenStore,
        rows: ArrayLike,
        batch_size: int = 64,
        bptt: int = 70,
        seed: int = 0,
        shuffle: bool = True,
        backwards: bool = False,
        bptt_jitter: bool = False,
    ) -> None:
        self.store = store
        self.rows = checked_rows(store, rows)
        self.tokens = sum(int(one.sum()) for one in _lengths(store, self.rows))
        _check(batch_size, bptt, seed, self.tokens)
        if yes_or_no("bptt_jitter", bptt_jitter):
            check_jitter(bptt)
        self.batch_size = batch_size
        self.bptt = bptt
        self.seed = seed
        self.shuffle = shuffle
        self.backwards = backwards
        self.bptt_jitter = bptt_jitter
        self.steps = (self.tokens - 1) // batch_size
        self.tail = self.tokens - 1 - batch_size * self.steps
        self._drawn: tuple[int, NDArray[np.int64]] | None = None  # an epoch and its ends

    def __len__(self) -> int:
        return self.length(0)

    def length(self, epoch: int) -> int:
        """Return the number of an epoch's windows; the same for all unless lengths are drawn."""
        return len(self._window_ends(epoch)) if self.bptt_jitter else -(-self.steps // self.bptt)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[LMBatch]:
        """Return the windows of one epoch, from window `start` on.

        The same epoch gives the same windows, however many are skipped.
        """
        if epoch < 0 or not 0 <= start <= self.length(epoch):
            raise DataError(
                f"Epoch {epoch}, window {start} was asked for: epochs count from 0, windows from 0 "
                f"to {self.length(max(epoch, 0))}."
            )
        return self._windows(self._order(epoch), self._window_ends(epoch), start)

    def describe(self) -> dict[str, Any]:
        """Return all that decides what the windows hold, as plain JSON values."""
        names = ("batch_size", "bptt", "seed", "shuffle", "backwards")
        values = {**described(self.store, self.rows), **{n: getattr(self, n) for n in names}}
        # Left out where it is not used, so that fits begun before it was known can go on.
        return {**values, "bptt_jitter": True} if self.bptt_jitter else values

    def _order(self, epoch: int) -> NDArray[Any]:
        if not self.shuffle:
            return self.rows
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)

    def _window_ends(self, epoch: int) -> NDArray[np.int64]:
        if not self.bptt_jitter:
            return regular_ends(self.steps, self.bptt)
        drawn = self._drawn
        if drawn is None or drawn[0] != epoch:
            # The third number keeps these draws apart from those of the order.
            generator = np.random.default_rng([self.seed, epoch, 1])
            drawn = self._drawn = epoch, drawn_ends(self.steps, self.bptt, generator)
        return drawn[1]

    def _windows(
        self, order: NDArray[Any], window_ends: NDArray[np.int64], start: int
    ) -> Iterator[LMBatch]:
        ends = self._ends(order)
        row_begins = np.arange(self.batch_size, dtype=np.int64)[:, None] * self.steps
        borders = np.concatenate(([0], window_ends))[start:]
        for low, high in pairwise(borders.tolist()):
            positions = row_begins + np.arange(low, high + 1)
            # Counting the ends at or before a position passes over documents without tokens.
            document = np.searchsorted(ends, positions.astype(ends.dtype), side="right")
            behind = ends[document].astype(np.int64) - positions  # how far from the end, 1 or more
            row = order[document]
            if self.backwards:
                places = self.store.offsets[row].astype(np.int64) + behind - 1
            else:
                places = self.store.offsets[1:][row].astype(np.int64) - behind
            ids = self.store.checked(self._ids(places))
            yield LMBatch(_tensor(ids[:, :-1]), _tensor(ids[:, 1:]))

    def _ends(self, order: NDArray[Any]) -> NDArray[Any]:
        """Return where in the stream each document ends, in the smallest type that holds it."""
        ends = np.empty(len(order), np.min_scalar_type(self.tokens))
        total = filled = 0
        for lengths in _lengths(self.store, order):
            ends[filled : filled + len(lengths)] = np.cumsum(lengths) + total
            filled += len(lengths)
            total += int(lengths.sum())
        return ends

    def _ids(self, places: NDArray[np.int64]) -> NDArray[Any]:
        ids = np.empty(places.shape, self.store.tokens.dtype)
        for row in range(0, len(places), _ROWS_KEPT):
            ids[row : row + _ROWS_KEPT] = self.store.tokens[places[row : row + _ROWS_KEPT]]
            self.store.let_go()
        return ids


def _lengths(store: TokenStore, order: NDArray[Any]) -> Iterator[NDArray[np.int64]]:
    for begin in range(0, len(order), _BLOCK):
        yield store.lengths_of(order[begin : begin + _BLOCK])


def _check(batch_size: int, bptt: int, seed: int, tokens: int) -> None:
    whole_number("batch_size", batch_size, 1)
    whole_number("bptt", bptt, 1)
    whole_number("seed", seed, 0, LARGEST_SEED)
    if tokens < 2:
        raise DataError(
            f"The documents hold {tokens} token(s); a language model needs 2 or more. Give more "
            "text."
        )
    if tokens - 1 < batch_size:
        raise DataError(
            f"batch_size {batch_size} is more than {tokens} tokens allow: the largest possible is "
            f"{tokens - 1}. Choose a smaller one or give more text."
        )


def _tensor(ids: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(ids, dtype=np.int64, order="C"))
