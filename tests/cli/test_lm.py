"""A language model of the user's texts, and the rates of a classifier's head."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import tempfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from steadfit.cli.layout import AS_NAMED
from steadfit.cli.unlabelled_texts import unlabelled
from steadfit.files.model_folder import SavedModel, load_model, save_model
from steadfit.text.corpus import Corpus
from steadfit.text.lazy_strings import LazyStrings
from steadfit.text.subwords import SubwordTokenizer
from steadfit.training.stages import Stage
from tests.cli.conftest import Run, refused, reviews, write_csv

SIZES = ("--pretrained", "none", "--sizes", "emb_sz=8,n_hid=12,n_layers=2")


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    lines = tmp_path / "more.txt"
    lines.write_text("\n".join(row["review"] for row in reviews(40, seed=3)))
    return [write_csv(tmp_path / "reviews.csv", reviews(40)), lines]


def test_texts_of_several_kinds_become_a_model_folder(
    steadfit: Run, texts: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "lm"
    words = ("lm", *texts, "--text", "review", "--out", out, "--epochs", 1, "--backwards", *SIZES)
    ended = steadfit(*words)
    assert ended.status == 0, ended
    assert "80 texts" in ended.out
    saved = load_model(out, "language-model")
    assert saved.backwards
    assert f"perplexity {saved.metrics['perplexity']:,}" in ended.out
    assert not (tmp_path / "lm.checkpoints").exists()
    assert saved.details["data"]["from"] == "reviews.csv, more.txt"
    assert saved.details["data"]["texts"] == 80
    assert "reviews.csv, more.txt" in (out / "README.md").read_text(encoding="utf-8")
    assert "--overwrite" in refused(steadfit(*words))


def test_texts_of_folders_stay_in_their_files(
    steadfit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        for place in range(3):
            (tmp_path / folder / f"{place}.txt").write_text(f"{folder} text {place}")
    seen: list[Corpus] = []

    def learn(texts: Corpus, *_: object, **__: object) -> None:
        seen.append(texts)
        raise KeyboardInterrupt

    monkeypatch.setattr("steadfit.cli.lm.train_language_model", learn)
    words = ("lm", tmp_path / "old", tmp_path / "new", "--out", tmp_path / "lm", *SIZES)
    assert steadfit(*words).status == 130
    assert isinstance(seen[0].texts, LazyStrings)
    assert list(seen[0].texts) == [f"{a} text {b}" for a in ("old", "new") for b in range(3)]


def test_texts_may_come_from_a_pipe(piped: Callable[[str, bytes], Path]) -> None:
    lines = [f"text number {n}" for n in range(2_000)]
    place = piped("more.txt", "\n".join(lines).encode())
    assert unlabelled(place, ("text",), AS_NAMED) == lines


@pytest.mark.parametrize(("name", "packed"), [("a.txt", bytes), ("a.txt.gz", gzip.compress)])
def test_blank_lines_of_plain_text_are_no_texts_packed_or_not(
    tmp_path: Path, name: str, packed: Callable[[bytes], bytes]
) -> None:
    (tmp_path / name).write_bytes(packed(b"one\n\n \t\r\ntwo\n"))
    assert list(unlabelled(tmp_path / name, ("text",), AS_NAMED)) == ["one", "two"]


def test_a_disk_without_room_is_told_before_training(
    steadfit: Run, texts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("steadfit.cli.room.shutil.disk_usage", lambda _: usage(9e9, 9e9, 1_000))
    words = ("lm", *texts, "--text", "review", "--out", tmp_path / "lm")
    assert "Nothing was begun" in refused(steadfit(*words, "--base", "none"))


def test_no_copy_of_the_texts_stays_behind(
    steadfit: Run, texts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STEADFIT_HOME", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is looked for once
    columns = ("--text", "review")
    ended = steadfit("lm", *texts, *columns, "--epochs", 1, *SIZES, "--out", tmp_path / "lm")
    assert ended.status == 0, ended
    words = ("lr-find", texts[0], *columns, "--label", "sentiment", "--steps", 12, *SIZES)
    assert steadfit(*words).status == 0
    assert not [path for path in (tmp_path / "TMPDIR").rglob("*") if path.is_file()]
    assert not list((tmp_path / "STEADFIT_HOME").rglob("*.bin"))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_it_may_be_one_of_subwords(steadfit: Run, texts: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "lm"
    cut = ("--tokenizer", "subwords", "--vocab-size", 300)
    sizes = ("--sizes", "emb_sz=8,n_hid=12,n_layers=2")
    ended = steadfit("lm", *texts, "--text", "review", "--out", out, "--epochs", 1, *cut, *sizes)
    assert ended.status == 0, ended
    tokenizer = load_model(out, "language-model").tokenizer
    assert isinstance(tokenizer, SubwordTokenizer)
    message = refused(steadfit("lm", *texts, "--tokenizer", "bytes", "--out", tmp_path / "x"))
    assert "--tokenizer bytes: accepted are 'words' and 'subwords'" in message
    again = ("lm", *texts, "--text", "review", "--epochs", 1, "--pretrained", out)
    assert steadfit(*again, "--out", tmp_path / "again").status == 0  # of the base's subwords
    assert len(tokenizer.vocab) <= 300


def test_sizes_that_a_named_model_does_not_have_are_refused(
    steadfit: Run, texts: list[Path], tmp_path: Path
) -> None:
    base = tmp_path / "base"
    words = ("--text", "review", "--epochs", 1)
    assert steadfit("lm", *texts, *words, *SIZES, "--out", base).status == 0
    again = ("lm", *texts, *words, "--pretrained", base, "--out", tmp_path / "lm", "--sizes")
    message = refused(steadfit(*again, "n_hid=20"))
    assert "sizes is {'n_hid': 20}, but" in message
    assert "has {'n_hid': 12}" in message
    assert steadfit(*again, "n_hid=12").status == 0


def test_an_interrupted_one_goes_on(
    steadfit: Run, texts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("lm", *texts, "--text", "review", "--epochs", 2, *SIZES)
    save, left = Stage.save, iter(range(1))

    def stopping(stage: Stage) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        save(stage)

    monkeypatch.setattr(Stage, "save", stopping)
    ended = steadfit(*words, "--out", tmp_path / "lm")
    assert ended.status == 130
    assert "The same command goes on from" in ended.error
    monkeypatch.setattr(Stage, "save", save)
    ended = steadfit(*words, "--out", tmp_path / "lm")
    assert ended.status == 0, ended
    assert "goes on after step" in ended.out


def test_a_model_never_stands_without_the_record_of_its_texts(
    steadfit: Run, texts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(folder: Path, saved: SavedModel) -> None:
        save_model(folder, saved)
        raise KeyboardInterrupt

    monkeypatch.setattr("steadfit.recipe.language_model.save_model", stopped)
    out = tmp_path / "lm"
    ended = steadfit("lm", *texts, "--text", "review", "--epochs", 1, *SIZES, "--out", out)
    assert ended.status == 130
    assert load_model(out).details["data"]["texts"] == 80


def test_too_little_text_is_one_line(steadfit: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
    message = refused(steadfit("lm", tmp_path / "a.txt", "--out", tmp_path / "lm", *SIZES))
    assert "too few for a language model" in message
    assert not (tmp_path / "lm").exists()
    assert "'width=3' is none" in refused(
        steadfit("lm", tmp_path / "a.txt", "--out", tmp_path / "x", "--sizes", "width=3")
    )


def test_rates_are_tried_and_drawn(steadfit: Run, texts: list[Path], tmp_path: Path) -> None:
    words = ("lr-find", texts[0], "--text", "review", "--label", "sentiment", "--steps", 12, *SIZES)
    ended = steadfit(*words, "--plot", tmp_path / "rates.png", "--json")
    assert ended.status == 0, ended
    found = json.loads(ended.out.splitlines()[-1])
    assert len(found["lrs"]) == len(found["losses"]) <= 12
    assert found["lrs"] == sorted(found["lrs"])
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert "half-way down" in (said := steadfit(*words).out) or "does not clearly fall" in said
    assert "ends in .png" in refused(steadfit(*words, "--plot", tmp_path / "rates.svg"))


def test_a_place_that_is_no_models_is_refused_before_training(
    steadfit: Run, texts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(*_: object, **__: object) -> None:
        raise AssertionError("it began to train")

    monkeypatch.setattr("steadfit.cli.lm.train_language_model", trained)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    words = ("lm", *texts, "--text", "review", *SIZES, "--overwrite", "--out")
    for place in (tmp_path / "mine", tmp_path / "mine" / "notes.txt"):
        assert "is no model folder, so it is not replaced" in refused(steadfit(*words, place))
    (tmp_path / "x.checkpoints").mkdir()
    (tmp_path / "x.checkpoints" / "w.bin").write_text("mine")
    message = refused(steadfit(*words, tmp_path / "x"))
    assert "x.checkpoints holds what no training left there (w.bin)" in message


def test_rates_are_tried_on_texts_with_several_labels(steadfit: Run, tmp_path: Path) -> None:
    table = tmp_path / "rows.jsonl"
    rows = [{"text": row["review"], "label": [row["sentiment"], "old"]} for row in reviews(40)]
    table.write_text("\n".join(map(json.dumps, rows)))
    words = ("lr-find", table, "--steps", 12, "--json", *SIZES)
    advised = re.findall(r"--[a-z-]+ '.'", refused(steadfit(*words)))
    ended = steadfit(*words, *shlex.split(advised[0]))
    assert ended.status == 0, ended
    assert json.loads(ended.out.splitlines()[-1])["lrs"]


@pytest.mark.parametrize(("label", "told"), [("", "none of 6 texts has a label"), ("pos", "all 6")])
def test_rates_are_not_tried_on_fewer_than_two_labels(
    steadfit: Run, tmp_path: Path, label: str, told: str
) -> None:
    rows = [{"text": row["review"], "label": label} for row in reviews(6)]
    table = write_csv(tmp_path / "rows.csv", rows)
    assert told in refused(steadfit("lr-find", table, "--label-separator", "|", *SIZES))
