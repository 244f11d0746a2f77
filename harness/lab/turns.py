"""Lanes that measure on the same CPUs of this host take turns: the host's own, and those of its Edge TPUs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Condition, Event

STEP_S = 0.2  # how long an interrupt may go unheard
QUIET_STEPS = 50

_HERE = ("host-", "edgetpu-")


def measures_here(device_id: str) -> bool:
    """Whether the processes of that device run on CPUs of this host."""
    return device_id.startswith(_HERE)


@dataclass(frozen=True, eq=False)
class _Ticket:
    """One who asked; several may ask for the same CPUs."""

    cpus: frozenset[int]


class Turns:
    """Who measures on which CPUs of this host.

    All CPUs of a turn are taken at once and in the order of asking, so that lanes neither lock each other out nor
    starve each other.

    Args:
        quiet_steps: how many steps a wait takes before it is shown: every other invocation waits for a moment.
    """

    def __init__(self, quiet_steps: int = QUIET_STEPS) -> None:
        self._quiet_steps = quiet_steps
        self._changed = Condition()
        self._asked: list[_Ticket] = []  # those that have their turn and those that wait, the first first

    @contextmanager
    def of(
        self, cpus: Collection[int], stop: Event, show: Callable[[str], None] = lambda reason: None
    ) -> Iterator[bool]:
        """A turn on `cpus`, when all that asked before for one of them are done; false when `stop` ended the wait.

        `show` is given the reason of a wait that takes long, and an empty text when it ends.
        """
        mine = _Ticket(frozenset(cpus))
        with self._changed:
            self._asked.append(mine)
        try:
            yield self._wait(mine, stop, show)
        finally:
            with self._changed:
                self._asked.remove(mine)
                self._changed.notify_all()

    def _wait(self, mine: _Ticket, stop: Event, show: Callable[[str], None]) -> bool:
        for step in count():
            with self._changed:
                if self._free(mine) or stop.is_set():
                    break
                if step != self._quiet_steps:
                    self._changed.wait(STEP_S)
                    continue
            show(f"another lane measures on core {', '.join(map(str, sorted(mine.cpus)))}")
        if step > self._quiet_steps:
            show("")
        with self._changed:
            return self._free(mine)

    def _free(self, mine: _Ticket) -> bool:
        before = self._asked[: self._asked.index(mine)]
        return all(mine.cpus.isdisjoint(other.cpus) for other in before)
