"""Streams and batches: fastai's windows, order and padding, on a thousand random corpora."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from steadfit.data.buckets import DocumentBatches
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.token_store import TokenStore
from tests.conformance.peer import AskPeer

STREAMS = 1_000


def store(documents: list[list[int]]) -> TokenStore:
    return TokenStore(
        Path("in memory"),
        tokens=np.array([token for document in documents for token in document], np.uint16),
        offsets=np.cumsum([0, *map(len, documents)]),
        labels=None,
        split=None,
        vocab_size=1 << 16,
        meta={},
    )


def random_streams() -> list[dict[str, Any]]:
    rng = random.Random(5)
    streams = []
    for _ in range(STREAMS):
        lengths = [rng.randint(1, 30) for _ in range(rng.randint(1, 12))]
        documents = [[rng.randrange(2, 1000) for _ in range(n)] for n in lengths]
        largest = sum(lengths) - 1
        if largest < 1:
            documents[0] += [7, 8]
            largest += 2
        size = rng.randint(1, min(largest, 7))
        streams.append({"documents": documents, "batch_size": size, "bptt": rng.randint(1, 12)})
    return streams


def test_a_thousand_streams_have_fastais_windows_when_nothing_is_shuffled(
    ask_fastai: AskPeer,
) -> None:
    streams = random_streams()
    items = ask_fastai("streams", streams=streams).values["items"]
    for stream, expected in zip(streams, items, strict=True):
        documents, size = stream["documents"], stream["batch_size"]
        ours = LanguageModelStream(
            store(documents), range(len(documents)), size, stream["bptt"], shuffle=False
        )
        # fastai numbers its rows through all windows.
        found = [
            [inputs[row].tolist(), targets[row].tolist()]
            for inputs, targets in ours.epoch(0)
            for row in range(size)
        ]
        assert found == expected


@pytest.mark.parametrize("backwards", [False, True])
def test_a_thousand_shuffled_streams_read_on_and_aim_at_the_next_token(backwards: bool) -> None:
    for number, stream in enumerate(random_streams()):
        documents, size = stream["documents"], stream["batch_size"]
        ours = LanguageModelStream(
            store(documents),
            range(len(documents)),
            size,
            stream["bptt"],
            seed=number,
            backwards=backwards,
        )
        windows = list(ours.epoch(number))
        assert len(windows) == len(ours)
        for x, y in windows:
            assert torch.equal(x[:, 1:], y[:, :-1])
        for (_, y), (x, _) in pairwise(windows):
            assert torch.equal(y[:, -1], x[:, 0])
        read = sum(x.numel() for x, _ in windows)
        assert sum(map(len, documents)) - 1 - read == ours.tail < size


@pytest.mark.parametrize("seed", range(5))
def test_documents_for_evaluation_come_in_fastais_order(ask_fastai: AskPeer, seed: int) -> None:
    rng = random.Random(seed)
    lengths = [rng.randint(1, 20) for _ in range(203)]
    documents = [[2] * length for length in lengths]
    order = ask_fastai("sorting", lengths=lengths, bs=8).values["sorted"]
    batches = DocumentBatches(store(documents), range(len(documents)), 8, shuffle=False)
    assert [int(row) for batch in batches.epoch(0) for row in batch.rows] == order


def test_shuffled_both_put_the_longest_first_and_leave_none_out(ask_fastai: AskPeer) -> None:
    rng = random.Random(1)
    lengths = [rng.randint(1, 400) for _ in range(1_003)]
    theirs = ask_fastai("sorting", lengths=lengths, bs=8).values["shuffled"]
    batches = DocumentBatches(store([[2] * n for n in lengths]), range(len(lengths)), 8)
    ours = [int(row) for batch in batches.epoch(0) for row in batch.rows]
    for order in (ours, theirs):
        assert sorted(order) == list(range(len(lengths)))
        assert max(lengths[row] for row in order[:8]) == max(lengths)
    assert padded(ours, lengths) == pytest.approx(padded(theirs, lengths), rel=0.25)


def padded(order: list[int], lengths: list[int]) -> int:
    """Return the steps computed, padding and all, when batches of eight follow this order."""
    cut = [order[i : i + 8] for i in range(0, len(order), 8)]
    return sum(len(batch) * max(lengths[row] for row in batch) for batch in cut)


def test_padding_stands_behind_as_in_fastais_plain_padding(ask_fastai: AskPeer) -> None:
    documents = [[5, 6, 7, 8], [9, 10], [11]]
    expected = ask_fastai("padding", documents=documents).arrays["tokens"]
    (batch,) = DocumentBatches(store(documents), range(3), 3, shuffle=False).epoch(0)
    assert torch.equal(batch.tokens, expected)
    assert batch.lengths.tolist() == [4, 2, 1]
