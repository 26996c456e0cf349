"""JSON files as somebody else may have left them: read within bounds, and sealed."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadfit.core.checks import shown
from steadfit.core.errors import DataError, FileFormatError

MOST_BYTES = 1 << 28  # a vocabulary of a million words takes a tenth of it
CHECKSUM = "checksum"
OURS = "steadfit"  # so begin the names of our formats


def read_json(path: str | Path, advice: str) -> dict[str, Any]:
    """Return the object in a JSON file; `advice` ends the message of every error.

    Raises:
        FileFormatError: no such file, no file but a pipe or a device, one larger than any of
            ours, or something else than a JSON object.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise FileFormatError(f"{path} is no file, or larger than it can be. {advice}")
        content = json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error.strerror}). {advice}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path} is not a JSON file ({error}). {advice}") from error
    if not isinstance(content, dict):
        raise FileFormatError(f"{path} holds no JSON object. {advice}")
    return content


def read_format(file: Path, format: str, newest: int, what: str, advice: str) -> dict[str, Any]:
    """Return the configuration of a folder that is in a format of ours, and not in a newer one.

    Args:
        file: the configuration.
        format: the name that stands in it.
        newest: the latest version that can be read.
        what: what such a folder holds, for messages.
        advice: ends them.

    Raises:
        FileFormatError: as `read_json`; another format, a version that is no number, or newer.
    """
    config = read_json(file, advice)
    given = config.get("format")
    if given != format and isinstance(given, str) and given.startswith(OURS):
        raise FileFormatError(
            f"{file.parent} is a folder in the format {given}; wanted is {what}, in the format "
            f"{format}. Give the path of such a folder."
        )
    if given != format:
        raise FileFormatError(f"{file} is not the configuration of {what}. {advice}")
    version: Any = config.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise FileFormatError(
            f"{file}: format_version is {version!r}; it is a whole number. {advice}"
        )
    if version > newest:
        raise FileFormatError(
            f"{file.parent} was written in format {version}, newer than this version reads "
            f"({newest}). Install a newer Steadfit."
        )
    return config


def plain_values(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return `content` as JSON gives it back, numbers of numpy and torch as Python's.

    JSON has no NaN and no infinity: they are None.

    Raises:
        DataError: JSON knows no such value, or not one inside it; the message says `name` and key.
    """
    plain: dict[str, Any] = {}
    for key, value in content.items():
        try:
            text = json.dumps({key: value}, default=_number)
            plain |= json.loads(text, parse_constant=lambda _: None)
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"{name}: {key} holds what JSON does not know ({error}); give plain numbers, "
                "texts, lists and dicts."
            ) from error
    return plain


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return `content` with a checksum of all of it."""
    return {**content, CHECKSUM: checksum(content)}


def is_sealed(content: Mapping[str, Any]) -> bool:
    """Tell whether the checksum is there and right: whether nothing was altered by accident."""
    return content.get(CHECKSUM) == checksum(content)


def checksum(content: Mapping[str, Any]) -> str:
    """Return a checksum of JSON values, whatever their order in objects; none over its own."""
    rest = {name: value for name, value in content.items() if name != CHECKSUM}
    try:
        # There and back, because JSON has keys of one type and no tuples.
        plain = json.loads(json.dumps(rest))
        text = json.dumps(plain, sort_keys=True)
    except RecursionError:
        return ""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def may_be_replaced(folder: Path, config: str, format: str) -> bool:
    """Tell whether a folder is empty, or holds a file `config` that names this format."""
    if not folder.is_dir():
        return False
    if not any(folder.iterdir()):
        return True
    try:
        return read_json(folder / config, "").get("format") == format
    except FileFormatError:
        return False


def _number(value: Any) -> bool | int | float:
    """Return the one number that a scalar of numpy or torch holds."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        number = value.item()
        if isinstance(number, (bool, int, float)):
            return number
    raise TypeError(shown(value))
