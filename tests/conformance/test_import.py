"""Files that fastai wrote become model folders that compute what fastai computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import FileFormatError
from steadfit.files.fastai_import import import_fastai
from steadfit.files.model_folder import load_model
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from tests.conformance.peer import OUTPUTS, AskPeer, difference, fastai_config

WORDS = ["the", "film", "was", "good", ",", "bad", "and", "long"]
SMALL = {"emb_sz": 6, "n_hid": 9}


@pytest.mark.parametrize(
    "sizes",
    [
        SMALL,
        {**SMALL, "out_bias": False},
        {**SMALL, "tie_weights": False, "n_layers": 2},
        {**SMALL, "n_layers": 1, "tie_weights": False, "out_bias": False},
    ],
)
def test_what_fastai_saved_computes_here_what_it_computed_there(
    ask_fastai: AskPeer, sizes: dict[str, Any], tmp_path: Path, measured: dict[str, float]
) -> None:
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 24, overrides=sizes)
    given = fastai_config(config, "language model")
    arrays, values = ask_fastai("saved_models", words=WORDS, place=str(tmp_path), config=given)
    itos = values["itos"]
    assert itos.count("xxfake") > 0
    assert (tmp_path / "lm.pth").stat().st_size > (tmp_path / "lm_alone.pth").stat().st_size
    for file in ("lm", "lm_alone", "encoder"):
        out = tmp_path / file
        import_fastai(tmp_path / f"{file}.pth", tmp_path / "itos.pkl", out)
        saved = load_model(out)
        model, vocab = saved.model, saved.tokenizer.vocab
        words = [word for word in itos if word != "xxfake"]  # which stand before it
        assert set(vocab.itos) == set(words)
        row = torch.tensor([vocab.id(word) for word in words])
        tokens = row[arrays["tokens"]]
        with torch.no_grad():
            if file == "encoder":
                assert isinstance(model, AWDLSTM)
                hidden, _ = model(tokens)
            else:
                assert isinstance(model, LanguageModel)
                assert model.config.tie_weights == config.tie_weights
                assert (model.decoder.bias is not None) == config.out_bias
                read = model(tokens)
                hidden, logits = read.hidden, model.logits(read.dropped)[..., row]
                found = difference(logits, arrays["logits"][..., : len(words)])
                assert found <= OUTPUTS
                keep(measured, f"imported {file}, logits", found)
        found = difference(hidden, arrays["hidden"])
        assert found <= OUTPUTS
        keep(measured, f"imported {file}, hidden states", found)
    with pytest.raises(FileFormatError, match="a classifier of fastai"):
        import_fastai(tmp_path / "classifier.pth", tmp_path / "itos.pkl", tmp_path / "no")


def keep(measured: dict[str, float], what: str, found: float) -> None:
    measured[what] = max(found, measured.get(what, 0.0))
