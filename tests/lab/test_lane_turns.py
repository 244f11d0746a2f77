"""A lane of this host while another one measures on its core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event as Flag

import pytest

from harness.domain import InvocationRequest, InvocationResult, MeasureSettings, Purpose
from harness.events import Event, InvocationFinished, Waiting
from harness.lab.lane import Lane
from harness.lab.tasks import Task
from harness.lab.turns import Turns
from harness.store import Store
from tests.lab.test_lane import CASE, GOOD, OTHER, Bench, Phone, Scripted

ALL_CPUS = range(1024)


class Elsewhere(Phone):
    device_id = "adb-1"  # type: ignore[assignment]


@dataclass
class Asking(Scripted):
    """Asks at each invocation whether somebody else could measure now."""

    turns: Turns = field(default_factory=Turns)
    free: list[bool] = field(default_factory=list)

    def invoke(self, request: InvocationRequest, cancel: Flag) -> InvocationResult:
        at_once = Flag()
        at_once.set()
        with self.turns.of(ALL_CPUS, at_once) as mine:
            self.free.append(mine)
        return super().invoke(request, cancel)


@dataclass
class Two:
    """A lane, and the turns that it shares with others."""

    bench: Bench
    turns: Turns = field(default_factory=lambda: Turns(quiet_steps=0))
    shown: list[str] = field(default_factory=list)

    def post(self, event: Event) -> None:
        """Ctrl-C as soon as the lane says that it waits for another one."""
        if isinstance(event, Waiting):
            self.shown.append(event.reason)
            self.bench.interrupt.stop.set()

    def lane(self, phone: Phone) -> tuple[Lane, Asking]:
        self.bench.post = self.post
        lane = self.bench.lane(phone, [GOOD])
        lane._context = replace(lane._context, turns=self.turns, measure=MeasureSettings(sustained_s=10.0))
        runtime = Asking([GOOD], turns=self.turns)
        lane._runtimes = dict.fromkeys(lane._runtimes, runtime)
        return lane, runtime


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with Store.open(tmp_path / "results.sqlite") as store:
        yield Two(Bench(store, tmp_path))


PASSES = pytest.mark.parametrize("purpose", [Purpose.TIMING, Purpose.MEMORY, Purpose.SUSTAINED])


@PASSES
def test_nobody_else_measures_there_during_an_attempt(two: Two, purpose: Purpose) -> None:
    lane, runtime = two.lane(Phone())
    runtime.results = [replace(GOOD, samples_ns=None)]
    two.bench.now_s = 0.0
    lane._context = replace(lane._context, clock=ticking())
    assert lane.run([Task(CASE, purpose, 0, 0)])
    assert runtime.free
    assert set(runtime.free) == {False}
    with two.turns.of(ALL_CPUS, Flag()) as mine:
        assert mine


@PASSES
def test_an_interrupt_while_another_lane_measures_leaves_nothing_behind(two: Two, purpose: Purpose) -> None:
    lane, runtime = two.lane(Phone())
    with two.turns.of(ALL_CPUS, Flag()):
        assert not lane.run([Task(CASE, purpose, 0, 0)])
    assert runtime.calls == 0
    assert two.bench.statuses() == []
    assert two.shown[0].startswith("another lane measures on core ")
    assert two.shown[-1] == ""


def test_a_phone_does_not_wait_for_lanes_of_the_host(two: Two) -> None:
    lane, runtime = two.lane(Elsewhere())
    with two.turns.of(ALL_CPUS, Flag()):
        assert lane.run([Task(CASE, Purpose.TIMING, 0, 0)])
    assert runtime.calls == 1


def test_nobody_measures_there_between_the_arms_of_a_block(two: Two) -> None:
    lane, _ = two.lane(Phone())
    between: list[bool] = []

    def post(event: Event) -> None:
        if isinstance(event, InvocationFinished):
            at_once = Flag()
            at_once.set()
            with two.turns.of(ALL_CPUS, at_once) as mine:
                between.append(mine)

    lane._context = replace(lane._context, post=post)
    assert lane.run([Task(CASE, Purpose.TIMING, 0, 0)])
    assert between == [True], "what stands alone leaves the core to others"
    for block in (1, 2):
        arms = enumerate((CASE, OTHER))
        assert lane.run([Task(case, Purpose.TIMING, block, order, "series") for order, case in arms])
    assert between[1:] == [False] * 4


def ticking():  # type: ignore[no-untyped-def]
    times = iter(range(0, 10_000, 4))
    return lambda: float(next(times))
