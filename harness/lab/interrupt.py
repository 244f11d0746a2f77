"""Ctrl-C: once to finish the invocation in flight and leave, twice to leave now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType


@dataclass(frozen=True)
class Interrupt:
    """`stop` asks lanes to begin nothing new; `cancel` also kills what runs."""

    stop: threading.Event = field(default_factory=threading.Event)
    cancel: threading.Event = field(default_factory=threading.Event)

    def press(self) -> str:
        """Register one Ctrl-C and say what it does."""
        if self.stop.is_set():
            self.cancel.set()
            return "Interrupted twice: leaving now. Everything finished is stored."
        self.stop.set()
        return "Interrupted: finishing the invocation in flight, then leaving. Press Ctrl-C again to leave now."


@contextmanager
def handle_signals(interrupt: Interrupt, say: Callable[[str], None]) -> Iterator[None]:
    """Route SIGINT and SIGTERM to `interrupt` while inside; outside the main thread nothing is changed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def press(signum: int, frame: FrameType | None) -> None:
        say(interrupt.press())

    previous = {number: signal.signal(number, press) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
