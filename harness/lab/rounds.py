"""What a lane does next, asked when it has nothing left: a fixed list, or what the results so far call for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.domain import Case, DeviceFacts, MeasureSettings
from harness.events import Event
from harness.lab.ledger import Ledger
from harness.lab.tasks import DoneKey, Task


@dataclass(frozen=True)
class RoundsContext:
    """What a decision about one lane rests on. `scored` are the ids of cases with a data set, `done` what a resumed run
    need not repeat."""

    facts: DeviceFacts
    cases: tuple[Case, ...]
    measure: MeasureSettings
    ledger: Ledger
    scored: frozenset[str]
    done: frozenset[DoneKey]
    post: Callable[[Event], None]
    clock: Callable[[], float]


class Rounds(Protocol):
    """The invocations of one lane, round by round."""

    @property
    def cases(self) -> Sequence[Case]:
        """Every case that may come up."""

    @property
    def expected(self) -> int:
        """How many invocations there will probably be."""

    def next(self) -> Sequence[Task]:
        """The next tasks, when those of the last round are durable; empty at the end."""


class FixedRounds:
    """One round, known beforehand."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks, self.cases, self.expected = tasks, tuple(dict.fromkeys(task.case for task in tasks)), len(tasks)

    def next(self) -> Sequence[Task]:
        """All tasks, then none."""
        tasks, self._tasks = self._tasks, ()
        return tasks
