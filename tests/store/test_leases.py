from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import DeviceBusyError, StoreError
from harness.holder import Process, this_process
from harness.store import LeaseBook
from harness.store.leases import TTL_S, default_location
from tests.store.conftest import Clock

HERE = this_process()
GONE = replace(HERE, pid=2**22 + 1)
ELSEWHERE = Process("rack-2", "another-boot", "pid:[1]", 42, 7)


def _book(location: str, clock: Clock, process: Process) -> LeaseBook:
    return LeaseBook.open(location, clock=clock, process=process)


@pytest.fixture
def elsewhere(book: LeaseBook, clock: Clock) -> Iterator[LeaseBook]:
    """The same leases, used from another host."""
    with _book(book.where, clock, ELSEWHERE) as opened:
        yield opened


def test_a_lease_says_whose_it_is(book: LeaseBook, clock: Clock) -> None:
    lease = book.acquire("adb-1", "run vision-7")
    assert (lease.device_id, lease.holder, lease.pid, lease.host) == ("adb-1", "run vision-7", os.getpid(), HERE.host)
    assert (lease.acquired_s, lease.expires_s) == (clock.now_s, clock.now_s + TTL_S)
    assert book.held() == (lease,)


def test_a_held_device_is_refused_with_who_since_when_and_what_to_do(book: LeaseBook, elsewhere: LeaseBook) -> None:
    elsewhere.acquire("adb-1", "run vision-7")
    with pytest.raises(DeviceBusyError) as caught:
        book.acquire("adb-1")
    text = str(caught.value)
    assert "adb-1: the device is in use by process 42 on rack-2 for run vision-7" in text
    assert "since 2027-01-15 08:00:00 UTC" in text
    assert "kill 42" in text
    assert "free in 60 s" in text


def test_the_same_process_cannot_take_a_device_twice(book: LeaseBook) -> None:
    book.acquire("adb-1")
    with pytest.raises(DeviceBusyError, match=f"process {os.getpid()} "):
        book.acquire("adb-1")
    book.acquire("adb-2")


def test_tokens_grow_and_belong_to_a_device(book: LeaseBook) -> None:
    tokens = []
    for _ in range(5):
        lease = book.acquire("adb-1")
        tokens.append(lease.token)
        book.release(lease)
    assert tokens == list(range(tokens[0], tokens[0] + 5))


