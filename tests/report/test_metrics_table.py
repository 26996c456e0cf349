"""Evaluations beside scikit-learn's report, and tables that show what they hold."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import classification_report, confusion_matrix

from steadfit.core.errors import DataError
from steadfit.report.comparison import wilson_interval
from steadfit.report.metrics_table import evaluation, markdown_lines, print_evaluation
from steadfit.report.reliability import reliability

names = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(names, names), min_size=1, max_size=30))
def test_the_numbers_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    labels, predictions = zip(*pairs, strict=True)
    found = evaluation(labels, predictions)
    expected = classification_report(labels, predictions, output_dict=True, zero_division=0)
    right = sum(a == b for a, b in pairs)
    assert found["accuracy"]["value"] == pytest.approx(right / len(pairs))
    low, high = wilson_interval(right, len(pairs))
    assert (found["accuracy"]["low"], found["accuracy"]["high"]) == (low, high)
    assert found["macro_f1"] == pytest.approx(expected["macro avg"]["f1-score"])
    for one in found["per_class"]:
        other = expected[one["class"]]
        assert one["support"] == other["support"]
        assert one["predicted"] == predictions.count(one["class"])
        assert (one["precision"] or 0) == pytest.approx(other["precision"])
        assert (one["recall"] or 0) == pytest.approx(other["recall"])
        assert (one["f1"] or 0) == pytest.approx(other["f1-score"])
    matrix = confusion_matrix(labels, predictions, labels=found["classes"])
    assert found["confusion"] == matrix.tolist()


def test_what_is_not_defined_is_none_and_not_zero() -> None:
    found = evaluation(["a", "a"], ["a", "b"], classes=["a", "b", "c"])
    a, b, c = found["per_class"]
    assert (a["precision"], a["recall"]) == (1.0, 0.5)
    assert (b["precision"], b["recall"], b["f1"]) == (0.0, None, None)
    assert (c["precision"], c["recall"], c["f1"]) == (None, None, None)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["log_loss"] is found["ece"] is found["brier"] is None


def with_probabilities() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    table = rng.dirichlet([1, 1, 1], size=50)
    labels = [["x|y", "b", "c"][code] for code in rng.integers(3, size=50)]
    given_ = [["x|y", "b", "c"][code] for code in table.argmax(axis=1)]
    found = evaluation(labels, given_, table, ["x|y", "b", "c"], resamples=20)
    codes = [["x|y", "b", "c"].index(label) for label in labels]
    same = reliability(table, codes, resamples=20)
    assert found["ece"] == {"value": same.ece.value, **same.ece.interval._asdict()}
    assert found["log_loss"]["high"] == same.log_loss.interval.high
    return found


def test_probabilities_are_judged_and_json_holds_it_all() -> None:
    found = with_probabilities()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["classes"] == ["x|y", "b", "c"]


def test_the_markdown_tables_have_rows_of_one_length_and_a_row_for_each_class() -> None:
    text = "\n".join(markdown_lines(with_probabilities()))
    whole, classes, confusion = (part.splitlines() for part in text.split("\n\n"))
    for table, rows, columns in ((whole, 8, 3), (classes, 3, 6), (confusion, 3, 4)):
        assert len(table) == rows + 2
        assert {line.replace("\\|", "").count("|") for line in table} == {columns + 1}
    assert classes[2].startswith("| x\\|y | ")
    assert whole[2] == "| texts | 50 |  |"
    many = [str(i) for i in range(40)]
    assert len("\n".join(markdown_lines(evaluation(many, many))).split("\n\n")) == 2


def test_what_is_printed_is_what_was_found() -> None:
    out = io.StringIO()
    print_evaluation(evaluation(["a", "a", "b", "c"], ["a", "b", "b", "b"]), out)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["accuracy", "50.0%", "15.0%", "to", "85.0%"] in lines
    assert ["a", "100.0%", "50.0%", "66.7%", "2", "1"] in lines
    assert ["c", "–", "0.0%", "0.0%", "1", "0"] in lines


@pytest.mark.parametrize(
    "given_",
    [
        {"labels": [], "predictions": []},
        {"predictions": ["a"]},
        {"predictions": ["a", None]},
        {"classes": ["a"]},
        {"probabilities": [[0.5, 0.5], [0.5, 0.5]]},
        {"classes": ["a", "b"], "probabilities": [[0.5, 0.5]]},
        {"classes": ["a", "b", "c"], "probabilities": [[0.5, 0.5], [0.5, 0.5]]},
    ],
)
def test_what_does_not_fit_together_is_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        evaluation(**{"labels": ["a", "b"], "predictions": ["a", "b"], **given_})
