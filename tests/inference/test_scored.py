"""Scored tables: every row once and in order, the same bytes wherever they go, few rows held."""

from __future__ import annotations

import io
import json
import os
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.inference.scored import Scored, score_file
from tests.inference.scoring import CLASSES, Stops, by_length, read, table


def test_rows_keep_their_columns_and_order_and_get_what_the_model_says(tmp_path, score):
    source = table(tmp_path)
    assert score() == Scored(50, 0, 0)
    found = read(tmp_path / "out.csv")
    assert [(row["id"], row["text"]) for row in found] == [
        (row["id"], row["text"]) for row in read(source)
    ]
    assert list(found[0]) == ["id", "text", "label", "probability", "p_neg", "p_pos"]
    for row in found:
        expected = by_length([row["text"]])[0]
        assert [float(row["p_neg"]), float(row["p_pos"])] == pytest.approx(expected, abs=1e-6)
        assert row["label"] == CLASSES[int(expected.argmax())]
        assert float(row["probability"]) == pytest.approx(expected.max(), abs=1e-6)
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "out.csv"]


def test_columns_of_one_name_are_refused_prefixed_or_replaced(tmp_path, score):
    source = tmp_path / "in.csv"
    source.write_text("label,text,p_neg\ngold,abc,7\n")
    with pytest.raises(DataError, match="columns 'label', 'p_neg' are there already"):
        score()
    score(prefix="new_")
    assert read(tmp_path / "out.csv")[0].items() >= {"label": "gold", "new_label": "neg"}.items()
    score(overwrite=True, overwrite_columns=True)
    assert (tmp_path / "out.csv").read_text() == (
        "label,text,p_neg,probability,p_pos\nneg,abc,0.8,0.8,0.2\n"
    )


def test_a_row_below_the_least_probability_has_no_label(tmp_path, score):
    (tmp_path / "in.csv").write_text('text\n""\nabc\n')  # 1 to 1, and 4 to 1
    assert score(abstain_below=0.8) == Scored(2, 0, 1)
    assert [row["label"] for row in read(tmp_path / "out.csv")] == ["", "neg"]
    score(abstain_below=0.8, out="out.jsonl")
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first == {"text": "", "label": None, "probability": 0.5, "p_neg": 0.5, "p_pos": 0.5}


def test_json_keeps_its_values_and_any_keys(tmp_path, score):
    source = tmp_path / "in.jsonl"
    objects = [{"text": "é", "n": 1, "list": [1, None]}, {"text": "b", "other": 1.5, "n": None}]
    source.write_text("".join(json.dumps(one) + "\n" for one in objects))
    score(source=source, out="out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    for before, one in zip(objects, found, strict=True):
        assert one.items() >= before.items()
        assert list(one)[3:] == ["label", "probability", "p_neg", "p_pos"]
    with pytest.raises(DataError, match=r"line 2: 'other' is no key of the first record"):
        score(source=source, out="out.csv")
    source.write_text(json.dumps(objects[0]) + '\n{"text": "b"}\n')
    score(source=source, out="out.csv")
    rows = read(tmp_path / "out.csv")
    assert [(row["n"], row["list"]) for row in rows] == [("1", "[1, null]"), ("", "")]


def test_parquet_keeps_numbers_and_truth_values(tmp_path, score):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "text": ["a", "b", "c"],
            "id": [1, None, 2**62],
            "x": polars.Series([0.1, float("nan"), float("inf")], dtype=polars.Float32),
            "yes": [True, None, False],
        }
    )
    frame.write_parquet(tmp_path / "in.parquet")
    score(source=tmp_path / "in.parquet", out="out.parquet")
    found = polars.read_parquet(tmp_path / "out.parquet")
    assert found.select(frame.columns).equals(frame, null_equal=True)
    assert found.schema["p_neg"] == polars.Float64
    assert found["label"].to_list() == [CLASSES[i] for i in by_length("abc").argmax(axis=1)]


@pytest.mark.parametrize("before", [[1, 0], [1.5, None], [True, False]])
def test_labels_replace_a_column_of_any_type(tmp_path, score, before):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"text": ["", "abc"], "label": before, "p_neg": ["a", "b"]})
    frame.write_parquet(tmp_path / "in.parquet")
    score(source=tmp_path / "in.parquet", out="out.parquet", overwrite_columns=True)
    found = polars.read_parquet(tmp_path / "out.parquet")
    assert found.columns == ["text", "label", "p_neg", "probability", "p_pos"]
    assert found["label"].to_list() == [CLASSES[i] for i in by_length(["", "abc"]).argmax(axis=1)]
    assert found["p_neg"].to_list() == [0.5, 0.8]


def test_several_columns_are_scored_as_fields_and_missing_ones_refused_or_empty(tmp_path, score):
    source = tmp_path / "in.jsonl"
    source.write_text('{"a": "x", "b": "y"}\n{"a": null, "b": "z"}\n')
    with pytest.raises(DataError, match=r"line 2: no text in 'a'"):
        score(source=source, out="out.jsonl", text=["a", "b"])
    seen = Stops(9, KeyboardInterrupt())
    score(seen, source=source, out="out.jsonl", text=["a", "b"], missing_as_empty=True)
    assert seen.texts == ["xxfld 1 x xxfld 2 y", "xxfld 1  xxfld 2 z"]


