from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from harness.errors import DeviceBusyError
from harness.store import LeaseBook, LeaseKeeper
from harness.store.leases import TTL_S
from tests.store.conftest import Clock
from tests.store.test_leases import ELSEWHERE

STEP_S = 15.0


class Steps:
    """Stands in for sleeping: `step` lets the keeper pass one wait, and returns when it waits again or has ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._go: queue.Queue[bool] = queue.Queue()
        self._waiting = threading.Semaphore(0)
        self.asked_s: list[float] = []

    def wait(self, interval_s: float) -> bool:
        self.asked_s.append(interval_s)
        self._waiting.release()
        return self._go.get(timeout=30)

    def step(self, *, ends: bool = False, seconds: float = STEP_S) -> None:
        assert self._waiting.acquire(timeout=30)
        self._clock.now_s += seconds
        self._go.put(False)
        if not ends:
            assert self._waiting.acquire(timeout=30)
            self._waiting.release()

    def stop(self) -> None:
        self._go.put(True)


@pytest.fixture
def steps(clock: Clock) -> Steps:
    return Steps(clock)


@pytest.fixture
def elsewhere(book: LeaseBook, clock: Clock) -> Iterator[LeaseBook]:
    with LeaseBook.open(book.where, clock=clock, process=ELSEWHERE) as opened:
        yield opened


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lease ")]


def _until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen in 30 s")


def test_the_lease_is_kept_while_inside_and_given_back(book: LeaseBook, elsewhere: LeaseBook, steps: Steps) -> None:
    with LeaseKeeper(book, book.acquire("adb-1"), wait=steps.wait) as keeper:
        assert _threads() == ["lease adb-1"]
        for _ in range(10):
            steps.step()
            with pytest.raises(DeviceBusyError):
                elsewhere.acquire("adb-1")
        assert not keeper.lost()
        assert keeper.lease.expires_s == keeper.lease.acquired_s + 10 * STEP_S + TTL_S
        steps.stop()
    assert set(steps.asked_s) == {TTL_S / 4}
    assert _threads() == []
    assert book.held() == ()


def test_leaving_does_not_wait_for_the_interval(book: LeaseBook) -> None:
    with LeaseKeeper(book, book.acquire("adb-1"), interval_s=3600.0):
        assert len(book.held()) == 1
    assert _threads() == []
    assert book.held() == ()


def test_the_loss_is_reported_once_and_the_new_holder_is_left_alone(
    book: LeaseBook, elsewhere: LeaseBook, steps: Steps, clock: Clock
) -> None:
    reasons: list[str] = []
    with LeaseKeeper(book, book.acquire("adb-1"), on_lost=reasons.append, wait=steps.wait) as keeper:
        steps.step()
        clock.now_s += TTL_S + 1
        new = elsewhere.acquire("adb-1")
        steps.step(ends=True)
        _until(lambda: bool(reasons))
        assert keeper.lost()
    assert len(reasons) == 1
    assert "another sweep has taken the device over" in reasons[0]
    assert elsewhere.held() == (new,)


def test_a_database_that_fails_for_a_moment_loses_nothing(book: LeaseBook, steps: Steps) -> None:
    with LeaseKeeper(book, book.acquire("adb-1"), wait=steps.wait) as keeper:
        _rename(book, "device_lease", "gone")
        steps.step()
        steps.step()
        assert not keeper.lost()
        _rename(book, "gone", "device_lease")
        steps.step()
        assert not keeper.lost()
        assert keeper.lease.expires_s == keeper.lease.acquired_s + 3 * STEP_S + TTL_S
        steps.stop()


def test_a_database_that_fails_until_the_lease_expires_loses_it(book: LeaseBook, steps: Steps) -> None:
    reasons: list[str] = []
    with LeaseKeeper(book, book.acquire("adb-1"), on_lost=reasons.append, wait=steps.wait) as keeper:
        _rename(book, "device_lease", "gone")
        for _ in range(3):
            steps.step()
        assert not keeper.lost()
        steps.step(ends=True)
        _until(lambda: bool(reasons))
        assert keeper.lost()
    assert "could not be renewed in time" in reasons[0]


def _rename(book: LeaseBook, old: str, new: str) -> None:
    with book._database.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))
