"""The estimator: a small network that learns which words tell the class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from steadfit.core.errors import DataError
from steadfit.estimator.text_classifier import TextClassifier
from steadfit.files.model_folder import load_model
from steadfit.recipe.language_model import train_language_model
from steadfit.recipe.settings import LanguageModelSettings
from steadfit.text.corpus import Corpus
from steadfit.text.fields import join_fields
from steadfit.training import engine
from tests.estimator.made_up import sentences, tiny

TEXTS, LABELS = sentences(60, 0)
NEW, NEW_LABELS = sentences(30, 1)


def test_labels_follow_the_words_that_tell_them(fitted: TextClassifier) -> None:
    assert fitted.classes_.tolist() == ["neg", "pos"]
    assert fitted.score(NEW, NEW_LABELS) > 0.9
    right = [a == b for a, b in zip(fitted.predict(NEW), NEW_LABELS, strict=True)]
    assert fitted.score(NEW, NEW_LABELS) == np.mean(right)


def test_probabilities_are_those_of_classes_in_their_order(fitted: TextClassifier) -> None:
    table = fitted.predict_proba(NEW)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    likeliest = fitted.classes_[table.argmax(axis=1)]
    assert (fitted.predict(NEW) == likeliest).all()


def test_the_report_tells_what_was_reached_and_by_what(fitted: TextClassifier) -> None:
    report = fitted.report_
    json.dumps(report)
    assert set(report["baselines"]) == {"majority", "nbsvm"}
    assert report["baselines"]["majority"] == 0.5
    assert report["temperature"] == pytest.approx(1 / fitted.ensemble_.scale, abs=1e-4)
    assert 0 <= report["ece"] <= 1
    assert report["data"]["documents"] == 60
    assert report["data"]["held_out"] == report["held_out"]["documents"] == 6
    assert set(report["language_model"]) == {"forward", "backward"}
    assert report["duplicates"]["held_out"] == 0
    assert report["seconds"] > 0


def test_what_stands_on_both_sides_is_counted() -> None:
    model = tiny(blend=None).fit(
        TEXTS, LABELS, valid=([*TEXTS[:3], *NEW], [*LABELS[:3], *NEW_LABELS])
    )
    assert model.report_["duplicates"] == {"held_out": 3, "learned_from": 3}
    assert model.report_["data"]["held_out"] == 33


def test_one_seed_gives_one_result(plain: TextClassifier) -> None:
    again = tiny(blend=None, calibrate=False).fit(TEXTS, LABELS)
    assert (again.predict_proba(NEW) == plain.predict_proba(NEW)).all()
    other = tiny(blend=None, calibrate=False, random_state=1).fit(TEXTS, LABELS)
    assert (other.predict_proba(NEW) != plain.predict_proba(NEW)).any()


def test_balanced_classes_are_weights_of_their_texts() -> None:
    rows = [row for row in range(60) if LABELS[row] == "pos" or row % 3 == 0]
    texts, labels = [TEXTS[row] for row in rows], [LABELS[row] for row in rows]
    share = {name: len(labels) / (2 * labels.count(name)) for name in ("pos", "neg")}
    weights = [share[name] for name in labels]
    held_out = (NEW, NEW_LABELS)
    plainly = {"calibrate": False, "epochs": 4, "batch_size": 8}
    balanced = tiny(class_weight="balanced", **plainly).fit(texts, labels, valid=held_out)
    weighed = tiny(**plainly).fit(texts, labels, valid=held_out, sample_weight=weights)
    named = tiny(class_weight=share, **plainly).fit(texts, labels, valid=held_out)
    unweighed = tiny(blend=None, **plainly).fit(texts, labels, valid=held_out)
    table = balanced.predict_proba(NEW)
    np.testing.assert_allclose(weighed.predict_proba(NEW), table, atol=1e-3)
    np.testing.assert_allclose(named.predict_proba(NEW), table, atol=1e-3)
    assert np.abs(unweighed.predict_proba(NEW) - table).max() > 1e-2


def test_a_fit_that_was_interrupted_goes_on_to_the_same_probabilities(
    plain: TextClassifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = tiny(blend=None, calibrate=False, checkpoint_dir=tmp_path)
    interrupted(model, 22, monkeypatch)  # in the second epoch of the last phase
    said = capsys.readouterr()
    assert f"The same call goes on from {tmp_path}" in said.err
    assert (said.out + said.err).count("Stopped") == 1
    # Lines about it may be wanted for the rest alone.
    model.set_params(verbose=True).fit(TEXTS, LABELS)
    assert "Classifier, phase 2, epoch 3 of 3" in capsys.readouterr().out
    assert (model.predict_proba(NEW) == plain.predict_proba(NEW)).all()


def interrupted(model: TextClassifier, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    step, left = engine._step, [steps]

    def breaking(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_step", breaking)
        with pytest.raises(KeyboardInterrupt):
            model.fit(TEXTS, LABELS)


def test_without_a_folder_an_interruption_says_that_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(tiny(blend=None), 3, monkeypatch)
    assert "with checkpoint_dir='FOLDER' the same call goes on" in capsys.readouterr().err


def test_vectors_are_last_largest_and_mean_output(plain: TextClassifier) -> None:
    vectors = plain.encode(NEW[:3])
    (saved,) = plain.ensemble_.networks
    for text, vector in zip(NEW[:3], vectors, strict=True):
        tokens = torch.tensor([saved.tokenizer.encode(text)])
        with torch.no_grad():
            hidden = saved.model.encoder(tokens).hidden[0]
        wanted = torch.cat([hidden[-1], hidden.amax(dim=0), hidden.mean(dim=0)])
        np.testing.assert_allclose(vector, wanted.numpy(), atol=2e-2)  # bfloat16 on some machines


def test_vectors_of_two_directions_stand_side_by_side(fitted: TextClassifier) -> None:
    assert fitted.encode(NEW[:2]).shape == (2, 2 * 3 * 8)
    assert plain_width(fitted) == 8


def plain_width(model: TextClassifier) -> int:
    return model.ensemble_.networks[0].model.encoder.units


def test_a_text_may_have_several_labels() -> None:
    sets = [{name, "text"} if row % 5 else set() for row, name in enumerate(LABELS)]
    table = np.array([[name in one for name in ("neg", "pos", "text")] for one in sets], dtype=int)
    of_sets = tiny(metric="macro-f1").fit(TEXTS, sets)
    of_table = tiny(metric="macro-f1").fit(TEXTS, table)
    assert of_sets.classes_.tolist() == ["neg", "pos", "text"]
    assert of_table.classes_.tolist() == [0, 1, 2]
    predicted, rows = of_sets.predict(NEW), of_table.predict(NEW)
    assert [set(one) for one in predicted] == [
        {name for name, marked in zip(("neg", "pos", "text"), row, strict=True) if marked}
        for row in rows.tolist()
    ]
    assert of_sets.score(NEW, predicted) == of_table.score(NEW, rows) == 1.0
    assert "linear" not in of_sets.report_["baselines"]


def test_unsure_texts_get_no_label() -> None:
    model = tiny(abstain_below=0.95).fit(TEXTS, LABELS)
    table, predicted = model.predict_proba(NEW), model.predict(NEW)
    undecided = table.max(axis=1) < 0.95
    assert [one is None for one in predicted] == undecided.tolist()
    assert undecided.any()


def test_columns_are_joined_as_fields() -> None:
    titles = [text.split()[0] for text in TEXTS]
    joined = [join_fields(both) for both in zip(titles, TEXTS, strict=True)]
    by_hand = tiny(blend=None).fit(joined, LABELS)
    table = {"title": titles, "body": TEXTS}
    model = tiny(blend=None, text=["title", "body"]).fit(table, LABELS)
    assert (model.predict_proba(table) == by_hand.predict_proba(joined)).all()


def test_rates_may_be_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    tiny(lr="find", verbose=True, blend=None).fit(TEXTS, LABELS)
    assert "Range test: " in capsys.readouterr().out


def test_without_verbose_nothing_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    tiny(language_model=True).fit(TEXTS, LABELS)
    assert capfd.readouterr().out == ""


def test_with_little_time_the_estimate_is_written_first(capsys: pytest.CaptureFixture[str]) -> None:
    tiny(max_minutes=30, verbose=True).fit(TEXTS, LABELS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("This takes about ")
    assert lines[1].startswith("Classifier, phase 1, epoch 1 of 1: loss ")


def test_a_vocabulary_has_no_more_words_than_it_may_with_a_language_model_or_without() -> None:
    for language_model in (True, False):
        model = tiny(language_model=language_model, vocab_size=15, blend=None).fit(TEXTS, LABELS)
        (network,) = model.ensemble_.networks
        assert len(network.tokenizer.vocab) <= 15


def test_subwords_are_those_of_the_texts() -> None:
    pytest.importorskip("tokenizers")
    model = tiny(tokenizer="subwords", vocab_size=300, blend=None).fit(TEXTS, LABELS)
    vocab = model.ensemble_.networks[0].tokenizer.vocab
    assert type(vocab).__name__ == "Pieces"
    assert model.predict_proba(["nothing of this was ever read: 映画"]).shape == (1, 2)


@pytest.mark.parametrize("language_model", [True, False])
@pytest.mark.parametrize("settings", [{}, {"tokenizer": "subwords"}])
def test_subwords_of_a_pretrained_model_are_taken(
    language_model: bool, settings: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("tokenizers")
    how, sizes = LanguageModelSettings(epochs=1), {"emb_sz": 6, "n_hid": 8, "n_layers": 2}
    texts, base = Corpus(TEXTS), tmp_path / "base"
    train_language_model(texts, how, base, sizes=sizes, tokenizer="subwords", pieces=300)
    vocab = load_model(base).tokenizer.vocab
    given = {"pretrained": base, "language_model": language_model, "sizes": None, **settings}
    model = tiny(blend=None, **given).fit(TEXTS, LABELS)
    assert model.ensemble_.networks[0].tokenizer.vocab == vocab


@pytest.mark.parametrize("language_model", [True, False])
def test_subwords_beside_a_pretrained_model_of_words_are_refused(
    language_model: bool, tmp_path: Path
) -> None:
    how, base = LanguageModelSettings(epochs=1, min_freq=1), tmp_path / "base"
    sizes = {"emb_sz": 6, "n_hid": 8, "n_layers": 2}
    train_language_model(Corpus(TEXTS), how, base, sizes=sizes)
    given = {"pretrained": base, "language_model": language_model, "sizes": None}
    with pytest.raises(
        DataError, match="'subwords', but the vocabulary that was given is of words"
    ):
        tiny(tokenizer="subwords", **given).fit(TEXTS, LABELS)


@pytest.mark.parametrize("texts", [TEXTS[:3], ["", "", *TEXTS[:3]], TEXTS[:60]])
def test_few_or_empty_texts_are_learned_from_all_the_same(texts: list[str]) -> None:
    labels = ["x" if row else "y" for row in range(len(texts))]  # "y" has one row
    model = tiny(language_model=True).fit(texts, labels)
    assert model.predict_proba(["", "great"]).shape == (2, 2)


def test_texts_without_a_word_are_left_to_the_network_or_refused_where_words_are_needed() -> None:
    given = ["a", "?", "b"], ["x", "x", "y"]
    with pytest.raises(DataError, match="share no words"):
        tiny(blend="always").fit(*given)
    assert tiny(blend="auto").fit(*given).ensemble_.linear is None


def test_texts_too_few_to_hold_any_out_are_refused() -> None:
    with pytest.raises(DataError, match="too few to hold some out"):
        tiny().fit(["a", "b"], ["x", "y"])


def test_before_fit_there_is_nothing_to_predict_with() -> None:
    for method in ("predict", "predict_proba", "encode"):
        with pytest.raises(NotFittedError):
            getattr(tiny(), method)(TEXTS)
