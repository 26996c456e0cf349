"""Texts that stay in their file are the texts that were checked, or are refused."""

from __future__ import annotations

import copy
import csv
import io
import json
import os
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.text import records
from steadfit.text.corpus import Corpus
from steadfit.text.lines import read_lines
from steadfit.text.readers import read_corpus
from steadfit.text.record_texts import LineNames, RecordTexts
from steadfit.text.tables import read_csv, read_jsonl, read_tsv

Read = Callable[[Path], Corpus]


def held_and_unheld(read: Read, path: Path) -> tuple[Corpus, Corpus]:
    """Read a file twice: into memory, and as a file that is too large for that."""
    held = read(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "HELD", -1)
        unheld = read(path)
    assert isinstance(held.texts, tuple)
    return held, unheld


def assert_same(held: Corpus, unheld: Corpus) -> None:
    assert isinstance(unheld.texts, RecordTexts)
    assert isinstance(unheld.names, LineNames)
    assert tuple(unheld.texts) == held.texts
    assert [unheld.texts[row] for row in range(len(held))] == list(held.texts)
    assert tuple(unheld.names) == held.names
    assert (unheld.labels, unheld.groups) == (held.labels, held.groups)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every file as one that is too large to be held."""
    monkeypatch.setattr(records, "HELD", -1)


@pytest.fixture
def numbers(tmp_path: Path, large: None) -> Corpus:
    """Return ten documents that stay in a file."""
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"number {n}\n" for n in range(10)))
    return read_lines(path)


CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXT = st.text(CHARACTERS) | st.text("ab\"', \r\n\t\u2028\x85\x0c")


@given(st.lists(st.tuples(TEXT, st.sampled_from("xy")), min_size=1), st.booleans(), st.booleans())
def test_rows_of_csv_are_found_again(tmp_path_factory, rows, marked, header):
    path = tmp_path_factory.getbasetemp() / "unheld.csv"
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("text", "label")] * header + rows)
    path.write_bytes(buffer.getvalue().encode("utf-8-sig" if marked else "utf-8"))
    corpora = held_and_unheld(lambda path: read_csv(path, 0, 1, 1, header=header), path)
    assert_same(*corpora)


@given(st.lists(st.text("ab\"'\u2028é", min_size=1), min_size=1))
def test_rows_without_quotes_are_found_again(tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "unheld.tsv"
    path.write_text("\n\n".join(f"{text}\tx" for text in texts), encoding="utf-8", newline="")
    read = lambda path: read_tsv(path, 0, 1, header=False, quotes=False)  # noqa: E731
    assert_same(*held_and_unheld(read, path))


@given(st.lists(TEXT, min_size=1), st.sampled_from(["\n", "\r\n", "\n\n", "\r"]), st.booleans())
def test_lines_of_json_are_found_again(tmp_path_factory, texts, end, ascii_only):
    path = tmp_path_factory.getbasetemp() / "unheld.jsonl"
    lines = (json.dumps({"text": text, "by": "x"}, ensure_ascii=ascii_only) for text in texts)
    path.write_bytes(end.join(lines).encode())
    assert_same(*held_and_unheld(lambda path: read_jsonl(path, group="by"), path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "cp437"])
@pytest.mark.parametrize("paragraphs", [False, True])
def test_lines_are_found_again_in_each_encoding_that_tells_their_bytes(
    tmp_path, encoding, paragraphs
):
    path = tmp_path / "notes.txt"
    path.write_bytes("é 1\r\n é 2\n\n  \r\rç\n\nend".encode(encoding))
    assert_same(*held_and_unheld(lambda path: read_lines(path, paragraphs, encoding), path))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "shift_jis", "utf-7"])
def test_in_other_encodings_the_texts_are_held(tmp_path, large, encoding):
    path = tmp_path / "notes.txt"
    path.write_bytes("text\nあ\nb\n".encode(encoding))
    assert read_csv(path, encoding=encoding).texts == ("あ", "b")


def test_small_files_are_held_and_larger_ones_are_not(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("text\nab\n")
    monkeypatch.setattr(records, "HELD", path.stat().st_size)
    assert read_csv(path).texts == ("ab",)
    monkeypatch.setattr(records, "HELD", path.stat().st_size - 1)
    assert isinstance(read_csv(path).texts, RecordTexts)


def test_a_field_longer_than_the_csv_modules_first_limit_is_found_again_in_another_process(
    tmp_path, large
):
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "x" * 200_000 + "\n")
    texts = read_csv(path).texts
    before = csv.field_size_limit(131_072)  # as it is where nothing was read
    try:
        assert texts[0] == "x" * 200_000
    finally:
        csv.field_size_limit(before)


# Lines and paragraphs


def test_each_line_is_a_document_and_blank_ones_are_none(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"  one \r\n\n \t\ntwo\rthree")
    corpus = read_lines(path)
    assert corpus.texts == ("  one ", "two", "three")
    assert corpus.names == ("notes.txt:1", "notes.txt:4", "notes.txt:5")
    assert read_corpus(path) == corpus


def test_a_paragraph_ends_at_a_blank_line(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("\n\na\n b\n \n\n\nc\n")
    corpus = read_lines(path, paragraphs=True)
    assert corpus.texts == ("a\n b", "c")
    assert corpus.names == ("notes.txt:3", "notes.txt:8")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no documents"),
        (b"\n \n", "no documents"),
        (b"a\nb\0\n", r"line 2: a NUL byte after 1 char"),
        (b"a\n\xff\n", r"byte 2 \(0xff\) is not utf-8"),
    ],
)
def test_plain_text_that_cannot_be_read_is_refused_with_its_place(tmp_path, content, message):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_lines(path)
    with pytest.raises(DataError, match="no columns"):
        read_corpus(path, label="label")


def test_a_byte_that_is_not_the_encoding_is_found_without_holding_the_file(tmp_path):
    path = tmp_path / "notes.txt"
    line = b"x" * 999 + b"\n"
    path.write_bytes(line * 4_000 + b"\xff\n" + line * 4_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"byte 4000000 \(0xff\) is not utf-8"):
            read_lines(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000  # of 8 MB
    finally:
        tracemalloc.stop()


# A corpus of unheld texts


def test_a_corpus_is_split_and_selected_without_being_read(numbers, monkeypatch):
    monkeypatch.setattr(RecordTexts, "_open", lambda self: pytest.fail("the file was opened"))
    valid = numbers.split_randomly(0.3).part("valid")
    monkeypatch.undo()
    rows = [int(name.split(":")[1]) - 1 for name in valid.names]
    assert len(rows) == 3
    assert list(valid.texts) == [f"number {row}" for row in rows]


def test_texts_are_sequences_like_others(numbers):
    assert numbers.texts[-1] == "number 9"
    assert list(numbers.texts[2:8:3]) == ["number 2", "number 5"]
    assert list(numbers.names[2:8:3]) == ["numbers.txt:3", "numbers.txt:6"]
    assert "number 4" in numbers.texts
    for column in (numbers.texts, numbers.names):
        with pytest.raises(IndexError):
            column[10]


def test_what_was_read_twice_is_equal_and_another_choice_is_not(numbers, tmp_path):
    again = read_lines(tmp_path / "numbers.txt")
    assert again == numbers
    assert hash(again.texts) == hash(numbers.texts)
    assert again.select([1, 2]) != again.select([2, 1])
    assert again.texts != tuple(again.texts)


def test_texts_reach_other_processes(numbers):
    for copied in (pickle.loads(pickle.dumps(numbers)), copy.deepcopy(numbers)):
        assert list(copied.texts) == list(numbers.texts)


def test_a_file_that_changed_is_refused_and_not_read_amiss(numbers, tmp_path):
    path = tmp_path / "numbers.txt"
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"9", b"8"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    for read in (lambda: numbers.texts[0], lambda: list(numbers.texts)):
        with pytest.raises(DataError, match="was changed after it was read"):
            read()
    path.unlink()
    with pytest.raises(DataError, match="has to stay until they are tokenized"):
        numbers.texts[0]


def test_a_file_cut_short_while_it_is_read_is_refused(tmp_path, large):
    path = tmp_path / "long.txt"
    path.write_text(("x" * 100_000 + "\n") * 3)  # more than is read ahead
    texts = iter(read_lines(path).texts)
    next(texts)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="was changed"):
        list(texts)
