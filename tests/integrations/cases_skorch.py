"""skorch: real fits with our callback beside the same training by hand."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, Checkpoint
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from steadfit.integrations.skorch import PenaltyCallback
from steadfit.penalties import (
    ActivationRegularization,
    NormStabilizer,
    norm_stabilizer,
    warm_up,
)
from tests.integrations.by_hand import by_hand, close, raises
from tests.integrations.page import run_block

WORDS, ROWS, TIME, UNITS, SIZE = 9, 12, 6, 5, 5
EXACTLY = 1e-10


class Model(nn.Module):
    """Classifies sequences of ids; 0 is padding, behind."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.embedding = nn.Embedding(WORDS, 4, padding_idx=0)
        self.rnn = nn.GRU(4, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 2)
        self.double()  # so that rounding hides nothing

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.rnn(self.embedding(ids))[0][:, -1])


def documents(time: int = TIME) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(7)
    ids = numbers.integers(1, WORDS, (ROWS, time))
    lengths = numbers.integers(2, time + 1, ROWS)
    ids[np.arange(time) >= lengths[:, None]] = 0
    return ids, np.arange(ROWS) % 2


def real_steps(ids: Tensor) -> Tensor:
    return ids != 0


def net(*callbacks: Any, **settings: Any) -> NeuralNetClassifier:
    chosen = {
        "criterion": nn.CrossEntropyLoss,
        "lr": 0.3,
        "max_epochs": 2,
        "batch_size": SIZE,
        "train_split": None,
        "verbose": 0,
        "iterator_train__shuffle": False,
    }
    return NeuralNetClassifier(Model, callbacks=list(callbacks), **{**chosen, **settings})


def stabilized(beta: Any = 50.0) -> PenaltyCallback:
    return PenaltyCallback({"rnn": [NormStabilizer(beta)]}, lengths=real_steps)


def trained_by_hand(beta: float = 50.0, epochs: int = 2) -> Model:
    """Train with the penalty's own function in a loop."""
    model, (ids, labels) = Model(), documents()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for _ in range(epochs):
        for x, y in zip(
            torch.from_numpy(ids).split(SIZE), torch.from_numpy(labels).split(SIZE), strict=True
        ):
            states = model.rnn(model.embedding(x))[0]
            optimizer.zero_grad()
            penalty = norm_stabilizer(states, beta, real_steps(x))
            (cross_entropy(model(x), y) + penalty).backward()
            optimizer.step()
    return model


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_training_is_that_of_a_loop_by_hand(folder: Path) -> None:
    trained = net(stabilized()).fit(*documents())
    close(weights(trained.module_), weights(trained_by_hand()), EXACTLY)
    without = weights(trained_by_hand(beta=0.0))
    assert float((weights(trained.module_) - without).abs().max()) > 1e-3


def test_the_history_holds_each_penalty_by_batch_and_by_epoch(folder: Path) -> None:
    callback = PenaltyCallback(
        {"rnn": [NormStabilizer(50.0), ActivationRegularization(2.0)]}, lengths=real_steps
    )
    history = net(callback, lr=0.0).fit(*documents()).history
    model, ids = Model(), torch.from_numpy(documents()[0])
    for name, alpha, beta_norm in (("penalty/rnn/norm", 0.0, 50.0), ("penalty/rnn/ar", 2.0, 0.0)):
        expected = []
        for x in ids.split(SIZE):
            states = model.rnn(model.embedding(x))[0]
            expected.append(by_hand(states, states, real_steps(x), alpha, 0.0, beta_norm))
        close(history[0, "batches", :, name], expected)
        sizes = [len(x) for x in ids.split(SIZE)]
        mean = sum(a * b for a, b in zip(expected, sizes, strict=True)) / sum(sizes)
        close(history[-1, name], mean)


def test_the_training_loss_holds_the_penalty_and_the_validation_loss_does_not(folder: Path) -> None:
    ids, labels = documents(time=9)  # other shapes than in training
    validation = predefined_split(Dataset(ids, labels))
    trained = net(stabilized(), lr=0.0, train_split=validation).fit(*documents())
    plain = net(lr=0.0, train_split=validation).fit(*documents())
    for epoch, epoch_of_plain in zip(trained.history, plain.history, strict=True):
        assert epoch["valid_loss"] == epoch_of_plain["valid_loss"]
        close(epoch["train_loss"], epoch_of_plain["train_loss"] + epoch["penalty/rnn/norm"])


