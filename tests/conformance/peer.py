"""What the comparisons share: the question and its answer, fastai's names, what equal means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from steadfit.models.config import AWDLSTMConfig

OUTPUTS, GRADIENTS = 1e-6, 1e-5  # largest difference by largest value, in float32
EXACTLY = 1e-12  # the same in float64, where rounding no longer hides a mistake
DTYPES = {"float32": torch.float32, "float64": torch.float64}

_NAMES = [
    (r"^encoder\.embedding\.", "encoder."),
    (r"^encoder\.(rnns\.\d+)\.weight_hh_l0$", r"\1.weight_hh_l0_raw"),
    (r"^encoder\.(rnns\.\d+)\.", r"\1.module."),
]


class Answer(NamedTuple):
    """What fastai found."""

    arrays: dict[str, Tensor]
    values: dict[str, Any]


class AskPeer(Protocol):
    """Lets fastai do a task of `fastai_worker.py`."""

    def __call__(
        self, task: str, arrays: Mapping[str, Tensor] | None = None, **settings: Any
    ) -> Answer: ...


def encoder_name(ours: str) -> str:
    """Return fastai's name, in a file of `save_encoder`, of a weight `encoder.…` of ours.

    `encoder.embedding.weight` is `encoder.weight`; `encoder.rnns.I.weight_hh_l0` is
    `rnns.I.weight_hh_l0_raw`; other weights of layer I are `rnns.I.module.…`. Besides these,
    fastai writes `encoder_dp.emb.weight`, the embedding once more, and fastai 1 also
    `rnns.I.module.weight_hh_l0`, a copy with dropout in it.
    """
    for pattern, replacement in _NAMES:
        name, changed = re.subn(pattern, replacement, ours)
        if changed:
            return name
    raise KeyError(ours)


def language_model_name(ours: str) -> str:
    """Return fastai's name of a language model's weight."""
    return f"1.{ours}" if ours.startswith("decoder.") else f"0.{encoder_name(ours)}"


def classifier_name(ours: str) -> str:
    """Return fastai's name of a classifier's weight; its head is made of two blocks."""
    if ours.startswith("head."):
        _, number, rest = ours.split(".")
        return f"1.layers.{int(number) // 4}.{int(number) % 4}.{rest}"
    return f"0.module.{encoder_name(ours)}"


def for_fastai(model: nn.Module, name: Callable[[str], str]) -> dict[str, Tensor]:
    """Return all that fastai's `load_state_dict` wants, each array named `weight.NAME`."""
    arrays = {f"weight.{name(ours)}": value for ours, value in model.state_dict().items()}
    prefix = name("encoder.embedding.weight").removesuffix("encoder.weight")
    again = arrays[f"weight.{prefix}encoder.weight"]
    return {**arrays, f"weight.{prefix}encoder_dp.emb.weight": again}


def fastai_config(config: AWDLSTMConfig, of: str) -> dict[str, Any]:
    """Return a configuration in fastai's form, for a "language model" or a "classifier"."""
    values = config.to_dict()
    del values["vocab_size"]
    if of == "classifier":
        del values["tie_weights"], values["out_bias"]
    return {**values, "bidir": False}


def make_weights_matter(model: nn.Module) -> None:
    """Draw weights so that states saturate a little and no two units are alike."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and "rnns" in name:
            nn.init.normal_(parameter, std=1.2 * parameter.shape[1] ** -0.5)
        elif "embedding" in name:
            nn.init.normal_(parameter)
        elif parameter.ndim == 1:
            nn.init.normal_(parameter, 1.0 if name.startswith("head") else 0.0, 0.3)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            nn.init.normal_(buffer, std=0.3)
        elif name.endswith("running_var"):
            nn.init.uniform_(buffer, 0.1, 0.5)


def difference(ours: Tensor, peers: Tensor) -> float:
    """Return the largest difference by the largest value."""
    assert ours.shape == peers.shape
    assert ours.dtype == peers.dtype
    ours = ours.detach()
    return float((ours - peers).abs().max() / peers.abs().max().clamp(min=1e-30))
