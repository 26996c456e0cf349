"""The frame of `accuracy`: cells that are kept, rows that take draws together, tables."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import _accuracy_cells, accuracy
from benchmarks._accuracy_cells import bits, cell_of, labels_of
from benchmarks._accuracy_columns import COLUMNS, Column, linear, majority
from benchmarks._accuracy_draws import CLASSES, Draw, Part, Split, draw
from benchmarks._accuracy_table import page, rows_of
from benchmarks._accuracy_trained import NotMeasured, Trained
from benchmarks._harness import Options
from steadfit.report.comparison import wilson_interval

QUICK = Options(quick=True, threads=1)


def a_part(count: int, first: int) -> Part:
    moods = {"neg": "dull slow poor", "pos": "fine warm good"}
    labels = tuple(CLASSES[n % 2] for n in range(count))
    rows = tuple(range(first, first + count))
    texts = tuple(
        f"film {r} was {moods[y]} in act {r % 7}" for r, y in zip(rows, labels, strict=True)
    )
    return Part(rows, texts, labels)


class Spy:
    """A column that is wrong on the first so many texts, and keeps what it was given."""

    def __init__(self, wrong: int = 0) -> None:
        self.wrong = wrong
        self.draws: list[Draw] = []
        self.closed = 0

    def train(self, drawn: Draw, options: Options) -> Trained:
        self.draws.append(drawn)
        return Trained(self.predict, 2.0, 1.5, 3.0, shared_seconds=60.0, close=self.close)

    def predict(self, texts: Any) -> list[str]:
        right = ["pos" if "good" in text else "neg" for text in texts]
        other = {"neg": "pos", "pos": "neg"}
        return [other[y] if n < self.wrong else y for n, y in enumerate(right)]

    def close(self) -> None:
        self.closed += 1

    def column(self, name: str = "spy", **said: Any) -> Column:
        return Column(name, self.train, **{"quick": True, **said})


@pytest.fixture
def split() -> Split:
    return Split(a_part(1200, 0), a_part(100, 5000))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_accuracy_cells, "FOLDER", tmp_path / "accuracy")
    monkeypatch.setattr(_accuracy_cells, "RESULT", tmp_path / "accuracy.json")
    return tmp_path / "accuracy"


def test_a_kept_cell_is_not_computed_again(split: Split, folder: Path):
    spy, drawn = Spy(wrong=10), draw(split, 50, 0)
    first = cell_of(spy.column(), drawn, split.test, QUICK)
    assert cell_of(spy.column(), drawn, split.test, QUICK) == first
    assert len(spy.draws) == spy.closed == len(list(folder.iterdir())) == 1
    assert (first["accuracy"], first["seconds"], first["shared_seconds"]) == (0.9, 2.0, 60.0)
    assert (first["low"], first["high"]) == pytest.approx(wilson_interval(90, 100), abs=1e-4)


def test_a_cell_of_the_results_of_before_is_kept_too(split: Split, tmp_path: Path):
    spy, drawn = Spy(wrong=10), draw(split, 50, 0)
    first = cell_of(spy.column(), drawn, split.test, QUICK)
    for file in (tmp_path / "accuracy").iterdir():
        file.unlink()
    results = {"conditions": {"cells": [{"name": "other"}, first]}}
    (tmp_path / "accuracy.json").write_text(json.dumps(results))
    assert cell_of(spy.column(), drawn, split.test, QUICK) == first
    assert cell_of(spy.column(settings={"rate": 1}), drawn, split.test, QUICK) != first
    assert len(spy.draws) == 2


def test_of_kept_cells_alone_tables_are_made_without_training(split: Split):
    spy, plan = Spy(wrong=10), (accuracy.Rows(50, 3),)
    cell_of(spy.column(), draw(split, 50, 1), split.test, QUICK)
    kept = Options(quick=True, threads=1, kept=True)
    cells = accuracy.fill([spy.column(), spy.column("never trained")], split, plan, kept)
    assert [(cell["name"], cell["draw"]) for cell in cells] == [("spy", 1)]
    assert len(spy.draws) == 1


def test_other_settings_labels_or_draws_make_another_cell(split: Split):
    spy = Spy()
    cell_of(spy.column(), draw(split, 50, 0), split.test, QUICK)
    cell_of(spy.column(settings={"rate": 0.1}), draw(split, 50, 0), split.test, QUICK)
    cell_of(spy.column(), draw(split, 50, 1), split.test, QUICK)
    cell_of(spy.column(), draw(split, 51, 0), split.test, QUICK)
    cell_of(spy.column("another"), draw(split, 50, 0), split.test, QUICK)
    assert len(spy.draws) == 5


def test_a_column_that_failed_is_closed_and_nothing_is_kept(split: Split, folder: Path):
    spy = Spy()
    spy.predict = lambda texts: ["good"] * len(texts)  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="good"):
        cell_of(spy.column(), draw(split, 50, 0), split.test, QUICK)
    assert spy.closed == 1
    assert not folder.exists()


def test_a_column_sees_texts_to_judge_by_only_after_it_has_learned(split: Split):
    spy = Spy()
    cell_of(spy.column(), draw(split, 50, 0), split.test, QUICK)
    (given,) = spy.draws
    assert not set(split.test.texts) & {*given.every_text, *given.unlabelled, *given.labelled.texts}


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100])
def test_bits_give_back_the_labels(count: int):
    labels = [CLASSES[n * n % 3 == 1] for n in range(count)]
    assert labels_of(bits(labels), count) == labels
    assert len(bits(labels)) == 2 * math.ceil(count / 8)


def test_rows_take_draws_together_and_pair_them_with_the_baseline(split: Split):
    plan = (accuracy.Rows(None, 1), accuracy.Rows(100, 3))
    baseline, better = Spy(wrong=20), Spy(wrong=5)
    columns = [baseline.column("NBSVM"), better.column("net", labels=(100,))]
    cells = accuracy.fill(columns, split, plan, QUICK)
    rows = rows_of(cells, split.test.labels)
    named = [(row["name"], row["labels"], row["draws"]) for row in rows]
    assert named == [("NBSVM", 1200, 1), ("NBSVM", 100, 3), ("net", 100, 3)]
    row = rows[2]
    assert (row["accuracy"], row["spread"], row["seconds"]) == (0.95, 0.0, 2.0)
    assert (row["low"], row["high"]) == pytest.approx(wilson_interval(95, 100), abs=1e-4)
    against = row["against_baseline"]
    assert against["difference"] == 0.15
    assert (against["only_this"], against["only_baseline"]) == ([15] * 3, [0] * 3)
    assert against["p_values"] == pytest.approx([2 / 2**15] * 3, rel=1e-3)
    assert "against_baseline" not in rows[0]


def test_the_mean_and_spread_are_those_of_the_draws(split: Split):
    spies = [Spy(wrong) for wrong in (10, 20, 30)]
    cells = [
        cell_of(spy.column(), draw(split, 100, number), split.test, QUICK)
        for number, spy in enumerate(spies)
    ]
    (row,) = rows_of(cells, split.test.labels)
    assert (row["accuracy"], row["spread"]) == (0.8, 0.1)


def test_the_page_has_a_line_for_each_column_and_a_place_for_each_number_of_labels(split: Split):
    plan = (accuracy.Rows(None, 1), accuracy.Rows(100, 2))
    columns = [Spy(20).column("NBSVM"), Spy(4).column("net", labels=(100,))]
    rows = rows_of(accuracy.fill(columns, split, plan, QUICK), split.test.labels)
    titles = {"net": "a network", "NBSVM": "NBSVM"}
    lines = page(rows, len(split.train), titles).splitlines()
    assert lines[0] == "|  | all 1,200 | 100 |"
    assert lines[2] == "| a network | – | 96.0 ± 0.0 (90.2 to 98.4) |"
    assert lines[3].startswith("| NBSVM | ")
    assert any(
        line.startswith("| a network | 100 | +16.0 (3.1e-05, 3.1e-05) | 2.0 s") for line in lines
    )


def test_the_page_says_where_draws_are_missing(split: Split):
    full, part = Spy(20).column("NBSVM"), Spy(10).column("net")
    cells = accuracy.fill([full], split, (accuracy.Rows(100, 3),), QUICK)
    cells += accuracy.fill([part], split, (accuracy.Rows(100, 2),), QUICK)
    titles = {"NBSVM": "NBSVM", "net": "net"}
    lines = page(rows_of(cells, split.test.labels), len(split.train), titles).splitlines()
    assert lines[2] == "| NBSVM | 80.0 ± 0.0 (71.1 to 86.7) |"
    assert lines[3] == "| net | 90.0 ± 0.0 (82.6 to 94.5, 2 of 3 draws) |"


def test_a_column_whose_library_is_missing_stays_empty(
    split: Split, capsys: pytest.CaptureFixture[str]
):
    def missing(drawn: Draw, options: Options) -> Trained:
        raise NotMeasured("no such library")

    columns = [Column("peer", missing, quick=True), Spy().column()]
    cells = accuracy.fill(columns, split, (accuracy.Rows(100, 2),), QUICK)
    assert {cell["name"] for cell in cells} == {"spy"}
    assert capsys.readouterr().out.count("peer is not measured: no such library") == 1


def test_quick_has_one_draw_of_a_thousand_labels_and_prints_its_rows(
    split: Split,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
):
    slow, spy, blend = Spy(), Spy(wrong=40), Spy(wrong=10)
    columns = [
        spy.column("NBSVM"),
        slow.column("slow", quick=False),
        blend.column(accuracy.HEADLINE),
    ]
    monkeypatch.setattr(accuracy, "COLUMNS", columns)
    monkeypatch.setattr(accuracy, "split_by_film", lambda: split)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    command.main(["accuracy", "--quick", "--json"])
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(row["name"], row["labels"]) for row in printed["rows"]] == [
        ("NBSVM", 1_000),
        (accuracy.HEADLINE, 1_000),
    ]
    for row in printed["rows"]:
        assert {"name", "labels", "accuracy", "low", "high", "seconds"} <= row.keys()
        assert row["low"] < row["accuracy"] < row["high"]
    assert printed["reached"] == {"labels_1000": True}
    assert not slow.draws
    assert not (tmp_path / "results").exists()
    command.main(["accuracy", "--quick", "--out", str(tmp_path / "out")])
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"accuracy.json", "accuracy.md"}
    assert (tmp_path / "out" / "accuracy.md").read_text().startswith("|  | 1,000 |")


def test_columns_have_names_of_their_own_and_a_baseline_among_them():
    names = [column.name for column in COLUMNS]
    assert len(set(map(_accuracy_cells.slug, names))) == len(names)
    assert "NBSVM" in names


def test_a_majority_is_the_commonest_label_of_the_draw():
    part = Part((1, 2, 3), ("a", "b", "c"), ("pos", "neg", "pos"))
    drawn = Draw(0, part, (), part.texts)
    assert majority(drawn, QUICK).predict(["x", "y"]) == ["pos", "pos"]
    tied = part.select([0, 1])
    assert majority(Draw(0, tied, (), tied.texts), QUICK).predict(["x"]) == ["neg"]


@pytest.mark.parametrize("kind", ["tfidf", "nbsvm"])
def test_linear_columns_learn_from_labelled_texts(split: Split, kind: str):
    trained = linear(kind, draw(split, 60, 0), QUICK)
    assert trained.predict(split.test.texts) == list(split.test.labels)
    assert trained.size_mb > 0
