"""Explanations are of the classifier as a whole, and of the text that was asked for."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run, refused, reviews


def test_a_text_a_file_and_a_row_are_explained_alike(
    steadfit: Run, model: Path, table: Path, tmp_path: Path
) -> None:
    text = reviews(30)[4]["review"]
    (tmp_path / "text.txt").write_text(text)
    given = steadfit("explain", model, text)
    assert given.status == 0, given
    assert steadfit("explain", model, "--file", tmp_path / "text.txt").out == given.out
    assert steadfit("explain", model, table, "--row", 5).out == given.out


def test_a_page_is_written_once(steadfit: Run, model: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    words = ("explain", model, "a great film", "--class", "neg", "--html", page)
    assert steadfit(*words).status == 0
    assert "Why neg" in page.read_text(encoding="utf-8")
    assert "--overwrite" in refused(steadfit(*words))
    assert steadfit(*words, "--overwrite").status == 0


def test_what_is_not_there_is_one_line(steadfit: Run, model: Path, table: Path) -> None:
    assert "has 30 rows, and no row 31" in refused(steadfit("explain", model, table, "--row", 31))
    assert "'maybe'" in refused(steadfit("explain", model, "a film", "--class", "maybe"))
    message = refused(steadfit("explain", model, table))
    assert "is a file. Give --file" in message
    assert "--row" in message
    assert steadfit("explain", model).status == 2
    assert steadfit("explain", model, "a", "--file", table).status == 2
    assert steadfit("explain", model, "--file", table, "--row", 1).status == 2
