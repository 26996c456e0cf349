"""The scale of probabilities, beside a search over its loss and folds made from texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from steadfit.core.errors import DataError
from steadfit.linear.calibration import fit_scale, fit_sigmoid_scale, folds, sigmoid, softmax
from steadfit.linear.model import LinearModel
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.linear.tfidf import fit_tfidf


def by_search(scores: np.ndarray, codes: np.ndarray) -> float:
    classes = scores.shape[1]

    def loss(log_scale: float) -> float:
        total = 0.0
        for row, code in zip(log_softmax(np.exp(log_scale) * scores, axis=1), codes, strict=True):
            right = (np.sum(codes == code) + 1) / (np.sum(codes == code) + 2)
            for k in range(classes):
                total -= row[k] * (right if k == code else (1 - right) / (classes - 1))
        return total

    return float(np.exp(minimize_scalar(loss, bounds=(-6, 8), method="bounded").x))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_no_other_scale_has_less_loss(classes: int) -> None:
    rng = np.random.default_rng(classes)
    codes = rng.integers(classes, size=60)
    scores = rng.normal(size=(60, classes)) + 1.5 * np.eye(classes)[codes]
    assert fit_scale(scores / 7, codes) == pytest.approx(by_search(scores / 7, codes), rel=1e-2)


def test_probabilities_that_generate_the_classes_need_no_other_scale() -> None:
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(20_000, 3))
    drawn = (softmax(logits).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    assert fit_scale(logits, drawn) == pytest.approx(1, abs=0.03)
    assert fit_scale(logits * 4, drawn) == pytest.approx(0.25, abs=0.01)


def test_scores_that_are_always_right_keep_a_doubt() -> None:
    codes = np.array([0, 1] * 4)
    scores = np.where(np.eye(2)[codes] == 1, 1.0, -1.0)
    # Four of each class: five sixths, as Platt has it.
    right = softmax(fit_scale(scores, codes) * scores)[np.arange(8), codes]
    assert right == pytest.approx(np.full(8, 5 / 6))


def test_scores_that_mislead_are_hardly_believed() -> None:
    codes = np.array([0, 1] * 10)
    wrong = np.where(np.eye(2)[codes] == 1, -1.0, 1.0)
    scale = fit_scale(wrong, codes)
    assert scale > 0
    assert softmax(scale * wrong) == pytest.approx(np.full((20, 2), 0.5), abs=1e-3)


def test_without_texts_held_out_scores_stay_as_they_are() -> None:
    assert fit_scale(np.zeros((0, 3)), np.zeros(0, dtype=np.int64)) == 1


@given(st.lists(st.integers(0, 3), max_size=60))
def test_every_text_is_held_out_once_unless_its_class_has_no_other(codes: list[int]) -> None:
    held_out = [part.tolist() for part in folds(np.array(codes, dtype=np.int64))]
    times = np.sum(held_out, axis=0) if held_out else np.zeros(len(codes))
    assert [codes.count(code) > 1 for code in codes] == (times == 1).tolist()
    for part in held_out:
        left = {code for code, out in zip(codes, part, strict=True) if not out}
        assert left == set(codes)
        for code in set(codes):
            members = [out for other, out in zip(codes, part, strict=True) if other == code]
            assert sum(members) <= -(-len(members) // 5)
            assert "10" not in "".join(str(int(out)) for out in members).strip("0")


@pytest.mark.parametrize("fit", [fit_nbsvm, fit_tfidf])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_scale_is_that_of_models_trained_without_the_texts_they_score(
    fit: Callable[..., LinearModel], classes: int, examples: Callable[..., Any]
) -> None:
    texts, labels = map(np.array, examples(classes))
    names = sorted(set(labels))
    codes = np.array([names.index(label) for label in labels])
    margins = np.zeros((len(texts), classes))
    for out in folds(codes):
        model = fit(texts[~out].tolist(), labels[~out].tolist(), names, calibrated=False)
        margins[out] = model.margins(texts[out].tolist())
    found = fit(texts.tolist(), labels.tolist(), names).scale
    assert found == pytest.approx(by_search(margins, codes), rel=1e-2)


@pytest.mark.parametrize("size", [1e-6, 1e3, 1e9, 1e30])
def test_logits_of_any_size_get_the_scale_that_undoes_it(size: float) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(3, size=80)
    scores = rng.normal(size=(80, 3)) + np.eye(3)[codes]
    assert fit_scale(size * scores, codes) * size == pytest.approx(fit_scale(scores, codes))


def test_where_all_scores_are_tied_no_scale_is_preferred() -> None:
    assert fit_scale(np.full((7, 3), 0.1), np.array([0, 1, 2, 0, 1, 2, 0])) == 1
    assert fit_sigmoid_scale(np.zeros((4, 2)), np.ones((4, 2))) == 1


def test_texts_of_one_class_only_leave_a_doubt() -> None:
    scores = np.tile([2.0, -1.0], (6, 1))
    scale = fit_scale(scores, np.zeros(6, dtype=np.int64))
    assert softmax(scale * scores)[:, 0] == pytest.approx(np.full(6, 7 / 8))


@pytest.mark.parametrize(
    ("scores", "codes"),
    [
        ([[1.0], [2.0]], [0, 0]),
        ([[1.0, np.nan]], [0]),
        ([[1.0, np.inf]], [0]),
        ([[1.0, 2.0]], [2]),
        ([[1.0, 2.0]], [-1]),
        ([[1.0, 2.0]], [0, 1]),
        ([1.0, 2.0], [0, 1]),
    ],
)
def test_scores_that_cannot_be_scaled_are_refused(scores: Any, codes: Any) -> None:
    with pytest.raises(DataError):
        fit_scale(np.array(scores), np.array(codes))


def by_sigmoid_search(logits: np.ndarray, marks: np.ndarray) -> float:
    def loss(log_scale: float) -> float:
        total = 0.0
        for row, has in zip(np.exp(log_scale) * logits, marks, strict=True):
            for k, (logit, mark) in enumerate(zip(row, has, strict=True)):
                yes, no = marks[:, k].sum(), (1 - marks[:, k]).sum()
                target = (yes + 1) / (yes + 2) if mark else 1 / (no + 2)
                total += np.logaddexp(0, logit) - target * logit
        return total

    return float(np.exp(minimize_scalar(loss, bounds=(-6, 8), method="bounded").x))


@pytest.mark.parametrize("labels", [1, 3])
def test_no_other_scale_of_sigmoids_has_less_loss(labels: int) -> None:
    rng = np.random.default_rng(labels)
    marks = (rng.random((50, labels)) < 0.3).astype(int)
    logits = 5 * (rng.normal(size=marks.shape) + 2 * marks - 1)
    found = fit_sigmoid_scale(logits, marks)
    assert found == pytest.approx(by_sigmoid_search(logits, marks), rel=1e-2)


def test_two_classes_are_one_label_whose_logit_is_the_difference() -> None:
    rng = np.random.default_rng(5)
    codes = np.array([0, 1] * 30)  # as many of each: the targets are the same
    scores = rng.normal(size=(60, 2)) + np.eye(2)[codes]
    difference = scores[:, 1:] - scores[:, :1]
    assert fit_sigmoid_scale(difference, codes[:, None]) == pytest.approx(fit_scale(scores, codes))


def test_sigmoids_of_extreme_logits_are_zero_a_half_and_one() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert sigmoid(np.array([-1e9, 0.0, 1e9])).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("marks", [[[0, 2]], [[0]], [[0, 1], [1, 0]], [["a", "b"]]])
def test_marks_that_are_no_zeros_and_ones_are_refused(marks: Any) -> None:
    with pytest.raises(DataError):
        fit_sigmoid_scale(np.zeros((1, 2)), marks)
