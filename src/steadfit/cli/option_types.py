"""Which values an option may have in a file: those of the command's own, and of the estimator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from steadfit.cli.train_command import train
from steadfit.core.checks import is_number, shown
from steadfit.core.errors import DataError

# What an option may be besides what can be typed: `train.toml` holds values as they were resolved.
_MORE: dict[str, tuple[Any, ...]] = {
    "backwards": (bool,),
    "class_weight": (dict,),
    "early_stopping": (int,),
    "lm_lr": (float,),
    "lr": (float,),
    "multi_label": (str,),
    "sizes": (dict,),
}
_IN_WORDS = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list of strings",
    dict: "a table of numbers",
}


def checked(values: Mapping[str, Any], file: Path | None) -> dict[str, Any]:
    """Return the options of a file; a string where a list is wanted as a list of one.

    Raises:
        DataError: a value of another type than that of the option; file and option are named.
    """
    kinds = _kinds()
    found = {}
    for name, value in values.items():
        accepted = kinds[name]
        if list in accepted and isinstance(value, str):
            value = [value]
        if not any(_is(value, kind) for kind in accepted):
            words = " or ".join(_IN_WORDS[kind] for kind in accepted)
            more = ", or a string" if list in accepted else ""
            raise DataError(f"{file}: {name} is {shown(value)}; accepted is {words}{more}")
        found[name] = value
    return found


def _kinds() -> dict[str, list[Any]]:
    """Return the types that each option may have in a file."""
    return {
        name: [*dict.fromkeys(map(_plain, _parts(hint))), *_MORE.get(name, ())]
        for name, hint in get_type_hints(train).items()
    }


def _parts(hint: Any) -> list[Any]:
    """Return the types of a union but that of None."""
    together = get_origin(hint) in (Union, UnionType)
    return [one for one in (get_args(hint) if together else (hint,)) if one is not NoneType]


def _plain(kind: Any) -> Any:
    """Return what TOML has for a type: a string for a path."""
    return str if kind is Path else get_origin(kind) or kind


def _is(value: Any, kind: Any) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if kind is dict:
        return isinstance(value, dict) and all(map(is_number, value.values()))
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return is_number(value) if kind is float else isinstance(value, kind)
