"""Turns with threads that tell each other what they do; nothing sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import pytest

from harness.lab.turns import Turns, measures_here

LONG_S = 30.0  # an end to tests that fail


@dataclass
class Lane:
    """Takes one turn in a thread, and keeps it until it is told to leave."""

    turns: Turns
    cpus: tuple[int, ...]
    stop: Event = field(default_factory=Event)
    entered: Event = field(default_factory=Event)
    waits: Event = field(default_factory=Event)
    leave: Event = field(default_factory=Event)
    shown: list[str] = field(default_factory=list)

    def run(self) -> bool:
        with self.turns.of(self.cpus, self.stop, self.show) as mine:
            if mine:
                self.entered.set()
                assert self.leave.wait(LONG_S)
            return mine

    def show(self, reason: str) -> None:
        self.shown.append(reason)
        self.waits.set()


@dataclass
class Bench:
    pool: ThreadPoolExecutor
    turns: Turns = field(default_factory=lambda: Turns(quiet_steps=0))
    lanes: list[Lane] = field(default_factory=list)

    def start(self, *cpus: int) -> tuple[Lane, Future[bool]]:
        lane = Lane(self.turns, cpus)
        self.lanes.append(lane)
        return lane, self.pool.submit(lane.run)

    def entered(self, *cpus: int) -> tuple[Lane, Future[bool]]:
        lane, result = self.start(*cpus)
        assert lane.entered.wait(LONG_S)
        return lane, result

    def waiting(self, *cpus: int) -> tuple[Lane, Future[bool]]:
        lane, result = self.start(*cpus)
        assert lane.waits.wait(LONG_S)
        assert not lane.entered.is_set()
        return lane, result


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ThreadPoolExecutor(8) as pool:
        made = Bench(pool)
        yield made
        for lane in made.lanes:
            lane.stop.set()
            lane.leave.set()


def test_one_core_is_measured_on_by_one_lane_at_a_time(bench: Bench) -> None:
    first, _ = bench.entered(3)
    second, result = bench.waiting(3)
    first.leave.set()
    assert second.entered.wait(LONG_S)
    second.leave.set()
    assert result.result(LONG_S)
    assert second.shown == ["another lane measures on core 3", ""]
    assert first.shown == []


def test_a_short_wait_is_not_shown(bench: Bench) -> None:
    bench.turns = Turns()
    first, _ = bench.entered(3)
    second, result = bench.start(3)
    assert not second.entered.is_set()
    first.leave.set()
    assert second.entered.wait(LONG_S)
    second.leave.set()
    assert result.result(LONG_S)
    assert second.shown == []


def test_lanes_on_other_cores_do_not_wait(bench: Bench) -> None:
    bench.entered(3)
    bench.entered(2)
    bench.entered()
    bench.entered()


def test_all_cores_of_a_turn_are_waited_for(bench: Bench) -> None:
    first, _ = bench.entered(0)
    second, _ = bench.entered(1)
    third, _ = bench.waiting(1, 0)
    first.leave.set()
    again, _ = bench.waiting(0)  # behind the third, which asked before
    assert not third.entered.is_set()
    second.leave.set()
    assert third.entered.wait(LONG_S)
    assert not again.entered.is_set()


def test_the_one_that_asked_first_is_next(bench: Bench) -> None:
    held, _ = bench.entered(1)
    second, _ = bench.waiting(1)
    third, _ = bench.waiting(1)
    held.leave.set()
    assert second.entered.wait(LONG_S)
    assert not third.entered.is_set()
    second.leave.set()
    assert third.entered.wait(LONG_S)


def test_an_interrupt_ends_the_wait_and_holds_nobody_up(bench: Bench) -> None:
    held, _ = bench.entered(1)
    second, result = bench.waiting(1)
    third, _ = bench.waiting(1)
    second.stop.set()
    assert result.result(LONG_S) is False
    assert second.shown[-1] == ""
    held.leave.set()
    assert third.entered.wait(LONG_S)


def test_a_turn_ends_with_an_error(bench: Bench) -> None:
    with pytest.raises(ValueError, match="in the lane"), bench.turns.of([1], Event()):
        raise ValueError("in the lane")
    bench.entered(1)


@pytest.mark.parametrize(
    ("device_id", "here"),
    [("host-lab", True), ("edgetpu-lab-usb0", True), ("adb-host-1", False), ("adb-edgetpu", False)],
)
def test_phones_measure_elsewhere(device_id: str, here: bool) -> None:
    assert measures_here(device_id) is here
