"""The configuration in a model folder: read, and every value of it checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import is_sealed, read_format
from steadfit.files.compact import NUMBERS
from steadfit.models.config import AWDLSTMConfig

Kind = Literal["language-model", "classifier", "encoder"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FORMAT = "steadfit-model"
# 1 had no checksum of the configuration and the metrics; before 3 all weights were in float32;
# before 4 no text had several classes.
FORMAT_VERSION = 4
_MULTI_LABEL_SINCE = 4
ARCHITECTURE = "AWD-LSTM"
ADVICE = "Take another copy."


def read_config(file: Path, kind: Kind | None = None) -> dict[str, Any]:
    """Return a configuration that this version can read, of `kind` if one is asked for.

    Raises:
        FileFormatError: it is of something else, of a newer format or of another kind.
    """
    config = read_format(file, FORMAT, FORMAT_VERSION, "a Steadfit model", ADVICE)
    if config.get("kind") not in KINDS:
        raise FileFormatError(
            f"{file}: kind is {config.get('kind')!r}; accepted are {', '.join(KINDS)}."
        )
    if kind is not None and config["kind"] != kind:
        raise FileFormatError(
            f"{file.parent} holds a model of kind {config['kind']}, but {kind} is needed here. "
            "Give the folder of one."
        )
    return config


def checked_sizes(config: Mapping[str, Any], file: Path) -> AWDLSTMConfig:
    """Check every value that a model is built from and return the sizes of its layers.

    Raises:
        FileFormatError: it names each value of `file` that cannot be.
    """
    wrong = []
    if config.get("architecture") != ARCHITECTURE:
        wrong.append(f"architecture is not {ARCHITECTURE}")
    if not isinstance(config.get("backwards", False), bool):
        wrong.append("backwards is neither true nor false")
    if not isinstance(config.get("tokenizer_fingerprint"), str):
        wrong.append("tokenizer_fingerprint is missing")
    if config["kind"] == "classifier":
        classes, reading = config.get("classes"), config.get("reading")
        if not are_classes(classes):
            wrong.append("classes is not a list of two or more different names")
        if not isinstance(reading, dict) or set(reading) != {"bptt", "grad_tokens"}:
            wrong.append("reading does not hold bptt and grad_tokens")
        elif not all(map(_is_count, reading.values())):
            wrong.append("bptt and grad_tokens are not whole numbers from 1 on")
        if not isinstance(config.get("head_bias", True), bool):
            wrong.append("head_bias is neither true nor false")
        if config["format_version"] >= _MULTI_LABEL_SINCE and not isinstance(
            config.get("multi_label", False), bool
        ):
            wrong.append("multi_label is neither true nor false")
    if not isinstance(config.get("model"), dict):
        wrong.append("model is missing")
    if config["format_version"] > 2 and config.get("numbers") not in NUMBERS:
        wrong.append(f"numbers is none of {', '.join(NUMBERS)}")
    if config["format_version"] > 1 and not (wrong or is_sealed(config)):
        wrong.append("its checksum is another")
    if wrong:
        raise FileFormatError(f"{file} was altered: {'; '.join(wrong)}. Take another copy.")
    try:
        return AWDLSTMConfig.from_dict(config["model"])
    except DataError as error:
        raise FileFormatError(f"{file} was altered: {error} Take another copy.") from error


def version_for(multi_label: bool) -> int:
    """Return the format to write: the oldest that can say it, so that older readers can read it."""
    return FORMAT_VERSION if multi_label else _MULTI_LABEL_SINCE - 1


def is_multi_label(config: Mapping[str, Any]) -> bool:
    """Tell whether a text may have several of the classes."""
    # In older folders the name may be one of somebody's details.
    return config["format_version"] >= _MULTI_LABEL_SINCE and bool(config.get("multi_label", False))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31


def are_classes(value: Any) -> bool:
    """Tell whether this is a list of two or more different names."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return False
    return len(value) >= 2 and len(set(value)) == len(value)
