"""The whole recipe on made-up sentences whose words tell the class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steadfit.core.errors import DataError
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.ensemble_folder import load_ensemble, save_ensemble
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.recipe.train import BOTH, Recipe, train
from steadfit.text.corpus import Corpus

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
