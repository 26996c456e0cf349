"""Progress bars that stay silent where nobody watches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def progress(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items while a bar on standard error shows how far they have come.

    Nothing is shown when standard error is not a terminal or `STEADFIT_PROGRESS=0` is set, so
    that logs stay clean. The bar disappears when it is done.
    """
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("STEADFIT_PROGRESS") == "0":
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description, total=total, console=Console(stderr=True), transient=True)
