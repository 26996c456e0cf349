"""Stores in memory, for tests that are not about files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from steadfit.data.token_store import TokenStore

MakeStore = Callable[..., TokenStore]


@pytest.fixture(scope="session")
def make_store() -> MakeStore:
    def make(documents: Sequence[Sequence[int]], labels: Sequence[int] | None = None) -> TokenStore:
        return TokenStore(
            Path("in memory"),
            tokens=np.array([token for document in documents for token in document], np.uint16),
            offsets=np.cumsum([0, *(len(document) for document in documents)]),
            labels=None if labels is None else np.array(labels, np.int64),
            split=None,
            vocab_size=1 << 16,
            meta={},
        )

    return make
