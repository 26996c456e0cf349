"""The notebook's table of layers."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from steadfit import flatten_model


def has_params(module: nn.Module) -> bool:
    return len(list(module.parameters())) > 0


def requires_grad_bool(module: nn.Module) -> bool:
    return next(iter(module.parameters())).requires_grad


@pytest.fixture
def learn(clas: Any) -> Any:
    learner = clas()
    learner.save_encoder("enc")
    learner.load_encoder("enc")
    return learner


def test_layers_stand_in_the_notebooks_order_without_parameter_modules(learn: Any) -> None:
    modules = [module for module in flatten_model(learn.model) if has_params(module)]
    names = [type(module).__name__ for module in modules]
    lstms = ["LSTM"] * 3
    assert names == ["Embedding", *lstms, "BatchNorm1d", "Linear", "BatchNorm1d", "Linear"]


def test_the_notebooks_table_of_requires_grad(learn: Any) -> None:
    modules = [module for module in flatten_model(learn.model) if has_params(module)]
    assert [requires_grad_bool(module) for module in modules] == [False] * 4 + [True] * 4
    learn.freeze_to(-2)
    assert [requires_grad_bool(module) for module in modules] == [False] * 3 + [True] * 5
    learn.unfreeze()
    assert all(requires_grad_bool(module) for module in modules)
    learn.freeze()
    assert [requires_grad_bool(module) for module in modules] == [False] * 4 + [True] * 4


def test_a_module_without_modules_inside_is_its_own_only_layer() -> None:
    linear = nn.Linear(1, 1)
    assert flatten_model(linear) == [linear]
    nested = nn.Sequential(nn.Sequential(linear, nn.ReLU()), nn.Dropout())
    assert [type(module).__name__ for module in flatten_model(nested)] == [
        "Linear",
        "ReLU",
        "Dropout",
    ]


def test_the_table_counts_every_parameter_once(learn: Any) -> None:
    table = learn.layers()
    assert sum(count for _, count, _ in table.rows) == sum(
        p.numel() for p in learn.model.parameters()
    )
    lines = repr(table).splitlines()
    assert lines[0].split() == ["requires_grad", "parameters", "module"]
    assert [line.split()[0] for line in lines[1:]] == ["False"] * 4 + ["True"] * 4
    assert lines[2].endswith("LSTM(6, 8, batch_first=True)")
