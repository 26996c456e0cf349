"""Where results go: looked at before anything is done, so that no work is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steadfit.core.console import note
from steadfit.core.errors import DataError
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


@contextmanager
def going_on(checkpoints: Path) -> Iterator[None]:
    """Say, where training is interrupted from the keyboard, how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"Stopped. The same command goes on from {checkpoints}; delete that to begin anew.")
        raise
