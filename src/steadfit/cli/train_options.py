"""All options of a training, from words and a TOML file, as plain values by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadfit.cli.option_types import checked
from steadfit.cli.sizes import sizes_of
from steadfit.cli.toml_file import read_toml, toml_text
from steadfit.core.errors import DataError
from steadfit.estimator.text_classifier import TextClassifier
from steadfit.recipe.settings import FIND

NONE = "none"
_BACKWARDS = {"no": False, "yes": True, "both": "both", False: False, True: True}
# What belongs to the command and not to the estimator.
_ONE_PATH = ("table", "out", "test", "valid", "checkpoint_dir")
_COLUMNS = ("text", "label", "group", "weight", "label_separator")
_LAID_OUT = ("encoding", "delimiter", "quotes")
_OWN = (*_ONE_PATH, *_COLUMNS, *_LAID_OUT, "unlabeled", "drop_unlabeled")
_DEFAULTS = {
    "text": ["text"],
    "label": "label",
    "drop_unlabeled": False,
    "encoding": "utf-8",
    "quotes": True,
}


def resolved(words: Mapping[str, Any], config: Path | None) -> dict[str, Any]:
    """Return every option: as the words say, else as the file does, else by default.

    A path is a string, relative to where the command runs; an estimator's parameter that is not
    named is not there.

    Raises:
        DataError: no such file, an option that does not exist, or one of another type or that
            `train.toml` cannot hold.
    """
    in_file = {} if config is None else read_toml(config)
    accepted = {*_OWN, *parameter_names()}
    if unknown := sorted(in_file.keys() - accepted):
        raise DataError(
            f"{config}: {', '.join(unknown)} is no option; accepted are "
            f"{', '.join(sorted(accepted))}"
        )
    in_file = checked(in_file, config)
    found = {**_DEFAULTS, **in_file, **{name: _plain(value) for name, value in words.items()}}
    if isinstance(found["text"], str):
        found["text"] = [found["text"]]
    if isinstance(found.get("sizes"), str):
        found["sizes"] = sizes_of(found["sizes"])
    if found.get("backwards") is not None:
        if found["backwards"] not in _BACKWARDS:
            raise DataError(f"backwards is {found['backwards']!r}; accepted are no, yes and both")
        found["backwards"] = _BACKWARDS[found["backwards"]]
    if "label_separator" in found:
        found.setdefault("multi_label", True)
    for name in ("lr", "lm_lr"):
        if name in found and found[name] != FIND:
            found[name] = _number(name, found[name])
    toml_text(found)  # or it would be refused when all is trained
    return found


def parameter_names() -> list[str]:
    """Return the estimator's parameters that are options."""
    return [name for name in TextClassifier().get_params() if name not in ("text", "verbose")]


def estimator(options: Mapping[str, Any], checkpoints: Path) -> TextClassifier:
    """Return an estimator with these options; the word `none` is None.

    Raises:
        DataError: as its `fit`; nothing is checked here.
    """
    given: dict[str, Any] = {
        name: None if options[name] == NONE else options[name]
        for name in parameter_names()
        if name in options
    }
    return TextClassifier(**{**given, "checkpoint_dir": str(checkpoints), "verbose": True})


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"{name} is {value!r}; accepted are a number and {FIND}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
