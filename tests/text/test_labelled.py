"""Texts with labels for training: what is missing is counted and placed, nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from steadfit.core.errors import DataError
from steadfit.text import records
from steadfit.text.fields import join_fields, text_columns
from steadfit.text.file_texts import FileTexts
from steadfit.text.labelled import labelled
from steadfit.text.record_texts import RecordTexts


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


def json_lines(path: Path, *objects: object) -> Path:
    return write(path, "".join(json.dumps(one) + "\n" for one in objects))


def test_columns_are_taken_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "review,mood,film,w\na,1,A,0.5\n,0,B,2\n")
    found = labelled(path, "review", "mood", group="film", weight="w")
    assert (tuple(found.texts), found.labels) == (("a", ""), ("1", "0"))
    assert (found.groups, found.weights) == (("A", "B"), [0.5, 2.0])
    assert (found.empty, found.dropped) == (1, 0)
    assert found.corpus().classes == ("0", "1")


def test_fields_are_marked_as_in_fastai_and_keep_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "title,body,label\nA,b c,1\n,d,0\n , ,0\n")
    found = labelled(path, ["title", "body"])
    assert tuple(found.texts)[:2] == ("xxfld 1 A xxfld 2 b c", "xxfld 1  xxfld 2 d")
    assert found.empty == 1
    assert join_fields(["alone"]) == "alone"


@pytest.mark.parametrize("given", [[], 3, ["a", 3], ["a", "a"], None])
def test_text_columns_have_to_be_names(given: object) -> None:
    with pytest.raises(DataError, match="text "):
        text_columns(given)


@pytest.mark.parametrize("name", ["large.csv", "large.jsonl"])
def test_texts_of_a_large_file_stay_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(records, "HELD", 0)
    table = [{"a": f'"{n}"\n', "b": f"ä{n}", "label": "" if n == 2 else "y"} for n in range(5)]
    path = tmp_path / name
    if "json" in name:
        json_lines(path, *table)
    else:
        quoted = (
            '"' + one["a"].replace('"', '""') + f'",{one["b"]},{one["label"]}' for one in table
        )
        write(path, "a,b,label\n" + "\n".join(quoted) + "\n")
    found = labelled(path, ["b", "a"], drop_unlabeled=True)
    assert isinstance(found.texts, RecordTexts)
    assert list(found.texts) == [f'xxfld 1 ä{n} xxfld 2 "{n}"\n' for n in (0, 1, 3, 4)]
    assert found.dropped == 1


def test_files_of_a_folder_stay_there_and_the_folder_is_the_label(tmp_path: Path) -> None:
    for name in ("pos/1.txt", "neg/2.txt", "0.txt"):
        write(tmp_path / name, f"of {name}")
    with pytest.raises(DataError, match=r"1 record has \(row 1\) no label in column 'label'"):
        labelled(tmp_path)
    found = labelled(tmp_path, drop_unlabeled=True)
    assert isinstance(found.texts, FileTexts)
    assert list(found.texts) == ["of neg/2.txt", "of pos/1.txt"]
    assert found.labels == ("neg", "pos")


def test_missing_labels_are_counted_and_placed_or_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\n" + "a,\nb,1\n" * 12)
    with pytest.raises(DataError, match=r"12 records have \(line 2, 4, .* 20, \.\.\.\) no label"):
        labelled(path)
    found = labelled(path, drop_unlabeled=True)
    assert (tuple(found.texts), found.labels, found.dropped) == (("b",) * 12, ("1",) * 12, 12)
    none = write(tmp_path / "b.csv", "text,label\na, \n")
    with pytest.raises(DataError, match="no documents, 1 without a label were left out"):
        labelled(none, drop_unlabeled=True)
    with pytest.raises(DataError, match=r"b.csv: no documents; at least one is needed"):
        labelled(write(tmp_path / "b.csv", "text,label\n"))


def test_a_json_object_may_lack_its_label_but_not_all_may(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", {"text": "a"}, {"text": "b", "label": True})
    assert labelled(path, drop_unlabeled=True).labels == ("True",)
    with pytest.raises(DataError, match=r"no column 'mood'; the columns are 'text'"):
        labelled(path, label="mood")
    late = json_lines(tmp_path / "b.jsonl", {"text": "a", "label": 1}, {"x": "b", "label": 1})
    with pytest.raises(DataError, match=r"line 2: no key 'text'; the keys are 'x', 'label'"):
        labelled(late)


def test_none_and_nan_are_no_texts_and_are_counted(tmp_path: Path) -> None:
    rows = [{"text": value, "label": 1} for value in ("a", None, float("nan"), "")]
    path = json_lines(tmp_path / "a.jsonl", *rows)
    with pytest.raises(DataError, match=r"2 records have \(line 2, 3\) no text in 'text'"):
        labelled(path)
    with pytest.raises(DataError, match=r"line 1: the text is 3 \(int\)"):
        labelled(json_lines(tmp_path / "b.jsonl", {"text": 3, "label": 1}))


def test_the_columns_there_are_listed_for_one_there_is_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,mood\na,1\n")
    with pytest.raises(DataError, match="no column 'label'; the columns are 'text', 'mood'"):
        labelled(path)


@pytest.mark.parametrize("weight", ["", "-1", "nan", "x", "1_0"])
def test_a_weight_is_a_number_from_0(tmp_path: Path, weight: str) -> None:
    path = write(tmp_path / "a.csv", f"text,label,w\na,1,1\nb,1,{weight}\n")
    with pytest.raises(DataError, match=r"line 3: column 'w': the weight is"):
        labelled(path, weight="w")


def test_a_weight_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", {"text": "a", "label": "x", "w": 10**400})
    with pytest.raises(DataError, match="line 1: column 'w': the weight is 1000"):
        labelled(path, weight="w")


def test_several_labels_are_a_sorted_tuple_and_none_an_empty_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\na,red | blue|red\nb,\nc,red|\n")
    found = labelled(path, separator="|")
    assert found.labels == [("blue", "red"), (), ("red",)]
    path = json_lines(
        tmp_path / "a.jsonl", {"text": "a", "label": ["b", 1]}, {"text": "b", "label": None}
    )
    assert labelled(path, separator="|", drop_unlabeled=True).labels == [("1", "b")]
    with pytest.raises(DataError, match="separator=''"):
        labelled(path, separator="")
    with pytest.raises(DataError, match=r"the label is the list \['b', 1\].*separator='\|'"):
        labelled(path)


def test_labels_of_parquet_are_named_as_those_of_a_frame(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "a.parquet"
    polars.DataFrame({"text": ["a", "b"], "label": [1.0, None]}).write_parquet(path)
    found = labelled(path, drop_unlabeled=True)
    assert (found.texts, found.labels) == (["a"], ("1",))


def test_white_space_around_a_label_makes_no_other_class(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\na,good\nb,good \nc,\tgood\nd,so so\n")
    assert labelled(path).labels == ("good", "good", "good", "so so")
    path = json_lines(tmp_path / "a.jsonl", {"text": "a", "label": ["b ", "b", " "]})
    assert labelled(path, separator="|").labels == [("b",)]
