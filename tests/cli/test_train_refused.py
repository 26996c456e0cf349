"""What `train` refuses, or says, before anything is trained."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steadfit.cli.model_folder import fingerprint
from tests.cli.conftest import Run, refused, reviews, write_csv


def nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise AssertionError("it began to train")

    monkeypatch.setattr("steadfit.estimator.text_classifier.TextClassifier.fit", fit)


@pytest.fixture
def train(
    steadfit: Run, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Train with a table of rows, which must be refused before training begins."""
    nothing_is_trained(monkeypatch)

    def run(rows: list[dict[str, str]], *words: object) -> Any:
        table = write_csv(tmp_path / "rows.csv", rows)
        return steadfit("train", table, "--config", tiny, "--out", tmp_path / "model", *words)

    yield run
    assert not (tmp_path / "model").exists()


def changed(rows: list[dict[str, str]], **values: str) -> list[dict[str, str]]:
    """Return rows whose first has other values."""
    return [{**rows[0], **values}, *rows[1:]]


def test_a_wrong_column_lists_those_that_are_there(train: Run) -> None:
    message = refused(train(reviews(8), "--label", "stars"))
    assert "no column 'stars'; the columns are 'id', 'review', 'sentiment'" in message
    assert "The first line names the columns" in message
    assert "no column 'body'" in refused(train(reviews(8), "--text", "body"))


@pytest.mark.parametrize("option", ["--out", "--test", "--checkpoint-dir", "--pretrained"])
def test_a_name_that_is_not_utf8_is_refused_at_once(
    train: Run, tmp_path: Path, option: str
) -> None:
    message = refused(train(reviews(8), option, tmp_path / "r\udce9views"))
    assert r"r\udce9views' is not UTF-8" in message


def test_of_many_or_long_columns_a_message_names_some(train: Run) -> None:
    rows = [{"a" * 200: row["review"], **{str(n): "" for n in range(50)}} for row in reviews(8)]
    message = refused(train(rows))
    assert "and 31 more" in message
    assert "a" * 61 not in message


