"""Vectors stand in the rows of their words, and nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments import _glove
from steadfit.core.errors import DataError
from steadfit.text.vocab import Vocab


@pytest.fixture(autouse=True)
def vectors(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    numbers = np.arange(6, dtype=np.float32).reshape(3, 2) + 1
    monkeypatch.setattr(_glove, "_vectors", lambda: (["good", "film", "rare"], numbers))
    return numbers


def test_known_words_get_their_vectors_scaled_and_others_keep_theirs(vectors: np.ndarray) -> None:
    vocab = Vocab.from_counts(["film", "good", "unheard"], [3, 2, 1], min_freq=1)
    before = torch.randn(len(vocab), 5, generator=torch.Generator().manual_seed(0))
    after = before.clone()
    assert _glove.fill_from_glove(after, vocab) == 2
    film, good, unheard = (vocab.id(word) for word in ("film", "good", "unheard"))
    assert torch.equal(after[:, 2:], before[:, 2:])
    assert torch.equal(after[unheard], before[unheard])
    # One scale for all of them, so their directions are kept.
    scales = after[[good, film], :2] / torch.from_numpy(vectors[[0, 1]])
    torch.testing.assert_close(scales, scales[0, 0].expand(2, 2))
    spread = after[[good, film], :2].std() / before.std()
    torch.testing.assert_close(spread, torch.tensor(1.0), rtol=0.2, atol=0.0)


def test_too_few_units_are_refused() -> None:
    vocab = Vocab.from_counts(["film"], [1], min_freq=1)
    with pytest.raises(DataError, match="has 1 units"):
        _glove.fill_from_glove(torch.zeros(len(vocab), 1), vocab)
