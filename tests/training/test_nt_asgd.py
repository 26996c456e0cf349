"""NT-ASGD: the published rule, a mean kept by hand, and the fit as the loop one would write."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from steadfit.core.errors import DataError
from steadfit.training.callbacks import BestModel
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.nt_asgd import triggered
from steadfit.training.penalty_terms import Penalties
from steadfit.training.run import Run
from steadfit.training.state import FitPlan

AR_TAR = Penalties(2.0, 1.0, 0.0)
SGD = {"schedule": "constant", "clip": 0.25, "wd": 0.01}


def first_trigger(losses: list[float], nonmono: int) -> int | None:
    """Go through Merity et al.'s algorithm, by its variables t and logs (with K = 1, L = 1)."""
    logs: list[float] = []
    for t, v in enumerate(losses):
        if t > nonmono and v > min(logs[i] for i in range(t - nonmono)):
            return t
        logs.append(v)
    return None


@given(st.lists(st.floats(0, 10), max_size=30), st.integers(0, 7))
def test_averaging_begins_where_the_published_rule_says(losses: list[float], nonmono: int) -> None:
    seen = (triggered(losses[: t + 1], nonmono) for t in range(len(losses)))
    found = next((t for t, now in enumerate(seen) if now), None)
    assert found == first_trigger(losses, nonmono)


def test_five_epochs_without_gain_are_borne_and_the_sixth_is_not() -> None:
    losses = [5.0, 4.0, 4.1, 4.1, 4.1, 4.1, 4.1, 4.1]
    assert [triggered(losses[:n]) for n in range(1, 9)] == [False] * 7 + [True]
    assert not triggered([5.0, *[4.0] * 7]), "as good is not worse"


class Iterates(Callback):
    """Keeps the weights after each step and what each epoch was validated with."""

    def __init__(self) -> None:
        self.weights: list[list[Tensor]] = []
        self.validated: list[list[Tensor]] = []
        self.epochs: list[int] = []

    def on_step_end(self, run: Run) -> None:
        self.weights.append([p.detach().clone() for p in run.model.parameters()])

    def on_epoch_end(self, run: Run) -> None:
        self.validated.append([p.detach().clone() for p in run.model.parameters()])
        self.epochs.append(len(self.weights))


def mean(iterates: list[list[Tensor]]) -> list[Tensor]:
    columns = zip(*iterates, strict=True)
    return [torch.stack(column).double().mean(0).float() for column in columns]


def assert_close(found: list[Tensor], wanted: list[Tensor]) -> None:
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_the_average_is_the_mean_of_the_iterates_after_the_first(
    language_model: Any, drawn: Any
) -> None:
    kept = Iterates()
    objective = language_model(AR_TAR)
    plan = FitPlan(2, 0.5, optimizer="asgd", **SGD)
    fit(objective, drawn, drawn, plan, History(), [kept])
    for end, validated in zip(kept.epochs, kept.validated, strict=True):
        assert_close(validated, mean(kept.weights[1:end]))
    assert_close(list(objective.model.parameters()), kept.validated[-1])


def test_a_fit_is_sgd_before_the_switch_and_averaged_sgd_after_it(
    language_model: Any, drawn: Any, contrary: Any
) -> None:
    """The oracle steps by hand; on `contrary` data every epoch is worse than the one before."""
    kept, history = Iterates(), History()
    plan = FitPlan(4, 0.5, optimizer="nt-asgd", nonmono=1, **SGD)
    fit(language_model(AR_TAR), drawn, contrary, plan, history, [kept])
    assert first_trigger([one.valid_loss or 0.0 for one in history.epochs], 1) == 2

    by_hand, steps = language_model(AR_TAR), []
    for epoch in range(4):
        by_hand.train()
        state = None
        for batch in drawn.epoch(epoch):
            by_hand.zero_grad()
            result = by_hand(batch, state, by_hand.sizes(batch))
            result.total.backward()
            torch.nn.utils.clip_grad_norm_(by_hand.parameters(), 0.25)
            lr = 0.5 * batch.inputs.shape[1] / drawn.bptt
            with torch.no_grad():
                for p in by_hand.parameters():
                    assert p.grad is not None
                    p -= lr * (p.grad + 0.01 * p)  # L2, biases too
            steps.append([p.detach().clone() for p in by_hand.parameters()])
            state = result.state
    assert len(steps) == len(kept.weights) == len(history.steps)
    for found, wanted in zip(kept.weights, steps, strict=True):
        assert_close(found, wanted)
    switch = kept.epochs[2]
    for end, validated in zip(kept.epochs[:3], kept.validated, strict=False):
        assert_close(validated, steps[end - 1])
    assert_close(kept.validated[3], mean(steps[switch + 1 :]))
    assert [step.momentum for step in history.steps] == [0.0] * len(steps)


