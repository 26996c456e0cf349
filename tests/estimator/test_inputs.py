"""What is taken as texts, labels, groups and weights, and what is refused in one clear line."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError, FileFormatError
from steadfit.estimator.classes import SETS, TABLE, Classes, classes_of
from steadfit.estimator.data import fit_data
from steadfit.estimator.settings import recipe_of
from steadfit.estimator.text_classifier import TextClassifier
from steadfit.estimator.texts import texts_of
from steadfit.text.corpus import TRAIN, VALID

COLUMNS = {"title": ["A", "B"], "body": ["one", "two"], "stars": [1, 2]}
RECORDS = [{"title": "A", "body": "one"}, {"title": "B", "body": "two"}]


@pytest.mark.parametrize(
    "table", [COLUMNS, RECORDS, pd.DataFrame(COLUMNS), pl.DataFrame(COLUMNS)], ids=type
)
def test_every_kind_of_table_gives_the_same_texts(table: Any) -> None:
    assert texts_of(table, "body") == ["one", "two"]
    assert texts_of(table, ["title", "body"]) == ["xxfld 1 A xxfld 2 one", "xxfld 1 B xxfld 2 two"]


@pytest.mark.parametrize(
    "texts", [["a", ""], ("a", ""), np.array(["a", ""]), pd.Series(["a", ""]), pl.Series(["a", ""])]
)
def test_every_kind_of_column_gives_the_same_texts(texts: Any) -> None:
    assert list(texts_of(texts)) == ["a", ""]


@pytest.mark.parametrize(
    ("texts", "columns", "message"),
    [
        ("a text", None, "One string"),
        ([], None, "No texts"),
        (["a", None, float("nan")], None, r"2 of 3 texts are missing .* row 1"),
        (["a", 5], None, r"Row 1 of texts is 5 \(int\)"),
        ([["a"], ["b"]], None, "Row 0 of texts"),
        (np.zeros((2, 3)), None, r"shape \(2, 3\)"),
        (5, None, "a sequence of strings"),
        (COLUMNS, None, r"A table was given .*title"),
        (COLUMNS, "text", r"no column 'text'; .*title"),
        (COLUMNS, "stars", r"Row 0 of texts \(column 'stars'\) is 1"),
        ({"a": ["x", None]}, "a", r"1 of 2 texts \(column 'a'\) are missing"),
        ({"a": ["x", "y"], "b": ["x"]}, ["a", "b"], r"lengths \('a' 2, 'b' 1\)"),
        (RECORDS, "stars", "Document 0 has no 'stars'"),
        (["a"], "text", "document 0 is 'a'"),
        (COLUMNS, [], "a column's name or a list"),
        ({"t": "a film"}, "t", "Column 't' is 'a film'; a sequence"),
        ({"t": 5}, "t", "Column 't' is 5; a sequence"),
        (pd.DataFrame([["a", "b"]], columns=["t", "t"]), "t", "'t' is a table itself"),
        (pl.LazyFrame(COLUMNS), "body", r"frame\.collect\(\)"),
        (pl.LazyFrame(COLUMNS), None, r"frame\.collect\(\)"),
    ],
)
def test_texts_that_are_refused(texts: Any, columns: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        texts_of(texts, columns)


@pytest.mark.parametrize(
    ("labels", "kind", "names"),
    [
        (["b", "a", "b"], "str", ["a", "b"]),
        (np.array(["b", "a"], dtype=object), "str", ["a", "b"]),
        ([10, 2, 10], "int", ["2", "10"]),
        (np.array([-1, 3], dtype=np.int16), "int", ["-1", "3"]),
        ([True, False], "bool", ["False", "True"]),
        ([1.0, 0.0], "float", ["0.0", "1.0"]),
        (pd.Series(["x", "y"]), "str", ["x", "y"]),
        (pl.Series([1, 0]), "int", ["0", "1"]),
    ],
)
def test_classes_keep_their_type_and_their_order(labels: Any, kind: str, names: list[str]) -> None:
    found = classes_of(labels)
    assert (found.kind, found.names, found.many) == (kind, names, None)
    expected = np.unique(np.asarray(labels))
    assert found.values.tolist() == expected.tolist()
    again = Classes.from_json(found.to_json())
    assert again.values.tolist() == expected.tolist()
    assert [type(one) for one in again.values.tolist()] == [type(one) for one in expected.tolist()]


@given(st.lists(st.integers(), min_size=2, unique=True) | st.lists(st.text(min_size=1), min_size=2))
def test_reading_names_each_label_as_its_class(labels: list[Any]) -> None:
    if len(set(labels)) < 2:
        return
    found = classes_of(labels)
    value_of = dict(zip(found.names, found.values.tolist(), strict=True))
    assert [value_of[name] for name in found.read(labels)] == labels


def test_a_frame_of_one_column_has_one_label_a_text() -> None:
    for frame in (pd.DataFrame({"label": ["b", "a"]}), pl.DataFrame({"label": ["b", "a"]})):
        found = classes_of(frame)
        assert (found.many, found.names, found.read(frame)) == (None, ["a", "b"], ["b", "a"])


def test_several_labels_a_text_come_as_sets_or_as_a_table() -> None:
    sets = classes_of([{"a"}, {"b", "a"}, set()])
    assert (sets.many, sets.names) == (SETS, ["a", "b"])
    assert sets.read([("b",), []]) == [("b",), ()]
    table = classes_of(np.array([[1, 0], [1, 1]]))
    assert (table.many, table.names) == (TABLE, ["0", "1"])
    assert table.read([[0, 1], [0, 0]]) == [("1",), ()]
    named = classes_of(pd.DataFrame({"x": [1, 0], "y": [1, 1]}))
    assert named.read(np.array([[1, 0]])) == [("x",)]


@pytest.mark.parametrize(
    ("labels", "many", "message"),
    [
        (["a", "a"], "auto", r"one class \('a'\)"),
        ([], "auto", "No text has a label"),
        (["a", None], "auto", r"1 of 2 labels are missing .* row 1"),
        (["a", float("nan")], "auto", "1 of 2 labels are missing"),
        (["a", "b", ""], "auto", r"1 of 3 labels are missing .* row 2"),
        ([{"a"}, {"b", None}], "auto", "labels of text 1 .* may be missing"),
        ([{"a"}, None], "auto", "labels of text 1 are None"),
        ([date(2026, 1, 1), date(2026, 1, 2)], "auto", r"Unknown label type: .* \(date\)"),
        (["a", 1], "auto", r"several kinds \(int, str\)"),
        ([0.5, 1.0], "auto", "Unknown label type"),
        (None, "auto", "target y is None"),
        ("ab", "auto", "one for each text"),
        ([{"a"}, "b"], "auto", "labels of text 1 are 'b'"),
        (np.array([[2, 0], [1, 1]]), "auto", "of zeros and ones"),
        ([{"a"}, {"b"}], False, "one label a text is needed"),
        (["a", "b"], True, "sets of labels, or a table"),
        (["a", "b"], "maybe", "multi_label is 'maybe'"),
    ],
)
def test_labels_that_are_refused(labels: Any, many: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        classes_of(labels, many)


@pytest.mark.parametrize(
    "content", [None, {}, {"kind": "int", "names": ["a"], "many": None}, {"kind": "date"}]
)
def test_what_is_no_list_of_classes_is_refused(content: Any) -> None:
    with pytest.raises(FileFormatError, match="no classes"):
        Classes.from_json(content)


def put_together(**changed: Any) -> Any:
    arguments: dict[str, Any] = {
        "texts": ["a", "b", "c"],
        "labels": [1, 0, 1],
        "unlabeled": None,
        "valid": None,
        "groups": None,
        "weights": None,
        "columns": None,
        "classes": "auto",
    }
    return fit_data(**{**arguments, **changed})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": [1, 0]}, "3 texts and 2 labels"),
        ({"groups": [1, 2]}, "3 texts and 2 groups"),
        ({"groups": 5}, "groups is 5; a list"),
        ({"groups": "xyx"}, "groups is 'xyx'; a list"),
        ({"groups": ["x", None, "y"]}, "the group is missing"),
        ({"weights": [1.0]}, "3 texts and 1 sample weights"),
        ({"weights": [[1.0], [1.0], [1.0]]}, r"shape \(3, 1\) .* one number a text"),
        ({"weights": [1.0, -1.0, 1.0]}, "from -1 to 1; accepted are finite numbers from zero on"),
        ({"weights": [1.0, float("nan"), 1.0]}, "sample_weight goes from nan"),
        ({"weights": [2, 0, 3]}, "is not zero have one class"),
        ({"labels": ["a", "b", "c"], "weights": [1, 0, 1]}, "of the class 'b' have .* of zero"),
        ({"valid": (["d"], [7])}, r"\['7'\], which no text to learn from has"),
        ({"valid": (["d"], [1, 0])}, "1 texts and 2 labels of valid"),
        ({"valid": ["d"]}, "a pair"),
        ({"valid": ([], [])}, "No texts of valid were given"),
        ({"unlabeled": ["d", None]}, "1 of 2 unlabeled texts are missing"),
        ({"texts": ["", " ", "\n"]}, "All 3 texts are empty"),
    ],
)
def test_what_does_not_belong_together_is_refused(changed: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        put_together(**changed)


def test_texts_to_validate_on_stand_behind_and_weigh_what_the_others_do() -> None:
    found = put_together(valid=(["d"], [0]), weights=[2, 0.5, 3.5], groups=["x", "y", "x"])
    assert tuple(found.corpus.split) == (TRAIN, TRAIN, TRAIN, VALID)
    assert found.weights.tolist() == [2, 0.5, 3.5, 2]
    assert tuple(found.corpus.labels) == ("1", "0", "1", "0")


def test_a_text_that_weighs_nothing_is_left_out() -> None:
    given = {"texts": list("abcd"), "labels": [1, 0, 1, 0], "groups": ["x", "y", "z", "y"]}
    found = put_together(**given, weights=[2, 0, 1, 3])
    assert tuple(found.corpus.texts) == ("a", "c", "d")
    assert tuple(found.corpus.labels) == ("1", "1", "0")
    assert tuple(found.corpus.groups) == ("x", "z", "y")
    assert found.weights.tolist() == [2, 1, 3]


@pytest.mark.parametrize("none", [None, [], (), pd.Series([], dtype=str), np.array([]), iter(())])
def test_there_may_be_no_unlabeled_texts(none: Any) -> None:
    assert put_together(unlabeled=none).unlabeled == []


def test_texts_and_labels_may_be_read_one_by_one() -> None:
    found = put_together(texts=iter(["a", "b", "c"]), labels=iter([1, 0, 1]))
    assert (tuple(found.corpus.texts), tuple(found.corpus.labels)) == (tuple("abc"), tuple("101"))


def recipe(labels: Any = ("a", "b"), **changed: Any) -> Any:
    return recipe_of(TextClassifier(**changed).get_params(), classes_of(list(labels)))


def test_parameters_reach_the_part_of_the_recipe_they_are_of() -> None:
    made = recipe(
        [1, 0],
        lr=1e-3,
        lm_lr=2e-3,
        epochs=5,
        lm_epochs=7,
        batch_size=9,
        drop_mult=0.1,
        alpha=3.0,
        label_smoothing=0.2,
        average_weights=True,
        vocab_size=100,
        class_weight={1: 2.0},
        random_state=4,
    )
    assert (made.language_model.lr, made.language_model.epochs) == (2e-3, 7)
    assert (made.classifier.lr, made.classifier.epochs, made.classifier.batch_size) == (1e-3, 5, 9)
    assert (made.classifier.drop_mult, made.classifier.label_smoothing) == (0.1, 0.2)
    assert made.classifier.average_weights
    assert made.language_model.alpha == made.classifier.alpha == 3.0
    assert (made.language_model.max_vocab, made.pieces) == (100, recipe().pieces)
    subwords = recipe(tokenizer="subwords", vocab_size=400)
    assert subwords.pieces == 400
    assert subwords.language_model == recipe().language_model
    assert (made.class_weight, made.seed) == ({"1": 2.0}, 4)
    assert recipe(early_stopping=True).patience == 1


def test_what_is_not_given_is_the_recipes_own() -> None:
    assert recipe() == type(recipe())()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schedule": "steps"}, "schedule"),
        ({"backwards": "sideways"}, "backwards"),
        ({"blend": "never"}, "blend"),
        ({"tokenizer": "letters"}, "tokenizer"),
        ({"lr": "large"}, "lr is 'large'"),
        ({"held_out": 1.5}, "held_out"),
        ({"class_weight": "even"}, "class_weight"),
        ({"class_weight": {"z": 1}}, r"class_weight names \['z'\]"),
        ({"early_stopping": -1}, "early_stopping"),
        ({"random_state": None}, "random_state"),
        ({"language_model": "base-en"}, "language_model"),
        ({"refit": "no"}, "refit is 'no'"),
        ({"calibrate": None}, "calibrate is None"),
        ({"average_weights": "half"}, "average_weights is 'half'"),
        ({"average_weights": True, "early_stopping": True}, "give one of them"),
        ({"lr": 0}, "lr is 0"),
        ({"lm_lr": 0.0}, "lm_lr is 0"),
        ({"sizes": "small"}, "sizes is 'small'"),
        ({"sizes": {"embedding": 3}}, "unknown keys embedding"),
        ({"drop_mult": 9}, "Lower drop_mult"),
        ({"label_smoothing": 1}, "label_smoothing is 1"),
        ({"class_weight": {"a": -1}}, "class_weight of 'a' is -1"),
        ({"metric": "auc"}, "metric is 'auc'"),
        ({"metric": "f1:z"}, "metric is 'f1:z'"),
        ({"abstain_below": 1.5}, "abstain_below is 1.5"),
        ({"labels": [{"a"}, {"b"}], "abstain_below": 0.5}, "one class a text"),
        ({"labels": [{"a"}, {"b"}], "blend": "always"}, "blend is 'always'"),
        ({"vocab_size": 0}, "vocab_size"),
        ({"lm_epochs": 0}, "lm_epochs"),
    ],
)
def test_parameters_that_are_refused(changed: Any, message: str) -> None:
    """Before anything is trained: what they are of may come hours later."""
    with pytest.raises(DataError, match=message):
        recipe(**changed)
