"""Several processes at once: leases never overlap, readers are not held up, and kill -9 loses nothing."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from harness.domain import InvocationRecord
from harness.errors import DeviceBusyError
from harness.store import LeaseBook, Store
from tests.store import build

CASE = build.case()
_ROOT = Path(__file__).parents[2]


def _start(code: str, *argv: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, argv)], stdout=subprocess.PIPE, text=True, cwd=_ROOT)


_CONTENDER = """
import os, sys, time
from harness.errors import DeviceBusyError
from harness.store import LeaseBook

book, wins, tries = LeaseBook.open(sys.argv[1]), 0, 0
inside = sys.argv[2]
while wins < int(sys.argv[3]):
    tries += 1
    try:
        lease = book.acquire(f"adb-{tries % 2}", "contender")
    except DeviceBusyError:
        time.sleep(0.001)
        continue
    began = time.monotonic_ns()
    with open(f"{inside}-{lease.device_id}", "x"):   # fails when another process is inside
        time.sleep(0.0005)
    os.unlink(f"{inside}-{lease.device_id}")
    print(lease.device_id, lease.token, began, time.monotonic_ns())
    book.release(lease)
    wins += 1
book.close()
"""


@pytest.mark.parametrize(("contenders", "wins"), [(3, 30), pytest.param(8, 40, marks=pytest.mark.slow)])
def test_processes_never_hold_a_device_together(tmp_path: Path, contenders: int, wins: int) -> None:
    """They also create the database together."""
    started = [_start(_CONTENDER, tmp_path / "leases.sqlite", tmp_path / "inside", wins) for _ in range(contenders)]
    shown = [process.communicate(timeout=100)[0] for process in started]
    assert [process.returncode for process in started] == [0] * contenders
    held = [line.split() for text in shown for line in text.splitlines()]
    assert len(held) == contenders * wins
    for device_id in ("adb-0", "adb-1"):
        spans = sorted(
            (int(began), int(ended), int(token)) for device, token, began, ended in held if device == device_id
        )
        assert all(one[1] <= two[0] for one, two in pairwise(spans)), "two held it together"
        tokens = [token for _, _, token in spans]
        assert tokens == sorted(set(tokens)), "tokens follow the order of holding"


_HOLDER = """
import sys, time
from harness.store import LeaseBook
book = LeaseBook.open(sys.argv[1])
print(book.acquire("adb-1", "a long sweep").token, flush=True)
time.sleep(60)
"""


def test_after_kill_9_the_device_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "leases.sqlite"
    with _start(_HOLDER, path) as holder, LeaseBook.open(path) as book:
        assert holder.stdout is not None
        token = int(holder.stdout.readline())
        with pytest.raises(DeviceBusyError, match=f"process {holder.pid} .* for a long sweep"):
            book.acquire("adb-1")
        os.kill(holder.pid, signal.SIGSTOP)
        with pytest.raises(DeviceBusyError):
            book.acquire("adb-1")
        holder.kill()
        holder.wait(timeout=30)
        assert book.acquire("adb-1").token > token


_WRITER = """
import sys
from harness.store import Store
from tests.store import build
case, first, store = build.case(), int(sys.argv[2]), Store.open(sys.argv[1])
for block in range(first, first + int(sys.argv[3])):
    store.append_invocation("run-1", build.record(case, block, result=build.result(seed=block)), token=first + 1)
    print(block, flush=True)
store.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "results.sqlite"
    with Store.open(path) as store:
        store.create_run(build.run(), [(CASE, build.DEVICE)])
    return path


def test_a_report_can_be_read_during_a_run(path: Path) -> None:
    seen: list[int] = []
    with _start(_WRITER, path, 0, 150) as writer, Store.open(path, read_only=True) as store:
        while writer.poll() is None or not seen:
            seen.append(len(store.view("run-1").invocations))
        acknowledged = len(writer.communicate(timeout=60)[0].splitlines())
        seen.append(len(store.view("run-1").invocations))
    assert writer.returncode == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 2, "nothing was read while it was written"
    assert seen[-1] == acknowledged == 150


def test_a_view_is_one_state_while_another_process_writes(path: Path) -> None:
    with Store.open(path) as writer, Store.open(path, read_only=True) as reader:
        writer.append_invocation("run-1", build.record(CASE, 0), token=1)
        with reader._database.reading() as connection:
            before = connection.exec_driver_sql("SELECT count(*) FROM invocation").scalar()
            writer.append_invocation("run-1", build.record(CASE, 1), token=1)
            assert connection.exec_driver_sql("SELECT count(*) FROM invocation").scalar() == before == 1
        assert len(reader.invocations("run-1")) == 2


def test_many_lanes_write_through_one_store(path: Path) -> None:
    with Store.open(path) as store:
        lanes = [threading.Thread(target=_lane, args=(store, lane), name=f"lane {lane}") for lane in range(12)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join(60)
        assert len(store.done_keys("run-1")) == 12 * 10


def _lane(store: Store, lane: int) -> None:
    for block in range(10):
        store.append_invocation("run-1", build.record(CASE, 100 * lane + block), token=1)
        store.done_keys("run-1")


def test_two_processes_may_create_one_store(tmp_path: Path) -> None:
    code = "import sys; from harness.store import Store; Store.open(sys.argv[1]).close()"
    for turn in range(2):
        started = [_start(code, tmp_path / f"{turn}.sqlite") for _ in range(3)]
        for process in started:
            process.communicate(timeout=60)
        assert [process.returncode for process in started] == [0] * 3


def _check_after_kill(path: Path, acknowledged: set[int]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with Store.open(path) as store:
        found = store.invocations("run-1")
    blocks = [record.block for record in found]
    assert len(blocks) == len(set(blocks)), "stored twice"
    assert acknowledged <= set(blocks), "lost"
    # Nothing but the one invocation in flight when the process was killed may be there besides.
    assert len(set(blocks) - acknowledged) <= 1
    for record in found[-3:]:
        _check_samples(record)


def _check_samples(record: InvocationRecord) -> None:
    expected = build.result(seed=record.block).samples_ns
    assert expected is not None
    assert record.result.samples_ns is not None
    assert record.result.samples_ns.tolist() == expected.tolist()


def _kill_once(path: Path, first: int, delay_s: float) -> set[int]:
    """Start a writer, kill it `delay_s` after its first word; the blocks it acknowledged."""
    with _start(_WRITER, path, first, 1_000_000) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]
        time.sleep(delay_s)
        writer.kill()
        lines += writer.stdout.readlines()
    return {int(line) for line in lines if line.endswith("\n")}


def test_kill_9_loses_nothing(path: Path) -> None:
    acknowledged: set[int] = set()
    for turn in range(2):
        new = _kill_once(path, 1_000_000 * turn, 0.05 + 0.01 * turn)
        assert new
        with Store.open(path) as store:
            kept = {record.block for record in store.invocations("run-1")}
        assert new <= kept
        acknowledged = kept
    _check_after_kill(path, acknowledged)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_9_at_fifty_random_instants_loses_and_doubles_nothing(path: Path) -> None:
    chance = random.Random(7)
    acknowledged: set[int] = set()
    for turn in range(50):
        acknowledged |= _kill_once(path, 1_000_000 * turn, chance.uniform(0.0, 0.25))
        _check_after_kill(path, acknowledged)
        with Store.open(path) as store:
            acknowledged = {record.block for record in store.invocations("run-1")}
    assert len(acknowledged) > 500
