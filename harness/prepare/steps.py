"""Lists of steps carried out by workers, so that a crash costs only the step it happened in.

One worker takes several steps, because starting TensorFlow costs seconds. When it dies, the step in progress is tried
once more in a worker of its own (earlier steps may be to blame, by the memory they hold), then given up; the steps
after it go on in a new worker.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.domain import Status
from harness.prepare.cache import Cache
from harness.prepare.children import DISK_FULL_EXIT, WORKER_COMMAND, ChildEnd, run_worker
from harness.prepare.faults import shortened
from harness.units import format_duration

_POLL_S = 0.1
INTERRUPTED = "interrupted before it was done"


@dataclass(frozen=True)
class Step:
    """One thing for a worker to do. `needs` are the names of the steps that must have succeeded."""

    name: str
    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepResult:
    """How a step ended; `value` is what it returned."""

    status: Status
    reason: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """It succeeded."""
        return self.status is Status.DONE


def _ignore_start(_: Step) -> None:
    """Default of `on_start`."""


def _ignore_progress(_: Step, __: str) -> None:
    """Default of `on_progress`."""


def _ignore_result(_: Step, __: StepResult) -> None:
    """Default of `on_result`."""


class StepRunner:
    """Runs lists of steps; at most `jobs` workers at a time over all callers."""

    def __init__(
        self, cache: Cache, *, jobs: int, timeout_s: float, cancel: threading.Event, command: Sequence[str] = ()
    ) -> None:
        self._cache, self._timeout_s, self._cancel = cache, timeout_s, cancel
        self._slots = threading.Semaphore(max(1, jobs))
        self._command = tuple(command) or WORKER_COMMAND

    def run(
        self,
        label: str,
        steps: Sequence[Step],
        *,
        on_start: Callable[[Step], None] = _ignore_start,
        on_result: Callable[[Step, StepResult], None] = _ignore_result,
        on_progress: Callable[[Step, str], None] = _ignore_progress,
        legacy_keras: bool = False,
    ) -> dict[str, StepResult]:
        """The result of every step, by name; blocks. Callbacks run in the caller's thread.

        `legacy_keras` is for steps that train with tf-keras.
        """
        book = _Book(steps, on_start, on_result, on_progress)
        while book.pending:
            if not self._acquire():
                book.give_up(Status.INTERRUPTED, INTERRUPTED)
                break
            try:
                self._one_worker(label, book, legacy_keras)
            finally:
                self._slots.release()
        return book.results

    @contextlib.contextmanager
    def slot(self) -> Iterator[bool]:
        """The place of one worker, for a process of another kind; False when there was a cancel instead."""
        if not self._acquire():
            yield False
            return
        try:
            yield True
        finally:
            self._slots.release()

    def _acquire(self) -> bool:
        while not self._cancel.is_set():
            if self._slots.acquire(timeout=_POLL_S):
                if not self._cancel.is_set():
                    return True
                self._slots.release()
        return False

    def _one_worker(self, label: str, book: _Book, legacy_keras: bool) -> None:
        log_path = self._cache.log_path(label)
        with self._cache.staging() as folder:
            end = run_worker(
                book.request(),
                folder,
                log_path,
                on_event=book.take,
                timeout_s=self._timeout_s,
                cancel=self._cancel,
                command=self._command,
                legacy_keras=legacy_keras,
            )
        if end.cancelled:
            book.give_up(Status.INTERRUPTED, INTERRUPTED)
        elif book.pending:
            book.blame(*ending(end, self._timeout_s, str(log_path)), retry=not end.timed_out)
        elif end.clean and not book.failed:
            log_path.unlink(missing_ok=True)


class _Book:
    """Which steps are done, in progress, or to do."""

    def __init__(
        self,
        steps: Sequence[Step],
        on_start: Callable[[Step], None],
        on_result: Callable[[Step, StepResult], None],
        on_progress: Callable[[Step, str], None],
    ) -> None:
        self.pending = list(steps)
        self.results: dict[str, StepResult] = {}
        self._on_start, self._on_result, self._on_progress = on_start, on_result, on_progress
        self._retried: set[str] = set()
        self._started: str | None = None
        self._finished_here = 0

    @property
    def failed(self) -> bool:
        """Some step did not succeed."""
        return any(not result.ok for result in self.results.values())

    def request(self) -> dict[str, Any]:
        """What the next worker is asked to do: one step when it is a retry, else all that are pending."""
        self._started, self._finished_here = None, 0
        steps = self.pending[:1] if self.pending[0].name in self._retried else self.pending
        return {"steps": [self._asked(step) for step in steps]}

    def _asked(self, step: Step) -> dict[str, Any]:
        needs = [need for need in step.needs if need not in self.results]
        return {"name": step.name, "action": step.action, "arguments": dict(step.arguments), "needs": needs}

    def take(self, event: Mapping[str, Any]) -> None:
        """One event of the worker.

        Raises:
            ValueError: it speaks of no pending step, or has the wrong form.
        """
        step = next((step for step in self.pending if step.name == event.get("step")), None)
        if step is None:
            raise ValueError(f"an event about no pending step: {str(dict(event))[:80]}")
        if event.get("state") == "started":
            self._started = step.name
            self._on_start(step)
            return
        if event.get("state") == "progress":
            self._on_progress(step, str(event.get("text", "")))
            return
        self._finished_here += 1
        self._finish(step, _result_of(event))

    def blame(self, status: Status, reason: str, *, retry: bool) -> None:
        """The worker died: the step in progress did it, unless it deserves a try in a worker of its own."""
        if self._started is None and self._finished_here:
            return
        name = self._started or self.pending[0].name
        step = next(step for step in self.pending if step.name == name)
        if retry and self._finished_here and name not in self._retried:
            self._retried.add(name)
            self.pending.remove(step)
            self.pending.insert(0, step)
            return
        self._finish(step, StepResult(status, reason))

    def give_up(self, status: Status, reason: str) -> None:
        """All that is pending ends with `status`."""
        for step in list(self.pending):
            self._finish(step, StepResult(status, reason))

    def _finish(self, step: Step, result: StepResult) -> None:
        if step not in self.pending:
            return
        self.pending.remove(step)
        self.results[step.name] = result
        self._started = None
        self._on_result(step, result)
        if not result.ok:
            for dependent in [other for other in self.pending if step.name in other.needs]:
                self._finish(dependent, StepResult(result.status, result.reason))


def _result_of(event: Mapping[str, Any]) -> StepResult:
    try:
        status = Status(event["status"])
        value, seconds = dict(event.get("value") or {}), float(event.get("seconds", 0.0))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a malformed event: {str(dict(event))[:80]}") from error
    return StepResult(status, str(event.get("reason", "")), value, seconds)


def ending(end: ChildEnd, timeout_s: float, log: str) -> tuple[Status, str]:
    """The status and the reason for a worker that ended before its step did."""
    tail = f": {end.last_line}" if end.last_line else ""
    where = f" (log: {log})"
    if end.timed_out:
        return Status.TIMEOUT, shortened(f"no result within {format_duration(timeout_s)}{tail}") + where
    if end.protocol_error:
        return Status.FAILED, shortened(end.protocol_error) + where
    if end.returncode == DISK_FULL_EXIT:
        return Status.FAILED, "the disk of the cache directory is full. Free space there, or give another with --cache"
    if end.oom:
        return Status.OOM, shortened(f"the converter ran out of memory{tail}") + where
    if end.returncode < 0:
        return Status.CRASHED, shortened(f"the process was ended by {signal_name(-end.returncode)}{tail}") + where
    return Status.FAILED, shortened(f"the process left with exit code {end.returncode} and no result{tail}") + where


def signal_name(number: int) -> str:
    """``SIGSEGV``."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