@pytest.mark.parametrize("name", ["tweets.txt", "tweets.csv"])
def test_a_file_of_fasttexts_is_known_as_one(
    steadfit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    nothing_is_trained(monkeypatch)
    lines = "\n".join(f"__label__{row['sentiment']} {row['review']}" for row in reviews(8))
    (tmp_path / name).write_text(lines)
    message = refused(steadfit("train", tmp_path / name, "--out", tmp_path / "model"))
    assert "fastText's form, of which docs/migrating.md" in message


def test_missing_labels_are_counted(train: Run) -> None:
    rows = changed(reviews(8), sentiment="")
    message = refused(train(rows))
    assert "1 record has (line 2) no label" in message
    assert "--drop-unlabeled" in message
    with pytest.raises(AssertionError, match="it began to train"):
        train(rows, "--drop-unlabeled")


def test_too_few_classes_or_rows_are_refused(train: Run) -> None:
    one = [row for row in reviews(20) if row["sentiment"] == "pos"]
    assert "all 10 labels are 'pos'; a classifier needs two classes" in refused(train(one))
    message = refused(train(changed(reviews(20), sentiment="mixed")))
    assert "only one each of 'mixed'; a class needs 2 at least" in message
    assert "3 labelled texts" in refused(train(reviews(3)))


def test_empty_texts_are_counted_and_not_all_may_be(
    train: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError, match="it began to train"):
        train(changed(reviews(8), review=" "))
    assert "8 labelled texts; 1 is empty" in capsys.readouterr().out
    rows = [{**row, "review": ""} for row in reviews(8)]
    assert "all texts are empty" in refused(train(rows))


def test_a_test_file_with_an_unseen_class_is_refused(train: Run, tmp_path: Path) -> None:
    test = write_csv(tmp_path / "test.csv", changed(reviews(6), sentiment="mixed"))
    message = refused(train(reviews(8), "--test", test))
    assert "test.csv: 1 of 6 documents have labels outside the classes" in message


@pytest.mark.parametrize("text", ["null", "NaN", "3"])
def test_texts_that_are_none_are_refused(
    steadfit: Run, tiny: Path, tmp_path: Path, text: str
) -> None:
    table = tmp_path / "rows.jsonl"
    lines = [json.dumps(row) for row in reviews(6)]
    table.write_text("\n".join([*lines, f'{{"review": {text}, "sentiment": "pos"}}']))
    message = refused(steadfit("train", table, "--config", tiny, "--out", tmp_path / "model"))
    assert "line 7" in message
    assert "string" in message


def test_what_stands_in_two_files_is_said_before_training(
    train: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [
        " ".join(f"word{place} of{place}" for place in range(at, at + 20))
        for at in range(0, 560, 20)
    ]
    rows, other = ([{**row, "review": texts.pop()} for row in reviews(n)] for n in (20, 6))
    other[2]["review"] = f"<b>{rows[0]['review'].upper()}</b>!"
    test = write_csv(tmp_path / "test.csv", other)
    (tmp_path / "more.txt").write_text(f"{other[4]['review']} and more\n{texts.pop()}\n")
    with pytest.raises(AssertionError, match="it began to train"):
        train(rows, "--test", test, "--unlabeled", tmp_path / "more.txt")
    said = capsys.readouterr().out
    assert "train–test 1" in said
    assert "1 documents of the test file stand among the texts without labels" in said


def test_a_model_that_stands_there_is_not_replaced_unasked(
    steadfit: Run, trained: tuple[Path, Path], labelled: Path, tiny: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(trained[0], tmp_path / "model"))
    before = fingerprint(out)
    words = ("train", labelled, "--config", tiny, "--out", out)
    assert "exists; name another place, or give --overwrite" in refused(steadfit(*words))
    (out / "classifier.json").rename(tmp_path / "aside.json")
    assert "is no classifier's folder" in refused(steadfit(*words, "--overwrite"))
    (tmp_path / "aside.json").rename(out / "classifier.json")
    assert fingerprint(out) == before


def test_a_disk_without_room_is_told_before_training(
    train: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("steadfit.cli.room.shutil.disk_usage", lambda _: usage(9e9, 9e9, 1_000))
    message = refused(train(reviews(8)))
    assert "0.0 MB free" in message
    assert "Nothing was begun" in message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("metric", "bleu", "metric is 'bleu'; accepted are accuracy"),
        ("metric", "f1:mixed", "with a class of 'neg', 'pos'"),
        ("drop-mult", "-1", "--drop-mult is -1.0"),
        ("drop-mult", "9", "Lower drop_mult"),
        ("label-smoothing", "1", "--label-smoothing is 1.0"),
        ("abstain-below", "1.5", "--abstain-below is 1.5"),
        ("sizes", "n_hid=0", "n_hid"),
    ],
)
def test_what_is_used_last_is_refused_first(
    train: Run, name: str, value: str, message: str
) -> None:
    assert message in refused(train(reviews(8), f"--{name}", value))


def test_what_ends_before_it_begins_leaves_nothing(
    steadfit: Run, labelled: Path, tiny: Path, tmp_path: Path
) -> None:
    words = ("train", labelled, "--config", tiny, "--out", tmp_path / "model")
    assert "schedule is 'slow'" in refused(steadfit(*words, "--schedule", "slow"))
    message = refused(steadfit(*words, "--average-weights", "--early-stopping"))
    assert "--early-stopping and --average-weights each say" in message
    assert not (tmp_path / "model.checkpoints").exists()


def test_options_that_are_none_are_refused(steadfit: Run, labelled: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    words = ("train", labelled, "--config", config, "--out", tmp_path / "model")
    assert "config.toml cannot be read" in refused(steadfit(*words))
    config.write_text("learning_rate = 1\n")
    message = refused(steadfit(*words))
    assert "learning_rate is no option; accepted are" in message
    config.write_text('sizes = "width=3"\n')
    assert "'width=3' is none" in refused(steadfit(*words))
    config.write_text('backwards = "maybe"\n')
    assert "accepted are no, yes and both" in refused(steadfit(*words))
    config.write_text('lr = "fast"\n')
    assert "lr is 'fast'" in refused(steadfit(*words))


def test_a_wrong_call_is_status_two(steadfit: Run, labelled: Path, tmp_path: Path) -> None:
    assert steadfit("train", labelled).status == 2
    assert steadfit("train", "--out", tmp_path / "model").status == 2
    assert steadfit("train", labelled, "--out", tmp_path / "model", "--epochs", "0").status == 2


def test_classes_are_told_with_their_counts(train: Run, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "sentiment": f"c{place % 10}"} for place, row in enumerate(reviews(25))]
    with pytest.raises(AssertionError, match="it began to train"):
        train(rows)
    said = capsys.readouterr().out
    assert "25 labelled texts; by label: 'c0' 3, 'c1' 3, 'c2' 3, 'c3' 3, 'c4' 3, 'c5' 2" in said
    assert "'c7' 2 and 2 more\n" in said


def test_several_labels_need_what_separates_them(train: Run) -> None:
    message = refused(train(reviews(8), "--multi-label"))
    assert "--multi-label needs --label-separator" in message
    with pytest.raises(AssertionError, match="it began to train"):
        train(reviews(8), "--multi-label", "--label-separator", "|")


def test_texts_that_may_have_none_need_two_labels_all_the_same(train: Run) -> None:
    several = ("--label-separator", "|")
    message = refused(train([{**row, "sentiment": ""} for row in reviews(8)], *several))
    assert "none of 8 texts has a label, and a classifier needs two classes" in message
    rows = [{**row, "sentiment": row["sentiment"].replace("neg", "")} for row in reviews(8)]
    assert "all 4 labels are 'pos'; a classifier needs two" in refused(train(rows, *several))
