"""Sentences whose words tell the class, and a classifier small enough for a test."""

from __future__ import annotations

from typing import Any

import numpy as np

from steadfit.estimator.text_classifier import TextClassifier

GOOD, BAD = ["great", "superb", "lovely", "fine"], ["awful", "dull", "poor", "bad"]
OTHER = ["the", "film", "was", "and", "a", "plot", "with", "actors", "in", "it", "very"]


def sentences(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Return texts and their labels, "pos" and "neg" in turn."""
    draw = np.random.default_rng(seed)
    labels = ["neg" if place % 2 else "pos" for place in range(count)]
    texts = [
        " ".join(
            draw.choice((GOOD if label == "pos" else BAD) if draw.random() < 0.3 else OTHER)
            for _ in range(draw.integers(5, 20))
        )
        for label in labels
    ]
    return texts, labels


def tiny(**changed: Any) -> TextClassifier:
    """Return a classifier of the smallest network, one epoch a phase, from nothing."""
    given: dict[str, Any] = {
        "pretrained": None,
        "language_model": False,
        "schedule": "one-cycle",
        "epochs": 1,
        "lm_epochs": 1,
        "sizes": {"emb_sz": 8, "n_hid": 12, "n_layers": 2},
    }
    return TextClassifier(**{**given, **changed})
