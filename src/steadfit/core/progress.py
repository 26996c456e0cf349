"""Progress bars that stay silent where nobody watches."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def progress(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items while a bar on standard error shows how far they have come.

    Nothing is shown when standard error is not a terminal or `STEADFIT_PROGRESS=0` is set, so
    that logs stay clean. The bar disappears when it is done.
    """
    if not _watched():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description, total=total, console=Console(stderr=True), transient=True)


@contextmanager
def byte_progress(
    description: str, total: int | None = None, done: int = 0
) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told of each further number of bytes, and shows how many came.

    `done` bytes of `total` are there already. Shown or silent as `progress` is.
    """
    if not _watched():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(description, total=total, completed=done)
        yield lambda count: bar.advance(task, count)


def _watched() -> bool:
    return (
        sys.stderr is not None
        and sys.stderr.isatty()
        and os.environ.get("STEADFIT_PROGRESS") != "0"
    )
