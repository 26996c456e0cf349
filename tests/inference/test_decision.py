"""Decisions decide every text, the same everywhere, and come back from JSON as they were."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError, FileFormatError
from steadfit.inference.decision import ABSTAINED, Decision, covered

THREE = ("a", "b", "c")
weights = st.lists(st.integers(0, 4), min_size=3, max_size=3).filter(any)


def shares(rows: list[list[int]]) -> np.ndarray:
    table = np.array(rows, dtype=float)
    return table / table.sum(axis=1, keepdims=True)


@given(st.lists(weights, min_size=1, max_size=10))
def test_without_thresholds_the_likeliest_class_wins_and_the_first_of_equals(
    rows: list[list[int]],
) -> None:
    assert Decision(THREE).codes(shares(rows)).tolist() == shares(rows).argmax(axis=1).tolist()


@given(
    st.lists(weights, min_size=1, max_size=10), st.lists(st.integers(1, 5), min_size=3, max_size=3)
)
def test_the_largest_quotient_wins_then_the_largest_probability_then_the_first(
    rows: list[list[int]], units: list[int]
) -> None:
    thresholds = [unit / sum(units) for unit in units]
    expected = []
    for row in shares(rows):
        best = 0
        for k in (1, 2):
            mine, other = row[k] / thresholds[k], row[best] / thresholds[best]
            if mine > other or (mine == other and row[k] > row[best]):
                best = k
        expected.append(best)
    assert Decision(THREE, tuple(thresholds)).codes(shares(rows)).tolist() == expected


def test_the_threshold_of_the_second_of_two_classes_is_one_of_its_probability() -> None:
    table = np.array([[0.71, 0.29], [0.69, 0.31]])
    assert Decision(("no", "yes"), (0.7, 0.3)).labels(table) == ["no", "yes"]


def test_a_label_is_given_from_its_threshold_on() -> None:
    decision = Decision(THREE, (0.5, 0.2, 1.0), multi_label=True)
    table = [[0.5, 0.1, 0.99], [0.4, 0.2, 1.0], [0.0, 0.0, 0.0]]
    assert decision.labels(table) == [("a",), ("b", "c"), ()]
    assert decision.marks(table).tolist() == [
        [True, False, False],
        [False, True, True],
        [False] * 3,
    ]


def test_a_text_that_is_not_sure_enough_gets_no_class() -> None:
    decision = Decision(("no", "yes"), abstain_below=0.8)
    table = np.array([[0.8, 0.2], [0.79, 0.21], [0.0, 1.0]])
    assert decision.labels(table) == ["no", None, "yes"]
    assert decision.codes(table).tolist() == [0, ABSTAINED, 1]


def test_no_texts_get_no_classes() -> None:
    assert Decision(THREE).labels(np.zeros((0, 3))) == []
    assert Decision(THREE, multi_label=True).labels(np.zeros((0, 3))) == []


@pytest.mark.parametrize(
    "decision",
    [
        Decision(("é", "b"), (1 / 3, 1 - 1 / 3), abstain_below=0.1 + 0.2, metric="f1:é"),
        Decision(("x",), (1e-300,), multi_label=True),
        Decision(THREE),
    ],
)
def test_a_decision_comes_back_from_json_as_it_was(decision: Decision) -> None:
    assert Decision.from_json(json.loads(json.dumps(decision.to_json()))) == decision


@pytest.mark.parametrize(
    "change",
    [
        {"classes": "ab"},
        {"classes": ["a"]},
        {"classes": ["a", 1]},
        {"classes": None},
        {"thresholds": []},
        {"thresholds": [0.5]},
        {"thresholds": [0.5, "x"]},
        {"thresholds": [0.5, True]},
        {"thresholds": [0.5, 0.6]},
        {"thresholds": [0.0, 1.0]},
        {"thresholds": [float("nan"), 0.5]},
        {"multi_label": 1},
        {"multi_label": True, "abstain_below": 0.5},
        {"abstain_below": 1.5},
        {"abstain_below": None},
        {"metric": 3},
        {"more": 1},
    ],
)
def test_a_file_that_holds_no_decision_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FileFormatError):
        Decision.from_json({**Decision(("a", "b")).to_json(), **change})
    with pytest.raises(FileFormatError):
        Decision.from_json([])  # type: ignore[arg-type]


def test_probabilities_of_other_classes_are_refused() -> None:
    with pytest.raises(DataError, match="2 columns"):
        Decision(THREE).codes([[0.5, 0.5]])
    with pytest.raises(DataError, match="marks"):
        Decision(THREE, multi_label=True).codes([[0.5, 0.5, 0.5]])
    with pytest.raises(DataError, match="codes"):
        Decision(THREE).marks([[0.5, 0.25, 0.25]])


@given(st.lists(st.tuples(weights, st.integers(0, 2)), min_size=1, max_size=12), st.floats(0.01, 1))
def test_as_few_of_the_least_sure_texts_are_left_out_as_make_the_coverage(
    texts: list[tuple[list[int], int]], coverage: float
) -> None:
    table, codes = shares([row for row, _ in texts]), np.array([code for _, code in texts])
    (found,) = covered(Decision(THREE), table, codes, [coverage])
    sure = table.max(axis=1)
    enough = [s for s in set(sure.tolist()) if np.mean(sure >= s) >= coverage - 1e-9]
    assert found.abstain_below == max(enough)
    given_ = Decision(THREE, abstain_below=found.abstain_below).codes(table)
    assert found.decided == np.sum(given_ != ABSTAINED)
    assert found.right == np.sum(given_ == codes)
    assert found.coverage == found.decided / len(texts)
    assert found.accuracy == pytest.approx(np.mean((given_ == codes)[given_ != ABSTAINED]))


@pytest.mark.parametrize("given", [0.5, None, 1])
def test_one_number_for_all_is_refused(given: Any) -> None:
    with pytest.raises(DataError, match=f"thresholds is {given}; give one for each class"):
        Decision(THREE, thresholds=given)
    with pytest.raises(DataError, match=f"coverages is {given}; give a list"):
        covered(Decision(THREE), [[0.5, 0.25, 0.25]], [0], given)


@pytest.mark.parametrize("coverage", [0, 1.1, float("nan"), "x"])
def test_a_coverage_that_is_none_is_refused(coverage: Any) -> None:
    with pytest.raises(DataError, match="coverage"):
        covered(Decision(THREE), [[0.5, 0.25, 0.25]], [0], [coverage])
