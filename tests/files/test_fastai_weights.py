from __future__ import annotations

import collections
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import FileFormatError
from steadfit.files.fastai_weights import read_fastai, read_fastai_folder
from steadfit.files.transfer import load_encoder, load_language_model
from steadfit.models.config import CLASSIFIER_DEFAULTS, LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.vocab import MARKERS, Vocab
from tests.files.fastai_files import (
    EMB,
    HID,
    V1_ITOS,
    V2_ITOS,
    Words,
    encoder_state,
    language_model_state,
)

Write = Callable[..., tuple[Path, Path]]

# ---- what fastai writes --------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("itos", "v1"), [(V1_ITOS, True), (V2_ITOS, False)])
def test_words_keep_their_rows_and_layers_their_weights(
    itos: Words, v1: bool, zipped: bool, write: Write
) -> None:
    state = language_model_state(16, v1)
    saved = read_fastai(*write(state, itos, zipped))
    vocab, model = saved.tokenizer.vocab, saved.model
    assert isinstance(model, LanguageModel)
    assert vocab.itos[: len(MARKERS)] == MARKERS
    assert set(vocab.itos) == set(itos) - {"xxfake"}
    for row, word in enumerate(vocab.itos):
        theirs = itos.index(word)
        assert torch.equal(model.encoder.embedding.weight[row], state["0.encoder.weight"][theirs])
        assert model.decoder.bias[row] == theirs
    assert model.decoder.weight is model.encoder.embedding.weight
    for i, layer in enumerate(model.encoder.rnns):
        assert torch.equal(layer.weight_hh_l0, state[f"0.rnns.{i}.weight_hh_l0_raw"])
        for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
            assert torch.equal(getattr(layer, name), state[f"0.rnns.{i}.module.{name}"])
    assert not model.training


@pytest.mark.parametrize("protocol", range(6))
def test_a_vocabulary_of_any_protocol_is_read(protocol: int, write: Write) -> None:
    itos = [*V1_ITOS[:9], "\n\n", "naïve", "\ud800", "☺" * 300, *V1_ITOS[13:]]
    vocab = read_fastai(*write(encoder_state(16), itos, protocol=protocol)).tokenizer.vocab
    assert vocab.itos == tuple(itos[:13])


def test_an_encoder_alone_and_one_with_its_optimizer_are_the_same(write: Write) -> None:
    state = encoder_state(16)
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    alone = read_fastai(*write(collections.OrderedDict(state))).model
    with_optimizer = read_fastai(*write({"model": state, "opt": optimizer.state_dict()})).model
    assert isinstance(alone, AWDLSTM)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, with_optimizer.state_dict()[name])


def test_a_state_dict_of_modules_with_parameters_and_versions_is_read(write: Write) -> None:
    state = torch.nn.LSTM(2, 2).state_dict(keep_vars=True)  # has _metadata and Parameters
    state.clear()
    for name, tensor in encoder_state(16).items():
        state[name] = torch.nn.Parameter(tensor)
    assert hasattr(state, "_metadata")
    assert isinstance(read_fastai(*write(state)).model, AWDLSTM)


def test_a_marker_that_is_not_in_the_vocabulary_gets_the_mean(write: Write) -> None:
    itos = [word for word in V1_ITOS if word != "xxeos"] + ["one"]
    state = encoder_state(16)
    model = read_fastai(*write(state, itos)).model
    got = model.state_dict()["embedding.weight"][MARKERS.index("xxeos")]
    torch.testing.assert_close(got, state["encoder.weight"].mean(0))


def test_an_untied_decoder_stays_its_own(write: Write) -> None:
    state = language_model_state(16)
    state["1.decoder.weight"] = state["1.decoder.weight"] + 1
    model = read_fastai(*write(state)).model
    assert isinstance(model, LanguageModel)
    torch.testing.assert_close(model.decoder.weight, model.encoder.embedding.weight + 1)


def test_the_model_computes_what_its_weights_say(write: Write) -> None:
    state = language_model_state(16)
    model = read_fastai(*write(state)).model
    assert isinstance(model, LanguageModel)
    x = state["0.encoder.weight"][[2, 9, 10]][None]
    for i, n_out in enumerate((HID, HID, EMB)):
        layer = torch.nn.LSTM(x.shape[2], n_out, batch_first=True)
        own = {
            "weight_hh_l0": state[f"0.rnns.{i}.weight_hh_l0_raw"],
            **{
                name: state[f"0.rnns.{i}.module.{name}"]
                for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0")
            },
        }
        layer.load_state_dict(own)
        x, _ = layer(x)
    torch.testing.assert_close(model(torch.tensor([[2, 9, 10]])).hidden, x)


