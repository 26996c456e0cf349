"""Ctrl-C that waits for the end of a step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class DeferredInterrupt:
    """Remembers the first Ctrl-C, while `deferring`, instead of raising it; the second one raises.

    Outside of the main thread, where Python delivers no signals, it changes nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self.deferring = False
        self._before: Any = None

    def __enter__(self) -> DeferredInterrupt:
        self.asked = False
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._before)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self.deferring:
            raise KeyboardInterrupt
        self.asked = True
