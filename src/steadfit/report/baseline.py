"""What a linear model on counted words reaches: the number a recurrent model has to beat."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from steadfit.linear.tfidf import fit_tfidf
from steadfit.report.baseline_task import BaselineResult, judge


def tfidf_baseline(
    train_texts: Sequence[str],
    train_labels: Sequence[Hashable],
    test_texts: Sequence[str],
    test_labels: Sequence[Hashable],
) -> BaselineResult:
    """Train and judge a logistic regression on TF-IDF weights (`steadfit.linear.tfidf`).

    The softmax of its scores is the model's probabilities.

    Raises:
        DataError: as many labels as texts are needed, two classes to train on, one test text.
    """
    return judge(fit_tfidf, train_texts, train_labels, test_texts, test_labels)
