"""The training loop: what it changes, what it leaves, and what it does when things go wrong."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from steadfit.training.devices import generator_on
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate
from steadfit.training.events import MOMENTS, Callback
from steadfit.training.history import History, as_columns, of_columns
from steadfit.training.metrics import Evaluation, Metric, accuracy
from steadfit.training.optimizer import freeze_to, make_optimizer, move_to
from steadfit.training.penalty_terms import Penalties
from steadfit.training.run import Run
from steadfit.training.schedules import one_cycle
from steadfit.training.state import FitPlan

ALL = Penalties(2.0, 1.0, 50.0)


def weights(objective: Any) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in objective.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[name]) for name, value in one.items())


class Recording(Callback):
    """Writes down the moments, and does something at one of them."""

    def __init__(self, at: str = "", action: Any = None) -> None:
        self.moments: list[str] = []
        self.training: dict[str, bool] = {}
        self.at, self.action = at, action

    def __getattribute__(self, name: str) -> Any:
        if name not in MOMENTS:
            return super().__getattribute__(name)

        def note(run: Run) -> None:
            self.moments.append(name)
            self.training[name] = run.model.training
            if name == self.at:
                self.action(run)

        return note


def test_the_same_seed_gives_the_same_weights_to_the_bit_and_another_does_not(
    case: tuple[Any, Any],
) -> None:
    make, batches = case
    found = []
    for seed in (3, 3, 4):
        objective = make(ALL, drop_mult=1.0)
        torch.manual_seed(torch.initial_seed() + 1)  # what the caller drew before has no part
        fit(objective, batches, None, FitPlan(2, 1e-2, seed=seed), History())
        found.append(weights(objective))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


def test_each_fit_of_a_learner_draws_its_own_masks(language_model: Any, stream: Any) -> None:
    found = []
    for stage in (0, 1):
        objective = language_model(drop_mult=1.0)
        fit(objective, stream, None, FitPlan(1, 1e-2, stage=stage), History())
        found.append(weights(objective))
    assert not same(*found)


def test_the_callers_random_numbers_are_left_alone(case: tuple[Any, Any], held_out: Any) -> None:
    make, batches = case
    objective = make(ALL, drop_mult=1.0)
    valid = held_out if type(batches) is type(held_out) else None
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    fit(objective, batches, valid, FitPlan(1, 1e-2), History())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert random.getstate() == before[2]


def test_a_fit_is_the_loop_one_would_write_by_hand(language_model: Any, stream: Any) -> None:
    objective, by_hand = language_model(ALL), language_model(ALL)
    plan = FitPlan(2, slice(1e-3, 1e-2), moms=(0.9, 0.8), wd=0.1)
    history = History()
    fit(objective, stream, None, plan, history)

    optimizer = make_optimizer(by_hand.model.layer_groups(), plan.lr, plan.wd)
    by_hand.train()
    losses = []
    for epoch in range(2):
        state = None  # a new epoch is another order of documents
        for batch in stream.epoch(epoch):
            move_to(optimizer, one_cycle(len(losses), 2 * len(stream), plan.moms))
            optimizer.zero_grad()
            result = by_hand(batch, state, by_hand.sizes(batch))
            result.total.backward()
            optimizer.step()
            losses.append(result.loss.item())
            state = result.state
    assert same(weights(objective), weights(by_hand))
    assert [step.loss for step in history.steps] == losses


def test_recurrent_state_is_carried_from_window_to_window(language_model: Any, stream: Any) -> None:
    objective = language_model()
    seen = []
    objective.register_forward_pre_hook(lambda _module, args: seen.append(args[1]))
    after = []
    objective.register_forward_hook(lambda _module, _args, out: after.append(out.state))
    fit(objective, stream, None, FitPlan(2, 1e-3), History())
    firsts = [0, len(stream)]
    assert [place for place, state in enumerate(seen) if state is None] == firsts
    for place in set(range(len(seen))) - set(firsts):
        assert seen[place] is after[place - 1]


@pytest.mark.parametrize("accumulate", [2, 3])
def test_micro_batches_make_one_step(language_model: Any, stream: Any, accumulate: int) -> None:
    objective, by_hand = language_model(ALL), language_model(ALL)
    history = History()
    plan = FitPlan(1, 1e-2, schedule="constant", accumulate=accumulate)
    fit(objective, stream, None, plan, history)
    batches = list(stream.epoch(0))
    groups = [batches[i : i + accumulate] for i in range(0, len(batches), accumulate)]
    assert len(history.steps) == len(groups)
    assert len(groups[-1]) < accumulate or len(batches) % accumulate == 0

    optimizer = make_optimizer(by_hand.model.layer_groups(), plan.lr, plan.wd)
    move_to(optimizer, one_cycle(0, 1, (0.8, 0.8))._replace(rate=1.0))
    state = None
    for group in groups:
        optimizer.zero_grad()
        sizes = by_hand.sizes(group[0])
        for batch in group[1:]:
            sizes = sizes.plus(by_hand.sizes(batch))
        for batch in group:
            result = by_hand(batch, state, sizes)
            result.total.backward()
            state = result.state
        optimizer.step()
    assert same(weights(objective), weights(by_hand))


def test_the_reported_loss_of_micro_batches_is_the_mean_over_their_documents(
    classifier: Any, buckets: Any
) -> None:
    losses = []
    for accumulate in (1, 3):
        objective = classifier()
        objective.model.head.eval()
        history = History()
        fit(objective, buckets, None, FitPlan(1, 1e-30, accumulate=accumulate), history)
        losses.append([step.loss for step in history.steps])
    assert len(losses[1]) == 1
    assert sum(losses[0]) / 3 == pytest.approx(losses[1][0], rel=1e-6)  # three batches of eight


def test_frozen_layers_do_not_move(case: tuple[Any, Any]) -> None:
    make, batches = case
    objective = make(ALL)
    groups = objective.model.layer_groups()
    freeze_to(groups, -2)
    parameters = dict(objective.named_parameters())
    before = {name: value.detach().clone() for name, value in parameters.items()}
    fit(objective, batches, None, FitPlan(1, 1e-2, wd=0.1), History())
    moved = {name for name, value in parameters.items() if not torch.equal(value, before[name])}
    assert moved == {name for name, value in parameters.items() if value.requires_grad}
    assert 0 < len(moved) < len(parameters)


def test_clipping_bounds_the_gradients_norm_and_keeps_its_direction(
    language_model: Any, stream: Any
) -> None:
    found: dict[float | None, list[Tensor]] = {}
    for clip in (None, 1e-3):

        class Look(Callback):
            def on_step_end(self, run: Run, clip: float | None = clip) -> None:
                grads = [p.grad.flatten() for p in run.model.parameters() if p.grad is not None]
                found.setdefault(clip, []).append(torch.cat(grads).clone())

        plan = FitPlan(1, 1e-30, clip=clip)
        fit(language_model(ALL), stream, None, plan, History(), [Look()])
    for free, clipped in zip(found[None], found[1e-3], strict=True):
        assert float(free.norm()) > 1e-2
        assert float(clipped.norm()) == pytest.approx(1e-3, rel=1e-3)
        torch.testing.assert_close(clipped / clipped.norm(), free / free.norm())


def test_bf16_trains_float32_weights_from_nearly_the_same_loss_down(case: tuple[Any, Any]) -> None:
    make, batches = case
    losses = []
    for bf16 in (False, True):
        objective, history = make(ALL), History()
        fit(objective, batches, None, FitPlan(3, 1e-2, bf16=bf16), history)
        assert {p.dtype for p in objective.parameters()} == {torch.float32}
        losses.append([step.loss for step in history.steps])
    assert losses[0] != losses[1]
    assert losses[0][0] == pytest.approx(losses[1][0], abs=0.1)
    assert losses[1][-1] < losses[1][0]


def test_penalties_are_logged_with_every_step_and_left_out_of_the_loss(
    case: tuple[Any, Any],
) -> None:
    make, batches = case
    histories = []
    for penalties in (ALL, Penalties(0.0, 0.0, 0.0)):
        histories.append(History())
        fit(make(penalties), batches, None, FitPlan(1, 1e-30), histories[-1])
    penalised, plain = histories
    for one, other in zip(penalised.steps, plain.steps, strict=True):
        assert one.penalties.keys() == {"ar", "tar", "norm"}
        assert other.penalties == {}
        assert one.loss == pytest.approx(other.loss, rel=1e-6)
    assert all(value > 0 for value in penalised.steps[0].penalties.values())


def test_moments_come_in_order_for_every_callback_in_turn(classifier: Any, buckets: Any) -> None:
    recording = Recording()
    fit(classifier(), buckets, None, FitPlan(2, 1e-3), History(), [recording])
    epoch = ["on_epoch_begin", *["on_step_end"] * len(buckets), "on_epoch_end"]
    assert recording.moments == ["on_fit_begin", *epoch, *epoch, "on_fit_end"]


def test_callbacks_between_epochs_see_a_model_in_evaluation_mode(
    classifier: Any, buckets: Any
) -> None:
    recording = Recording()
    fit(classifier(), buckets, None, FitPlan(2, 1e-3), History(), [recording])
    assert [name for name, training in recording.training.items() if training] == ["on_step_end"]


def test_stop_ends_the_fit_behind_the_epoch_with_its_validation(
    classifier: Any, buckets: Any, held_out: Any
) -> None:
    recording = Recording("on_step_end", lambda run: run.stop("enough"))
    history = History()
    run = fit(classifier(), buckets, held_out, FitPlan(5, 1e-3), history, [recording])
    assert len(history.epochs) == 1
    assert history.epochs[0].valid_loss is not None
    assert run.state.stop_reason == "enough"
    assert recording.moments[-1] == "on_fit_end"


def test_an_epochs_record_holds_what_evaluation_finds(
    classifier: Any, buckets: Any, held_out: Any
) -> None:
    objective, history = classifier(ALL, drop_mult=1.0), History()
    fit(objective, buckets, held_out, FitPlan(2, 1e-2), history, metrics=[accuracy])
    found = evaluate(objective, held_out)
    assert history.epochs[-1].valid_loss == found.loss
    assert history.epochs[-1].metrics == {"accuracy": found.accuracy}
    assert [epoch.epoch for epoch in history.epochs] == [0, 1]
    assert [epoch.step for epoch in history.epochs] == [3, 6]
    assert history.epochs[-1].train_loss == history.steps[-1].smoothed


def test_a_history_goes_on_over_fits(classifier: Any, buckets: Any) -> None:
    history = History()
    for _ in range(2):
        fit(classifier(), buckets, None, FitPlan(1, 1e-2), history)
    assert [step.step for step in history.steps] == list(range(6))
    assert history.steps[3].smoothed == pytest.approx(history.steps[3].loss)  # starts anew
    assert of_columns(as_columns(history.steps)) == history.steps


def test_a_seed_is_shared_by_nothing_but_equal_parts() -> None:
    def draw(*seed: int) -> list[float]:
        return torch.rand(3, generator=generator_on(None, *seed)).tolist()

    assert draw(1, 2) == draw(1, 2)
    assert len({tuple(draw(*seed)) for seed in ((0, 1), (1, 0), (1, 1), (0, 0), (12,))}) == 5


def test_numbers_of_numpy_are_kept_as_pythons() -> None:
    for lr in (np.float32(0.5), slice(np.float32(0.25), np.float64(0.5)), slice(np.float32(0.5))):
        plan = FitPlan(
            np.int64(2), lr, moms=(np.float32(0.5), 0.25), wd=np.float16(0.5), clip=np.float32(0.5)
        )
        ends = [plan.lr.start, plan.lr.stop] if isinstance(plan.lr, slice) else plan.lr
        kept = json.dumps({**asdict(plan), "lr": ends})
        assert json.loads(kept)["moms"] == [0.5, 0.25]
    metric = Metric("x", lambda evaluation: np.float32(0.5))
    assert json.dumps(metric(Evaluation(0.0, 1, 1, None, None, None))) == "0.5"
