"""Readers: every text arrives as it stands, or is refused with its place."""

from __future__ import annotations

import csv
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.text.readers import (
    read_corpus,
    read_csv,
    read_folder,
    read_jsonl,
    read_tsv,
)
from steadfit.text.table_rows import rows


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes, name: str = "reviews.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


# Folders


def test_a_folder_is_read_in_the_order_of_posix_paths_on_any_file_system(tmp_path, monkeypatch):
    for name in ["b/1.txt", "a/2.txt", "a/10.txt", "a.txt", "a-b/1.TXT", "c/d/e.txt", "c/x.md"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    expected = ("a-b/1.TXT", "a.txt", "a/10.txt", "a/2.txt", "b/1.txt", "c/d/e.txt")
    assert read_folder(tmp_path).names == expected
    scandir = os.scandir

    class Reversed:
        def __init__(self, folder):
            with scandir(folder) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    assert read_folder(str(tmp_path)).names == expected


def test_extensions_are_chosen_with_or_without_a_dot(tmp_path):
    for name in ["a.txt", "b.md", "c.rst"]:
        (tmp_path / name).write_text("")
    assert read_folder(tmp_path, ["md", ".TXT"]).names == ("a.txt", "b.md")
    assert read_folder(tmp_path, "rst").names == ("c.rst",)
    assert list(read_folder(tmp_path).texts) == [""]


def test_hidden_files_are_skipped_and_a_loop_of_links_ends(tmp_path):
    for name in ["x/a.txt", "x/._a.txt", ".git/b.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    if os.name != "nt":
        (tmp_path / "x" / "loop").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "linked").symlink_to(tmp_path / "x", target_is_directory=True)
        assert read_folder(tmp_path).names == ("linked/a.txt", "x/a.txt")
    else:
        assert read_folder(tmp_path).names == ("x/a.txt",)


def test_a_missing_or_empty_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no file ends in \.txt"):
        read_folder(tmp_path)
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(DataError, match="is not a folder"):
        read_folder(tmp_path / "file.txt")


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_class(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("")
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def guarded(folder):
        if str(folder).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(DataError, match="locked: cannot be listed: Permission denied"):
        read_folder(tmp_path)


# CSV


def test_csv_columns_are_found_by_name_or_number(write):
    path = write("id,text,label,film\n1,good,1,A\n2,,0,B\n")
    by_name = read_csv(path, label="label", group="film")
    assert by_name == read_csv(path, text=1, label=2, group=3)
    assert by_name.texts == ("good", "")
    assert by_name.labels == ("1", "0")
    assert by_name.groups == ("A", "B")
    assert by_name.names == ("reviews.csv:2", "reviews.csv:3")


def test_names_tell_the_line_where_a_row_begins(write):
    path = write('text\r\n"two\r\nlines"\r\n\r\nlast')
    corpus = read_csv(path)
    assert corpus.texts == ("two\r\nlines", "last")
    assert corpus.names == ("reviews.csv:2", "reviews.csv:5")


def test_without_a_header_columns_have_numbers(write):
    path = write("pos,good\nneg,bad\n")
    corpus = read_csv(path, text=1, label=0, header=False)
    assert corpus.texts == ("good", "bad")
    assert corpus.labels == ("pos", "neg")
    assert corpus.names == ("reviews.csv:1", "reviews.csv:2")
    with pytest.raises(DataError, match="columns by number"):
        read_csv(path, header=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("text,label\n", "no documents"),
        ("text,label\na,1\nb\n", r"reviews\.csv, line 3: 1 fields.*has 2"),
        ('text,label\n"a\nb",1\nc,1,2\n', r"reviews\.csv, line 4: 3 fields"),
        ("review,label\na,1\n", "no column 'text'; the columns are 'review', 'label'"),
        ("text,text,label\na,b,1\n", r"2 columns are named 'text'.*\[0, 1\]"),
        ("text;label\na;1\n", "delimiter=';'"),
        ("text,label\na,1\nb\0,1\n", r"reviews\.csv, line 3: a NUL byte after 1 char"),
        ('text,label\na,1\n"b,1\nc,1\n', r"row from line 3 to 4.*quotes=False"),
        ('text,label\na,1\n"b"x,1\n', "row from line 3 to 3"),
        ("text,label\na,\n", "line 2: the label is missing"),
        (b"text,label\na,1\nb\xe9,1\n", r"reviews\.csv: byte 16 \(0xe9\) is not utf-8"),
        ("text,label\na,1\n".encode("utf-16"), "encoding='utf-16'"),
    ],
)
def test_a_hostile_table_is_refused_with_its_place(write, content, message):
    with pytest.raises(DataError, match=message):
        read_csv(write(content), label="label")


def test_the_offset_of_a_bad_byte_is_that_in_the_file_however_far_in(write):
    path = write(b"text\n" + b"a line of text\n" * 5_000 + b"\xff\n")
    with pytest.raises(DataError, match=f"byte {5 + 15 * 5_000} "):
        read_csv(path)


def test_unrelated_columns_may_share_a_name(write):
    assert read_csv(write("x,x,text\n1,2,a\n")).texts == ("a",)


@pytest.mark.parametrize("column", [2, -1, True, 1.0, "0"])
def test_a_column_number_out_of_range_is_refused(write, column):
    with pytest.raises(DataError, match="no column"):
        read_csv(write("a,b\nx,y\n"), text=column)


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
def test_a_delimiter_is_one_character(write, delimiter):
    with pytest.raises(DataError, match="delimiter"):
        read_csv(write("text\na\n"), delimiter=delimiter)


def test_a_field_may_be_longer_than_the_csv_modules_first_limit(write):
    long = "x" * 200_000
    assert read_csv(write(f"text\n{long}\n")).texts == (long,)


def test_a_byte_order_mark_is_no_part_of_the_first_column(write):
    assert read_csv(write("\ufefftext\na\n")).texts == ("a",)
    path = write("text\né\n".encode("cp1252"))
    assert read_csv(path, encoding="cp1252").texts == ("é",)


def test_quote_marks_can_be_ordinary_characters(write):
    path = write('text\tlabel\n"good\t1\n5" disk\t0\n', "reviews.tsv")
    corpus = read_tsv(path, label="label", quotes=False)
    assert corpus.texts == ('"good', '5" disk')
    with pytest.raises(DataError, match="quotes=False"):
        read_tsv(path, label="label")


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0")),
            st.text("ab", min_size=1),
        ),
        min_size=1,
    )
)
def test_whatever_the_csv_module_wrote_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "written.csv"
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("text", "label"), *rows])
    path.write_bytes(buffer.getvalue().encode())
    corpus = read_csv(path, label="label")
    assert corpus.texts == tuple(text for text, _ in rows)
    assert corpus.labels == tuple(label for _, label in rows)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_never_worse(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    for name, read in [("any.csv", read_csv), ("any.jsonl", read_jsonl)]:
        path = folder / name
        path.write_bytes(b'text,label\n"' * name.endswith("csv") + data)
        try:
            outcome = [*read(path).names]
        except DataError as error:
            outcome = [str(error)]
        assert outcome
        assert all(name in told for told in outcome)


# JSON lines


def test_json_lines_are_read_and_labels_become_strings(write):
    lines = [
        {"text": "é\n", "label": 1},
        {"text": "", "label": True},
        {"text": "c", "label": 2.0},
        {"text": "d", "label": "x"},
    ]
    path = write("\n\n".join(json.dumps(line) for line in lines), "a.jsonl")
    corpus = read_jsonl(path, label="label")
    assert corpus.texts == ("é\n", "", "c", "d")
    assert corpus.labels == ("1", "True", "2", "x")
    assert corpus.names == ("a.jsonl:1", "a.jsonl:3", "a.jsonl:5", "a.jsonl:7")


def test_one_key_can_be_label_and_group(write):
    corpus = read_jsonl(write('{"text": "a", "film": "F"}', "a.jsonl"), label="film", group="film")
    assert corpus.labels == corpus.groups == ("F",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a"', "line 2: not JSON"),
        ("[" * 100_000, "line 2: not JSON"),
        ('{"text": ' + "1" * 5_000 + "}", "line 2: "),
        ('["a"]', "line 2: a JSON list"),
        ('{"body": "a", "label": 1}', "line 2: no key 'text'; the keys are 'body', 'label'"),
        ('{"text": 3, "label": 1}', r"line 2: the text is 3 \(int\)"),
        ('{"text": null, "label": 1}', "line 2: the text is missing"),
        ('{"text": "a", "label": null}', "line 2: the label is missing"),
        ('{"text": "a", "label": NaN}', "line 2: the label is missing"),
        ('{"text": "a", "label": ["x"]}', r"line 2: the label is \['x'\] \(list\)"),
        ('{"text": "a\\ud800", "label": 1}', r"line 2: character 1 .*U\+D800"),
    ],
)
def test_a_hostile_line_is_refused_with_its_place(write, line, message):
    path = write('{"text": "fine", "label": 0}\n' + line, "a.jsonl")
    with pytest.raises(DataError, match=message) as caught:
        read_jsonl(path, label="label")
    assert len(str(caught.value)) < 500


# By the kind of file


def test_each_kind_of_file_finds_its_reader(write, tmp_path):
    table = "text,label\na,x\n"
    assert read_corpus(write(table, "a.CSV"), label="label").labels == ("x",)
    assert read_corpus(write(table.replace(",", "\t"), "a.tsv"), label=1).labels == ("x",)
    line = '{"text": "a", "label": "x"}\n'
    assert read_corpus(write(line, "a.jsonl"), label="label").labels == ("x",)
    assert read_corpus(write(line, "a.ndjson")).texts == ("a",)
    write("document", "doc.txt")
    assert read_corpus(tmp_path).names == ("doc.txt",)


def test_paths_that_cannot_be_read_say_what_is_accepted(write, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_corpus(tmp_path / "none.csv")
    for read in (read_corpus, read_folder, read_csv, rows):
        with pytest.raises(DataError, match="a: cannot be read: File name too long"):
            read("a" * 5_000)
    with pytest.raises(DataError, match=r"'\.zip' is not known; accepted are"):
        read_corpus(write("", "a.zip"))
    with pytest.raises(DataError, match="label_from_folder"):
        read_corpus(tmp_path, label="label")
    with pytest.raises(DataError, match="cannot be read"):
        read_csv(tmp_path)
