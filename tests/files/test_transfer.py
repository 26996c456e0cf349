from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.model_config import Kind
from steadfit.files.model_folder import Model, SavedModel, save_model
from steadfit.files.transfer import load_encoder, load_language_model, match_rows
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.vocab import MARKERS, Vocab

NEW_WORDS = ("bad", "film", "wonderful", "the", "dull", "good", "plot")
MakeModel = Callable[..., Model]
MakeVocab = Callable[..., Vocab]
SavedFolder = Callable[[Kind], Path]
WORD_LISTS = st.lists(st.sampled_from("abcdefghij"), unique=True)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def unchanged(model: nn.Module, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@given(WORD_LISTS, WORD_LISTS, st.booleans())
def test_rows_follow_their_words_and_new_words_get_the_mean(
    old_words: list[str], new_words: list[str], flat: bool
) -> None:
    old, new = Vocab([*MARKERS, *old_words]), Vocab([*MARKERS, *new_words])
    rows = torch.randn(len(old)) if flat else torch.randn(len(old), 3)
    before = rows.clone()
    expected = [
        rows[old.itos.index(word)] if word in old.itos else rows.sum(0) / len(old)
        for word in new.itos
    ]
    torch.testing.assert_close(match_rows(rows, old, new), torch.stack(expected))
    assert torch.equal(rows, before)


def test_fastai_golden_case_of_matched_rows() -> None:
    # Old words a, b, c; new words a, d, b, c: d gets the mean of all.
    old, new = Vocab([*MARKERS, "a", "b", "c"]), Vocab([*MARKERS, "a", "d", "b", "c"])
    rows = torch.arange(24.0).view(12, 2)
    got = match_rows(rows, old, new)
    assert torch.equal(got[9], rows[9])
    assert got[10].tolist() == [11.0, 12.0]  # the means of 0, 2, … 22 and of 1, 3, … 23
    assert torch.equal(got[11:], rows[10:])


@pytest.mark.parametrize("kind", ["encoder", "language-model"])
def test_an_encoder_takes_layers_as_they_are_and_words_by_their_text(
    kind: Kind, saved_folder: SavedFolder, make_model: MakeModel, make_vocab: MakeVocab
) -> None:
    vocab = make_vocab(NEW_WORDS)
    model = make_model("classifier", vocab)
    encoder = model.encoder
    embedding = encoder.embedding.weight
    found = load_encoder(encoder, vocab, saved_folder(kind), backwards=True)
    source = found.model.encoder if isinstance(found.model, LanguageModel) else found.model
    assert isinstance(source, AWDLSTM)
    assert encoder.embedding.weight is embedding
    for name, value in source.rnns.state_dict().items():
        assert torch.equal(encoder.rnns.state_dict()[name], value)
    old = found.tokenizer.vocab.itos
    for row, word in enumerate(vocab.itos):
        expected = (
            source.embedding.weight[old.index(word)]
            if word in old
            else source.embedding.weight.mean(0)
        )
        torch.testing.assert_close(encoder.embedding.weight[row], expected)


@pytest.mark.parametrize(
    ("sizes", "backwards", "message"),
    [
        ({}, False, "reads texts backwards, this model forwards.*same direction"),
        ({"n_hid": 5}, True, "n_hid is 6 there and 5 here"),
        ({"emb_sz": 3, "n_layers": 2}, True, "emb_sz is 4 there and 3 here; n_layers is 3"),
    ],
)
@pytest.mark.parametrize("kind", ["encoder", "language-model"])
def test_what_does_not_fit_is_explained_and_nothing_changes(
    sizes: dict[str, int], backwards: bool, message: str, kind: Kind,
    saved_folder: SavedFolder, make_model: MakeModel, make_vocab: MakeVocab,
) -> None:  # fmt: skip
    vocab = make_vocab(NEW_WORDS)
    model = make_model("language-model", vocab, **sizes)
    before = state(model)
    with pytest.raises(FileFormatError, match=message):
        load_encoder(model.encoder, vocab, saved_folder(kind), backwards)
    if kind == "language-model":
        with pytest.raises(FileFormatError, match=message):
            load_language_model(model, vocab, saved_folder(kind), backwards)
    assert unchanged(model, before)


def test_a_classifier_is_no_encoder_and_an_encoder_no_language_model(
    saved_folder: SavedFolder, make_model: MakeModel, make_vocab: MakeVocab
) -> None:
    vocab, model = make_vocab(), make_model("language-model", n_hid=6)
    model.encoder.rnns[0].weight_ih_l0.data.zero_()
    before = state(model)
    with pytest.raises(FileFormatError, match="save_encoder"):
        load_encoder(model.encoder, vocab, saved_folder("classifier"), True)
    with pytest.raises(FileFormatError, match="without a decoder"):
        load_language_model(model, vocab, saved_folder("encoder"), True)
    assert unchanged(model, before)


def test_a_vocabulary_of_another_size_than_the_encoder_is_refused(
    saved_folder: SavedFolder, make_model: MakeModel, make_vocab: MakeVocab
) -> None:
    model = make_model("encoder")
    before = state(model)
    with pytest.raises(DataError, match="15 words, the vocabulary 16"):
        load_encoder(model, make_vocab(NEW_WORDS), saved_folder("encoder"), True)
    assert unchanged(model, before)


TIED: dict[str, bool] = {}
UNTIED, BARE = {"tie_weights": False}, {"out_bias": False}


@pytest.fixture(name="save_made")
def _save_made(
    make_saved: Callable[..., SavedModel], make_model: MakeModel, tmp_path: Path
) -> Callable[..., LanguageModel]:
    """Save a language model with a decoder of some kind in `m`, and return it."""

    def save(**decoder: bool) -> LanguageModel:
        source = make_model("language-model", **decoder)
        assert isinstance(source, LanguageModel)
        if source.decoder.bias is not None:
            nn.init.normal_(source.decoder.bias)
        save_model(tmp_path / "m", replace(make_saved("language-model"), model=source))
        return source

    return save


@pytest.mark.parametrize(("saved", "own"), [(TIED, TIED), (TIED, UNTIED), (UNTIED, UNTIED)])
def test_a_language_model_takes_its_decoder_along(
    saved: dict[str, bool], own: dict[str, bool], save_made: Callable[..., LanguageModel],
    make_model: MakeModel, make_vocab: MakeVocab, tmp_path: Path,
) -> None:  # fmt: skip
    source = save_made(**saved)
    old, new = make_vocab(), make_vocab(NEW_WORDS)
    model = make_model("language-model", new, **own)
    assert isinstance(model, LanguageModel)
    load_language_model(model, new, tmp_path / "m", backwards=True)
    assert (model.decoder.weight is model.encoder.embedding.weight) == (own == TIED)
    torch.testing.assert_close(model.decoder.weight, match_rows(source.decoder.weight, old, new))
    torch.testing.assert_close(model.decoder.bias, match_rows(source.decoder.bias, old, new))


def test_a_decoder_without_bias_leaves_that_of_the_model_as_it_was(
    save_made: Callable[..., LanguageModel], make_model: MakeModel, make_vocab: MakeVocab,
    tmp_path: Path,
) -> None:  # fmt: skip
    source, model = save_made(**BARE), make_model("language-model")
    assert isinstance(model, LanguageModel)
    nn.init.constant_(model.decoder.bias, 0.5)
    load_language_model(model, make_vocab(), tmp_path / "m", backwards=True)
    assert torch.equal(model.decoder.weight, source.decoder.weight)
    assert set(model.decoder.bias.tolist()) == {0.5}


@pytest.mark.parametrize(
    ("saved", "own", "message"),
    [
        (UNTIED, TIED, "no room for: tie_weights is False there and True here"),
        (TIED, BARE, "no room for: out_bias is True there and False here"),
        (UNTIED, BARE, "tie_weights is False .* here; out_bias is True there and False here"),
    ],
)
def test_a_decoder_that_would_be_lost_is_named_and_nothing_changes(
    saved: dict[str, bool], own: dict[str, bool], message: str,
    save_made: Callable[..., LanguageModel], make_model: MakeModel, make_vocab: MakeVocab,
    tmp_path: Path,
) -> None:  # fmt: skip
    save_made(**saved)
    vocab = make_vocab(NEW_WORDS)
    model = make_model("language-model", vocab, **own)
    before = state(model)
    with pytest.raises(FileFormatError, match=message):
        load_language_model(model, vocab, tmp_path / "m", backwards=True)
    assert unchanged(model, before)
    assert load_encoder(model.encoder, vocab, tmp_path / "m", backwards=True)  # takes no decoder
