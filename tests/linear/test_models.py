"""What holds for every linear model, beside pipelines of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from steadfit.core.errors import DataError
from steadfit.linear.model import LinearModel
from steadfit.linear.nbsvm import fit_nbsvm, log_count_ratio
from steadfit.linear.tfidf import fit_tfidf

Fit = Callable[..., LinearModel]
each_fit = pytest.mark.parametrize("fit", [fit_nbsvm, fit_tfidf])
HOSTILE = ["", " \n\0", "a", "\ud800 good", "good " * 30_000, "GOOD\u202efilm", "\U0001f600", "zzz"]


class Ratio(TransformerMixin, BaseEstimator):
    """Weighs n-grams by the logarithm of naive Bayes' ratio, in the words of Wang & Manning."""

    def fit(self, counts: csr_matrix, positive: np.ndarray) -> Ratio:
        p = 1 + counts[np.asarray(positive) == 1].toarray().sum(axis=0)
        q = 1 + counts[np.asarray(positive) == 0].toarray().sum(axis=0)
        self.ratio_ = np.log((p / p.sum()) / (q / q.sum()))
        return self

    def transform(self, counts: csr_matrix) -> np.ndarray:
        return counts.toarray() * self.ratio_


def peer_of(fit: Fit) -> Any:
    if fit is fit_tfidf:
        return make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            LogisticRegression(C=10, tol=1e-8, max_iter=5_000),
        )
    machine = LinearSVC(C=0.01, random_state=0, tol=1e-8, max_iter=100_000)
    return make_pipeline(
        CountVectorizer(ngram_range=(1, 2), binary=True),
        OneVsRestClassifier(make_pipeline(Ratio(), machine)),
    )


@each_fit
@pytest.mark.parametrize("classes", [2, 3])
def test_margins_are_those_of_a_pipeline_of_scikit_learn(
    fit: Fit, classes: int, examples: Callable[..., Any]
) -> None:
    texts, labels = examples(classes)
    model = fit(texts[:50], labels[:50], classes=sorted(set(labels)), calibrated=False)
    peer = peer_of(fit).fit(texts[:50], labels[:50])
    margins = peer.decision_function(texts[50:])
    if classes == 2:
        margins = np.column_stack([-margins, margins]) / (2 if fit is fit_tfidf else 1)
    assert model.margins(texts[50:]) == pytest.approx(margins, abs=3e-4)
    if fit is fit_tfidf:
        by_peer = peer.predict_proba(texts[50:])
        assert model.probabilities(texts[50:]) == pytest.approx(by_peer, abs=3e-4)


@each_fit
@pytest.mark.parametrize("classes", [2, 4])
def test_columns_are_in_the_order_asked_for(
    fit: Fit, classes: int, examples: Callable[..., Any]
) -> None:
    texts, labels = examples(classes, 120)
    labels = [*map(str, range(classes)), *labels[classes:]] if classes == 4 else labels
    names = list(dict.fromkeys(labels))
    first, turned = (fit(texts, labels, classes=order) for order in (None, names[::-1]))
    assert first.classes == tuple(names) == turned.classes[::-1]
    assert turned.probabilities(texts)[:, ::-1] == pytest.approx(
        first.probabilities(texts), abs=1e-4
    )


@each_fit
@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_sum_to_one_and_agree_with_the_margins(
    fit: Fit, classes: int, examples: Callable[..., Any]
) -> None:
    texts, labels = examples(classes)
    model = fit(texts, labels)
    found = model.probabilities([*texts, *HOSTILE])
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))
    assert (found > 0).all()
    best = [model.classes[code] for code in found.argmax(axis=1)]
    assert model.predict([*texts, *HOSTILE]) == best


@each_fit
def test_a_text_alone_gets_what_it_gets_among_others(
    fit: Fit, examples: Callable[..., Any]
) -> None:
    texts, labels = examples(3)
    model = fit(texts, labels)
    asked = [*texts, *HOSTILE] * 15  # more than are held at a time
    together = model.margins(iter(asked))
    alone = np.concatenate([model.margins([text]) for text in asked[: len(texts) + len(HOSTILE)]])
    assert (together == np.concatenate([alone] * 15)).all()
    assert model.margins([]).shape == model.probabilities([]).shape == (0, 3)


@each_fit
def test_threads_may_share_one(fit: Fit, examples: Callable[..., Any]) -> None:
    texts, labels = examples(2)
    model = fit(texts, labels)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.margins(texts), range(8)))
    assert all((one == model.margins(texts)).all() for one in found)


@each_fit
@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["good", "bad"], ["a", "b"]),  # nothing can be held out
        (["good", "good"], ["a", "b"]),  # nothing can be learned
        (["good film", "", "bad film"], ["a", "a", "b"]),
        (["good", "warm", "bad", "dull"], ["a", "a", "b", "b"]),  # unknown words where held out
        (["good", "bad", "dull", "warm"], ["a", "b", "c", "a"]),
    ],
)
def test_a_few_texts_are_enough(fit: Fit, texts: list[str], labels: list[str]) -> None:
    model = fit(texts, labels)
    found = model.probabilities([*texts, *HOSTILE])
    assert np.isfinite(found).all()
    assert found.shape == (len(texts) + len(HOSTILE), len(set(labels)))


