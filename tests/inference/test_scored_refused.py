"""Scored tables: what cannot be is refused in words, and leaves no file."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from steadfit.core.errors import DataError
from steadfit.inference.scored import score_file
from tests.inference.scoring import CLASSES, Stops, by_length, table


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"out": "out.xlsx"}, r"accepted are \.csv, \.tsv"),
        ({"out": "out.csv.gz"}, r"accepted are \.csv, \.tsv"),
        ({"out_format": "txt"}, "one of csv, tsv, jsonl, parquet"),
        ({"out": "-", "out_format": "parquet"}, "cannot be written to standard output"),
        ({"batch": 0}, "batch is 0"),
        ({"abstain_below": 1.5}, "abstain_below is 1.5"),
        ({"abstain_below": "x"}, "abstain_below is 'x'"),
        ({"text": "review"}, "no column 'review'; the columns are 'id', 'text'"),
        ({"overwrite": "x"}, "overwrite is 'x'"),
        ({"probabilities": lambda texts: np.ones((len(texts), 3))}, r"gave an array \(8, 3\)"),
        ({"probabilities": lambda texts: np.full((len(texts), 2), np.nan)}, "no finite numbers"),
        ({"probabilities": lambda texts: [[-3.0, 4.0]] * len(texts)}, "numbers from -3 to 4"),
        ({"probabilities": lambda texts: [[0.1, 0.2], [0.3]]}, "no table of numbers"),
        ({"probabilities": lambda texts: "x"}, "no table of numbers"),
        ({"decide": lambda found: ["pos"]}, r"decide gave \['pos'\] for 8 texts"),
        ({"decide": lambda found: ["pos"] * 9}, "for 8 texts"),
        ({"decide": lambda found: "negative"}, "decide gave 'negative' for 8 texts"),
        ({"decide": lambda found: None}, "decide gave None for 8 texts"),
        ({"model": None}, "model is None"),
        ({"quotes": "no"}, "quotes is 'no'"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, score, given, message):
    if "parquet" in given.values():
        pytest.importorskip("polars")
    table(tmp_path)
    with pytest.raises(DataError, match=message):
        score(**given)
    assert os.listdir(tmp_path) == ["in.csv"]


@pytest.mark.parametrize("out", [None, 3, b"out.csv", [], "a\0.csv"])
def test_a_place_that_is_no_path_is_refused(tmp_path, out):
    with pytest.raises(DataError, match=r"out is .*; accepted are paths"):
        score_file(by_length, CLASSES, table(tmp_path), out)


def test_a_program_without_standard_output_is_told_to_name_a_file(tmp_path, score, monkeypatch):
    table(tmp_path)
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(DataError, match="no standard output here"):
        score(out="-")


@pytest.mark.parametrize("classes", [None, 3, "np", [], ["a", "a"], [1, 2], [["a"]]])
def test_classes_that_are_no_names_are_refused(tmp_path, classes):
    with pytest.raises(DataError, match="classes"):
        score_file(by_length, classes, table(tmp_path), tmp_path / "out.csv")
    assert os.listdir(tmp_path) == ["in.csv"]


def test_rounding_above_one_is_no_fault(tmp_path, score):
    table(tmp_path)
    assert score(lambda texts: [[np.nextafter(1, 2), 0.0]] * len(texts)).rows == 50


def test_a_place_that_no_table_can_take_is_refused_before_a_text_is_read(tmp_path, score):
    table(tmp_path)
    (tmp_path / "out.csv").mkdir()
    never = Stops(0, AssertionError("it began"))
    with pytest.raises(DataError, match=r"out\.csv is a folder"):
        score(never, overwrite=True)
    with pytest.raises(DataError, match=r"not compressed; name out\.csv"):
        score(never, out="out.csv.gz", out_format="csv")
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "out.csv"]
