"""The notebook's way with subwords: language model, encoder, classifier, their files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit import (
    AWD_LSTM,
    DataBunch,
    Predictor,
    SubwordTokenizer,
    TextList,
    Vocab,
    Writer,
    language_model_learner,
    load_data,
    load_learner,
    text_classifier_learner,
)
from steadfit.core.errors import DataError, FileFormatError
from steadfit.text.pieces import Pieces

SMALL = {"emb_sz": 6, "n_hid": 8, "n_layers": 2}


@pytest.fixture
def pieces_data(reviews: Path, tmp_path: Path) -> DataBunch:
    texts = TextList.from_folder(reviews).split_by_rand_pct(0.2).label_for_lm()
    return texts.databunch(tmp_path, bs=4, bptt=9, tokenizer="subwords", vocab_size=400)


def test_a_classifier_is_trained_from_a_language_model(
    pieces_data: DataBunch, make_data: Any, reviews: Path
) -> None:
    assert isinstance(pieces_data.vocab, Pieces)
    lm = language_model_learner(pieces_data, AWD_LSTM, config=SMALL)
    lm.fit_one_cycle(1, 1e-2)
    lm.save_encoder("pieces")
    data = make_data(pieces_data.vocab)
    assert data.vocab == pieces_data.vocab
    learner = text_classifier_learner(data, AWD_LSTM, config=SMALL)
    learner.load_encoder("pieces")
    taken = learner.model.state_dict()["encoder.embedding.weight"]
    assert torch.equal(taken, lm.model.state_dict()["encoder.embedding.weight"])
    learner.fit_one_cycle(1, 1e-2)
    found = load_learner(learner.export())
    assert isinstance(found, Predictor)
    assert isinstance(found.tokenizer, SubwordTokenizer)
    text = next(reviews.rglob("*.txt")).read_text("utf-8")
    expected = learner.predict(text)
    torch.testing.assert_close(found.predict(text).probabilities, expected.probabilities)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_language_model_writes_text_without_pieces(
    reviews: Path, tmp_path: Path, backwards: bool
) -> None:
    texts = TextList.from_folder(reviews).split_none().label_for_lm()
    data = texts.databunch(
        tmp_path, bs=4, bptt=9, backwards=backwards, tokenizer="subwords", vocab_size=400
    )
    learner = language_model_learner(data, AWD_LSTM, config=SMALL)
    writer = load_learner(learner.export())
    assert isinstance(writer, Writer)
    written = writer.predict("the film", 12, seed=1)
    assert written.endswith("the film") if backwards else written.startswith("the film")
    assert len(written) > len("the film")
    assert "▁" not in written


def test_saved_data_keep_their_pieces(pieces_data: DataBunch) -> None:
    pieces_data.save("kept")
    assert load_data(pieces_data.path, "kept").vocab == pieces_data.vocab


def test_pieces_are_found_in_training_documents_alone(tmp_path: Path) -> None:
    texts = TextList.from_texts(["good film, good story. " * 9, "zebra zebra zebra " * 9] * 2)
    data = texts.split_by_idx([1, 3]).label_for_lm()
    bunch = data.databunch(tmp_path, bs=1, bptt=5, tokenizer="subwords", vocab_size=400)
    assert "▁good" in bunch.vocab
    assert "z" not in bunch.vocab


def test_the_same_texts_are_found_tokenized(reviews: Path, tmp_path: Path) -> None:
    texts = TextList.from_folder(reviews).split_none().label_for_lm()
    settings = {"bs": 4, "bptt": 9, "tokenizer": "subwords"}
    folders = [
        texts.databunch(tmp_path, **settings, vocab_size=size).store.folder
        for size in (400, 400, 410)
    ]
    words = texts.databunch(tmp_path, bs=4, bptt=9).store.folder
    assert folders[0] == folders[1]
    assert len({*folders, words}) == 3


def test_words_and_subwords_are_not_mixed(
    pieces_data: DataBunch, make_data: Any, lm_data: DataBunch
) -> None:
    language_model_learner(lm_data, AWD_LSTM, config=SMALL).save_encoder("words")
    learner = text_classifier_learner(make_data(pieces_data.vocab), AWD_LSTM, config=SMALL)
    with pytest.raises(FileFormatError, match="trained on words, this data holds subwords"):
        learner.load_encoder("words")
    with pytest.raises(DataError, match="the vocabulary that was given is of subwords"):
        make_data(pieces_data.vocab, tokenizer="words")
    with pytest.raises(DataError, match="the vocabulary that was given is of words"):
        make_data(lm_data.vocab, tokenizer="subwords")


def test_an_unknown_kind_is_refused(make_data: Any) -> None:
    with warnings.catch_warnings(), pytest.raises(DataError, match="'words' and 'subwords'"):
        make_data(tokenizer="characters")
    with pytest.raises(DataError, match="vocab_size"):
        make_data(tokenizer="subwords", vocab_size=10)
    assert isinstance(make_data().vocab, Vocab)
