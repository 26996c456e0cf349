"""Records of any table: each as it stands, or refused with its place; few held at a time."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import lzma
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError, MissingExtraError
from steadfit.text import parquet_rows
from steadfit.text.readers import read_corpus
from steadfit.text.table_formats import format_of
from steadfit.text.table_rows import rows


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


TABLE = [{"id": "1", "text": 'a "b", c\nd'}, {"id": "2", "text": ""}]
AS_CSV = 'id,text\n1,"a ""b"", c\nd"\n2,\n'
AS_JSON = "".join(json.dumps(record) + "\n" for record in TABLE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", AS_CSV.encode()),
        ("a.CSV", b"\xef\xbb\xbf" + AS_CSV.encode()),
        ("a.csv.gz", gzip.compress(b"\xef\xbb\xbf" + AS_CSV.encode(), mtime=0)),
        ("a.tsv.xz", lzma.compress(b'id\ttext\n1\t"a ""b"", c\nd"\n2\t\n')),
        ("a.jsonl", AS_JSON.encode()),
        ("a.ndjson.gz", gzip.compress(AS_JSON.replace("\n", "\n\n").encode(), mtime=0)),
    ],
)
def test_the_same_table_comes_from_each_format(tmp_path: Path, name: str, content: bytes) -> None:
    table = rows(write(tmp_path / name, content))
    assert table.columns == ("id", "text")
    assert list(table) == TABLE


cells = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@given(table=st.lists(st.tuples(cells, cells), max_size=5), end=st.sampled_from(["\n", "\r\n"]))
def test_what_pythons_writer_writes_is_read_again(table: Any, end: str, tmp_path_factory: Any):
    path = tmp_path_factory.getbasetemp() / "round.csv"
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *table])
    write(path, file.getvalue())
    assert [tuple(record.values()) for record in rows(path)] == table


def test_plain_text_has_a_record_a_line_empty_ones_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", " one\r\n\ntwo")
    assert list(rows(path)) == [{"text": " one"}, {"text": ""}, {"text": "two"}]


def test_a_folder_has_a_record_a_file(tmp_path: Path) -> None:
    for name in ("pos/1.txt", "neg/2.txt", "0.txt"):
        write(tmp_path / name, f"of {name}\n")
    assert list(rows(tmp_path)) == [
        {"text": "of 0.txt\n", "label": None, "name": "0.txt"},
        {"text": "of neg/2.txt\n", "label": "neg", "name": "neg/2.txt"},
        {"text": "of pos/1.txt\n", "label": "pos", "name": "pos/1.txt"},
    ]


class Standard:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_standard_input_is_csv_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(AS_CSV.encode()))
    assert list(rows("-")) == TABLE
    assert not sys.stdin.buffer.closed
    monkeypatch.setattr(sys, "stdin", Standard(AS_JSON.encode()))
    assert list(rows("-", "jsonl")) == TABLE
    monkeypatch.setattr(sys, "stdin", Standard(b"text\na\n\xff\n"))
    with pytest.raises(DataError, match="standard input: after line 0 come bytes that are not"):
        list(rows("-"))
    with pytest.raises(DataError, match="standard input cannot be read as parquet"):
        rows("-", "parquet")


def test_a_pipe_gives_every_record_or_is_refused_but_loses_none(piped: Any) -> None:
    lines = [f"text number {n}" for n in range(2_000)]  # several times what is buffered
    content = "\n".join(lines).encode()
    assert [record["text"] for record in rows(piped("a.txt", content))] == lines
    assert [record["text"] for record in rows(piped("b", content), "txt")] == lines
    packed = piped("a.txt.gz", gzip.compress(content))
    assert [record["text"] for record in rows(packed)] == lines
    with pytest.raises(DataError, match="is a pipe or a device, and Parquet a file"):
        rows(piped("c", content), "parquet")
    with pytest.raises(DataError, match="save what comes from it as a file first"):
        read_corpus(piped("c.txt", content))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "a,b\n1,2\n\n1\n", r"line 4: 1 fields, but the first line has 2"),
        ("a.csv", 'a,b\n1,"x\ny"\n1,2,3\n', r"line 4: 3 fields"),
        ("a.csv", 'a,b\n1,"x\n', r"row from line 2 to 2: unexpected end"),
        ("a.csv", "a,b\n1,2\n\0,2\n", r"line 3: a NUL byte"),
        ("a.csv", "a,b,a\n1,2,3\n", r"several columns are named 'a'; .* in line 1"),
        ("a.csv", "a,,\n1,2,3\n", r"several columns are named ''"),
        ("a.csv", "", r"a.csv: it is empty"),
        ("a.csv", b"a\n\xe4\n", r"byte 2 \(0xe4\) is not utf-8"),
        ("a.csv.gz", gzip.compress(b"a\n" * 9, mtime=0)[:-9], r"cannot be read after line \d"),
        ("a.csv.gz", "a\n1\n", r"cannot be read after line 0: Not a gzipped file"),
        ("a.csv.xz", "a\n1\n", r"cannot be read after line 0"),
        ("a.csv.gz", gzip.compress(b"a\n\0\n", mtime=0), r"line 2: a NUL byte"),
        ("a.jsonl", '{"a": 1}\n[1]\n', r"line 2: a JSON list"),
        ("a.jsonl", '{"a": 1}\n{"a"\n', r"line 2: not JSON"),
        ("a.docx", "", r"ending in '.docx' is not known; accepted are .csv"),
        ("a", "", r"ending in 'nothing' is not known"),
        ("a.parquet.gz", "", r"unpack it first"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(DataError, match=message):
        list(rows(path))


def test_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "a\n")
    with pytest.raises(DataError, match="format='xls': accepted are csv, tsv"):
        rows(path, "xls")
    with pytest.raises(DataError, match="is no folder"):
        rows(path, "folder")
    with pytest.raises(DataError, match="is a folder; format='csv'"):
        rows(tmp_path, "csv")
    with pytest.raises(DataError, match="delimiter='::'"):
        rows(path, delimiter="::")
    with pytest.raises(DataError, match="does not exist"):
        rows(tmp_path / "b.csv")


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text;label\na;b\n")
    with pytest.raises(DataError, match=r"no column 'text'.*are 'text;label'.*delimiter=';'"):
        rows(path).require(["text"])
    rows(path, delimiter=";").require(["text"])


def test_an_index_that_pandas_wrote_without_a_name_is_a_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ",text\n0,a\n")
    assert list(rows(path)) == [{"": "0", "text": "a"}]


def test_a_field_may_be_longer_than_pythons_limit_and_quotes_may_be_characters(tmp_path: Path):
    before = csv.field_size_limit(100)
    try:
        path = write(tmp_path / "a.csv", "text\n" + "x" * 200_000 + "\n")
        assert len(next(rows(path))["text"]) == 200_000
    finally:
        csv.field_size_limit(before)
    path = write(tmp_path / "b.tsv", 'a\tb\n"\t6" tall\n')
    assert list(rows(path, quotes=False)) == [{"a": '"', "b": '6" tall'}]


def test_parquet_comes_a_few_rows_at_a_time_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polars = pytest.importorskip("polars")
    monkeypatch.setattr(parquet_rows, "_FIRST", 3)
    monkeypatch.setattr(parquet_rows, "_BYTES", 100)
    path = tmp_path / "a[1].parquet"  # no pattern of names
    frame = polars.DataFrame({"id": range(50), "text": [f"text {n}" for n in range(50)]})
    frame.write_parquet(path, row_group_size=7)
    table = rows(path)
    assert table.columns == ("id", "text")
    assert list(table) == frame.to_dicts()
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        rows(write(tmp_path / "b.parquet", "text"))


def test_without_polars_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"steadfit\[frames\]"):
        rows(write(tmp_path / "b.parquet", ""))


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl"])
def test_memory_does_not_grow_with_the_table(tmp_path: Path, name: str) -> None:
    text = "x" * 5_000
    line = b'{"text": "%s"}\n' if "json" in name else b"%s\n"
    content = b"text\n" * ("csv" in name) + line % text.encode() * 1_000
    path = write(tmp_path / name, gzip.compress(content, 1) if "gz" in name else content)
    del content
    table = rows(path)
    list(itertools.islice(table, 100))
    tracemalloc.start()
    try:
        assert all(record["text"] == text for record in table)
        assert table.number == 1_000
        assert tracemalloc.get_traced_memory()[1] < 300_000  # of 5 MB
    finally:
        tracemalloc.stop()


def test_the_format_is_what_is_said_or_what_the_name_ends_in(tmp_path: Path) -> None:
    for name in ("a.csv.GZ", "b.txt.xz", "c", "d.NDJSON"):
        (tmp_path / name).touch()
    (tmp_path / "e").mkdir()
    given = [("a.csv.GZ", None), ("b.txt.xz", None), ("c", "tsv"), ("d.NDJSON", None), ("e", None)]
    found = [format_of(tmp_path / name, format) for name, format in given]
    assert found == ["csv", "txt", "tsv", "jsonl", "folder"]
    assert (format_of("-"), format_of("-", "txt")) == ("csv", "txt")


def test_the_kind_of_a_table_keeps_its_delimiter_and_quotes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text;n\na "b;1\n')
    assert read_corpus(path, delimiter=";", quotes=False).texts == ('a "b',)
    path = tmp_path / "a.tsv"
    path.write_text('text\tn\n"b\t1\n')
    assert read_corpus(path, quotes=False).texts == ('"b',)
