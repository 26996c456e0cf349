"""Why the recipe's classifier, as a whole, gave a text its label."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from steadfit.inference.ensemble import Ensemble
from steadfit.inference.explain import LEAST, explain, explain_function
from steadfit.inference.explanation import Explanation
from steadfit.inference.occlusion import READINGS
from steadfit.inference.predictor import Predictor
from steadfit.models.classifier import TextClassifier


def explain_ensemble(
    ensemble: Ensemble, text: str, label: object = None, readings: int = READINGS
) -> Explanation:
    """Weigh the words of a text by how much they speak for a label.

    One network alone is asked as `explain` does. Of two networks, or a network with a linear model,
    no part decides alone: words are occluded, and each reading asks all of them. A linear model
    counts a word once, so there a word is occluded everywhere it stands. Everything is read in
    float32, but for the label that is predicted: that is the one of the ensemble's own engine.

    Args:
        ensemble: such as an estimator's `ensemble_`.
        text: of any length.
        label: one of the classes; None is the one that is predicted, by thresholds where there are
            any, and the likeliest where none is predicted.
        readings: texts that occlusion may read.

    Raises:
        DataError: no such label, or as `explain`.
    """
    if label is None and not ensemble.many:
        (label,) = ensemble.labels(ensemble.probabilities([text]))
    if len(ensemble.networks) > 1 or ensemble.linear is not None:
        exact = replace(ensemble, engine="float32")
        found = explain_function(
            partial(_probabilities, exact),
            text,
            exact.classes,
            label,
            readings=readings,
            alike=ensemble.linear is not None,
            multi_label=ensemble.many,
        )
        row = exact.probabilities([text])[0]
        return replace(found, probability=float(row[exact.classes.index(found.label)]))
    (saved,) = ensemble.networks
    assert isinstance(saved.model, TextClassifier)
    reader = Predictor(saved.model, saved.tokenizer, saved.classes, saved.backwards, "float32")
    named = None if label is None else str(label)
    return explain(reader, text, named, readings=readings, scale=ensemble.scale)


def _probabilities(ensemble: Ensemble, texts: list[str]) -> NDArray[np.float64]:
    """Return what the ensemble says without the bound that it keeps, so that no weight is lost."""
    if ensemble.weight == 0:
        return ensemble.probabilities(texts)
    return ensemble.finished(ensemble.mean_probabilities(texts), texts, LEAST)
