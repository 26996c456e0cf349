"""Ctrl-C that waits for the end of a step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class DeferredInterrupt:
    """Remembers the first Ctrl-C, while `deferring`, instead of raising it; the second one raises.

    Outside of the main thread, where Python delivers no signals, it changes nothing; nor where
    interrupts are ignored, as in a program that a shell runs in the background.
    """

    def __init__(self) -> None:
        self.asked = False
        self.deferring = False
        self._before: Any = None

    def __enter__(self) -> DeferredInterrupt:
        self.asked = False
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
            self._before = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self.deferring:
            raise KeyboardInterrupt
        self.asked = True
