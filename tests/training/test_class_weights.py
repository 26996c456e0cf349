"""Balanced weights, against scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from steadfit.core.errors import DataError
from steadfit.training.class_weights import balanced_weights, checked_class_weights


@given(st.lists(st.integers(1, 40), min_size=1, max_size=7), st.booleans())
def test_balanced_weights_are_scikit_learns(counts: list[int], as_tensor: bool) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    wanted = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    found = balanced_weights(torch.tensor(counts) if as_tensor else counts)
    assert found.tolist() == wanted.astype(np.float32).tolist()


def test_a_class_that_never_occurs_is_named() -> None:
    with pytest.raises(DataError, match="Class 1 does not occur"):
        balanced_weights([3, 0, 2])


@pytest.mark.parametrize("counts", [[], [1.5, 2.0], [-1, 2], [[1, 2]], ["a"]])
def test_what_are_no_counts_is_refused(counts: Any) -> None:
    with pytest.raises(DataError, match="Counts are"):
        balanced_weights(counts)


@pytest.mark.parametrize(
    "weights",
    [[1.0, 2.0], torch.ones(3), torch.tensor([1.0, -1.0]), torch.zeros(2), torch.ones(2, 1)]
    + [torch.tensor([1.0, bad]) for bad in (float("nan"), float("inf"))],
)
def test_weights_that_are_none_are_refused(weights: Any) -> None:
    with pytest.raises(DataError, match="class_weights"):
        checked_class_weights(weights, 2)


def test_weights_are_kept_in_float32() -> None:
    assert checked_class_weights(torch.tensor([1, 2]), 2).dtype == torch.float32
