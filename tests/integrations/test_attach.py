"""What the callbacks share, without a library around it."""

from __future__ import annotations

import copy
import pickle
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steadfit.integrations.attach import WatchedFit
from steadfit.penalties import NormStabilizer, norm_stabilizer


class Net:
    """Has a model and a method, as a library's trainer has."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.rnn = nn.GRU(3, 4, batch_first=True)

    def loss(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0].mean()


def attached(net: Net, beta: float) -> WatchedFit:
    callback = WatchedFit({"": [NormStabilizer(beta)]})

    def around(loss: Any, x: Tensor) -> Tensor:
        watched = callback.expect(x)
        return loss(x) + watched.penalty()

    callback.attach(net.rnn, net, "loss", around)
    return callback


def batch() -> Tensor:
    return torch.linspace(-1, 1, 30).view(2, 5, 3)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_callbacks_of_one_net_come_off_in_any_order(order: tuple[int, ...]) -> None:
    net, x = Net(), batch()
    betas = [1.0, 10.0, 100.0]
    plain, penalty = net.loss(x), norm_stabilizer(net.rnn(x)[0], 1.0)
    callbacks = [attached(net, beta) for beta in betas]
    left = sum(betas)
    for place in order:
        torch.testing.assert_close(net.loss(x), plain + left * penalty)
        callbacks[place].detach()
        left -= betas[place]
    assert torch.equal(net.loss(x), plain)
    assert "loss" not in vars(net)
    assert not net.rnn._forward_hooks


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_of_a_net_under_way_is_a_plain_one_of_its_own(copied: Any) -> None:
    net, x = Net(), batch()
    plain = net.loss(x)
    net.callback = attached(net, 10.0)
    penalised = net.loss(x)
    other = copied(net)
    other.rnn.load_state_dict({name: 0 * value for name, value in net.rnn.state_dict().items()})
    assert not other.loss(x).any()
    assert torch.equal(net.loss(x), penalised)
    assert not torch.equal(penalised, plain)
    other.callback.detach()
    torch.testing.assert_close(net.loss(x), penalised)


def test_a_method_that_an_object_had_of_its_own_comes_back() -> None:
    net, x = Net(), batch()
    net.loss = own = torch.sum
    callback = attached(net, 10.0)
    assert pickle.loads(pickle.dumps(net)).loss is own
    callback.detach()
    assert net.loss is own
    assert torch.equal(net.loss(x), x.sum())
