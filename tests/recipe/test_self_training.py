"""NBSVM taught on texts without labels: which ones, by whom, and what it learns from them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.inference.decision import Decision
from steadfit.linear.calibration import fit_scale, folds
from steadfit.linear.fit import Assumed
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.recipe import linear_part, self_training
from steadfit.recipe.choices import Recipe
from steadfit.recipe.fitted import answers_of, fit_held_out
from steadfit.recipe.linear_part import fit_linear_part
from steadfit.recipe.self_training import assumed_labels, surest
from steadfit.text.corpus import Corpus

NAMES = ("neg", "pos")


def spoken(count: int, seed: int, words: dict[str, list[str]]) -> Corpus:
    draw = np.random.default_rng(seed)
    labels = [NAMES[place % 2] for place in range(count)]
    other = ["the", "film", "was", "and", "plot", "with", "actors"]
    texts = [" ".join([*draw.choice(words[name], 2), *draw.choice(other, 6)]) for name in labels]
    return Corpus(texts, labels)


FIRST = {"neg": ["awful", "dull"], "pos": ["great", "superb"]}
BOTH = {name: [*words, f"{name}-slang"] for name, words in FIRST.items()}


class Teacher:
    """Knows the words of FIRST, and nothing of a text without them."""

    classes = NAMES

    def probabilities(self, texts: list[str]) -> np.ndarray:
        good = np.array([any(word in text for word in FIRST["pos"]) for text in texts])
        bad = np.array([any(word in text for word in FIRST["neg"]) for text in texts])
        likely = 0.5 + 0.4 * good - 0.4 * bad
        return np.column_stack([1 - likely, likely])


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)), min_size=1),
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),
    st.floats(0, 1),
)
def test_of_each_class_the_surest_are_chosen_and_no_more_than_its_share(
    rows: list[tuple[int, ...]], shares: tuple[int, ...], share: float
) -> None:
    table = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    wanted = np.array(shares) / sum(shares)
    chosen = surest(table, wanted, share)
    assert (np.diff(chosen) > 0).all()
    codes, sure = table.argmax(axis=1), table.max(axis=1)
    for code in range(3):
        mine = codes[chosen] == code
        room = round(share * wanted[code] * len(rows))
        assert mine.sum() == min(room, (codes == code).sum())
        left = np.setdiff1d(np.flatnonzero(codes == code), chosen)
        if mine.any() and len(left):
            assert sure[chosen][mine].min() >= sure[left].max()


def test_too_few_texts_teach_nothing_and_of_many_some_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labelled, texts = spoken(20, 0, FIRST), spoken(300, 1, BOTH).texts
    teacher: Any = Teacher()
    assert assumed_labels(teacher, labelled, texts[: self_training.FEWEST - 1], 0.5) is None
    assert assumed_labels(teacher, labelled, texts, 0.0) is None
    monkeypatch.setattr(self_training, "MOST", 120)
    found = assumed_labels(teacher, labelled, texts, 0.5)
    assert found is not None
    assert len(found.texts) == len(found.labels) == 60
    assert {*found.texts} <= {*texts}


def test_a_taught_model_is_one_of_all_texts_with_a_scale_of_those_confirmed() -> None:
    few, more = spoken(40, 0, FIRST), spoken(60, 1, BOTH)
    assert few.labels is not None
    assert more.labels is not None
    taught = fit_nbsvm(few.texts, few.labels, NAMES, True, Assumed(more.texts, more.labels))
    every = [*few.texts, *more.texts], [*few.labels, *more.labels]
    whole = fit_nbsvm(*every, NAMES, calibrated=False)
    assert taught.ngrams == whole.ngrams
    np.testing.assert_array_equal(taught.weights, whole.weights)
    margins, answers = [], []
    codes = np.array([NAMES.index(label) for label in few.labels])
    for part in folds(codes):
        kept = [place for place in range(100) if place >= 40 or not part[place]]
        learned = fit_nbsvm(*([side[n] for n in kept] for side in every), NAMES, calibrated=False)
        margins.append(learned.margins([few.texts[n] for n in np.flatnonzero(part)]))
        answers.append(codes[part])
    by_hand = fit_scale(np.concatenate(margins), np.concatenate(answers))
    assert taught.scale == pytest.approx(by_hand, rel=1e-4)


def test_labels_that_no_text_has_cannot_be_assumed() -> None:
    few = spoken(10, 0, FIRST)
    assert few.labels is not None
    with pytest.raises(DataError, match="'neutral'"):
        fit_nbsvm(few.texts, few.labels, assumed=Assumed(["x"], ["neutral"]))


def split(corpus: Corpus, held_out: int) -> Corpus:
    return corpus.split_by_rows(range(len(corpus) - held_out, len(corpus)))


def fitted_with(corpus: Corpus, recipe: Recipe, unlabeled: list[str], monkeypatch: Any) -> Any:
    networks: Any = SimpleNamespace(networks=(), decision=Decision(NAMES), engine="float32")

    def teacher(*parts: Any, engine: str) -> Teacher:
        assert engine == networks.engine
        return Teacher()

    monkeypatch.setattr(linear_part, "Ensemble", teacher)
    valid = corpus.part("valid")
    mean, answers = Teacher().probabilities(list(valid.texts)), answers_of(valid, NAMES)
    return fit_linear_part(
        corpus,
        networks,
        lambda simple: fit_held_out(mean, simple, answers, NAMES, recipe),
        recipe,
        True,
        unlabeled,
    )


def test_it_learns_words_that_no_labelled_text_has(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = split(spoken(60, 0, FIRST), 20)
    unlabeled = spoken(400, 1, BOTH).texts
    slang = {name: [f"{name}-slang"] for name in NAMES}
    new = spoken(60, 2, slang)
    part = fitted_with(labelled, Recipe(self_training=0.6), list(unlabeled), monkeypatch)
    assert part.assumed is not None
    plain = linear_part.nbsvm(labelled)
    taught = linear_part.nbsvm(labelled, part.assumed)
    answers = np.array([NAMES.index(label) for label in new.labels or ()])
    right = [
        (one.probabilities(new.texts).argmax(axis=1) == answers).mean() for one in (plain, taught)
    ]
    assert right[1] == 1.0
    assert right[0] < 0.8


def test_what_taught_wrongly_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = split(spoken(60, 0, FIRST), 20)
    wrong = {"neg": FIRST["pos"], "pos": FIRST["neg"]}
    monkeypatch.setattr(
        linear_part,
        "assumed_labels",
        lambda *_: Assumed(spoken(400, 1, wrong).texts, spoken(400, 1, wrong).labels),
    )
    part = fitted_with(labelled, Recipe(), ["unread"], monkeypatch)
    assert part.assumed is None
    assert part.baseline is not None


def test_texts_without_words_are_left_to_the_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = split(Corpus(["x y z"] * 20, [NAMES[place % 2] for place in range(20)]), 6)
    part = fitted_with(letters, Recipe(), [], monkeypatch)
    assert (part.baseline, part.assumed, part.fitted.weight) == (None, None, 1.0)
    assert "NBSVM is left out" in capsys.readouterr().out
    with pytest.raises(DataError, match="share no words"):
        fitted_with(letters, Recipe(blend="always"), [], monkeypatch)


def test_it_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled, unlabeled = split(spoken(60, 0, FIRST), 20), list(spoken(400, 1, BOTH).texts)
    for recipe in (Recipe(self_training=0), Recipe(blend=None)):
        assert fitted_with(labelled, recipe, unlabeled, monkeypatch).assumed is None
    with pytest.raises(DataError, match=r"self_training is 1\.5; accepted are numbers from 0 to 1"):
        Recipe(self_training=1.5)
