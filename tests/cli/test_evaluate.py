"""What a test tells of a classifier agrees with counting by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from steadfit.cli.measures import evaluation_of_sets
from steadfit.inference.ensemble_folder import load_ensemble, save_ensemble
from steadfit.report.comparison import compare_predictions
from tests.cli.conftest import Run, ensemble, of_many_labels, refused, reviews, write_csv


def test_json_holds_what_counting_gives(steadfit: Run, model: Path, table: Path) -> None:
    ended = steadfit("evaluate", model, table, "--json")
    assert ended.status == 0, ended
    found = json.loads(ended.out.splitlines()[-1])
    rows = reviews(30)
    labels = load_ensemble(model).labels(
        load_ensemble(model).probabilities([row["review"] for row in rows])
    )
    right = [a == row["sentiment"] for a, row in zip(labels, rows, strict=True)]
    assert found["texts"] == 30
    assert found["accuracy"]["value"] == pytest.approx(np.mean(right))
    assert found["accuracy"]["low"] < np.mean(right) < found["accuracy"]["high"]
    assert [one["support"] for one in found["per_class"]] == [15, 15]
    assert found["ece"]["value"] >= 0
    assert found["log_loss"]["value"] > 0


def test_two_models_are_compared_on_the_same_texts(
    steadfit: Run, model: Path, table: Path, tmp_path: Path
) -> None:
    other = save_ensemble(tmp_path / "other", ensemble(1, 1.0))
    ended = steadfit("evaluate", model, table, "--against", other, "--json")
    found = json.loads(ended.out.splitlines()[-1])["against"]
    rows = reviews(30)
    texts, truth = [row["review"] for row in rows], [row["sentiment"] for row in rows]
    first, second = (
        one.labels(one.probabilities(texts)) for one in map(load_ensemble, (model, other))
    )
    wanted = compare_predictions(first, second, truth)
    assert found["p_value"] == pytest.approx(wanted.p_value)
    assert (found["only_first"], found["only_second"]) == (wanted.only_first, wanted.only_second)
    told = steadfit("evaluate", model, table, "--against", other).out
    assert "exact McNemar test" in told
    assert f"{wanted.only_first} texts only the first has right" in told


def titled(folder: Path) -> tuple[Path, Path]:
    """Write a model that learned from title and review, and a table of titles that mislead."""
    save_ensemble(folder / "titled", ensemble(1))
    columns = 'text = ["title", "review"]\nlabel = "sentiment"\n'
    (folder / "titled" / "train.toml").write_text(columns)
    rows = [
        {"title": "awful dull poor" if n % 3 else "great superb fine", **row}
        for n, row in enumerate(reviews(30))
    ]
    return folder / "titled", write_csv(folder / "titles.csv", rows)


def test_two_models_are_compared_each_on_the_columns_of_its_training(
    steadfit: Run, model: Path, tmp_path: Path
) -> None:
    first, table = titled(tmp_path)
    right = [
        json.loads(steadfit("evaluate", one, table, "--json").out)["accuracy"]["value"]
        for one in (first, model)
    ]
    assert right[0] != right[1]
    words = ("evaluate", first, table, "--against", model, "--json")
    ended = steadfit(*words)
    found = json.loads(ended.out)["against"]
    assert [found["first_accuracy"], found["second_accuracy"]] == pytest.approx(right)
    assert f"{model} reads the columns of its own training: review" in ended.error
    ended = steadfit(*words, "--text", "review")
    alone = json.loads(steadfit("evaluate", first, table, "--text", "review", "--json").out)
    found = json.loads(ended.out)["against"]
    assert found["first_accuracy"] == pytest.approx(alone["accuracy"]["value"])
    assert found["second_accuracy"] == pytest.approx(right[1])


def test_a_pipe_is_not_read_twice_for_models_of_different_columns(
    steadfit: Run, model: Path, tmp_path: Path, piped: Callable[[str, bytes], Path]
) -> None:
    first, table = titled(tmp_path)
    pipe = piped("rows.csv", table.read_bytes())
    message = refused(steadfit("evaluate", first, pipe, "--against", model))
    assert "learned from the columns review, and the first model from title, review" in message
    assert "save it as a file first" in message


def test_a_classifier_that_abstains_is_judged_with_and_without(
    steadfit: Run, table: Path, tmp_path: Path
) -> None:
    model = save_ensemble(tmp_path / "model", ensemble(abstain_below=0.7))
    words = ("evaluate", model, table, "--text", "review", "--label", "sentiment")
    found = json.loads(steadfit(*words, "--json").out.splitlines()[-1])
    table_of = load_ensemble(model).probabilities([row["review"] for row in reviews(30)])
    assert found["texts"] == 30
    assert found["decided"]["texts"] == int((table_of.max(axis=1) >= 0.7).sum())
    assert "get no label" in steadfit(*words).out


def test_labels_a_model_does_not_know_are_counted(
    steadfit: Run, model: Path, tmp_path: Path
) -> None:
    rows = reviews(6)
    rows[4]["sentiment"] = "mixed"
    message = refused(steadfit("evaluate", model, write_csv(tmp_path / "t.csv", rows)))
    assert "1 of 6 documents have labels outside the classes ['neg', 'pos'] ('mixed': 1)" in message


def test_missing_labels_are_counted_and_can_be_left_out(
    steadfit: Run, model: Path, tmp_path: Path
) -> None:
    rows = reviews(6)
    rows[1]["sentiment"] = rows[4]["sentiment"] = ""
    table = write_csv(tmp_path / "t.csv", rows)
    message = refused(steadfit("evaluate", model, table))
    assert "2 records have (line 3, 6) no label" in message
    assert "--drop-unlabeled" in message
    ended = steadfit("evaluate", model, table, "--drop-unlabeled", "--json")
    assert json.loads(ended.out.splitlines()[-1])["texts"] == 4
    assert "2 rows without a label are left out" in ended.error


def test_a_wrong_column_lists_those_that_are_there(steadfit: Run, model: Path, table: Path) -> None:
    message = refused(steadfit("evaluate", model, table, "--label", "stars"))
    assert "no column 'stars'; the columns are 'id', 'review', 'sentiment'" in message


def test_folders_are_read_with_their_names_as_labels(
    steadfit: Run, model: Path, tmp_path: Path
) -> None:
    for place, row in enumerate(reviews(4)):
        file = tmp_path / "texts" / row["sentiment"] / f"{place}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(row["review"])
    ended = steadfit("evaluate", model, tmp_path / "texts", "--json")
    assert json.loads(ended.out.splitlines()[-1])["texts"] == 4


def test_sets_of_labels_are_judged_as_scikit_learn_does() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    draw = np.random.default_rng(0)
    truth = draw.integers(2, size=(40, 4))
    table = np.clip(draw.normal(0.3 + 0.4 * truth, 0.3), 0.01, 0.99)
    truth[:, 3], table[:, 3] = 0, 0.01  # a label that no text has or is given
    given = (table >= 0.5).astype(int)
    names = ("a", "b", "c", "d")

    def sets(marks: np.ndarray) -> list[tuple[str, ...]]:
        return [tuple(n for n, m in zip(names, row, strict=True) if m) for row in marks]

    found = evaluation_of_sets(sets(truth), sets(given), table, names)
    assert found["accuracy"]["value"] == pytest.approx(accuracy_score(truth, given))
    assert found["micro_f1"] == pytest.approx(f1_score(truth, given, average="micro"))
    macro = f1_score(truth, given, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(macro)


def test_sets_of_labels_are_compared_whatever_the_order_of_the_classes(
    steadfit: Run, tmp_path: Path
) -> None:
    made = of_many_labels(("pos", "neg"))
    many = save_ensemble(tmp_path / "many", made)
    texts = [row["review"] for row in reviews(30)]
    given = [set(names) for names in made.labels(made.probabilities(texts))]
    truth = [given[place] if place % 3 else set() for place in range(30)]
    rows = [
        {"text": text, "label": "|".join(names)} for text, names in zip(texts, truth, strict=True)
    ]
    words = ("evaluate", many, write_csv(tmp_path / "t.csv", rows), "--against", many, "--json")
    found = json.loads(steadfit(*words).out)
    right = np.mean([a == b for a, b in zip(given, truth, strict=True)])
    assert found["against"]["first_accuracy"] == pytest.approx(right)
    assert found["against"]["second_accuracy"] == found["accuracy"]["value"]


def test_one_label_is_not_compared_with_any_number_of_them(
    steadfit: Run, model: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = save_ensemble(tmp_path / "many", of_many_labels())

    def read(*_: object) -> None:
        raise AssertionError("it began to read")

    monkeypatch.setattr("steadfit.cli.evaluate.judge", read)
    for first, second in ((model, many), (many, model)):
        message = refused(steadfit("evaluate", first, table, "--against", second))
        assert f"{model} gives each text one label, and {many} any number of labels" in message


def test_labels_are_taken_apart_by_the_separator_that_is_given(
    steadfit: Run, model: Path, tmp_path: Path
) -> None:
    many = save_ensemble(tmp_path / "many", of_many_labels())
    rows = [{"text": row["review"], "label": "neg / pos"} for row in reviews(4)]
    table = write_csv(tmp_path / "t.csv", rows)
    words = ("evaluate", many, table, "--json")
    assert "'neg / pos': 4" in refused(steadfit(*words))
    found = json.loads(steadfit(*words, "--label-separator", "/").out)
    assert [one["support"] for one in found["per_class"]] == [4, 4]
    message = refused(steadfit("evaluate", model, table, "--label-separator", "/"))
    assert "gives each text one label" in message
