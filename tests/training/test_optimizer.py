"""Layer rates, decay, freezing: against PyTorch's AdamW and fastai's numbers."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from steadfit.core.errors import DataError
from steadfit.training.optimizer import (
    check_momenta,
    freeze_to,
    layer_rates,
    make_optimizer,
    move_to,
    rate_and_momentum,
)
from steadfit.training.schedules import Point


def test_a_slice_spreads_geometrically_as_fastais_even_mults() -> None:
    golden = [0.001, 0.00316228, 0.01, 0.0316228, 0.1]
    assert layer_rates(slice(1e-3, 1e-1), 5) == pytest.approx(golden, rel=1e-5)


def test_a_slice_with_one_number_gives_it_to_the_last_group_and_a_tenth_to_the_others() -> None:
    assert layer_rates(slice(0.5), 3) == pytest.approx([0.05, 0.05, 0.5])


@pytest.mark.parametrize("lr", [0.5, slice(0.5), slice(0.1, 0.5), np.float32(0.5)])
def test_one_group_gets_the_largest_rate(lr: Any) -> None:
    assert layer_rates(lr, 1) == [0.5]


def test_a_number_serves_all_groups() -> None:
    assert layer_rates(2e-2, 3) == [2e-2] * 3


@pytest.mark.parametrize(
    "lr",
    [0, -1.0, float("nan"), float("inf"), "1e-3", None, slice(None), slice(1, 2, 3), slice(0, 1)],
)
def test_what_is_no_rate_is_refused(lr: Any) -> None:
    with pytest.raises(DataError, match="accepted"):
        layer_rates(lr, 3)


@pytest.mark.parametrize("moms", [(0.8, 0.7, 0.8), (0.8,), 0.9, (1.0, 0.7), (0.8, -0.1)])
def test_momenta_are_a_pair_below_one(moms: Any) -> None:
    with pytest.raises(DataError, match="accepted is a pair"):
        check_momenta(moms)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(3)
        self.head = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.norm(x)).tanh())

    def groups(self) -> list[list[nn.Module]]:
        return [[self.body, self.norm], [self.head]]


def test_steps_are_those_of_pytorchs_adamw_with_decay_on_all_but_biases_and_norms() -> None:
    ours, theirs = Net(), Net()
    optimizer = make_optimizer(ours.groups(), slice(0.01, 0.1), wd=0.3)
    decayed = {"weight_decay": 0.3}
    plain = {"weight_decay": 0.0}
    oracle = torch.optim.AdamW(
        [
            {"params": [theirs.body.weight], "lr": 0.01, **decayed},
            {
                "params": [theirs.body.bias, theirs.norm.weight, theirs.norm.bias],
                "lr": 0.01,
                **plain,
            },
            {"params": [theirs.head.weight], "lr": 0.1, **decayed},
            {"params": [theirs.head.bias], "lr": 0.1, **plain},
        ],
        betas=(0.8, 0.99),
        eps=1e-8,
    )
    data = torch.Generator().manual_seed(1)
    for _ in range(5):
        x = torch.randn(6, 3, generator=data)
        move_to(optimizer, Point(rate=1.0, momentum=0.8))
        for net, opt in ((ours, optimizer), (theirs, oracle)):
            opt.zero_grad()
            net(x).square().sum().backward()
            opt.step()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-6, msg=name)


def test_a_step_of_sgd_is_the_gradient_with_its_l2_term_times_the_groups_rate() -> None:
    for kind in ("sgd", "asgd"):
        net = Net()
        optimizer = make_optimizer(net.groups(), slice(0.01, 0.1), wd=0.3, kind=kind)
        rates = {"body": 0.01, "norm": 0.01, "head": 0.1}
        for share in (1.0, 0.5, 0.25):  # the rate of each step is its own
            move_to(optimizer, Point(rate=share, momentum=0.8))
            optimizer.zero_grad()
            net(torch.arange(18.0).view(6, 3).sin()).square().sum().backward()
            wanted = {
                name: p.detach() - share * rates[name.split(".")[0]] * (p.grad + 0.3 * p.detach())
                for name, p in net.named_parameters()
                if p.grad is not None
            }
            optimizer.step()
            assert len(wanted) == 6
            for name, p in net.named_parameters():
                torch.testing.assert_close(p.detach(), wanted[name], rtol=0, atol=1e-6)


def test_what_is_recorded_is_the_last_groups_rate_and_sgd_has_no_momentum() -> None:
    for kind, momentum in (("adamw", 0.75), ("sgd", 0.0), ("asgd", 0.0)):
        optimizer = make_optimizer(Net().groups(), slice(0.01, 0.1), 0.0, kind)
        move_to(optimizer, Point(rate=0.5, momentum=0.75))
        assert rate_and_momentum(optimizer) == (pytest.approx(0.05), momentum)


def test_a_point_sets_every_groups_rate_and_momentum() -> None:
    optimizer = make_optimizer(Net().groups(), slice(0.01, 0.1), wd=0.0)
    move_to(optimizer, Point(rate=0.5, momentum=0.75))
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.005, 0.05])
    assert {group["betas"] for group in optimizer.param_groups} == {(0.75, 0.99)}


def test_a_parameter_in_two_groups_is_optimized_once() -> None:
    net = Net()
    optimizer = make_optimizer([[net.body], [net.body, net.head]], slice(0.01, 0.1), wd=0.1)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(parameters) == len({id(p) for p in parameters}) == 4


def trains(groups: Any) -> list[int]:
    """Return the number of trainable tensors of each group."""
    return [sum(p.requires_grad for m in group for p in m.parameters()) for group in groups]


@pytest.mark.parametrize(
    ("n", "counts"),
    [(-1, [0, 0, 0, 3]), (-2, [0, 0, 4, 3]), (1, [0, 4, 4, 3]), (0, [4, 4, 4, 3])],
)
def test_freezing_counts_layer_groups_of_a_language_model(n: int, counts: list[int]) -> None:
    embedding = nn.Embedding(5, 2)
    rnns = [nn.LSTM(2, 2) for _ in range(3)]
    groups = [*([rnn] for rnn in rnns), [embedding, nn.Linear(2, 5)]]
    freeze_to(groups, n)
    assert trains(groups) == counts


def test_freezing_a_classifier_counts_embedding_layers_and_head(classifier: Any) -> None:
    groups = classifier().model.layer_groups()  # embedding, two LSTMs, head
    freeze_to(groups, -1)
    assert trains(groups) == [0, 0, 0, 8]
    freeze_to(groups, -2)
    assert trains(groups) == [0, 0, 4, 8]
    freeze_to(groups, 0)
    assert trains(groups) == [1, 4, 4, 8]


@pytest.mark.parametrize("n", [4, -5])
def test_a_group_that_is_not_there_is_refused_and_nothing_changes(classifier: Any, n: int) -> None:
    groups = classifier().model.layer_groups()
    with pytest.raises(DataError, match="4 layer groups; accepted are -4 to 3"):
        freeze_to(groups, n)
    assert trains(groups) == [1, 4, 4, 8]


def test_frozen_layers_are_not_in_the_optimizer_and_keep_their_groups_rates() -> None:
    net = Net()
    freeze_to(net.groups(), -1)
    optimizer = make_optimizer(net.groups(), slice(0.01, 0.1), wd=0.1)
    assert {group["max_lr"] for group in optimizer.param_groups} == {0.1}
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in net.head.parameters()}


def test_nothing_to_train_is_refused() -> None:
    net = copy.deepcopy(Net()).requires_grad_(False)
    with pytest.raises(DataError, match="unfreeze"):
        make_optimizer(net.groups(), 0.1, wd=0.1)
