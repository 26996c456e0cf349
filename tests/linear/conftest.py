from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

import pytest

WORDS = ["film", "plot", "good", "bad", "not", "actor", "warm", "dull"]


class Examples(NamedTuple):
    texts: list[str]
    labels: list[str]


def _examples(classes: int, documents: int = 70, seed: int = 0) -> Examples:
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(2, 9))) for _ in range(documents)]
    numbers = [min(classes - 1, ("good" in text) + ("not" in text)) for text in texts]
    noisy = [rng.randrange(classes) if rng.random() < 0.2 else number for number in numbers]
    return Examples(texts, [f"class {number}" for number in noisy])


@pytest.fixture
def examples() -> Callable[..., Examples]:
    """Make texts and labels that their words tell, but for some: (classes, documents, seed)."""
    return _examples
