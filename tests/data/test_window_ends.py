"""Drawn windows: they cover the text once, as long as the paper says, the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.token_store import TokenStore
from steadfit.data.window_ends import LEAST_BPTT, drawn_ends, regular_ends
from tests.data.conftest import MakeStore


@pytest.fixture
def store(make_store: MakeStore) -> TokenStore:
    return make_store([list(range(i * 40, i * 40 + 40)) for i in range(20)])


def drawn(store: TokenStore, seed: int = 0, batch_size: int = 2) -> LanguageModelStream:
    rows = range(20)
    return LanguageModelStream(store, rows, batch_size, 20, seed=seed, bptt_jitter=True)


def lengths(stream: LanguageModelStream, epoch: int) -> list[int]:
    return [batch.inputs.shape[1] for batch in stream.epoch(epoch)]


@given(st.integers(1, 500), st.integers(1, 90))
def test_regular_windows_are_whole_but_the_last(steps: int, bptt: int) -> None:
    ends = regular_ends(steps, bptt).tolist()
    assert ends == [*range(bptt, steps, bptt), steps]


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(LEAST_BPTT, 90), st.integers(0, 99))
def test_drawn_windows_cover_all_steps_and_none_but_the_last_is_below_5(
    steps: int, bptt: int, seed: int
) -> None:
    ends = drawn_ends(steps, bptt, np.random.default_rng(seed))
    found = np.diff(ends, prepend=0)
    assert ends[-1] == steps
    assert (found[:-1] >= 5).all()
    assert found[-1] >= 1


def test_lengths_are_distributed_as_the_published_draw() -> None:
    ends = drawn_ends(5_000_000, 70, np.random.default_rng(0))
    found = np.diff(ends, prepend=0)[:-1]
    # One at a time, as in the authors' program.
    rng = np.random.default_rng(1)
    theirs = []
    for _ in range(len(found)):
        base = 70 if rng.random() < 0.95 else 70 / 2.0
        theirs.append(max(5, int(rng.normal(base, 5))))
    oracle = np.array(theirs)
    assert np.mean(found < 52.5) == pytest.approx(0.05, abs=0.004)
    for part in (found < 52.5, found >= 52.5):
        same_part = oracle < 52.5 if part[found < 52.5].all() else oracle >= 52.5
        assert found[part].mean() == pytest.approx(oracle[same_part].mean(), abs=0.3)
        assert found[part].std() == pytest.approx(oracle[same_part].std(), abs=0.25)


def test_windows_of_drawn_lengths_read_what_windows_of_one_length_read(store: TokenStore) -> None:
    regular = LanguageModelStream(store, range(20), 2, 20)
    for epoch in range(3):
        for place in (0, 1):  # inputs and targets
            whole, cut = (
                torch.cat([batch[place] for batch in stream.epoch(epoch)], dim=1)
                for stream in (regular, drawn(store))
            )
            assert torch.equal(whole, cut)
    assert len(set(lengths(drawn(store), 0)[:-1])) > 3


def test_lengths_belong_to_seed_and_epoch(store: TokenStore) -> None:
    assert lengths(drawn(store), 1) == lengths(drawn(store), 1)
    assert lengths(drawn(store), 1) != lengths(drawn(store), 0)
    assert lengths(drawn(store), 1) != lengths(drawn(store, seed=1), 1)


def test_the_number_of_windows_is_known_for_every_epoch_and_differs(store: TokenStore) -> None:
    stream = drawn(store)
    known = [stream.length(epoch) for epoch in range(12)]
    assert known == [len(lengths(stream, epoch)) for epoch in range(12)]
    assert len(stream) == known[0]
    assert len(set(known)) > 1


def test_starting_late_gives_the_windows_that_skipping_gives(store: TokenStore) -> None:
    stream, epoch = drawn(store), 3
    windows = list(stream.epoch(epoch))
    for start in range(len(windows) + 1):
        late = list(drawn(store).epoch(epoch, start))
        assert len(late) == len(windows) - start
        for one, other in zip(late, windows[start:], strict=True):
            assert torch.equal(one.inputs, other.inputs)
            assert torch.equal(one.targets, other.targets)
    with pytest.raises(DataError, match=f"windows from 0 to {len(windows)}"):
        stream.epoch(epoch, len(windows) + 1)


def test_a_stream_is_described_with_the_option_only_where_it_is_used(store: TokenStore) -> None:
    plain = LanguageModelStream(store, range(20), 2, 20).describe()
    assert drawn(store).describe() == {**plain, "bptt_jitter": True}
    assert "bptt_jitter" not in plain


@pytest.mark.parametrize("jitter", [None, 1, "yes"])
def test_what_is_neither_yes_nor_no_is_refused(store: TokenStore, jitter: object) -> None:
    with pytest.raises(DataError, match="bptt_jitter is"):
        LanguageModelStream(store, range(20), 2, 20, bptt_jitter=jitter)  # type: ignore[arg-type]


def test_a_bptt_too_small_to_draw_around_is_refused(store: TokenStore) -> None:
    with pytest.raises(DataError, match=r"bptt is 9 and bptt_jitter is True.*10 or more"):
        LanguageModelStream(store, range(20), 2, 9, bptt_jitter=True)
    LanguageModelStream(store, range(20), 2, 10, bptt_jitter=True)
