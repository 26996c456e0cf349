"""Labels in every form they may have: names, columns, lists of zeros and ones, Enums."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.multiclass import type_of_target

from steadfit.core.errors import DataError
from steadfit.estimator.classes import SETS, TABLE, Classes, classes_of

FRAME = pd.DataFrame({"p": [1, 0, 1], "c": [0, 1, 1]})
MARKED = [["p"], ["c"], ["c", "p"]]


class Tone(str, Enum):
    WARM = "warm"
    COLD = "cold"


def read(classes: Classes, labels: Any) -> list[list[str]]:
    return [sorted(names) for names in classes.read(labels)]


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_a_frames_columns_are_matched_by_name(kind: Any) -> None:
    found = classes_of(FRAME)
    assert found.values.tolist() == ["p", "c"]
    assert read(found, kind(FRAME[["c", "p"]].to_dict("list"))) == MARKED
    assert read(found, kind(FRAME.to_dict("list"))) == MARKED
    assert read(found, FRAME.to_numpy()) == MARKED


@pytest.mark.parametrize(
    ("learned", "labels", "message"),
    [
        (FRAME, FRAME.rename(columns={"c": "d"}), r"columns \['p', 'd'\]; .* \['p', 'c'\]"),
        (FRAME, FRAME[["p", "p"]], r"named \['p'\]"),
        (FRAME, FRAME.assign(d=0), r"\['p', 'c', 'd'\]"),
        (FRAME, np.ones((3, 3), int), "has 3 columns; the classes are 2"),
        (FRAME, [[0, 1], [1]], "different lengths"),
        (FRAME, ["p", "c", "p"], r"shape \(3,\)"),
        (FRAME.to_numpy(), FRAME, r"columns \['p', 'c'\]; .* \[0, 1\]"),
        (MARKED, FRAME, "learned from sets"),
        (["p", "c"], FRAME, "Labels are a table; .* one label each"),
        (["p", "c"], MARKED, "Labels are sets; .* one label each"),
        (["p", "c"], pl.LazyFrame({"y": ["p", "c"]}), r"frame\.collect\(\)"),
        (["p", "c"], np.array("p"), "one for each text"),
    ],
)
def test_labels_of_another_form_than_learned_are_refused(
    learned: Any, labels: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        classes_of(learned).read(labels)


def test_two_columns_of_one_name_are_no_classes() -> None:
    with pytest.raises(DataError, match=r"Several columns of labels are named \['c'\]"):
        classes_of(pd.DataFrame([[1, 0, 1], [0, 1, 1]], columns=["p", "c", "c"]))


@pytest.mark.parametrize(
    "labels",
    [
        [[1, 0, 1], [0, 1, 0]],
        [(1, 0), (0, 1)],
        [[True, False], [True, True]],
        [[1.0, 0.0], [1.0, 1.0]],
        [np.array([1, 0]), np.array([1, 1])],
        pd.Series([[1, 0], [1, 1]]),
    ],
)
def test_lists_of_zeros_and_ones_are_the_table_that_numpy_makes_of_them(labels: Any) -> None:
    table = np.array(list(labels)).astype(int)
    assert type_of_target(table) == "multilabel-indicator"
    found, wanted = classes_of(labels), classes_of(table)
    assert (found.many, found.names) == (TABLE, wanted.names)
    assert found.read(labels) == wanted.read(table)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([{0, 1}, {0, 1}], ["0", "1"]),  # a set is no row of a table
        ([[0, 1], [1]], ["0", "1"]),
        ([[0], [1]], ["0", "1"]),
        ([[0, 1], [1, 2]], ["0", "1", "2"]),
        ([["0", "1"], ["1", "0"]], ["0", "1"]),
    ],
)
def test_other_lists_stay_sets_of_labels(labels: Any, names: list[str]) -> None:
    found = classes_of(labels)
    assert (found.many, found.names) == (SETS, names)


def test_a_part_of_the_texts_is_read_in_the_form_of_the_whole() -> None:
    assert read(classes_of([[0, 1], [1], []]), [[0, 1], [1, 0]]) == [["0", "1"], ["0", "1"]]


@pytest.mark.parametrize(
    "labels",
    [
        [np.array(one) for one in MARKED],
        np.array([np.array(one) for one in MARKED], dtype=object),
        pd.Series([np.array(one) for one in MARKED]),
        pl.Series(MARKED),
        pl.DataFrame({"y": MARKED}),
    ],
    ids=["arrays", "array of arrays", "pandas", "polars", "frame"],
)
def test_sets_may_come_as_arrays_or_series(labels: Any) -> None:
    found = classes_of(labels)
    assert (found.many, found.names) == (SETS, ["c", "p"])
    assert read(found, labels) == MARKED


def test_an_enum_of_strings_is_known_by_its_values() -> None:
    found = classes_of([Tone.WARM, Tone.COLD])
    assert found.values.tolist() == ["cold", "warm"]
    assert all(type(one) is str for one in found.names)
    assert found.read(["warm", Tone.COLD]) == ["warm", "cold"]


def test_zero_has_no_sign() -> None:
    for labels in ([0.0, 1.0, -0.0], [-0.0, 1.0, 0.0]):
        found = classes_of(labels)
        assert found.names == ["0.0", "1.0"]
        assert found.read(labels) == [repr(abs(one)) for one in labels]


@given(st.lists(st.integers(-9, 9), min_size=2, unique=True), st.booleans())
def test_numbers_and_their_text_are_the_same_classes(values: list[int], turned: bool) -> None:
    text = list(map(str, values))
    learned, labels = (values, text) if turned else (text, values)
    assert classes_of(learned).read(labels) == text
    assert classes_of(learned).read([float(one) for one in values]) == text
