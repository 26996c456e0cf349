"""Two estimators that were fitted once."""

from __future__ import annotations

import pytest

from steadfit.estimator.text_classifier import TextClassifier
from tests.estimator.made_up import sentences, tiny

TEXTS, LABELS = sentences(60, 0)


@pytest.fixture(scope="session")
def fitted() -> TextClassifier:
    model = tiny(language_model=True, epochs=8, backwards="both", batch_size=8)
    return model.fit(TEXTS, LABELS, unlabeled=sentences(40, 2)[0])


@pytest.fixture(scope="session")
def plain() -> TextClassifier:
    """The networks alone: no linear model, no temperature."""
    return tiny(blend=None, calibrate=False).fit(TEXTS, LABELS)
