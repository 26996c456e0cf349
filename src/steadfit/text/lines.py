"""Texts from one plain file: a document a line, or a document a paragraph."""

from __future__ import annotations

from pathlib import Path

from steadfit.core.checks import a_path, yes_or_no
from steadfit.text.corpus import Corpus
from steadfit.text.records import FileLines, Place, Records


def read_lines(path: str | Path, paragraphs: bool = False, encoding: str = "utf-8") -> Corpus:
    """Return each line of a text file as a document.

    Lines with nothing but white space on them are no documents. The line end is taken off;
    everything else comes as it stands. Documents are named by their first line, "notes.txt:12".

    Args:
        path: the file.
        paragraphs: take lines that follow each other without a blank line between them as one
            document.
        encoding: of the file.

    Raises:
        DataError: for a NUL byte, undecodable bytes, or no documents.
    """
    yes_or_no("paragraphs", paragraphs)
    lines = FileLines(a_path("path", path), encoding)
    records = Records(lines, without_line_end, labelled=False, grouped=False)
    whole: list[str] = []
    place = Place(0, None, None)
    end = lines.position
    for line in lines:
        begin, end = end, lines.position
        if line.strip():
            whole.append(line)
            place = Place(lines.number, begin, end) if len(whole) == 1 else place._replace(end=end)
        if whole and not (paragraphs and line.strip()):
            records.add(place, without_line_end("".join(whole)))
            whole.clear()
    if whole:
        records.add(place, without_line_end("".join(whole)))
    return records.corpus()


def without_line_end(record: str) -> str:
    """Return a record without the line feed or carriage return behind it."""
    return record.removesuffix("\n").removesuffix("\r")