def test_tokens_grow_although_the_file_was_deleted(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "leases.sqlite"
    tokens = []
    for _ in range(3):
        with LeaseBook.open(path, clock=clock) as book:
            for _ in range(3):
                lease = book.acquire("adb-1")
                tokens.append(lease.token)
                book.release(lease)
        for file in tmp_path.iterdir():
            file.unlink()
        clock.now_s += 1
    assert tokens == sorted(set(tokens))


def test_tokens_of_two_lease_files_follow_the_time(tmp_path: Path, clock: Clock) -> None:
    """Two users may write to one store: whoever acquires later has the higher token."""
    tokens = []
    with (
        LeaseBook.open(tmp_path / "a.sqlite", clock=clock) as one,
        LeaseBook.open(tmp_path / "b.sqlite", clock=clock) as other,
    ):
        for book in (one, other, one, other):
            clock.now_s += 1
            lease = book.acquire("adb-1")
            tokens.append(lease.token)
            book.release(lease)
    assert tokens == sorted(set(tokens))


def test_a_lease_expires(book: LeaseBook, elsewhere: LeaseBook, clock: Clock) -> None:
    old = elsewhere.acquire("adb-1")
    clock.now_s += TTL_S - 0.001
    with pytest.raises(DeviceBusyError, match="free in 0 s"):
        book.acquire("adb-1")
    assert not elsewhere.has_expired(old)
    clock.now_s += 0.001
    assert elsewhere.has_expired(old)
    assert book.held() == ()
    new = book.acquire("adb-1")
    assert new.token > old.token
    assert book.held() == (new,)


def test_renewing_prolongs(book: LeaseBook, elsewhere: LeaseBook, clock: Clock) -> None:
    lease = book.acquire("adb-1")
    for _ in range(4):
        clock.now_s += TTL_S / 2
        lease = book.renew(lease)
    assert lease.expires_s == clock.now_s + TTL_S
    assert lease.acquired_s == clock.now_s - 2 * TTL_S
    with pytest.raises(DeviceBusyError):
        elsewhere.acquire("adb-1")


def test_an_expired_lease_nobody_took_can_be_renewed(book: LeaseBook, elsewhere: LeaseBook, clock: Clock) -> None:
    lease = book.acquire("adb-1")
    clock.now_s += 10 * TTL_S
    book.renew(lease)
    with pytest.raises(DeviceBusyError):
        elsewhere.acquire("adb-1")


def test_a_lease_that_was_taken_over_is_lost_for_good(book: LeaseBook, elsewhere: LeaseBook, clock: Clock) -> None:
    old = book.acquire("adb-1")
    clock.now_s += TTL_S
    new = elsewhere.acquire("adb-1")
    with pytest.raises(DeviceBusyError, match="the lease is lost"):
        book.renew(old)
    book.release(old)
    assert elsewhere.held() == (new,), "a stale holder must not free the device"
    assert elsewhere.renew(new).token == new.token


def test_a_released_lease_is_free_and_stays_released(book: LeaseBook, elsewhere: LeaseBook) -> None:
    lease = book.acquire("adb-1")
    book.release(lease)
    book.release(lease)
    assert book.held() == ()
    with pytest.raises(DeviceBusyError, match="the lease is lost"):
        book.renew(lease)
    assert elsewhere.acquire("adb-1").token > lease.token


def test_the_lease_of_a_dead_process_is_taken_over_at_once(book: LeaseBook, clock: Clock) -> None:
    with _book(book.where, clock, GONE) as dead:
        old = dead.acquire("adb-1")
    assert book.held() == ()
    assert book.acquire("adb-1").token == old.token + 1


def test_the_lease_of_a_process_elsewhere_is_never_taken_for_dead(book: LeaseBook, elsewhere: LeaseBook) -> None:
    """Its pid does not exist here, which says nothing."""
    elsewhere.acquire("adb-1")
    assert len(book.held()) == 1
    with pytest.raises(DeviceBusyError):
        book.acquire("adb-1")


def test_hostile_names_are_only_names(book: LeaseBook) -> None:
    name = "x'; DELETE FROM device_lease; --"
    book.acquire("adb-1")
    assert book.acquire(name, name).holder == name
    assert len(book.held()) == 2


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HARNESS_LEASES": "/var/lib/l.sqlite", "XDG_STATE_HOME": "/s"}, "/var/lib/l.sqlite"),
        ({"HARNESS_LEASES": "postgresql://u@h/d"}, "postgresql://u@h/d"),
        ({"HARNESS_LEASES": "", "XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/harness/leases.sqlite"),
        ({"HOME": "/h"}, "/h/.local/state/harness/leases.sqlite"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/harness/leases.sqlite"),
    ],
)
def test_where_leases_lie(environ: dict[str, str], expected: str) -> None:
    assert default_location(environ) == expected


def test_the_directory_is_made(tmp_path: Path) -> None:
    with LeaseBook.open(environ={"XDG_STATE_HOME": str(tmp_path)}) as book:
        book.acquire("adb-1")
    assert (tmp_path / "harness" / "leases.sqlite").exists()


def test_a_place_that_cannot_be_used_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made") as caught:
        LeaseBook.open(environ={"XDG_STATE_HOME": str(tmp_path / "file")})
    assert "HARNESS_LEASES" in caught.value.remedy
    (tmp_path / "text").write_text("not a database, but long enough to be read as one\n" * 50)
    with pytest.raises(StoreError, match="not a database"):
        LeaseBook.open(tmp_path / "text")
