"""Many A/A comparisons shown as one run: the rounds one after the other look like the blocks of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.events import (
    Event,
    InvocationFinished,
    InvocationStarted,
    Message,
    PrepareStarted,
    RowUpdated,
    RunFinished,
    RunStarted,
    TasksPlanned,
    VariantPrepared,
)
from harness.units import format_duration


@dataclass(frozen=True)
class Progress:
    """Comparison `number` of `total` begins, counted from 1; `left_s` is how long it and the rest take."""

    number: int
    total: int
    left_s: float

    @property
    def text(self) -> str:
        """``comparison 7 of 30, 41 min 10 s left``."""
        return f"comparison {self.number} of {self.total}, about {format_duration(self.left_s)} left"


class OneRun:
    """Passes the events of runs on to `post` as those of one run.

    Args:
        post: takes the events.
        total: how many rounds there are in all, `first` of which were made before.
        blocks: of each round.
    """

    def __init__(self, post: Callable[[Event], None], *, total: int, first: int, blocks: int) -> None:
        self._post, self._total, self._first, self._blocks = post, total, first, blocks
        self._round = self._first
        self._started = self._planned = self._prepared = False
        self._told: set[tuple[str, str]] = set()

    def begin(self, progress: Progress, at_s: float) -> None:
        """Say which round begins."""
        self._round = progress.number - 1
        self._prepared = self._started
        self._post(Message("info", progress.text, at_s))

    def end(self, run_id: str, state: str, at_s: float) -> None:
        """Say that no more rounds come. The rows of the last one are not what was to be found out."""
        self._post(RunFinished(run_id, state, (), "", at_s))

    def post(self, event: Event) -> None:
        """Take an event of the round."""
        if isinstance(event, RunStarted):
            self._start(event)
        elif isinstance(event, TasksPlanned):
            self._plan(event)
        elif isinstance(event, (InvocationStarted, InvocationFinished)):
            self._post(replace(event, block=event.block + self._round * self._blocks))
        elif isinstance(event, RowUpdated):
            self._post(replace(event, final=False))
        elif isinstance(event, (PrepareStarted, VariantPrepared)):
            if not self._prepared:
                self._post(event)
        elif not isinstance(event, RunFinished) and not self._was_told(event):
            self._post(event)

    def _was_told(self, event: Event) -> bool:
        """Whether the same was said in an earlier round, such as the notes on a device."""
        if not isinstance(event, Message) or event.level != "info":
            return False
        known = (event.device_id, event.text) in self._told
        self._told.add((event.device_id, event.text))
        return known

    def _start(self, event: RunStarted) -> None:
        if self._started:
            return
        self._started = True
        each = event.total_invocations + event.done_invocations
        left = (self._total - self._first) * each - event.done_invocations
        done = self._first * each + event.done_invocations
        self._post(replace(event, total_invocations=left, done_invocations=done, blocks=self._total * self._blocks))

    def _plan(self, event: TasksPlanned) -> None:
        """Only the first says how many invocations a round has: afterwards the display counts down."""
        if self._planned:
            return
        self._planned = True
        later = (self._total - self._round - 1) * event.total_invocations
        self._post(replace(event, total_invocations=event.total_invocations + later))