def test_nothing_is_left_behind(folder: Path) -> None:
    trained = net(stabilized()).fit(*documents())
    assert not {"get_loss", "fit_loop"} & vars(trained).keys()
    assert not any(one._forward_hooks for one in trained.module_.modules())
    again = pickle.loads(pickle.dumps(trained))
    assert np.array_equal(
        again.predict_proba(documents()[0]), trained.predict_proba(documents()[0])
    )


def test_a_net_is_saved_whole_while_it_is_fitted(folder: Path) -> None:
    saving = Checkpoint(monitor=None, f_params=None, f_optimizer=None, f_criterion=None,
                        f_history=None, f_pickle="net.pkl")  # fmt: skip
    trained = net(stabilized(), saving).fit(*documents())
    again = pickle.loads(Path("net.pkl").read_bytes())
    assert torch.equal(weights(again.module_), weights(trained.module_))
    # It goes on penalised once, as the first one does.
    close(weights(again.fit(*documents()).module_), weights(trained_by_hand()), EXACTLY)


def test_two_callbacks_add_up_and_leave_nothing_behind(folder: Path) -> None:
    twice = net(("one", stabilized(20.0)), ("other", stabilized(30.0))).fit(*documents())
    close(weights(twice.module_), weights(trained_by_hand()), EXACTLY)
    assert not {"get_loss", "fit_loop"} & vars(twice).keys()


class Fails(Callback):
    """Breaks the first fit off."""

    def __init__(self, enough: bool = True) -> None:
        self.enough = enough

    def on_batch_end(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        if self.enough:
            raise ArithmeticError("enough")


def test_a_fit_after_one_that_failed_is_penalised_once(folder: Path) -> None:
    once = net(stabilized(), Fails())
    with raises(ArithmeticError, "enough"):
        once.fit(*documents())
    assert not {"get_loss", "fit_loop"} & vars(once).keys()
    assert not any(one._forward_hooks for one in once.module_.modules())
    pickle.dumps(once)
    once.set_params(callbacks__Fails__enough=False).fit(*documents())
    close(weights(once.module_), weights(trained_by_hand()), EXACTLY)
    assert "get_loss" not in vars(once)


def test_a_schedule_goes_on_where_the_history_ends(folder: Path) -> None:
    schedule = warm_up(50.0, 12)
    whole = net(stabilized(schedule), max_epochs=4).fit(*documents())
    half = net(stabilized(schedule)).fit(*documents())
    pickle.dumps(half)  # the schedule, too
    half.save_params(f_params="weights.pt", f_history="history.json")
    rest = net(stabilized(schedule)).initialize()
    rest.load_params(f_params="weights.pt", f_history="history.json")
    rest.partial_fit(*documents())
    close(weights(rest.module_), weights(whole.module_), EXACTLY)
    anew = copy.deepcopy(half).fit(*documents())  # from the start: the schedule, too
    close(weights(anew.module_), weights(half.module_), EXACTLY)


def test_an_optimizer_that_asks_for_the_loss_several_times_is_served(folder: Path) -> None:
    settings = {"optimizer": torch.optim.LBFGS, "optimizer__max_iter": 4, "batch_size": -1}
    history = net(stabilized(), **settings).fit(*documents()).history
    assert history[-1, "train_loss"] < history[0, "train_loss"]


def test_the_net_can_be_cloned_and_its_penalties_set(folder: Path) -> None:
    weaker = clone(net(stabilized())).set_params(
        callbacks__PenaltyCallback__penalties={"rnn": [NormStabilizer(5.0)]}
    )
    close(weights(weaker.fit(*documents()).module_), weights(trained_by_hand(beta=5.0)), EXACTLY)


def test_the_code_on_the_page_runs(folder: Path) -> None:
    ids, labels = documents()
    names = run_block("skorch", Model=Model, ids=ids, labels=labels)
    assert names["net"].history[-1, "penalty/rnn/norm"] > 0
