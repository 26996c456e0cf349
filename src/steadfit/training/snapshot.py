"""All that lives in a fit, taken down between two steps and put back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from steadfit.core.errors import FileFormatError
from steadfit.files.checkpoint import Checkpoint
from steadfit.models.outputs import State
from steadfit.training.events import Callback
from steadfit.training.history import History, SmoothedLoss
from steadfit.training.run import Run

_PLACE = ("epoch", "step", "batch", "tokens", "seconds", "begun", "finished", "stop_reason")


def snapshot(run: Run, callbacks: Sequence[Callback]) -> Checkpoint:
    """Take down weights, optimizer, random numbers, place, recurrent state, history, callbacks."""
    state = run.state
    tensors: dict[str, Tensor] = {"rng.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        for number, generator in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"rng.cuda.{number}"] = generator
    for name, tensor in run.model.state_dict().items():
        tensors[f"model.{name}"] = tensor
    for number, moments in run.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value)
    for number, (h, c) in enumerate(state.recurrent or ()):
        tensors[f"recurrent.{number}.h"], tensors[f"recurrent.{number}.c"] = h, c
    values = {
        "place": {name: getattr(state, name) for name in _PLACE},
        "smoothed": asdict(state.smoothed),
        "history": state.history.to_dict(),
        "callbacks": [[type(one).__name__, one.state_dict()] for one in callbacks],
    }
    return Checkpoint(tensors, values)


def restore(run: Run, checkpoint: Checkpoint) -> None:
    """Put a fit back to where `snapshot` found it, callbacks aside.

    Raises:
        FileFormatError: the checkpoint is of another model.
    """
    tensors, values, state = checkpoint.tensors, checkpoint.values, run.state
    try:
        _restore_weights(run, _below(tensors, "model."))
        _restore_optimizer(run, _below(tensors, "optimizer."))
        torch.set_rng_state(tensors["rng.cpu"])
        cuda = _below(tensors, "rng.cuda.")
        if cuda and torch.cuda.is_available():
            torch.cuda.set_rng_state_all([cuda[str(number)] for number in range(len(cuda))])
        for name in _PLACE:
            setattr(state, name, values["place"][name])
        state.smoothed = SmoothedLoss(**values["smoothed"])
        restored = History.from_dict(values["history"])
        state.history.steps[:], state.history.epochs[:] = restored.steps, restored.epochs
        state.recurrent = _recurrent(_below(tensors, "recurrent."), run)
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise FileFormatError(
            f"A checkpoint does not fit this model or this version ({error}). Start again with an "
            "empty checkpoint_dir."
        ) from error


def restore_callbacks(callbacks: Sequence[Callback], saved: Sequence[Sequence[Any]]) -> None:
    """Give each callback back its state, where the same kinds stand in the same order."""
    if [type(one).__name__ for one in callbacks] == [name for name, _ in saved]:
        for one, (_, state) in zip(callbacks, saved, strict=True):
            one.load_state_dict(state)


def _restore_weights(run: Run, weights: dict[str, Tensor]) -> None:
    # A tied weight is written under its first name only.
    own = run.model.state_dict()
    first = {tensor.data_ptr(): name for name, tensor in reversed(own.items())}
    tied = {name: weights[first[tensor.data_ptr()]] for name, tensor in own.items()}
    run.model.load_state_dict(tied)


def _restore_optimizer(run: Run, moments: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in moments.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = tensor
    groups = run.optimizer.state_dict()["param_groups"]
    run.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _recurrent(tensors: dict[str, Tensor], run: Run) -> State | None:
    device = next(run.model.parameters()).device
    layers = range(len(tensors) // 2)
    pairs = tuple((tensors[f"{i}.h"].to(device), tensors[f"{i}.c"].to(device)) for i in layers)
    return pairs or None


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }
