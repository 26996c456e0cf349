from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from steadfit.inference.scored import Scored, score_file
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab
from tests.inference.scoring import CLASSES, by_length

WORDS = ("the", "film", "was", "good", "bad", ".", "a", "plot", "and", "i", "it", "4")


def _config() -> AWDLSTMConfig:
    sizes = {"emb_sz": 8, "n_hid": 10, "n_layers": 2}
    return AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(MARKERS) + len(WORDS), 1.0, sizes)


def _strong(model: nn.Module) -> None:
    """Give a model a memory and opinions; fresh weights are nearly the same for every text."""
    torch.manual_seed(10)
    for name, parameter in model.named_parameters():
        if "bias" in name:
            nn.init.zeros_(parameter)
        elif "rnns" in name:
            nn.init.uniform_(parameter, -2, 2)
        else:
            nn.init.normal_(parameter)


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer(Vocab([*MARKERS, *WORDS]))


@pytest.fixture
def classifier() -> TextClassifier:
    model = TextClassifier(_config(), 3)
    _strong(model)
    return model.eval()


@pytest.fixture
def language_model() -> LanguageModel:
    model = LanguageModel(_config())
    _strong(model)
    return model.eval()


@pytest.fixture
def unchanged() -> Callable[[nn.Module], Callable[[], bool]]:
    """Remember a model's attributes and weights; the answer tells whether they are the same."""

    def attributes(model: nn.Module) -> set[tuple[str, str, int]]:
        return {
            (name, key, id(value))
            for name, part in model.named_modules()
            for key, value in [*vars(part).items(), *part._parameters.items()]
        }

    def remember(model: nn.Module) -> Callable[[], bool]:
        before = attributes(model)
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        return lambda: (
            attributes(model) == before
            and all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
        )

    return remember


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def score(tmp_path: Path, said: list[str]) -> Callable[..., Scored]:
    def score(
        probabilities: Any = by_length, source: Any = None, out: str = "out.csv", **given: Any
    ) -> Scored:
        source = tmp_path / "in.csv" if source is None else source
        options = {"batch": 8, "say": said.append, **given}
        target = out if out == "-" else tmp_path / out
        return score_file(probabilities, CLASSES, source, target, **options)

    return score
