"""How far int8 is from float32, held against a predictor's answers text by text."""

from __future__ import annotations

import pytest
import torch

from steadfit.core.errors import DataError
from steadfit.inference import deviation as module
from steadfit.inference.deviation import deviation, int8_deviation
from steadfit.inference.predictor import Predictor
from steadfit.models.classifier import TextClassifier
from steadfit.models.int8 import int8_problem
from steadfit.text.tokenizer import Tokenizer

TEXTS = ["The film was good.", "bad", "a plot and a plot. " * 40, "I was bad. it was good", ""]


def test_tables_are_compared_number_by_number() -> None:
    reference = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    found = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.5, 0.5]])
    result = deviation(found, reference)
    assert (result.documents, result.same_label) == (3, 2)
    assert result.largest == pytest.approx(0.2)
    assert result.mean == pytest.approx((2 * 0.1 + 2 * 0.2) / 6)


@pytest.mark.skipif(int8_problem() is not None, reason="int8 does not run here")
def test_the_deviation_is_that_of_texts_read_one_by_one(
    classifier: TextClassifier, tokenizer: Tokenizer
) -> None:
    found = int8_deviation(classifier, [tokenizer.encode(text) for text in TEXTS])
    assert found is not None
    names = ("a", "b", "c")
    pairs = [
        [Predictor(classifier, tokenizer, names, engine=name).predict(text) for text in TEXTS]
        for name in ("int8", "float32")
    ]
    apart = [
        (a.probabilities - b.probabilities).abs().max().item() for a, b in zip(*pairs, strict=True)
    ]
    assert found.documents == len(TEXTS)
    assert found.same_label == sum(a.label == b.label for a, b in zip(*pairs, strict=True))
    assert found.largest == pytest.approx(max(apart), abs=1e-5)
    assert 0 < found.mean < found.largest


@pytest.mark.skipif(int8_problem() is not None, reason="int8 does not run here")
def test_documents_beyond_the_bounds_are_left_out(
    classifier: TextClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DOCUMENTS", 3)
    monkeypatch.setattr(module, "TOKENS", 10)
    documents = [[5 + length % 7] * length for length in (4, 90, 5, 2, 1, 1)]
    # 90 and 2 find no room, and three are enough.
    assert int8_deviation(classifier, documents) == int8_deviation(
        classifier, [documents[0], documents[2], documents[4]]
    )
    assert int8_deviation(classifier, documents[1:2]) is None


def test_what_cannot_be_read_in_int8_is_not_measured_and_left_as_it_is(
    classifier: TextClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [[5, 6, 7], [8]]
    assert int8_deviation(classifier, []) is None
    classifier.train()
    mean = classifier.head[0].running_mean.clone()
    assert int8_deviation(classifier, documents) is None
    assert torch.equal(classifier.head[0].running_mean, mean)
    classifier.eval()

    def refuse(*_: object) -> None:
        raise DataError("no int8")

    monkeypatch.setattr("steadfit.inference.engines.in_int8", refuse)
    assert int8_deviation(classifier, documents) is None
