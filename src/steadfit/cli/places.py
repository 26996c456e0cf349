"""Where results go: looked at before anything is done, so that no work is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steadfit.cli.toml_file import read_toml, toml_text
from steadfit.core.atomic import write_text
from steadfit.core.console import told_if_stopped
from steadfit.core.errors import DataError, TrainingError
from steadfit.core.home import write_problem


def refuse_existing(out: Path, overwrite: bool) -> None:
    """Check that a name is free, or may be taken.

    Raises:
        DataError: something stands there; or the folder above it cannot be written.
    """
    if out.exists() and not overwrite and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(f"{out} exists; name another place, or give --overwrite to replace it")
    if problem := write_problem(out.absolute().parent):
        raise DataError(f"{out} cannot be written ({problem}); name another place")


def checkpoints_beside(out: Path) -> Path:
    """Return where a training that is to become `out` keeps what it needs to go on."""
    return out.with_name(f"{out.name}.checkpoints")


_BEGUN_WITH = "options.toml"  # among the checkpoints


@contextmanager
def going_on(checkpoints: Path, options: Mapping[str, Any]) -> Iterator[None]:
    """Say, where training is interrupted from the keyboard, how it goes on.

    Args:
        checkpoints: where it keeps what it needs for that.
        options: on which it depends whether it can; written there by the first call.

    Raises:
        DataError: the checkpoints are of another fit, which had other options; they are named.
    """
    file = checkpoints / _BEGUN_WITH
    now = {name: value for name, value in options.items() if value is not None}
    if not file.exists():
        checkpoints.mkdir(parents=True, exist_ok=True)
        write_text(file, toml_text(now))
    line = f"Stopped. The same command goes on from {checkpoints}; delete that to begin anew."
    try:
        with told_if_stopped(lambda: line):
            yield
    except TrainingError as error:
        other = _different(read_toml(file), now) if "of another fit" in str(error) else ""
        if not other:
            raise
        raise DataError(
            f"{checkpoints} is what a stopped training left that had other options ({other}), and "
            "this one cannot go on from it; give the same options, delete it to begin anew, or "
            "name another place by --checkpoint-dir"
        ) from error
    finally:
        if [one.name for one in checkpoints.glob("*")] == [_BEGUN_WITH]:  # nothing to go on from
            shutil.rmtree(checkpoints, ignore_errors=True)


def _different(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    none = "not given"
    return ", ".join(
        f"{name}: {before.get(name, none)} there, {now.get(name, none)} here"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    )