def test_a_folder_of_fastai_is_a_place_to_start_from(write: Write, tmp_path: Path) -> None:
    state = language_model_state(16)
    write(state)
    vocab = Vocab([*MARKERS, "good", "new"])
    sizes = {"emb_sz": EMB, "n_hid": HID}
    lm = LanguageModel(
        AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, len(vocab), overrides=sizes)
    )
    load_language_model(lm, vocab, tmp_path)
    row = V1_ITOS.index("good")
    assert torch.equal(lm.encoder.embedding.weight[9], state["0.encoder.weight"][row])
    assert lm.decoder.bias[9] == row
    encoder = AWDLSTM(AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(vocab), 1.0, sizes))
    assert not load_encoder(encoder, vocab, tmp_path).backwards
    assert torch.equal(encoder.embedding.weight, lm.encoder.embedding.weight)
    with pytest.raises(FileFormatError, match="reads texts forwards"):
        load_encoder(encoder, vocab, tmp_path, backwards=True)


def test_the_name_says_the_direction_or_the_caller(write: Write, tmp_path: Path) -> None:
    weights, _ = write(encoder_state(16))
    assert not read_fastai_folder(tmp_path, backwards=True).backwards
    weights.rename(tmp_path / "lstm_bwd.pth")
    assert read_fastai_folder(tmp_path).backwards
    (tmp_path / "lstm_bwd.pth").rename(tmp_path / "mine.pth")
    assert read_fastai_folder(tmp_path, backwards=True).backwards
    (tmp_path / "other.pkl").write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"1 \.pth and 2 \.pkl"):
        read_fastai_folder(tmp_path)


# ---- what does not fit ---------------------------------------------------------------------


def changed(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    state = encoder_state(16)
    for name, tensor in changes.items():
        del state[name]
        if tensor is not None:
            state[name] = tensor
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (changed(**{"encoder.weight": None}), "no embedding"),
        (changed(**{"encoder.weight": torch.zeros(16, EMB).long()}), "torch.int64"),
        (changed(**{"encoder.weight": torch.zeros(16)}), "embedding of another shape"),
        (changed(**{"encoder.weight": torch.zeros(8, EMB)}), "vocabulary has 16 words"),
        (changed(**{"encoder.weight": torch.zeros(16, 0)}), "emb_sz is 0"),
        (changed(**{"rnns.0.weight_hh_l0_raw": torch.zeros(3)}), "no LSTM"),
        (changed(**{"rnns.1.weight_hh_l0_raw": None}), r"lacks the weight_hh_l0 of rnns\.1"),
        (changed(**{"rnns.2.module.bias_ih_l0": torch.zeros(3)}), "shape"),
        ({**encoder_state(16), "1.layers.0.weight": torch.zeros(2)}, "classifier of fastai"),
        (
            {**encoder_state(16), "rnns.0.layers.0.linear.bias": torch.zeros(2)},
            r"holds rnns\.0\.la",
        ),
        ({**encoder_state(16), "rnns.00.weight_hh_l0_raw": torch.zeros(2)}, "twice"),
        ({**encoder_state(16), "note": "hello"}, "something else than the tensors"),
        ([torch.zeros(2)], "something else than a dictionary"),
        ({1: torch.zeros(2)}, "something else than a dictionary"),
        ({}, "no embedding"),
        ({"model": 3}, "something else than the tensors"),
    ],
)
def test_weights_of_something_else_are_refused_with_the_reason(
    state: Any, message: str, write: Write
) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_fastai(*write(state))


@pytest.mark.parametrize(
    ("itos", "message"),
    [
        ([*V1_ITOS[:12], "the", *V1_ITOS[13:]], "'the' twice"),
        (["a", "b"], "no xxunk, xxpad, xxbos"),
        ([*V1_ITOS[:12], 7], "not a list of words"),
        ({"itos": V1_ITOS}, "not a list of words"),
        ([], "not a list of words"),
        (V1_ITOS[:14], "vocabulary has 14 words"),
    ],
)
def test_words_of_something_else_are_refused_with_the_reason(
    itos: Any, message: str, write: Write
) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_fastai(*write(encoder_state(16), itos))


def test_missing_files_are_named(write: Write, tmp_path: Path) -> None:
    weights, words = write(encoder_state(16))
    with pytest.raises(FileFormatError, match=r"none\.pth"):
        read_fastai(tmp_path / "none.pth", words)
    with pytest.raises(FileFormatError, match=r"none\.pkl"):
        read_fastai(weights, tmp_path / "none.pkl")
