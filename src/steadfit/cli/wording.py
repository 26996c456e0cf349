"""Messages of the rooms, which name arguments of Python, in the words of the command line."""

from __future__ import annotations

import inspect
import re
import shlex

from steadfit.cli.folder_commands import export
from steadfit.cli.train_command import train
from steadfit.cli.training_commands import lm, lr_find
from steadfit.cli.use_commands import evaluate, explain, predict

_GIVEN = re.compile(r"\b([a-z][a-z_]+)=(True|False|'[^']*')")
# Of columns the command line takes names alone.
_NUMBERED = re.compile(r" \(or give a number from 0 to \d+\)")
_NAMES = (
    "checkpoint_dir",
    "drop_unlabeled",
    "missing_as_empty",
    "out_format",
    "overwrite_columns",
    "overwrite",
)
_SAID = re.compile(rf"\b(give another|or|say|with|by) ({'|'.join(_NAMES)})\b")
_VERBS = {"say": "give"}
# A message begins with the parameter that is wrong, and ends with values among which is None.
_FIRST = re.compile(r"^([a-z]+(?:_[a-z]+)*) is (?=['\d(-]|nan|inf)")
_ACCEPTED = {
    name
    for command in (train, lm, lr_find, evaluate, predict, explain, export)
    for name in inspect.signature(command).parameters
}
_NO_NONE = re.compile(r"( and|, and) None(?=[.,;]|$)")
_OPTIONS = {"separator": "label-separator"}  # whose names are others


def as_words(message: str) -> str:
    """Return a message with `--drop-unlabeled` where it says `drop_unlabeled=True`, and so on.

    Values stand as a shell takes them: `--delimiter ';'`.
    """
    message = _NUMBERED.sub("", message).replace("add these to classes=, or leave", "leave")
    message = message.replace("give a prefix for", "give --prefix for")
    message = _NO_NONE.sub(r"\1 none", _FIRST.sub(_first, message))
    return _SAID.sub(_bare, _GIVEN.sub(_option, message))


def _option(found: re.Match[str]) -> str:
    name, value = found[1].replace("_", "-"), found[2]
    if value in ("True", "False"):
        return f"--{'no-' if value == 'False' else ''}{name}"
    return f"--{_OPTIONS.get(name, name)} {shlex.quote(value[1:-1])}"


def _first(found: re.Match[str]) -> str:
    name = found[1] if found[1] not in _ACCEPTED else f"--{found[1].replace('_', '-')}"
    return f"{name} is "


def _bare(found: re.Match[str]) -> str:
    return f"{_VERBS.get(found[1], found[1])} --{found[2].replace('_', '-')}"
