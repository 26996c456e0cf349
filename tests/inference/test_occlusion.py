"""Occlusion beside linear models, whose answer is known, and its bound on readings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from steadfit.core.errors import DataError
from steadfit.inference.occlusion import occluded_ids, occluded_text, occlusion
from steadfit.text.vocab import UNK


class Linear:
    """Log-odds that are a sum of the weights of a document's ids; counts what it reads."""

    def __init__(self, weights: Sequence[float]) -> None:
        self.weights = np.array(weights)
        self.read = 0

    def __call__(self, documents: list[Sequence[int]]) -> NDArray[np.float64]:
        self.read += len(documents)
        odds = np.array([self.weights[list(document)].sum() for document in documents])
        p = 1 / (1 + np.exp(-odds))
        return np.column_stack([1 - p, p])


@given(
    st.lists(st.floats(-1, 1), min_size=5, max_size=5),
    st.lists(st.integers(0, 4), max_size=12),
)
def test_of_a_linear_model_the_weights_are_its_terms(weights: list[float], ids: list[int]) -> None:
    model = Linear([0.0, *weights[1:]])
    found = occlusion(model, occluded_ids(ids), len(ids), 1)
    assert found.weights == pytest.approx(model.weights[ids], abs=1e-6)
    assert found.widths.tolist() == [1] * len(ids)
    against = occlusion(model, occluded_ids(ids), len(ids), 0)
    assert against.weights == pytest.approx(-model.weights[ids], abs=1e-6)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 255, 256, 257, 20_000])
@pytest.mark.parametrize("readings", [32, 256])
def test_no_document_takes_more_readings_than_were_allowed(length: int, readings: int) -> None:
    model = Linear([0.0, 0.001])
    found = occlusion(model, occluded_ids([1] * length), length, 1, readings)
    assert model.read == found.readings <= readings
    assert len(found.weights) == len(found.widths) == length


def test_in_a_long_document_the_words_that_matter_are_found_alone() -> None:
    ids = [1] * 20_000
    ids[700], ids[15_000] = 2, 3
    found = occlusion(Linear([0.0, 0.0, 2.0, -1.0]), occluded_ids(ids), len(ids), 1)
    assert found.weights[700] == pytest.approx(2)
    assert found.weights[15_000] == pytest.approx(-1)
    assert found.widths[700] == found.widths[15_000] == 1
    assert found.weights.sum() == pytest.approx(1)  # linear: windows share what they weigh
    assert found.widths.max() > 100  # where nothing stands, nothing was looked into


def test_occluded_documents_keep_everything_else() -> None:
    assert occluded_ids([5, 6, 7])(1, 2) == [5, UNK, 7]
    assert occluded_ids([5, 6, 7])(0, 0) == [5, 6, 7]
    without = occluded_text("I like it, so", [(0, 1), (2, 6), (7, 9), (11, 13)])
    assert [without(1, 2), without(1, 3), without(0, 4)] == ["I   it, so", "I  , so", " "]
    assert without(0, 0) == "I like it, so"


def test_certainty_has_finite_weights() -> None:
    def sure(documents: list[Sequence[int]]) -> list[list[float]]:
        return [[0.0, 1.0] if 2 in document else [1.0, 0.0] for document in documents]

    found = occlusion(sure, occluded_ids([1, 2, 1]), 3, 1)
    assert np.isfinite(found.weights).all()
    assert found.weights.argmax() == 1


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([0.5, 0.5], r"\(documents, classes\)"),
        ([[0.5, 0.5]] * 2, "for 1 documents"),
        ([[1.0]], "class number 1"),
        ([[0.0, 2.0]], "no probabilities"),
        ([[0.0, np.nan]], "no probabilities"),
    ],
)
def test_a_function_that_gives_no_probabilities_is_refused(
    returned: list[list[float]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        occlusion(lambda _: returned, occluded_ids([1, 2]), 2, 1)


def test_too_few_readings_are_refused() -> None:
    with pytest.raises(DataError, match="readings is 31"):
        occlusion(Linear([0.0, 1.0]), occluded_ids([1]), 1, 1, readings=31)
