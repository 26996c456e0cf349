"""Documents read by windows: which have gradients, which are let go, what an observer sees."""

from __future__ import annotations

import weakref
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from steadfit.models.classifier import TextClassifier
from steadfit.models.outputs import DocumentWindow
from tests.models.small_classifiers import (
    RAGGED,
    batch,
    documents,
    plain_pool,
    plain_states,
    pooling,
    small,
)

# ---- gradients -----------------------------------------------------------------------------


def truncated_pool(model: TextClassifier, text: Tensor, bptt: int, grad_tokens: int) -> Tensor:
    """Read one document as the docstring of the classifier says, window by window."""
    state = [None] * len(model.encoder.rnns)
    states = []
    for start in range(0, len(text), bptt):
        window = text[start : start + bptt]
        left = len(text) - start
        is_last = left <= bptt
        with torch.set_grad_enabled(left <= grad_tokens or is_last):
            x = model.encoder.embedding(window.unsqueeze(0))
            for i, layer in enumerate(model.encoder.rnns):
                x, (h, c) = layer(x, state[i])
                state[i] = (h.detach(), c.detach())
        states.append(x.squeeze(0))
    return plain_pool(torch.cat(states))


@given(RAGGED, st.integers(1, 9), st.integers(1, 30))
def test_gradients_are_those_of_documents_read_one_by_one_with_old_windows_cut_off(
    lengths: list[int], bptt: int, grad_tokens: int
) -> None:
    model, texts = pooling(bptt, grad_tokens).train(), documents(lengths)
    factors = torch.randn(len(texts), 15, dtype=torch.float64)
    parameters = list(model.encoder.parameters())
    got = torch.autograd.grad((model(*batch(texts, behind=None)) * factors).sum(), parameters)
    pools = [truncated_pool(model, text, bptt, grad_tokens) for text in texts]
    expected = torch.autograd.grad((torch.stack(pools) * factors).sum(), parameters)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


@given(RAGGED, st.integers(1, 9), st.integers(1, 30))
def test_windows_with_gradient_are_few_and_every_document_has_one(
    lengths: list[int], bptt: int, grad_tokens: int
) -> None:
    windows: list[DocumentWindow] = []
    small(bptt, grad_tokens).train()(*batch([*documents(lengths), *documents([3])]), windows.append)
    counts = [0] * (len(lengths) + 1)
    for window in windows:
        for row in range(window.old, len(window.hidden)):
            counts[row] += 1
        assert window.hidden.requires_grad == (window.old < len(window.hidden))
    assert min(counts) >= 1
    assert max(counts) <= -(-grad_tokens // bptt) + 1


def saved_numbers(lengths: list[int]) -> int:
    """Count the numbers that a forward pass keeps for its backward pass."""
    kept: dict[int, int] = {}
    alive = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)  # so that no address is used twice
        return tensor

    model = small(bptt=5, grad_tokens=10, drop_mult=0.0).train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(*batch(documents(lengths))).sum().backward()
    return sum(kept.values())


def test_what_training_keeps_does_not_grow_with_the_longest_document() -> None:
    # The short document's gradient must not make every window of the long one stay.
    assert saved_numbers([2000, 30, 7]) == saved_numbers([200, 30, 7])


# ---- long documents ------------------------------------------------------------------------


@pytest.mark.parametrize("gradients", [True, False])
def test_a_long_document_is_read_whole_and_its_windows_are_let_go(gradients: bool) -> None:
    model, length = small(bptt=70, grad_tokens=140, drop_mult=0.0), 20_000
    seen, alive, most = 0, [], 0

    def observe(window: DocumentWindow) -> None:
        nonlocal seen, most, alive
        seen += int(window.lengths.sum())
        alive = [ref for ref in alive if ref() is not None]
        most = max(most, len(alive))
        alive.append(weakref.ref(window.hidden))

    with torch.set_grad_enabled(gradients):
        model(*batch(documents([length])), observe)
    assert seen == length
    assert most <= 2


# ---- the windows an observer sees ----------------------------------------------------------


@given(RAGGED, st.integers(1, 9))
def test_an_observer_sees_every_real_step_once_and_the_output_before(
    lengths: list[int], bptt: int
) -> None:
    model, texts = pooling(bptt, 10), documents(lengths)
    windows: list[DocumentWindow] = []
    model(*batch(texts, behind=None), windows.append)
    longest_first = sorted(texts, key=len, reverse=True)
    for row, text in enumerate(longest_first):
        mine = [w for w in windows if row < len(w.hidden)]
        states = torch.cat([w.hidden[row, : w.lengths[row]] for w in mine])
        torch.testing.assert_close(states, plain_states(model, text), rtol=0, atol=1e-12)
        assert mine[0].previous is None
        for before, after in pairwise(mine):
            assert torch.equal(after.previous[row], before.hidden[row, -1])