def test_ngrams_without_weight_are_left_out_and_change_nothing() -> None:
    # "even" occurs as often in either class, so its ratio is log 1.
    texts, labels = ["good even", "bad even", "good", "bad"], [1, 0, 1, 0]
    model = fit_nbsvm(texts, labels)
    assert "even" not in model.ngrams
    assert {"good", "bad"} <= set(model.ngrams)
    with_even, without = model.margins(["even good", "good"])
    assert with_even.tolist() == without.tolist()
    assert "even" in fit_tfidf(texts, labels).ngrams  # there it counts in the norm of a text


def test_ratios_are_those_of_counts_worked_out_on_paper() -> None:
    # Occurrences: "good" in 2 of the class and 0 others, "film" in 1 and 1, "dull" in 0 and 1.
    counts = csr_matrix(np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1]], dtype=float))
    ratio = log_count_ratio(counts, np.array([True, True, False]))
    # p = (3, 2, 1) of 6, q = (1, 2, 2) of 5.
    assert np.exp(ratio) == pytest.approx([(3 / 6) / (1 / 5), (2 / 6) / (2 / 5), (1 / 6) / (2 / 5)])


@each_fit
@pytest.mark.parametrize(
    ("texts", "labels", "classes", "message"),
    [
        ("good bad", ["a"], None, "One string"),
        (["good", None], ["a", "b"], None, "A text is None"),
        (["good", "bad"], ["a"], None, "2 training texts and 1 training labels"),
        (["good", "bad"], ["a", "a"], None, "1 classes"),
        ([], [], None, "0 classes"),
        (["good", "bad"], [["p"], ["n"]], None, r"The labels are \[\['p'\], \['n'\]\]"),
        (["good", "bad"], ["a", "b"], [["a"], ["b"]], r"the classes \[\['a'\], \['b'\]\]"),
        (["good", "bad"], ["a", "b"], 2, "the classes 2"),
        (None, ["a", "b"], None, "texts is None"),
        (["good", "bad"], None, None, "Texts and labels are to be lists"),
        (["good", "bad"], ["a", "b"], ["a", "b", "c"], "name each class that has a text"),
        (["good", "bad"], ["a", "b"], ["a", "c"], "name each class that has a text"),
        (["good", "bad"], ["a", "b"], ["a", "b", "a"], "name each class that has a text"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    fit: Fit, texts: Any, labels: list[str], classes: Sequence[str] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        fit(texts, labels, classes=classes)


def test_what_is_no_text_is_refused() -> None:
    model = fit_nbsvm(["good", "bad"], [1, 0])
    with pytest.raises(DataError, match="One string"):
        model.margins("good")
    with pytest.raises(DataError, match="texts is None"):
        model.probabilities(None)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"A text is b'bytes' \(bytes\)"):
        model.probabilities(["good", b"bytes"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ("a",)}, "two or more"),
        ({"classes": ("a", "a")}, "two or more"),
        ({"classes": ("a", "b", "c")}, "shape"),
        ({"ngrams": ("x", "x")}, "twice"),
        ({"ngrams": ()}, "counts nothing"),
        ({"weights": np.zeros((2, 1))}, "float64"),
        ({"weights": np.full((2, 1), np.nan, dtype=np.float32)}, "not finite"),
        ({"idf": np.zeros(2, dtype=np.float32)}, "not positive"),
        ({"idf": np.ones(3, dtype=np.float32)}, "shape"),
        ({"scale": 0.0}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"scale": "1"}, "scale is '1'"),
        ({"scale": None}, "scale is None"),
    ],
)
def test_numbers_that_make_no_model_are_refused(change: dict[str, Any], message: str) -> None:
    fine: dict[str, Any] = {
        "classes": ("a", "b"),
        "ngrams": ("x", "y"),
        "idf": None,
        "weights": np.zeros((2, 1), dtype=np.float32),
        "bias": np.zeros(1, dtype=np.float32),
    }
    LinearModel(**fine)
    with pytest.raises(DataError, match=message):
        LinearModel(**{**fine, **change})


def test_of_very_much_text_some_is_enough_evenly_from_each_class(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every third text, and the only one of its class."""
    labels = ["a", "b"] * 30 + ["c"]
    texts = [f"{label}{label} w{row:02}" for row, label in enumerate(labels)]
    kept = [row for row in range(60) if row // 2 % 3 == 0] + [60]
    monkeypatch.setattr("steadfit.linear.fit.CHARACTERS", sum(map(len, texts)) // 3)
    found = fit_nbsvm(texts, labels)
    assert "21 of 61 texts" in capsys.readouterr().out
    monkeypatch.undo()
    by_hand = fit_nbsvm([texts[row] for row in kept], [labels[row] for row in kept])
    assert found.ngrams == by_hand.ngrams
    assert (found.margins(texts) == by_hand.margins(texts)).all()
    assert capsys.readouterr().out == ""
