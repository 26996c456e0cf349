"""The optimizer: fastai's Adam, and the layer groups that rates and freezing go by."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.training.optimizer import EPS, make_optimizer, move_to
from steadfit.training.schedules import Point
from tests.conformance.peer import (
    OUTPUTS,
    AskPeer,
    classifier_name,
    difference,
    fastai_config,
    language_model_name,
)

SIZES = {"emb_sz": 4, "n_hid": 5}


def test_steps_are_those_of_fastais_adam_without_decay_on_biases(ask_fastai: AskPeer) -> None:
    momenta, lr, wd = [0.8, 0.775, 0.725, 0.7, 0.70495, 0.8], 0.01, 0.1
    layer = nn.Linear(5, 3)
    arrays = {name: value.clone() for name, value in layer.state_dict().items()}
    for name, parameter in layer.named_parameters():
        arrays[f"gradient.{name}"] = torch.randn(len(momenta), *parameter.shape)
    fastais = ask_fastai("adam", arrays, lr=lr, wd=wd, eps=EPS, momenta=momenta).arrays
    optimizer = make_optimizer([[layer]], lr, wd)
    for number, momentum in enumerate(momenta):
        move_to(optimizer, Point(1.0, momentum))
        for name, parameter in layer.named_parameters():
            parameter.grad = arrays[f"gradient.{name}"][number]
        optimizer.step()
    for name, parameter in layer.named_parameters():
        assert difference(parameter, fastais[name]) <= OUTPUTS
        assert difference(parameter, arrays[name]) > 1e-3


@pytest.mark.parametrize("of", ["language model", "classifier"])
def test_layer_groups_hold_what_fastais_hold(ask_fastai: AskPeer, of: str) -> None:
    if of == "classifier":
        config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, 20, overrides=SIZES)
        model, name_of = TextClassifier(config, 2, head_bias=False), classifier_name
    else:
        config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 20, overrides=SIZES)
        model, name_of = LanguageModel(config), language_model_name
    fastais = ask_fastai("layer_groups", words=20, of=of, config=fastai_config(config, of)).values
    names = {id(p): name_of(name) for name, p in model.named_parameters()}
    groups = [
        sorted({names[id(p)] for module in group for p in module.parameters()})
        for group in model.layer_groups()
    ]
    assert groups == fastais["groups"]
