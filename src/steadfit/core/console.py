"""Lines for the person who runs the program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_QUIET = ContextVar("steadfit_quiet", default=False)
_TOLD = ContextVar("steadfit_told_if_stopped", default=False)


def say(line: str) -> None:
    """Write one line to standard output at once, so that logs and notebooks keep up."""
    if not _QUIET.get():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def note(line: str) -> None:
    """Write one line to standard error: what is good to know, but no result."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@contextmanager
def quiet(wished: bool = True) -> Iterator[None]:
    """Let `say` write nothing inside the block, in this thread alone; notes are written."""
    token = _QUIET.set(wished)
    try:
        yield
    finally:
        _QUIET.reset(token)


@contextmanager
def told_if_stopped(line: Callable[[], str]) -> Iterator[None]:
    """Note a line where the block is interrupted from the keyboard.

    Of several such blocks in each other the outermost tells: it is what would be run again.
    """
    inside = _TOLD.get()
    token = _TOLD.set(True)
    try:
        yield
    except KeyboardInterrupt:
        if not inside:
            note(line())
        raise
    finally:
        _TOLD.reset(token)
