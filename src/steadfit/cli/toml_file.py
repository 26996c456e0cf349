"""Options in a TOML file: read with clear messages, and written so that they can be read again."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadfit.core.errors import DataError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        DataError: no such file, or no TOML; the message names the line.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise DataError(f"{path} is not a TOML file: {error}") from error


def toml_text(values: Mapping[str, Any]) -> str:
    """Return strings, numbers, truth values, lists of them, and tables of them, as TOML.

    Tables within a table are written on one line.

    Raises:
        DataError: a string that is not UTF-8, such as the name of a file may be.
    """
    lines = [f"{_key(name)} = {_value(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _string(value) if isinstance(value, str) else repr(value)


def _string(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{text!r} is not UTF-8, and a TOML file, where it would be kept, holds nothing else; "
            "rename that file or folder"
        ) from error
    # JSON's escapes are TOML's; only the character DEL may stand in JSON as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
