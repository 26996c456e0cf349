"""What a column of `accuracy` gives back when it has learned from a draw."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class NotMeasured(Exception):
    """What a column needs is not installed; the message says what, and the column stays empty."""


def nothing() -> None:
    """Let go of nothing."""


@dataclass(frozen=True)
class Trained:
    """A trained classifier and what it cost.

    Attributes:
        predict: gives one of `CLASSES` for each text.
        seconds: of training, as they passed.
        processor_seconds: of training, over all cores: what other work beside it hardly changes;
            None where another program trained it, or a part of it.
        size_mb: on disk, of all that predicting needs.
        shared_seconds: of training what serves every draw, such as a language model.
        documents_per_second: tells how fast `predict` was, where it keeps what it computed before;
            None to let the frame measure.
        notes: plain JSON values that are worth keeping, such as what was chosen on held-out rows.
        close: lets go of what predicting held.
    """

    predict: Callable[[Sequence[str]], Sequence[str]]
    seconds: float
    processor_seconds: float | None
    size_mb: float
    shared_seconds: float = 0.0
    documents_per_second: Callable[[], float] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    close: Callable[[], None] = nothing


class Clock:
    """Measures what passes inside of `with`: seconds, and seconds of this process's processors."""

    def __init__(self) -> None:
        self.seconds = self.processor_seconds = 0.0

    def __enter__(self) -> Clock:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.processor_seconds += time.process_time() - self._began[1]


def folder_mb(folder: Path) -> float:
    """Return the size of all files in a folder, in millions of bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
