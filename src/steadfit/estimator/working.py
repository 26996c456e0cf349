"""Where a fit works when no folder was named: one that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from steadfit.core.console import told_if_stopped
from steadfit.recipe.work import Work
from steadfit.training.events import Callback


@contextmanager
def working(folder: Path | None, callbacks: Sequence[Callback] = ()) -> Iterator[Work]:
    """Yield where to work: `folder`, with checkpoints to go on from, or a passing one without.

    Where it is interrupted from the keyboard a line on standard error says how to go on.
    """
    with told_if_stopped(lambda: _how_to_go_on(folder)):
        if folder is not None:
            yield Work(folder, True, folder / "tokens", callbacks)
            return
        # Token stores are mapped into memory: some systems cannot delete them while they are.
        with tempfile.TemporaryDirectory(prefix="steadfit-", ignore_cleanup_errors=True) as place:
            yield Work(Path(place), False, Path(place) / "tokens", callbacks)


def _how_to_go_on(folder: Path | None) -> str:
    if folder is None:
        return (
            "Stopped. Nothing of this fit is kept; with checkpoint_dir='FOLDER' the same call goes "
            "on where it was stopped."
        )
    return f"Stopped. The same call goes on from {folder}; delete that to begin anew."
