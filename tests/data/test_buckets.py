"""Document batches: which documents, in which order, how padded."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.data import buckets
from steadfit.data.buckets import DocumentBatch, DocumentBatches
from steadfit.data.token_store import TokenStore

WithLengths = Callable[[list[int]], TokenStore]

LENGTHS = st.lists(st.integers(0, 12), min_size=1, max_size=40)


def document(row: int, length: int) -> list[int]:
    return [(10 * row + step) % 90 + 2 for step in range(length)]


@pytest.fixture(scope="session")
def with_lengths(make_store: Callable[..., TokenStore]) -> WithLengths:
    def of_lengths(lengths: list[int]) -> TokenStore:
        documents = [document(row, length) for row, length in enumerate(lengths)]
        return make_store(documents, labels=[row % 3 for row in range(len(lengths))])

    return of_lengths


def rows_of(batches: list[DocumentBatch]) -> list[list[int]]:
    return [batch.rows.tolist() for batch in batches]


@settings(max_examples=50, deadline=None)
@given(LENGTHS, st.integers(1, 6), st.booleans(), st.booleans(), st.integers(0, 3))
def test_every_document_is_in_one_batch_as_it_was_written(
    with_lengths: WithLengths,
    lengths: list[int],
    batch_size: int,
    shuffle: bool,
    backwards: bool,
    epoch: int,
) -> None:
    store = with_lengths(lengths)
    loader = DocumentBatches(
        store, range(len(lengths)), batch_size, 3, shuffle=shuffle, backwards=backwards
    )
    batches = list(loader.epoch(epoch))
    assert len(batches) == len(loader)
    assert sorted(chain(*rows_of(batches))) == list(range(len(lengths)))
    for tokens, sizes, labels, rows, weights in batches:
        assert weights is None
        assert labels is not None
        assert tokens.shape == (len(rows), sizes.max())
        for line, size, label, row in zip(tokens, sizes, labels, rows, strict=True):
            expected = document(int(row), lengths[row])
            assert line[:size].tolist() == (expected[::-1] if backwards else expected)
            assert (line[size:] == 1).all()
            assert label == row % 3


@settings(max_examples=50, deadline=None)
@given(LENGTHS, st.integers(2, 6), st.integers(0, 3))
def test_training_begins_with_the_longest_and_has_one_odd_batch_at_most(
    with_lengths: WithLengths, lengths: list[int], batch_size: int, epoch: int
) -> None:
    loader = DocumentBatches(with_lengths(lengths), range(len(lengths)), batch_size)
    batches = list(loader.epoch(epoch))
    assert batches[0].lengths.max() == max(lengths)
    sizes = [len(batch.rows) for batch in batches]
    odd = [size for size in sizes if size != batch_size]
    assert len(odd) <= 1
    assert max(sizes) <= batch_size + 1
    if len(lengths) > 1:
        assert min(sizes) >= 2


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.integers(1, 6))
def test_evaluation_goes_from_the_longest_to_the_shortest_ties_by_row(
    with_lengths: WithLengths, lengths: list[int], batch_size: int
) -> None:
    rows = range(len(lengths))
    loader = DocumentBatches(with_lengths(lengths), rows[::-1], batch_size, shuffle=False)
    found = rows_of(list(loader.epoch(0)))
    expected = sorted(rows, key=lambda row: (-lengths[row], row))
    assert list(chain(*found)) == expected
    assert all(len(batch) == batch_size for batch in found[:-1])
    assert rows_of(list(loader.epoch(1))) == found


@pytest.mark.parametrize("documents", [1, 5, 6, 20, 21, 23, 27])
def test_training_batches_are_cut_from_sorted_chunks_of_the_permutation(
    with_lengths: WithLengths, monkeypatch: pytest.MonkeyPatch, documents: int
) -> None:
    monkeypatch.setattr(buckets, "_CHUNK_BATCHES", 2)
    lengths = [(7 * row) % 25 for row in range(documents)]
    loader = DocumentBatches(with_lengths(lengths), range(documents), batch_size=5, seed=4)
    order = np.random.default_rng([4, 2]).permutation(documents).tolist()
    expected: list[list[int]] = []
    for begin in range(0, documents, 10):
        chunk = sorted(order[begin : begin + 10], key=lambda row: -lengths[row])
        expected += [chunk[cut : cut + 5] for cut in range(0, len(chunk), 5)]
    if len(expected) > 1 and len(expected[-1]) == 1:
        alone = expected.pop()
        expected[-1] += alone
    found = rows_of(list(loader.epoch(2)))
    assert sorted(found) == sorted(expected)
    if documents > 20:
        assert found[1:] != [batch for batch in expected if batch != found[0]]


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.integers(1, 6), st.booleans(), st.data())
def test_starting_late_gives_the_batches_that_skipping_gives(
    with_lengths: WithLengths,
    lengths: list[int],
    batch_size: int,
    shuffle: bool,
    data: st.DataObject,
) -> None:
    store = with_lengths(lengths)
    loader = DocumentBatches(store, range(len(lengths)), batch_size, shuffle=shuffle)
    start = data.draw(st.integers(0, len(loader)))
    late, all_ = list(loader.epoch(1, start=start)), list(loader.epoch(1))
    assert rows_of(late) == rows_of(all_)[start:]


def test_same_seed_and_epoch_give_the_same_batches_and_others_another(
    with_lengths: WithLengths,
) -> None:
    store = with_lengths([row % 11 for row in range(60)])

    def read(seed: int, epoch: int) -> list[list[int]]:
        return rows_of(list(DocumentBatches(store, range(60), 7, seed=seed).epoch(epoch)))

    assert read(1, 0) == read(1, 0)
    assert read(1, 0) != read(1, 1)
    assert read(1, 0) != read(2, 0)


def test_one_document_alone_makes_a_batch(with_lengths: WithLengths) -> None:
    loader = DocumentBatches(with_lengths([3, 4]), [1], batch_size=8)
    (batch,) = loader.epoch(0)
    assert batch.rows.tolist() == [1]
    assert len(loader) == 1


def test_without_labels_batches_have_none(make_store: Callable[..., TokenStore]) -> None:
    store = make_store([[2, 3], [2]])
    (batch,) = DocumentBatches(store, [0, 1]).epoch(0)
    assert batch.labels is None
    assert batch.tokens.dtype == batch.lengths.dtype == batch.rows.dtype == torch.int64


@pytest.mark.parametrize(
    ("rows", "change", "message"),
    [
        ([], {}, "No rows"),
        ([2], {}, "2 documents"),
        ([0], {"batch_size": 0}, "batch_size is 0"),
        ([0], {"seed": -1}, "seed is -1"),
    ],
)
def test_wrong_arguments_are_refused(
    with_lengths: WithLengths, rows: list[int], change: dict[str, int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        DocumentBatches(with_lengths([1, 2]), rows, **change)


@pytest.mark.parametrize(("epoch", "start"), [(-1, 0), (0, -1), (0, 2)])
def test_a_batch_outside_the_epoch_is_refused_at_the_call(
    with_lengths: WithLengths, epoch: int, start: int
) -> None:
    with pytest.raises(DataError, match="count from 0"):
        DocumentBatches(with_lengths([1, 2]), [0, 1]).epoch(epoch, start=start)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 9, width=32), min_size=2, max_size=9), st.booleans())
def test_a_documents_weight_goes_where_it_goes(
    with_lengths: WithLengths, weights: list[float], shuffle: bool
) -> None:
    weights[0] = 1.0
    store = with_lengths([3] * len(weights))
    loader = DocumentBatches(store, range(len(weights)), 2, shuffle=shuffle, weights=weights)
    for batch in loader.epoch(0):
        assert batch.weights is not None
        assert batch.weights.dtype == torch.float32
        assert batch.weights.tolist() == [weights[row] for row in batch.rows.tolist()]


def test_batches_of_other_weights_are_described_otherwise(with_lengths: WithLengths) -> None:
    store = with_lengths([3, 4])
    given = [None, [1.0, 1.0], [1.0, 2.0]]
    described = [DocumentBatches(store, [0, 1], weights=one).describe() for one in given]
    assert "weights" not in described[0]
    assert described[1]["weights"] != described[2]["weights"]
    # Of a document that is not read it does not matter.
    one, other = (DocumentBatches(store, [0], weights=one).describe() for one in given[1:])
    assert one == other


@pytest.mark.parametrize(
    "weights", [[1.0], [1.0, -1.0], [0, 0], [1.0, float("nan")], ["a", "b"], [[1.0, 1.0]]]
)
def test_weights_that_are_none_are_refused(with_lengths: WithLengths, weights: list[float]) -> None:
    with pytest.raises(DataError, match="Weights"):
        DocumentBatches(with_lengths([3, 4]), [0, 1], weights=weights)
