"""The thread that owns a view: events go in by a queue, so that the lab never waits for a terminal."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from harness.display.state import DashboardState, reduce
from harness.events import Event

_JOIN_S = 5.0
_MAX_BATCH = 1000


class View(Protocol):
    """Shows a state. `finish` is called after the display's thread has ended, all else from that thread only."""

    interval_s: float

    def start(self) -> None:
        """Take the terminal."""

    def show(self, event: Event, before: DashboardState, after: DashboardState, now_s: float) -> None:
        """One event and what it changed; called before `tick`."""

    def tick(self, state: DashboardState, now_s: float) -> None:
        """Called after each batch of events, and at least every `interval_s`."""

    def stop(self, state: DashboardState, now_s: float) -> None:
        """Give the terminal back."""

    def finish(self, state: DashboardState) -> None:
        """Print what stays on the screen."""


class ThreadedDisplay:
    """A `Display` made of a view, its thread and its queue.

    Args:
        clock: seconds; aligned with the events at the first one, so that its origin does not matter.
        avoid_cpus: CPUs that the thread keeps off, where the system allows it and another CPU is left.

    `thread` does all the work; its CPU time is what the display costs.
    """

    def __init__(
        self, view: View, *, clock: Callable[[], float] = time.monotonic, avoid_cpus: tuple[int, ...] = ()
    ) -> None:
        self._view, self._clock = view, clock
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, name="display", daemon=True)
        self._avoid = frozenset(avoid_cpus)
        self._offset_s: float | None = None
        self._taken = 0
        self._complained = False
        self.state = DashboardState()

    def __enter__(self) -> ThreadedDisplay:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(None)
        try:
            self._join()
        except KeyboardInterrupt:
            self.thread.join(1.0)
            raise
        if not self.thread.is_alive():
            self._guard(lambda: self._view.finish(self.state))

    def _join(self) -> None:
        """Wait for the thread as long as it gets on; a terminal that takes nothing more is left behind."""
        taken = -1
        while self.thread.is_alive() and taken != self._taken:
            taken = self._taken
            self.thread.join(_JOIN_S)

    def post(self, event: Event) -> None:
        """Hand over one event; returns at once."""
        self._queue.put(event)

    def avoid_cpus(self, cpus: tuple[int, ...]) -> None:
        """Keep the thread off `cpus` from its next turn on."""
        self._avoid = frozenset(cpus)

    # ---- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        own_cpus = allowed_cpus()
        avoided: frozenset[int] = frozenset()
        self._guard(self._view.start)
        try:
            going = True
            while going:
                if self._avoid != avoided:
                    avoided = self._avoid
                    move_to(own_cpus - avoided)
                going = self._take_batch()
                self._guard(lambda: self._view.tick(self.state, self._now_s()))
        finally:
            self._guard(lambda: self._view.stop(self.state, self._now_s()))

    def _take_batch(self) -> bool:
        """Wait up to the view's interval; then take what came meanwhile. False when the display closes."""
        deadline_s = time.monotonic() + self._view.interval_s
        for _ in range(_MAX_BATCH):
            left_s = deadline_s - time.monotonic()
            try:
                event = self._queue.get(timeout=left_s) if left_s > 0 else self._queue.get_nowait()
            except queue.Empty:
                return True
            if event is None:
                return False
            self._take(event)
        return True

    def _take(self, event: Event) -> None:
        if self._offset_s is None:
            self._offset_s = event.at_s - self._clock()
        before, self.state = self.state, reduce(self.state, event)
        self._guard(lambda: self._view.show(event, before, self.state, self._now_s()))
        self._taken += 1

    def _now_s(self) -> float:
        """Now, on the clock of the events."""
        return self._clock() + (self._offset_s or 0.0)

    def _guard(self, call: Callable[[], None]) -> None:
        """A defect of a view is said once and never reaches the run."""
        try:
            call()
        except Exception as error:  # the display's boundary: measuring goes on without it
            if not self._complained:
                self._complained = True
                print(f"error: the display failed: {type(error).__name__}: {error}", file=sys.stderr)


def allowed_cpus() -> frozenset[int]:
    """CPUs that the calling thread may use; empty where the system does not say."""
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def move_to(cpus: frozenset[int]) -> None:
    """Keep the calling thread on `cpus`; without effect when there are none, or where the system refuses."""
    if not cpus or not hasattr(os, "sched_setaffinity"):
        return
    try:
        os.sched_setaffinity(threading.get_native_id(), cpus)
    except OSError:
        pass
