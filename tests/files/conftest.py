from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.files.model_config import Kind
from steadfit.files.model_folder import Model, SavedModel, save_model
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab
from tests.files.fastai_files import V1_ITOS

WORDS = ("the", "film", "was", "good", "bad", ".")


def _vocab(words: tuple[str, ...] = WORDS) -> Vocab:
    return Vocab([*MARKERS, *words])


def _model(kind: Kind, vocab: Vocab | None = None, **sizes: object) -> Model:
    torch.manual_seed(len(kind))
    config = AWDLSTMConfig.from_defaults(
        CLASSIFIER_DEFAULTS, len(vocab or _vocab()), 0.5, {"emb_sz": 4, "n_hid": 6, **sizes}
    )
    if kind == "language-model":
        return LanguageModel(config).eval()
    if kind == "classifier":
        return TextClassifier(config, 2, bptt=9, grad_tokens=33).eval()
    return AWDLSTM(config).eval()


def _saved(kind: Kind, **details: object) -> SavedModel:
    return SavedModel(
        _model(kind),
        Tokenizer(_vocab()),
        ("neg", "pos") if kind == "classifier" else (),
        backwards=True,
        details={"seed": 7, "penalties": {"alpha": 2.0}, **details},
        metrics={"accuracy": 0.8125},
    )


@pytest.fixture
def saved_folder(tmp_path: Path) -> Callable[[Kind], Path]:
    """Write a model folder of a kind."""
    return lambda kind: save_model(tmp_path / kind, _saved(kind))


@pytest.fixture(name="make_vocab")
def _make_vocab() -> Callable[..., Vocab]:
    return _vocab


@pytest.fixture(name="make_model")
def _make_model() -> Callable[..., Model]:
    return _model


@pytest.fixture(name="make_saved")
def _make_saved() -> Callable[..., SavedModel]:
    return _saved


@pytest.fixture(name="write")
def _write(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    def write(
        state: Any, itos: Any = V1_ITOS, zipped: bool = True, protocol: int = 3
    ) -> tuple[Path, Path]:
        weights, words = tmp_path / "lstm_fwd.pth", tmp_path / "itos.pkl"
        torch.save(state, weights, _use_new_zipfile_serialization=zipped)
        words.write_bytes(pickle.dumps(itos, protocol=protocol))
        return weights, words

    return write
