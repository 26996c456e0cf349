"""All that lives in a fit, taken down between two steps and put back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.checkpoint import Checkpoint
from steadfit.files.tensors import check_weights, fill, without_ties
from steadfit.models.outputs import State
from steadfit.training.devices import mix_seed
from steadfit.training.events import Callback
from steadfit.training.history import (
    EpochRecord,
    History,
    SmoothedLoss,
    StepRecord,
    as_columns,
    of_columns,
)
from steadfit.training.run import Run

_PLACE = (
    "epoch", "step", "batch", "tokens", "seconds", "finished", "stop_reason", "averaging", "judged",
)  # fmt: skip
_ADDED = {"averaging": False, "judged": -1}  # what checkpoints of before do not have


def snapshot(run: Run, callbacks: Sequence[Callback]) -> Checkpoint:
    """Take down weights, optimizer, generator, place, recurrent state, history and callbacks.

    While steps are left, the weights to take back if training runs away belong to it: they are
    those before the last good step, which nothing else tells.
    """
    state = run.state
    tensors: dict[str, Tensor] = {"rng": run.generator.get_state()}
    if state.step < run.steps and not state.finished:
        tensors |= {f"good.{name}": value for name, value in run.good.state_dict().items()}
    for name, tensor in without_ties(run.model.state_dict()).items():
        tensors[f"model.{name}"] = tensor
    for number, moments in run.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value)
    for number, one in enumerate(callbacks):
        for name, value in one.tensors().items():
            tensors[f"callbacks.{number}.{name}"] = value
    for number, (h, c) in enumerate(state.recurrent or ()):
        tensors[f"recurrent.{number}.h"], tensors[f"recurrent.{number}.c"] = h, c
    # Of a long training a million steps: as JSON they would take longer than all else.
    for name, column in as_columns(state.history.steps).items():
        tensors[f"history.{name}"] = column
    values = {
        "place": {name: getattr(state, name) for name in _PLACE},
        "smoothed": asdict(state.smoothed),
        "epochs": [asdict(one) for one in state.history.epochs],
        "callbacks": callbacks_state(callbacks),
    }
    return Checkpoint(tensors, values)


def restore(run: Run, checkpoint: Checkpoint) -> None:
    """Put a fit back to where `snapshot` found it, callbacks aside.

    Raises:
        FileFormatError: the checkpoint is of another model.
    """
    tensors, values, state = checkpoint.tensors, checkpoint.values, run.state
    weights = _below(tensors, "model.")
    check_weights(run.model, weights, "the checkpoint")
    try:
        fill(run.model, weights)
        run.good.load_state_dict(_below(tensors, "good."))
        place = {**_ADDED, **values["place"]}
        for name in _PLACE:
            setattr(state, name, _plain(place[name], getattr(state, name), name))
        if state.averaging:
            run.start_averaging()
        _restore_optimizer(run, _below(tensors, "optimizer."))
        _restore_generator(run, tensors["rng"])
        state.smoothed = SmoothedLoss(**values["smoothed"])
        restored = _history(checkpoint)
        state.history.steps[:], state.history.epochs[:] = restored.steps, restored.epochs
        state.recurrent = _recurrent(_below(tensors, "recurrent."), run)
    except (LookupError, TypeError, RuntimeError, ValueError) as error:
        raise FileFormatError(
            f"A checkpoint does not fit this model or this version ({error!r}). Start again with "
            "an empty checkpoint_dir."
        ) from error


def callbacks_state(callbacks: Sequence[Callback]) -> list[list[Any]]:
    """Return the kind and state of each callback.

    Raises:
        DataError: a state is not made of plain JSON values.
    """
    states: list[list[Any]] = []
    for one in callbacks:
        state = one.state_dict()
        try:
            json.dumps(state)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{type(one).__name__}.state_dict() returned what JSON cannot hold ({error}); "
                "return plain numbers, texts, lists and dicts."
            ) from error
        states.append([type(one).__name__, state])
    return states


def restore_callbacks(
    callbacks: Sequence[Callback],
    saved: Sequence[Sequence[Any]],
    tensors: dict[str, Tensor] | None = None,
) -> None:
    """Give each callback back its state, and what `tensors` of a checkpoint are its own.

    Raises:
        FileFormatError: the states are of other callbacks.
    """
    try:
        for one, (name, state) in zip(callbacks, saved, strict=True):
            if name != type(one).__name__:
                raise ValueError(f"{name} instead of {type(one).__name__}")
            one.load_state_dict(state)
        for number, one in enumerate(callbacks):
            if kept := _below(tensors or {}, f"callbacks.{number}."):
                one.load_tensors(kept)
    except (LookupError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"A checkpoint's callbacks are not those of this fit ({error!r}). Start again with an "
            "empty checkpoint_dir."
        ) from error


def _history(checkpoint: Checkpoint) -> History:
    before = checkpoint.values.get("history")  # where checkpoints of format 2 have all of it
    epochs = checkpoint.values["epochs"] if before is None else before["epochs"]
    if before is None:
        steps = of_columns(_below(checkpoint.tensors, "history."))
    else:
        steps = [StepRecord(**one) for one in before["steps"]]
    return History(steps, [EpochRecord(**one) for one in epochs])


def _restore_generator(run: Run, saved: Tensor) -> None:
    if saved.shape == run.generator.get_state().shape:
        run.generator.set_state(saved)
        return
    # Another kind of device, which was told when the fit was opened: it goes on with other masks
    # than it would have had, but not with those of its first steps again.
    run.generator.manual_seed(mix_seed(run.plan.seed, run.plan.stage, run.state.step))


def _restore_optimizer(run: Run, moments: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in moments.items():
        number, name = key.split(".", 1)
        # Tensors of a file lie in memory at odd addresses, where kernels may add up in another
        # order; a copy lies as a tensor of torch's own does.
        state.setdefault(int(number), {})[name] = tensor.clone()
    groups = run.optimizer.state_dict()["param_groups"]
    run.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _recurrent(tensors: dict[str, Tensor], run: Run) -> State | None:
    device = next(run.model.parameters()).device
    kept = {name: tensor.clone().to(device) for name, tensor in tensors.items()}
    return tuple((kept[f"{i}.h"], kept[f"{i}.c"]) for i in range(len(kept) // 2)) or None


def _plain(value: Any, default: Any, name: str) -> Any:
    kinds = (str, type(None)) if default is None else (type(default),)
    if not isinstance(value, kinds):
        raise TypeError(f"{name} is {value!r}")
    return value


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }
