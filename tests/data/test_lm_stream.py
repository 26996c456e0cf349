"""The stream of windows, against the whole stream held as a Python list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.token_store import TokenStore

MakeStore = Callable[..., TokenStore]


@dataclass
class Case:
    documents: list[list[int]]
    rows: list[int]
    batch_size: int
    bptt: int
    seed: int
    backwards: bool
    shuffle: bool

    def stream(self, make_store: MakeStore) -> LanguageModelStream:
        return LanguageModelStream(
            make_store(self.documents),
            self.rows,
            batch_size=self.batch_size,
            bptt=self.bptt,
            seed=self.seed,
            shuffle=self.shuffle,
            backwards=self.backwards,
        )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Streams of 2 tokens or more, each token different, some documents without tokens."""
    lengths = draw(st.lists(st.integers(0, 9), min_size=1, max_size=8))
    lengths[0] = max(lengths[0], 2)
    edges = np.cumsum([0, *lengths])
    documents = [list(range(a, b)) for a, b in pairwise(edges.tolist())]
    others = draw(st.lists(st.integers(1, len(lengths)), unique=True, max_size=len(lengths)))
    rows = [0, *(row for row in others if row < len(lengths))]
    tokens = sum(lengths[row] for row in rows)
    return Case(
        documents,
        draw(st.permutations(rows)),
        draw(st.integers(1, tokens - 1)),
        draw(st.integers(1, 6)),
        draw(st.integers(0, 99)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


def order_read(case: Case, epoch: int) -> list[int]:
    if not case.shuffle:
        return case.rows
    return np.random.default_rng([case.seed, epoch]).permutation(case.rows).tolist()


def whole_stream(case: Case, epoch: int) -> list[int]:
    text: list[int] = []
    for row in order_read(case, epoch):
        document = case.documents[row]
        text += document[::-1] if case.backwards else document
    return text


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(0, 3))
def test_windows_are_the_rows_of_the_stream_cut_every_bptt_steps(
    make_store: MakeStore, case: Case, epoch: int
) -> None:
    stream = case.stream(make_store)
    text = whole_stream(case, epoch)
    steps = (len(text) - 1) // case.batch_size
    rows = [text[i * steps : (i + 1) * steps + 1] for i in range(case.batch_size)]
    batches = list(stream.epoch(epoch))
    assert len(batches) == len(stream)
    for window, batch in enumerate(batches):
        low, high = window * case.bptt, min((window + 1) * case.bptt, steps)
        assert low < high
        assert batch.inputs.tolist() == [row[low:high] for row in rows]
        assert batch.targets.tolist() == [row[low + 1 : high + 1] for row in rows]


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(0, 3))
def test_every_token_is_a_target_once_but_the_first_and_the_stated_tail(
    make_store: MakeStore, case: Case, epoch: int
) -> None:
    stream = case.stream(make_store)
    text = whole_stream(case, epoch)
    targets = [int(token) for batch in stream.epoch(epoch) for token in batch.targets.flatten()]
    assert stream.tokens == len(text)
    assert 0 <= stream.tail < case.batch_size
    assert sorted(targets) == sorted(text[1 : len(text) - stream.tail])


@settings(max_examples=60, deadline=None)
@given(cases())
def test_rows_read_on_from_window_to_window(make_store: MakeStore, case: Case) -> None:
    stream = case.stream(make_store)
    before = None
    for inputs, targets in stream.epoch(0):
        assert torch.equal(inputs[:, 1:], targets[:, :-1])
        if before is not None:
            assert torch.equal(before, inputs[:, 0])
        before = targets[:, -1]


@settings(max_examples=40, deadline=None)
@given(cases(), st.integers(0, 3), st.data())
def test_starting_late_gives_the_windows_that_skipping_gives(
    make_store: MakeStore, case: Case, epoch: int, data: st.DataObject
) -> None:
    stream = case.stream(make_store)
    start = data.draw(st.integers(0, len(stream)))
    expected = list(stream.epoch(epoch))[start:]
    found = list(stream.epoch(epoch, start=start))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)


@pytest.fixture
def store(make_store: MakeStore) -> TokenStore:
    return make_store([[i, i, i] for i in range(40)])


def read(stream: LanguageModelStream, epoch: int) -> list[int]:
    return torch.cat([batch.inputs for batch in stream.epoch(epoch)], 1).flatten().tolist()


def test_same_seed_and_epoch_give_the_same_order_and_others_another(store: TokenStore) -> None:
    rows = store.rows("train")
    stream = LanguageModelStream(store, rows, batch_size=4, bptt=5, seed=1)
    again = LanguageModelStream(store, rows, batch_size=4, bptt=5, seed=1)
    assert read(stream, 0) == read(stream, 0) == read(again, 0)
    assert read(stream, 0) != read(stream, 1)
    assert read(stream, 0) != read(LanguageModelStream(store, rows, 4, 5, seed=2), 0)


def test_unshuffled_keeps_the_order_given_in_every_epoch(store: TokenStore) -> None:
    stream = LanguageModelStream(store, [5, 2, 9], batch_size=1, bptt=3, shuffle=False)
    assert read(stream, 0) == read(stream, 7) == [5, 5, 5, 2, 2, 2, 9, 9]


def test_reading_backwards_is_reading_reversed_documents(make_store: MakeStore) -> None:
    documents = [[1, 2, 3], [], [4], [5, 6, 7, 8]]
    forward = make_store(documents)
    reversed_ = make_store([d[::-1] for d in documents])
    for epoch in range(3):
        left = LanguageModelStream(forward, range(4), 2, 2, backwards=True)
        right = LanguageModelStream(reversed_, range(4), 2, 2)
        assert read(left, epoch) == read(right, epoch)


def test_too_large_a_batch_is_refused_with_the_largest_possible(store: TokenStore) -> None:
    with pytest.raises(DataError, match="largest possible is 5"):
        LanguageModelStream(store, [0, 1], batch_size=6)
    assert len(LanguageModelStream(store, [0, 1], batch_size=5)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": []}, "No rows"),
        ({"rows": [40]}, "40 documents"),
        ({"rows": [-1]}, "40 documents"),
        ({"rows": [0.5]}, "whole numbers"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"bptt": 0}, "bptt is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_wrong_arguments_are_refused(
    store: TokenStore, change: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        LanguageModelStream(store, **({"rows": [0, 1], "batch_size": 2} | change))


def test_documents_of_one_token_in_all_are_refused(make_store: MakeStore) -> None:
    store = make_store([[2], []])
    with pytest.raises(DataError, match="needs 2 or more"):
        LanguageModelStream(store, [0, 1], batch_size=1)


@pytest.mark.parametrize(("epoch", "start"), [(-1, 0), (0, -1), (0, 99)])
def test_a_window_outside_the_epoch_is_refused_at_the_call(
    store: TokenStore, epoch: int, start: int
) -> None:
    with pytest.raises(DataError, match="count from 0"):
        LanguageModelStream(store, [0, 1], batch_size=2).epoch(epoch, start=start)


def test_batches_are_int64_and_contiguous(store: TokenStore) -> None:
    batch = next(LanguageModelStream(store, range(40), batch_size=4, bptt=7).epoch(0))
    for tensor in batch:
        assert tensor.shape == (4, 7)
        assert tensor.dtype == torch.int64
        assert tensor.is_contiguous()
