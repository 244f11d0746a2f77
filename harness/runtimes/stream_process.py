"""A runner that works while it is fed: a process in a thread of its own, whose lines are read as they come."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Any

from harness.devices.base import OnStdout, ProcessResult

_LONGEST_LINE_BYTES = 4 << 20
_LOOK_AGAIN_S = 0.1

Start = Callable[[str, Event, OnStdout], ProcessResult]
"""Runs the runner on a folder of the device to its end, or until the event is set; gives away what it prints."""


class StoppedError(Exception):
    """The process was ended by us: `cancelled`, otherwise because it made no progress."""

    def __init__(self, cancelled: bool) -> None:
        super().__init__("cancelled" if cancelled else "no progress")
        self.cancelled = cancelled


class Lines:
    """The JSON lines of a runner, handed from the thread that receives them to the one that waits for them.

    What is no such line is left out here: whoever reads the whole output afterwards says so.
    """

    def __init__(self) -> None:
        self._news = Condition()
        self._rest = b""
        self._lines: deque[dict[str, Any]] = deque()
        self._ended = False

    def add(self, chunk: bytes) -> None:
        """Take a piece of output."""
        *whole, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[-_LONGEST_LINE_BYTES:]
        with self._news:
            self._lines.extend(filter(None, map(json_object, whole)))
            self._news.notify()

    def end(self) -> None:
        """There will be no more."""
        with self._news:
            self._ended = True
            self._news.notify()

    def next(self, kind: str, stall_s: float, cancel: Event) -> dict[str, Any] | None:
        """The next line of this type, or None when the process ended without.

        Raises:
            StoppedError: `cancel` was set, or it did not come within `stall_s`.
        """
        give_up = time.monotonic() + stall_s
        with self._news:
            while True:
                if cancel.is_set():
                    raise StoppedError(cancelled=True)
                while self._lines:
                    line = self._lines.popleft()
                    if line.get("type") == kind:
                        return line
                if self._ended:
                    return None
                remaining_s = give_up - time.monotonic()
                if remaining_s <= 0:
                    raise StoppedError(cancelled=False)
                self._news.wait(min(_LOOK_AGAIN_S, remaining_s))

    def rest(self, stall_s: float, cancel: Event) -> None:
        """Wait until the process has ended. Raises like `next`."""
        while self.next("result", stall_s, cancel) is not None:
            pass


def json_object(text: bytes) -> dict[str, Any]:
    """The object of one line; empty when it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


class StreamProcess:
    """`start` in a thread, from entering to leaving; whatever ends the block ends the process, too."""

    def __init__(self, start: Start, folder: str) -> None:
        self.lines = Lines()
        self._start, self._folder = start, folder
        self._stop = Event()
        self._result: ProcessResult | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="harness-stream", daemon=True)

    def __enter__(self) -> StreamProcess:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._result = self._start(self._folder, self._stop, self.lines.add)
        except BaseException as error:  # it is raised again by `result`
            self._error = error
        finally:
            self.lines.end()

    @property
    def ended(self) -> bool:
        """Whether it ended, by itself or not."""
        return not self._thread.is_alive()

    def result(self, stopped: StoppedError | None = None) -> ProcessResult:
        """How it ended, after it was told to: `stopped` says why. Raises what `start` raised."""
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        if stopped is None or not (self._result.cancelled or stopped.cancelled):
            return self._result
        return replace(self._result, cancelled=stopped.cancelled, timed_out=not stopped.cancelled)
