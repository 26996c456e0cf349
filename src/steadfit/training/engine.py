"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch

from steadfit.core.console import say
from steadfit.core.errors import TrainingError
from steadfit.core.memory import reused_memory
from steadfit.core.progress import progress
from steadfit.training.evaluation import Batches, evaluate
from steadfit.training.events import Callback, notify
from steadfit.training.good_weights import DIVERGED
from steadfit.training.history import EpochRecord, History, StepRecord
from steadfit.training.metrics import Metric
from steadfit.training.micro_batches import backward, grouped, sizes_of
from steadfit.training.nt_asgd import averaged, take_average, triggered
from steadfit.training.objective import Objective
from steadfit.training.optimizer import move_to, rate_and_momentum
from steadfit.training.penalty_terms import Sizes
from steadfit.training.run import Run
from steadfit.training.stages import Stage, Stages
from steadfit.training.state import FitPlan
from steadfit.training.window_lengths import rate_share


def fit(
    objective: Objective,
    train: Batches,
    valid: Batches | None,
    plan: FitPlan,
    history: History,
    callbacks: Sequence[Callback] = (),
    metrics: Sequence[Metric] = (),
    stages: Stages | None = None,
) -> Run:
    """Train a model in place and add what happened to `history`.

    Dropout masks come from a generator of the fit's own, seeded with `plan.seed` and `plan.stage`;
    nothing is drawn from those that all threads share. Afterwards, whatever happened, the model is
    in evaluation mode; callbacks see it so too, but in `on_step_end`. Where the optimizer averages
    weights, validation and `on_epoch_end` see the mean, and the fit ends with it.

    With `stages` it writes checkpoints and goes on from the newest one; a fit that was finished
    before is not run again, its weights and history are taken back.

    Raises:
        DataError: every layer is frozen, two metrics have one name, or "nt-asgd" has nothing to
            validate on.
        TrainingError: a loss or gradient is not finite; the weights are the last ones before
            the loss ran away. Or the checkpoints are of another fit, or in use by one.
    """
    run = Run(objective, train, valid, plan, history, metrics)
    objective.eval()
    with reused_memory(), nullcontext() if stages is None else stages.locked():
        stage = None if stages is None else stages.open(run, callbacks)
        if run.state.finished:
            return run
        try:
            _begin(run, callbacks, stage)
            with nullcontext() if stage is None else stage.resumed():
                _fit(run, callbacks, stage)
        finally:
            objective.eval()
            run.optimizer.zero_grad(set_to_none=True)
    return run


def _begin(run: Run, callbacks: Sequence[Callback], stage: Stage | None) -> None:
    try:
        notify(callbacks, "on_fit_begin", run)
    except Exception:
        if stage is not None:
            stage.withdraw()
        raise


def _fit(run: Run, callbacks: Sequence[Callback], stage: Stage | None) -> None:
    state = run.state
    while state.epoch < run.plan.epochs and state.stop_reason is None:
        _train_epoch(run, callbacks, stage)
        with averaged(run.optimizer):
            _validate(run)
            state.epoch, state.batch = state.epoch + 1, 0
            notify(callbacks, "on_epoch_end", run)
        _switch(run)
        if stage is not None:
            stage.save()
    take_average(run.optimizer)
    notify(callbacks, "on_fit_end", run)
    state.finished = True
    if stage is not None:
        stage.save()


def _train_epoch(run: Run, callbacks: Sequence[Callback], stage: Stage | None) -> None:
    """Make the steps of an epoch, or those that are left of it."""
    state = run.state
    if state.batch == 0:
        state.recurrent, state.tokens, state.seconds = None, 0, 0.0
        notify(callbacks, "on_epoch_begin", run)
    began = time.perf_counter() - state.seconds
    if stage is not None and state.batch < run.batches:
        stage.steps_follow()
    run.objective.train()
    batches = run.train.epoch(run.plan.first_epoch + state.epoch, state.batch)
    left = -(-(run.batches - state.batch) // run.plan.accumulate)
    for group in progress(grouped(batches, run.plan.accumulate), f"epoch {state.epoch}", left):
        sizes = _step(run, group)
        state.batch += len(group)
        state.tokens += sizes.steps
        state.seconds = time.perf_counter() - began
        notify(callbacks, "on_step_end", run)
        if stage is not None:
            stage.step_done()
    run.objective.eval()


def _validate(run: Run) -> None:
    """Judge the model on the validation batches and record the epoch."""
    state, began = run.state, time.perf_counter()
    valid_loss, figures = None, {}
    if run.valid is not None and len(run.valid):
        evaluation = evaluate(run.objective, run.valid, run.plan.bf16)
        valid_loss = evaluation.loss
        figures = {metric.name: metric(evaluation) for metric in run.metrics}
    run.history.epochs.append(
        EpochRecord(
            epoch=state.epoch,
            train_loss=run.history.steps[-1].smoothed,
            valid_loss=valid_loss,
            metrics=figures,
            seconds=state.seconds + time.perf_counter() - began,
            tokens_per_second=state.tokens / state.seconds,
            step=len(run.history.steps),
        )
    )
    state.judged = len(run.history.epochs) - 1


def _switch(run: Run) -> None:
    """Go on with averaged SGD if that is planned and the validation losses of this fit say so."""
    state, plan = run.state, run.plan
    if plan.optimizer != "nt-asgd" or state.averaging:
        return
    losses = [one.valid_loss for one in run.history.epochs[-state.epoch :]]
    if triggered([loss for loss in losses if loss is not None], plan.nonmono):
        run.start_averaging()
        say(f"Validation gets no better: weights are averaged from epoch {state.epoch} on.")


def _step(run: Run, group: Sequence[Any]) -> Sizes:
    """Make one optimizer step from a group of micro-batches and record it."""
    state, objective, optimizer = run.state, run.objective, run.optimizer
    sizes = sizes_of(objective, group)
    point = run.schedule(state.step, run.steps, run.plan.moms)
    move_to(optimizer, point._replace(rate=point.rate * rate_share(run.train, sizes)))
    optimizer.zero_grad(set_to_none=True)
    # Batch normalisation moves its running figures as it reads, long before a loss is looked at.
    before = [buffer.clone() for buffer in objective.buffers()]
    loss, penalties, state.recurrent = backward(
        objective, group, sizes, state.recurrent, run.plan.bf16, run.generator
    )
    gradients = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if not torch.isfinite(norm) or not torch.isfinite(loss):
        good = run.good.take_back(before, state.step + 1)
        raise TrainingError(
            f"Step {state.step + 1} of {run.steps} (epoch {state.epoch}) has the loss "
            f"{float(loss):g} and a gradient of norm {float(norm):g}, so training stopped. The "
            f"weights are the last good ones, those before step {good}. Lower the "
            f"learning rate (now {optimizer.param_groups[-1]['lr']:.3g}) or set clip, for example "
            "clip=0.25."
        )
    if run.plan.clip is not None:
        parameters = [p for g in optimizer.param_groups for p in g["params"]]
        torch.nn.utils.clip_grads_with_norm_(parameters, run.plan.clip, norm)
    if float(loss) <= DIVERGED * state.smoothed.average(float(loss)):
        run.good.keep(before, state.step + 1)
    optimizer.step()
    state.step += 1
    lr, momentum = rate_and_momentum(optimizer)
    run.history.steps.append(
        StepRecord(
            step=len(run.history.steps),
            lr=lr,
            momentum=momentum,
            loss=float(loss),
            smoothed=state.smoothed.update(float(loss)),
            penalties={name: float(value) for name, value in penalties.items()},
        )
    )
    return sizes
