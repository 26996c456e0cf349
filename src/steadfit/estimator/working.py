"""Where a fit works when no folder was named: one that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from steadfit.recipe.train import Work
from steadfit.training.events import Callback


@contextmanager
def working(folder: Path | None, callbacks: Sequence[Callback] = ()) -> Iterator[Work]:
    """Yield where to work: `folder`, with checkpoints to go on from, or a passing one without."""
    if folder is not None:
        yield Work(folder, True, folder / "tokens", callbacks)
        return
    # Token stores are mapped into memory: some systems cannot delete them while they are.
    with tempfile.TemporaryDirectory(prefix="steadfit-", ignore_cleanup_errors=True) as place:
        yield Work(Path(place), False, Path(place) / "tokens", callbacks)
