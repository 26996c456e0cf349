"""The whole recipe on made-up sentences whose words tell the class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steadfit.core.errors import DataError
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.ensemble_folder import load_ensemble, save_ensemble
from steadfit.recipe.held_out import hold_out
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.recipe.train import BOTH, Recipe, train
from steadfit.recipe.work import Encoder
from steadfit.text.corpus import TEST, TRAIN, VALID, Corpus
from steadfit.text.file_texts import FileTexts
from steadfit.text.lazy_strings import LazyStrings

GOOD, BAD = ["great", "superb", "lovely", "fine"], ["awful", "dull", "poor", "bad"]
OTHER = ["the", "film", "was", "and", "a", "plot", "with", "actors", "in", "it", "very"]
TINY = Recipe(
    base=None,
    language_model=LanguageModelSettings(epochs=1, min_freq=1),
    classifier=ClassifierSettings(steps=8),
    sizes={"emb_sz": 8, "n_hid": 12, "n_layers": 2},
    backwards=BOTH,
    held_out=0.2,
    refit=True,
)


def sentences(count: int, seed: int) -> Corpus:
    draw = np.random.default_rng(seed)
    labels = ["neg" if place % 2 else "pos" for place in range(count)]
    texts = [
        " ".join(
            draw.choice((GOOD if label == "pos" else BAD) if draw.random() < 0.3 else OTHER)
            for _ in range(draw.integers(5, 30))
        )
        for label in labels
    ]
    return Corpus(texts, labels)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ensemble, Path]:
    folder = tmp_path_factory.mktemp("recipe")
    return train(sentences(60, 0), TINY, folder, sentences(60, 1).texts), folder


def test_labels_follow_the_words_that_tell_them(made: tuple[Ensemble, Path]) -> None:
    ensemble, _ = made
    new = sentences(50, 2)
    assert new.labels is not None
    labels = ensemble.labels(ensemble.probabilities(new.texts))
    assert np.mean([a == b for a, b in zip(labels, new.labels, strict=True)]) > 0.9


def test_a_base_of_the_other_direction_is_refused_before_anything_is_trained(
    made: tuple[Ensemble, Path], tmp_path: Path
) -> None:
    _, folder = made
    for base, backwards in (("forward", BOTH), ("forward", True), ("backward", False)):
        recipe = replace(TINY, base=folder / f"language-model-{base}", backwards=backwards)
        with pytest.raises(DataError, match=f"reads texts {base}s, and a network that reads them"):
            train(sentences(60, 0), recipe, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_sizes_that_a_base_does_not_have_are_refused(
    made: tuple[Ensemble, Path], tmp_path: Path
) -> None:
    base = made[1] / "language-model-forward"
    recipe = replace(TINY, base=base, backwards=False, sizes={"n_hid": 16, "emb_sz": 8})
    with pytest.raises(DataError, match=r"sizes is \{'n_hid': 16\}, but .* has \{'n_hid': 12\}"):
        train(sentences(60, 0), recipe, tmp_path / "new")


def test_a_second_call_finds_all_of_it_done(
    made: tuple[Ensemble, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    ensemble, folder = made
    again = train(sentences(60, 0), TINY, folder, sentences(60, 1).texts)
    assert "not run again" in "".join(capsys.readouterr())
    texts = sentences(10, 3).texts
    assert (again.network_probabilities(texts) == ensemble.network_probabilities(texts)).all()


def test_it_is_kept_to_the_bit(made: tuple[Ensemble, Path], tmp_path: Path) -> None:
    ensemble, _ = made
    read = load_ensemble(save_ensemble(tmp_path / "model", ensemble))
    texts = sentences(10, 4).texts
    assert (read.probabilities(texts) == ensemble.probabilities(texts)).all()
    assert (read.network_probabilities(texts) == ensemble.network_probabilities(texts)).all()
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "neg 30, pos 30" in card


def test_a_text_alone_gets_what_it_gets_among_others(made: tuple[Ensemble, Path]) -> None:
    ensemble, _ = made
    texts = sentences(6, 5).texts
    together = ensemble.network_probabilities(texts)
    alone = np.concatenate([ensemble.network_probabilities([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def marked(corpus: Corpus, side: str) -> Corpus:
    """Return a corpus of one side, with a word of its own in each text."""
    texts = [f"{text} only{side}" for text in corpus.texts]
    return Corpus(texts, corpus.labels, split=[side] * len(texts))


def words_of(ensemble: Ensemble) -> set[str]:
    assert ensemble.linear is not None
    return {name for name in ensemble.linear.ngrams if name.startswith("only")}


@pytest.mark.parametrize("refit", [False, True])
def test_texts_given_to_validate_on_teach_nothing_but_by_refit_and_those_of_a_test_never(
    tmp_path: Path, refit: bool
) -> None:
    parts = [marked(sentences(40, seed), side) for seed, side in enumerate((TRAIN, VALID, TEST))]
    corpus = Corpus(
        [text for part in parts for text in part.texts],
        [label for part in parts for label in part.labels or ()],
        split=[side for part in parts for side in part.split or ()],
    )
    recipe = replace(TINY, language_model=None, refit=refit, blend="always", backwards=False)
    made = train(corpus, recipe, tmp_path)
    assert words_of(made) == ({"onlytrain", "onlyvalid"} if refit else {"onlytrain"})
    without_test = replace(corpus, split=None).select(range(80))
    without_test = replace(without_test, split=[TRAIN] * 40 + [VALID] * 40)
    again = train(without_test, recipe, tmp_path / "without-test")
    assert (again.probabilities(corpus.texts) == made.probabilities(corpus.texts)).all()


def test_nbsvm_learns_texts_that_were_drawn_to_be_held_out_once_its_weight_is_fitted(
    tmp_path: Path,
) -> None:
    corpus = sentences(60, 0)
    split = hold_out(corpus, TINY.held_out, TINY.seed).split
    assert split is not None
    texts = [f"{text} only{side}" for text, side in zip(corpus.texts, split, strict=True)]
    recipe = replace(TINY, language_model=None, refit=False, blend="always", backwards=False)
    assert words_of(train(Corpus(texts, corpus.labels), recipe, tmp_path)) == {
        "onlytrain",
        "onlyvalid",
    }


@pytest.mark.parametrize("in_files", [False, True])
def test_unlabelled_texts_that_are_held_out_are_read_by_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_files: bool,
) -> None:
    kept: list[Sequence[str]] = []
    monkeypatch.setattr(
        "steadfit.recipe.train.train_encoder",
        lambda texts, *rest: kept.append(texts.texts) or Encoder(None, {}),
    )
    taught: list[str] = []
    monkeypatch.setattr(
        "steadfit.recipe.linear_part.assumed_labels",
        lambda teacher, labelled, unlabeled, share: taught.extend(unlabeled),
    )
    corpus = sentences(60, 0)
    unlabeled: Sequence[str] = [*corpus.texts, "another text"]
    if in_files:
        for place, text in enumerate(unlabeled):
            (tmp_path / f"{place}.txt").write_text(text)
        unlabeled = FileTexts(tmp_path, tuple(f"{place}.txt" for place in range(len(unlabeled))))
    train(corpus, replace(TINY, backwards=False), tmp_path / "work", unlabeled)
    held_out = set(hold_out(corpus, TINY.held_out, TINY.seed).part(VALID).texts)
    assert len(held_out) == 12
    [read] = kept
    assert isinstance(read, LazyStrings) == in_files  # they stay where they are
    assert not held_out & {*read, *taught}
    assert {*read} == {*taught} == {*corpus.texts, "another text"} - held_out
    assert "12 texts without labels are left out" in capsys.readouterr().out