def test_a_folder_is_scored_by_the_names_of_its_files(tmp_path, score):
    for name in ("a/1.txt", "2.txt"):
        (tmp_path / "texts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / name).write_text("abc")
    score(source=tmp_path / "texts")
    found = read(tmp_path / "out.csv")
    assert [(row["name"], row["label"]) for row in found] == [("2.txt", "neg"), ("a/1.txt", "neg")]


class Standard:
    def __init__(self, content: bytes = b"") -> None:
        self.buffer = io.BytesIO(content)


def test_standard_input_and_output_stream(tmp_path, score, said, monkeypatch):
    source = table(tmp_path)
    score()
    monkeypatch.setattr(sys, "stdin", Standard(source.read_bytes()))
    monkeypatch.setattr(sys, "stdout", Standard())
    assert score(source="-", out="-") == Scored(50, 0, 0)
    assert sys.stdout.buffer.getvalue() == (tmp_path / "out.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", Standard(source.read_bytes()))
    with pytest.raises(KeyboardInterrupt):
        score(Stops(2, KeyboardInterrupt()), source="-", out="b.csv")
    assert "16 scored rows are kept" in said[-1]
    assert "cannot be read again" in said[-1]
    monkeypatch.setattr(sys, "stdin", Standard(source.read_bytes()))
    assert score(source="-", out="b.csv").from_before == 0
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_standard_output_that_takes_text_alone_gets_the_same(tmp_path, score, monkeypatch, ending):
    (tmp_path / "in.csv").write_text('text\n"é, 电影"\nabc\n', encoding="utf-8")
    score(out=f"out.{ending}")
    notebook = io.StringIO(newline="")
    monkeypatch.setattr(sys, "stdout", notebook)
    assert score(out="-", out_format=ending) == Scored(2, 0, 0)
    assert notebook.getvalue().encode() == (tmp_path / f"out.{ending}").read_bytes()


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_table_without_rows_gives_one(tmp_path, score, ending):
    source = tmp_path / f"in.{ending}"
    source.write_text("text\n" if ending == "csv" else "")
    assert score(source=source).rows == 0
    assert read(tmp_path / "out.csv") == []
    assert "label,probability" in (tmp_path / "out.csv").read_text()


@settings(max_examples=15)
@given(values=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=6))
def test_any_text_comes_back_from_what_was_written(values, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    source = folder / "round.jsonl"
    source.write_text("".join(json.dumps({"text": value, "b": value}) + "\n" for value in values))
    for ending in ("jsonl", "csv"):
        out = folder / f"scored.{ending}"
        if ending != "jsonl" and any("\0" in value for value in values):
            with pytest.raises(DataError, match="NUL"):
                score_file(by_length, CLASSES, source, out, overwrite=True)
            continue
        score_file(by_length, CLASSES, source, out, overwrite=True)
        if ending == "jsonl":
            found = [json.loads(line) for line in out.read_text("utf-8").split("\n")[:-1]]
        else:
            found = read(out)
        assert [(row["text"], row["b"]) for row in found] == [(value, value) for value in values]


def test_memory_does_not_grow_with_the_rows(tmp_path, score):
    peaks = []
    for times in (1, 8):
        source = tmp_path / f"in{times}.csv"
        source.write_text("text\n" + ("x" * 500 + "\n") * 300 * times)
        tracemalloc.start()
        score(source=source, out=f"out{times}.csv", batch=50)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 300_000  # the further rows take 1 MB, and more as objects


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_number_that_json_has_not_is_null_however_deep_it_stands(tmp_path, score, ending):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a", "x": [1.5, NaN, {"y": [-Infinity, 2]}], "z": NaN}\n')
    out = tmp_path / f"out.{ending}"
    if ending == "parquet":
        polars = pytest.importorskip("polars")
    score(source=source, out=out.name)
    if ending == "jsonl":
        row = json.loads(out.read_text(), parse_constant=pytest.fail)
        assert row["z"] is None
        assert row["x"] == [1.5, None, {"y": [None, 2]}]
        return
    cell = read(out)[0]["x"] if ending == "csv" else polars.read_parquet(out)["x"][0]
    assert json.loads(cell, parse_constant=pytest.fail) == [1.5, None, {"y": [None, 2]}]


@pytest.mark.parametrize("lines", ['{"n": 1}\n{"text": "abc"}\n', '{"text": "abc"}\n{"n": 1}\n'])
def test_a_json_object_without_the_key_may_be_an_empty_text(tmp_path, score, lines):
    source = tmp_path / "in.jsonl"
    source.write_text(lines)
    with pytest.raises(DataError, match=r"no (key|column) 'text'"):
        score(source=source, out="out.jsonl")
    seen = Stops(9, KeyboardInterrupt())
    score(seen, source=source, out="out.jsonl", missing_as_empty=True)
    assert sorted(seen.texts) == ["", "abc"]


def test_a_key_that_no_object_has_is_a_wrong_name_and_not_an_empty_text(tmp_path, score):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "abc"}\n' * 20)
    never = Stops(0, AssertionError("it began"))
    with pytest.raises(DataError, match="no key 'txt'; the keys are 'text'"):
        score(never, source=source, out="out.jsonl", text="txt", missing_as_empty=True)
