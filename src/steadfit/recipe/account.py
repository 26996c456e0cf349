"""What is told of a training, as plain JSON values for a card and for people."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.console import say
from steadfit.inference.ensemble import Ensemble
from steadfit.linear.probabilities import LEAST_PROBABILITY
from steadfit.models.classifier import TextClassifier
from steadfit.recipe.fitted import Fitted
from steadfit.recipe.settings import ClassifierSettings, with_rate
from steadfit.report.reliability import reliability
from steadfit.text.corpus import VALID, Corpus
from steadfit.text.duplicates import find_duplicates
from steadfit.text.values import names_of

MOST_CHARACTERS = 50_000_000  # in which near-duplicates are looked for
RESAMPLES = 200  # for what chance alone would give


def described(corpus: Corpus) -> dict[str, Any]:
    """Return how many labelled documents there are, and a fingerprint of texts and labels."""
    assert corpus.labels is not None
    digest = blake2b(digest_size=16)
    for text, label in zip(corpus.texts, corpus.labels, strict=True):
        for part in (text, *names_of(label)):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
    counts = Counter(name for label in corpus.labels for name in names_of(label))
    return {
        "documents": len(corpus),
        "held_out": 0 if corpus.split is None else len(corpus.part(VALID)),
        "classes": dict(sorted(counts.items())),
        "fingerprint": digest.hexdigest(),
    }


def made_of(
    made: Ensemble, base: str | Path | None, how: ClassifierSettings, documents: int
) -> dict[str, Any]:
    """Return what the networks are where the recipe leaves it to texts and machine.

    Args:
        made: of them.
        base: the pretrained model begun with, or None.
        how: the numbers of the classifier's training.
        documents: learned from.
    """
    first = made.networks[0]
    assert isinstance(first.model, TextClassifier)
    phases = with_rate(how).phases(documents, len(first.model.layer_groups()))
    sizes = ("emb_sz", "n_hid", "n_layers")
    return {
        "begun_with": "nothing" if base is None else str(base),
        "sizes": {name: getattr(first.model.config, name) for name in sizes},
        "words": len(first.tokenizer.vocab),
        "batch_size": how.rows_of(documents),
        "epochs_of_each_phase_at_most": [phase.epochs for phase in phases],
    }


def duplicates_between(corpus: Corpus) -> dict[str, Any]:
    """Return how many documents held out resemble one that is learned from, and say so if any do.

    Of very much text, for which near-duplicates would take too much memory, nothing is looked at;
    that is said too.
    """
    if sum(map(len, corpus.texts)) > MOST_CHARACTERS:
        say(
            f"The texts have more than {MOST_CHARACTERS:,} characters: those held out are not "
            "compared with those that are learned from."
        )
        return {}
    found = find_duplicates(corpus, most=1)
    if len(found.leaked):
        say(str(found))
    return {"held_out": len(found.leaked), "learned_from": len(found.leaking)}


def held_out_figures(
    fitted: Fitted, answers: NDArray[Any], baseline: NDArray[np.float64] | None = None
) -> dict[str, Any]:
    """Return what network, linear model and both together reach on the documents held out.

    Temperature, weight and thresholds were fitted on the same documents, so these figures are a
    little better than those on new ones; `gain_on_others` of the thresholds is not.

    Args:
        fitted: on them.
        answers: see `answers_of`.
        baseline: (texts, classes), what NBSVM of the labelled documents alone says, where the
            linear model that was fitted with has learned more; None is that linear model.
    """
    many = answers.ndim == 2
    found: dict[str, Any] = {"documents": len(answers)}
    if many:
        found["none"] = _number((answers == 0).mean())
        found["network"] = _of_labels(fitted.network, answers)
    else:
        found["majority"] = _number(np.bincount(answers).max() / len(answers))
        found["network"] = _of_classes(fitted.network, answers)
    if fitted.simple is not None:
        baseline = fitted.simple if baseline is None else baseline
        found["linear"] = _of_classes(baseline, answers)
        if baseline is not fitted.simple:
            found["linear_taught"] = _of_classes(fitted.simple, answers)
    if (blend := fitted.blend) is not None:
        part = blend.blend
        found["blend"] = {"accuracy": _number(part.accuracy), "log_loss": _number(part.log_loss)}
        found["weight_of_the_network"] = _number(blend.weight)
    trust = reliability(fitted.probabilities, answers, many, resamples=RESAMPLES)
    found["calibration"] = {
        "ece": _number(trust.ece.value),
        "ece_by_chance": _number(trust.ece_by_chance),
        "log_loss": _number(trust.log_loss.value),
        "brier": _number(trust.brier.value),
    }
    if (tuned := fitted.tuned) is not None:
        found["thresholds"] = {
            "metric": tuned.found.metric or fitted.decision.metric,
            "kept": tuned.kept,
            "without": _number(tuned.untuned_score),
            "with": _number(tuned.found_score),
            "gain_on_others": _number(tuned.gain),
        }
    return found


def _of_classes(table: NDArray[np.float64], codes: NDArray[np.int64]) -> dict[str, float]:
    of_answers = np.maximum(table[np.arange(len(codes)), codes], LEAST_PROBABILITY)
    return {
        "accuracy": _number((table.argmax(axis=1) == codes).mean()),
        "log_loss": _number(-np.log(of_answers).mean()),
    }


def _of_labels(table: NDArray[np.float64], marks: NDArray[np.int64]) -> dict[str, float]:
    of_answers = np.maximum(np.where(marks, table, 1 - table), LEAST_PROBABILITY)
    return {
        "accuracy": _number(((table >= 0.5) == marks).mean()),
        "log_loss": _number(-np.log(of_answers).mean()),
    }


def _number(value: float) -> float:
    return round(float(value), 4)