def test_the_reported_loss_is_that_of_the_averaged_weights(
    language_model: Any, drawn: Any, contrary: Any
) -> None:
    objective, history = language_model(), History()
    fit(objective, drawn, contrary, FitPlan(3, 0.5, optimizer="asgd", **SGD), history)
    assert history.epochs[-1].valid_loss == evaluate(objective, contrary).loss


def test_the_best_model_is_kept_with_averaged_weights(
    language_model: Any, drawn: Any, contrary: Any, tmp_path: Any
) -> None:
    objective, history = language_model(), History()
    best = BestModel(tmp_path / "best")
    plan = FitPlan(4, 0.5, optimizer="asgd", **SGD)
    fit(objective, drawn, contrary, plan, history, [best])
    losses = [one.valid_loss for one in history.epochs]
    assert evaluate(objective, contrary).loss == min(loss for loss in losses if loss is not None)
    assert losses[0] == min(losses), "or nothing was taken back"  # type: ignore[type-var]


def test_training_goes_on_with_the_weights_themselves_whatever_ends_a_validation(
    language_model: Any, drawn: Any, contrary: Any
) -> None:
    class Broken(Iterates):
        def on_epoch_end(self, run: Run) -> None:
            raise KeyboardInterrupt

    kept, objective = Broken(), language_model()
    with pytest.raises(KeyboardInterrupt):
        fit(objective, drawn, contrary, FitPlan(1, 0.5, optimizer="asgd", **SGD), History(), [kept])
    for one, other in zip(objective.model.parameters(), kept.weights[-1], strict=True):
        assert torch.equal(one, other)


def test_each_fit_looks_at_its_own_losses(language_model: Any, drawn: Any, contrary: Any) -> None:
    history, objective = History(), language_model()
    plan = FitPlan(2, 0.5, optimizer="nt-asgd", nonmono=1, **SGD)
    for _ in range(2):  # four losses in all, three of them would do
        run = fit(objective, drawn, contrary, plan, history)
        assert not run.state.averaging


def test_the_switch_is_told(
    language_model: Any, drawn: Any, contrary: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = FitPlan(3, 0.5, optimizer="nt-asgd", nonmono=0, **SGD)
    run = fit(language_model(), drawn, contrary, plan, History())
    assert run.state.averaging
    assert "averaged from epoch 2 on" in capsys.readouterr().out


def test_without_validation_there_is_nothing_to_go_by(language_model: Any, drawn: Any) -> None:
    plan = FitPlan(1, 0.5, optimizer="nt-asgd")
    with pytest.raises(DataError, match=r"nothing to validate on.*'sgd' or 'asgd'"):
        fit(language_model(), drawn, None, plan, History())


@pytest.mark.parametrize("optimizer", ["adam", None, 3, []])
def test_an_optimizer_that_is_not_there_is_refused(optimizer: Any) -> None:
    with pytest.raises(DataError, match="accepted are adamw, sgd, asgd, nt-asgd"):
        FitPlan(1, 0.5, optimizer=optimizer)


@pytest.mark.parametrize("nonmono", [-1, 0.5, None])
def test_nonmono_is_a_whole_number_from_zero(nonmono: Any) -> None:
    with pytest.raises(DataError, match="nonmono is"):
        FitPlan(1, 0.5, nonmono=nonmono)
