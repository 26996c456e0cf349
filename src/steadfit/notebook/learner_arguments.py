"""What the makers of learners are given, checked and made into what the rooms below take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from steadfit.core.checks import is_number, shown, whole_number
from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.files.transfer import Pretrained, read_pretrained
from steadfit.models.recurrent import AWDLSTM
from steadfit.notebook.data_bunch import DataBunch
from steadfit.text.corpus import TRAIN
from steadfit.training.class_weights import balanced_weights

ClassWeights = str | Mapping[str, float] | Iterable[float] | Tensor
"""As `text_classifier_learner` takes them."""


def check_arguments(data: object, arch: object, kind: str, maker: str, call: str) -> None:
    """Check what a learner is made of: the architecture, and data of its kind.

    Raises:
        DataError: one of them is something else; `call` labels the right data.
    """
    if arch is not AWDLSTM:
        raise DataError(f"{maker}: arch is {arch!r}; accepted is AWD_LSTM.")
    if not isinstance(data, DataBunch):
        raise DataError(
            f"{maker}: data is a {type(data).__name__}; give what databunch() or load_data made."
        )
    if data.kind != kind:
        raise DataError(
            f"{maker} needs data for a {kind}, this is for a {data.kind}; label it with {call}."
        )


def start_of(pretrained: object, data: DataBunch) -> Pretrained | None:
    """Read the language model to start from; None is from scratch.

    Raises:
        DataError: `pretrained` is neither a folder nor the name of an installed model.
        FileFormatError: see `read_pretrained`.
    """
    if pretrained is None or pretrained is False:
        return None
    if isinstance(pretrained, (str, Path)):
        return read_pretrained(pretrained, data.backwards)
    raise DataError(
        f"pretrained is {pretrained!r}; accepted are the folder of a language model, the name of "
        "an installed one, and None. Nothing is downloaded."
    )


def bptt_of(bptt: int | None, data: DataBunch) -> int:
    """Return over how many steps gradients flow: the data's, unless others are given."""
    return data.bptt if bptt is None else whole_number("bptt", bptt, 1)


def say_from_scratch(maker: str) -> None:
    """Tell that nothing pretrained is used, which is easily forgotten."""
    say(f"{maker}: no pretrained weights, training starts from scratch.")


def class_weights_of(given: ClassWeights | None, data: DataBunch) -> Tensor | None:
    """Return a weight for each class of the data, (classes,), or None.

    Raises:
        DataError: `given` is none of what `text_classifier_learner` takes; or "balanced" where a
            class has no training document.
    """
    if given is None or isinstance(given, Tensor):
        return given
    classes = data.classes
    if isinstance(given, str):
        if given != "balanced":
            raise DataError(
                f"class_weights is {shown(given)}; accepted are 'balanced', a number for each of "
                "the classes, and a dict from their names."
            )
        return balanced_weights(data.store.class_counts(data.store.rows(TRAIN), len(classes)))
    if isinstance(given, Mapping):
        if set(given) != set(classes):
            raise DataError(
                f"class_weights names {sorted(map(str, given))}; name each of the classes "
                f"{sorted(classes)} once."
            )
        given = [given[name] for name in classes]
    numbers = list(given)
    if len(numbers) != len(classes) or not all(map(is_number, numbers)):
        raise DataError(
            f"class_weights is {shown(numbers)}; accepted is a number for each of the "
            f"{len(classes)} classes."
        )
    return torch.tensor(numbers, dtype=torch.float32)
