"""Where a training works, and what a classifier's networks begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from steadfit.training.events import Callback


class Encoder(NamedTuple):
    """What a classifier begins with: a folder or a name, or None, and figures of its training."""

    place: str | Path | None
    figures: dict[str, Any]


class Work(NamedTuple):
    """Where a training works, and who listens.

    Attributes:
        folder: for language models and checkpoints.
        resumable: write checkpoints, so that the same call goes on where it was stopped.
        cache: where token stores are kept; None is the usual place.
        callbacks: of every fit.
    """

    folder: Path
    resumable: bool = True
    cache: Path | None = None
    callbacks: Sequence[Callback] = ()

    def checkpoints(self, *names: str) -> Path | None:
        """Return a folder for the checkpoints of something, below `folder`."""
        return self.folder.joinpath(*names) if self.resumable else None

    @classmethod
    def of(cls, folder: Path | Work) -> Work:
        """Return where to work in a folder; what says so already is returned as it is."""
        return folder if isinstance(folder, Work) else cls(folder)
