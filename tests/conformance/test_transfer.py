"""Weights from fastai: the names of an encoder's file, and words matched between vocabularies."""

from __future__ import annotations

import pytest
import torch

from steadfit.files.transfer import match_rows
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.vocab import MARKERS, Vocab
from tests.conformance.peer import OUTPUTS, AskPeer, difference, encoder_name, fastai_config

ALWAYS_TWICE = {"encoder_dp.emb.weight"}  # the embedding once more


@pytest.mark.parametrize("sizes", [{"emb_sz": 8, "n_hid": 12}, {"n_layers": 2}])
def test_an_encoder_that_fastai_wrote_fills_ours_whole(
    ask_fastai: AskPeer, sizes: dict[str, object]
) -> None:
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 50, overrides=sizes)
    written = ask_fastai(
        "encoder_keys", words=50, config=fastai_config(config, "language model")
    ).arrays
    encoder = AWDLSTM(config)
    names = {ours: encoder_name(f"encoder.{ours}") for ours in encoder.state_dict()}
    assert set(names.values()) | ALWAYS_TWICE == set(written)
    encoder.load_state_dict({ours: written[theirs] for ours, theirs in names.items()})
    for ours, value in encoder.state_dict().items():
        assert torch.equal(value, written[names[ours]])


def test_the_published_sizes_have_these_names_and_shapes(ask_fastai: AskPeer) -> None:
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 20)
    answer = ask_fastai("encoder_keys", words=20, config=fastai_config(config, "language model"))
    shapes = answer.values["shapes"]
    assert shapes["encoder.weight"] == shapes["encoder_dp.emb.weight"] == [20, 400]
    recurrent = [shapes[f"rnns.{i}.weight_hh_l0_raw"] for i in range(3)]
    assert recurrent == [[4608, 1152], [4608, 1152], [1600, 400]]
    inputs = [shapes[f"rnns.{i}.module.weight_ih_l0"] for i in range(3)]
    assert inputs == [[4608, 400], [4608, 1152], [1600, 1152]]


def test_words_are_matched_by_their_text_and_new_ones_get_the_mean(ask_fastai: AskPeer) -> None:
    old = Vocab([*MARKERS, *"abcdefg"])
    new = Vocab([*MARKERS, *"gxbayz"])
    weight, bias = torch.randn(len(old), 6), torch.randn(len(old))
    fastais = ask_fastai(
        "matching", {"weight": weight, "bias": bias}, old=list(old.itos), new=list(new.itos)
    ).arrays
    assert difference(match_rows(weight, old, new), fastais["weight"]) <= OUTPUTS
    assert difference(match_rows(bias, old, new), fastais["bias"]) <= OUTPUTS
    assert torch.equal(match_rows(weight, old, new)[len(MARKERS)], weight[old.stoi["g"]])
