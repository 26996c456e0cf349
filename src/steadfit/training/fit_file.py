"""What makes a fit the same fit, kept beside its checkpoints."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from steadfit.core.atomic import write_json
from steadfit.core.errors import TrainingError
from steadfit.kernels.choose import describe
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.training.devices import device_of
from steadfit.training.events import Callback
from steadfit.training.run import Run
from steadfit.training.snapshot import callbacks_state


def claim(file: Path, run: Run, callbacks: Sequence[Callback]) -> list[Any] | None:
    """Write down what a fit is and the state its callbacks begin with, or compare with the file.

    Returns:
        None for a new fit, else the state its callbacks began with.

    Raises:
        TrainingError: the file describes another fit, or is damaged.
    """
    for leftover in file.parent.glob(f".{file.name}.*"):
        leftover.unlink(missing_ok=True)  # of a writer that was killed; the folder is locked
    # Through JSON, as what it is compared with.
    fit = json.loads(json.dumps(fingerprint(run, callbacks)))
    if not file.exists():
        states = callbacks_state(callbacks)
        write_json(file, {"fit": fit, "made_with": _made_with(run), "callbacks": states})
        return None
    before, made_with, states = _read(file)
    different = sorted(name for name in {*before, *fit} if before.get(name) != fit.get(name))
    if different:
        raise TrainingError(
            f"{file.parent} holds checkpoints of another fit: {', '.join(different)} differ "
            f"({_shown(before, different)} there, {_shown(fit, different)} here). Take back the "
            "change, delete this folder and those of later stages, or give another checkpoint_dir."
        )
    if made_with != _made_with(run):
        warnings.warn(
            f"This fit was begun with {made_with} and goes on with {_made_with(run)}: the weights "
            "may differ from those of an undisturbed run in their last bits.",
            stacklevel=2,
        )
    return states


def fingerprint(run: Run, callbacks: Sequence[Callback]) -> dict[str, Any]:
    """Describe all that decides how a fit goes, as plain JSON values."""
    plan = asdict(run.plan)
    lr = run.plan.lr
    plan["lr"] = [lr.start, lr.stop] if isinstance(lr, slice) else lr
    # What does not decide anything is left out, so that fits begun before it was known can go on.
    if plan["optimizer"] != "nt-asgd":
        del plan["nonmono"]
    if plan["optimizer"] == "adamw":
        del plan["optimizer"]
    return {
        **plan,
        "penalties": asdict(run.objective.penalties),
        **run.objective.settings(),
        "model": _settings(run.objective.model),
        "trained": [name for name, p in run.model.named_parameters() if p.requires_grad],
        "weights": _digest(run.model.state_dict()),
        "train": run.train.describe(),
        "valid": None if run.valid is None else run.valid.describe(),
        "metrics": [metric.name for metric in run.metrics],
        "callbacks": [{"kind": type(one).__name__, **one.describe()} for one in callbacks],
    }


def _settings(model: LanguageModel | TextClassifier) -> dict[str, Any]:
    settings = model.config.to_dict()
    if isinstance(model, TextClassifier):
        settings |= {"bptt": model.bptt, "grad_tokens": model.grad_tokens}
    return settings


def _made_with(run: Run) -> dict[str, Any]:
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": device_of(run.model).type,
        "kernels": describe().used if run.plan.bf16 else "plain",
    }


def _read(file: Path) -> tuple[dict[str, Any], Any, list[Any]]:
    try:
        content = json.loads(file.read_text("utf-8"))
        return dict(content["fit"]), content["made_with"], list(content["callbacks"])
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise TrainingError(
            f"{file} is damaged ({error!r}), so nobody can tell whether the checkpoints beside it "
            f"are of this fit. Remove {file.parent} to run this fit from its beginning."
        ) from error


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in tensors.items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).numpy().tobytes())
    return digest.hexdigest()


def _shown(values: dict[str, Any], names: Sequence[str]) -> str:
    text = ", ".join(f"{name} {values.get(name)}" for name in names)
    return text if len(text) < 200 else text[:200] + "…"
