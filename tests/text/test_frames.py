"""Texts from lists, data frames and Parquet files, and what is no table at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from steadfit.core.errors import DataError, MissingExtraError
from steadfit.text.labelled import labelled
from steadfit.text.readers import (
    read_frame,
    read_parquet,
    read_texts,
)
from steadfit.text.table_rows import rows


def test_lists_and_generators_of_strings_are_read():
    corpus = read_texts((text for text in ["a", ""]), labels=[0, 1], groups=["g", "h"])
    assert corpus.texts == ("a", "")
    assert corpus.labels == ("0", "1")
    assert corpus.groups == ("g", "h")


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ("abc", None, "one string"),
        (["a", None], None, r"texts\[1\]: the text is missing"),
        (["a", b"b"], None, r"texts\[1\]: the text is b'b' \(bytes\)"),
        (["a"], ["x", "y"], "1 texts but 2 labels"),
        (["a", "b"], ["x", None], r"labels\[1\]: the label is missing"),
        (["a", "b"], "xy", "one string"),
        (["\udc80"], None, "surrogate"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(texts, labels, message):
    with pytest.raises(DataError, match=message):
        read_texts(texts, labels)


@pytest.fixture(params=["polars", "pandas"])
def frame_of(request):
    return pytest.importorskip(request.param).DataFrame


def test_a_frame_is_read_by_name_or_number(frame_of):
    frame = frame_of({"id": [7, 8], "text": ["a", ""], "label": [1, 0], "film": ["F", "G"]})
    corpus = read_frame(frame, label="label", group="film")
    assert corpus == read_frame(frame, text=1, label=2, group=3)
    assert corpus.texts == ("a", "")
    assert corpus.labels == ("1", "0")
    assert corpus.groups == ("F", "G")
    assert corpus.names == ("row:0", "row:1")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["a", None], "label": ["x", "y"]}, "row 1: the text is missing"),
        ({"text": ["a", "b"], "label": ["x", None]}, "row 1: the label is missing"),
        ({"text": ["a", "b"], "label": [1.5, float("nan")]}, "row 1: the label is missing"),
        ({"text": [1, 2], "label": ["x", "y"]}, r"row 0: the text is 1 \(int\)"),
        ({"body": ["a"], "label": ["x"]}, "no column 'text'; the columns are 'body', 'label'"),
        ({"text": [], "label": []}, "no rows"),
    ],
)
def test_a_frame_that_cannot_be_used_is_refused(frame_of, columns, message):
    with pytest.raises(DataError, match=message):
        read_frame(frame_of(columns), label="label")


def test_a_missing_pandas_label_does_not_rename_the_others():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["a", "b", "c"], "label": [1, 0, None]})
    assert read_frame(frame[:2], label="label").labels == ("1", "0")


def test_pandas_names_that_stand_twice_must_be_numbered():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([["a", "b"]], columns=["text", "text"])
    with pytest.raises(DataError, match="2 columns"):
        read_frame(frame)
    assert read_frame(frame, text=1).texts == ("b",)


@pytest.mark.parametrize("thing", [["a"], "a", None, {"text": ["a"]}])
def test_what_is_no_frame_is_refused(thing):
    with pytest.raises(DataError, match="not a data frame"):
        read_frame(thing)


def test_a_lazy_frame_must_be_collected():
    polars = pytest.importorskip("polars")
    with pytest.raises(DataError, match="collect"):
        read_frame(polars.LazyFrame({"text": ["a"]}))


def test_parquet_is_read_by_name_or_number(tmp_path):
    polars = pytest.importorskip("polars")
    path = tmp_path / "reviews.parquet"
    polars.DataFrame({"id": [7, 8], "text": ["a", ""], "label": [1, 0]}).write_parquet(path)
    corpus = read_parquet(path, label="label")
    assert corpus == read_parquet(str(path), text=1, label=2)
    assert corpus.texts == ("a", "")
    assert corpus.labels == ("1", "0")
    assert corpus.names == ("reviews.parquet:1", "reviews.parquet:2")
    assert read_parquet(path, label="id", group="id").groups == ("7", "8")
    with pytest.raises(DataError, match="no column 'body'; the columns are 'id', 'text', 'label'"):
        read_parquet(path, text="body")


@pytest.mark.parametrize("name", ["data[1].parquet", "data*.parquet", "report[final].parquet"])
def test_the_name_of_a_parquet_file_is_no_pattern(tmp_path, name):
    polars = pytest.importorskip("polars")
    polars.DataFrame({"text": ["another"]}).write_parquet(tmp_path / "data1.parquet")
    polars.DataFrame({"text": ["this"]}).write_parquet(tmp_path / name)
    assert read_parquet(tmp_path / name).texts == ("this",)


def test_a_row_of_parquet_has_one_number_whoever_reads_it(tmp_path):
    polars = pytest.importorskip("polars")
    path = tmp_path / "a.parquet"
    polars.DataFrame({"text": ["a", "b"], "label": ["x", None]}).write_parquet(path)
    for read in (read_parquet, labelled):
        with pytest.raises(DataError, match="row 2"):
            read(path, label="label")


def test_damage_that_makes_polars_panic_is_an_error_of_ours():
    pytest.importorskip("polars")
    path = Path(__file__).parent / "data" / "panics.parquet"
    for read in (read_parquet, lambda path: list(rows(path))):
        with pytest.raises(DataError, match=r"panics\.parquet: cannot be read as Parquet"):
            read(path)


def test_a_file_that_is_not_parquet_is_named(tmp_path):
    pytest.importorskip("polars")
    (path := tmp_path / "a.parquet").write_text("no")
    with pytest.raises(DataError, match=r"a\.parquet: cannot be read as Parquet"):
        read_parquet(path)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_parquet(tmp_path / "missing.parquet")


def test_without_polars_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'steadfit\[frames\]'"):
        read_parquet(tmp_path / "a.parquet")
