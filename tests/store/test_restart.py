"""A real PostgreSQL: restarted and crashed in the middle of a run, and used by two controllers at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import event

from harness.domain import RunView
from harness.errors import DeviceBusyError, StoreError
from harness.store import Lease, LeaseBook, Store, schema
from harness.store.database import Patience
from tests.store import build
from tests.store.postgres import PostgresServer

pytestmark = pytest.mark.postgres

CASE = build.case()
QUICK = Patience(total_s=60.0, first_pause_s=0.02, longest_pause_s=0.2)
_ROOT = Path(__file__).parents[2]


def _append(store: Store, lane: int, done: list[int], until: threading.Event) -> None:
    block = 10_000 * lane
    while not until.is_set():
        record = build.record(CASE, block, result=build.result(seed=block))
        store.append_invocation("run-1", record, token=1)
        store.save_row(build.row(CASE, samples=block))
        store.view("run-1")
        done.append(block)
        block += 1


def _check_samples(view: RunView) -> None:
    for record in view.invocations:
        expected = build.result(seed=record.block).samples_ns
        assert expected is not None
        assert record.result.samples_ns is not None
        assert record.result.samples_ns.tolist() == expected.tolist()


def _until_grown(done: list[int], by: int) -> None:
    wanted, deadline_s = len(done) + by, time.monotonic() + 60
    while len(done) < wanted:
        assert time.monotonic() < deadline_s, "nothing is written any more"
        time.sleep(0.005)


def test_a_server_that_restarts_and_crashes_in_the_middle_loses_and_doubles_nothing(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    said: list[str] = []
    done: list[int] = []
    until = threading.Event()
    with (
        Store.open(postgres_url, patience=QUICK, say=said.append) as store,
        ThreadPoolExecutor(3) as lanes,
    ):
        store.create_run(build.run(), [(CASE, build.DEVICE)])
        running = [lanes.submit(_append, store, lane, done, until) for lane in range(3)]
        try:
            for crash in (False, True, False, True):
                _until_grown(done, 4)
                postgres_server.stop(crash=crash)
                postgres_server.start()
            _until_grown(done, 4)
        finally:
            until.set()
        for lane in running:
            lane.result(60)
        view = store.view("run-1")
    assert sorted(record.block for record in view.invocations) == sorted(done)
    _check_samples(view)
    assert len(view.rows) == 1
    away = [text for text in said if "nothing is lost" in text]
    assert 4 <= len(away) <= 12, said  # a lane may notice a restart that another has told the end of
    assert "is back after" in said[-1]


def test_a_server_that_stays_away_is_an_error_that_says_what_to_do_and_goes_on_later(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    with Store.open(postgres_url, patience=Patience(total_s=0.3, first_pause_s=0.05)) as store:
        store.create_run(build.run(), [(CASE, build.DEVICE)])
        postgres_server.stop()
        try:
            with pytest.raises(StoreError, match="the database is away") as caught:
                store.append_invocation("run-1", build.record(CASE), token=1)
        finally:
            postgres_server.start()
        assert "Start the server" in caught.value.remedy
        assert "--resume" in caught.value.remedy
        store.append_invocation("run-1", build.record(CASE), token=1)
        assert len(store.invocations("run-1")) == 1


def test_a_wrong_port_is_told_at_once(postgres_server: PostgresServer) -> None:
    pauses_s: list[float] = []
    with pytest.raises(StoreError, match="does not answer"):
        Store.open(PostgresServer.url_at(1), patience=Patience(sleep=pauses_s.append))
    with pytest.raises(StoreError, match="does not exist"):
        Store.open(postgres_server.url + "x", patience=Patience(sleep=pauses_s.append))
    assert pauses_s == []


# ---- two controllers -------------------------------------------------------------------------------------------------

_CONTROLLER = """
import sys
from harness.store import Store
from tests.store import build
url, name = sys.argv[1:3]
case = build.case()
with Store.open(url) as store:
    store.create_run(build.run(name), [(case, build.DEVICE)])
    for block in range(20):
        store.append_invocation(name, build.record(case, block), token=7)
        store.save_outcomes(name, [build.outcome(f"{name} {position}") for position in range(5)])
        store.add_noise([build.noise()])
        store.save_profile(build.profile())
"""


def test_two_controllers_make_one_store_and_write_to_it_together(postgres_url: str) -> None:
    argv = [sys.executable, "-c", _CONTROLLER, postgres_url]
    names = ("run-1", "run-2")
    started = [subprocess.Popen([*argv, name], stderr=subprocess.PIPE, text=True, cwd=_ROOT) for name in names]
    errors = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors
    with Store.open(postgres_url, read_only=True) as store:
        for run_id in names:
            assert [record.block for record in store.invocations(run_id)] == list(range(20))
            assert [one.series for one in store.outcomes(run_id)] == [f"{run_id} {position}" for position in range(5)]
        assert len(store.noise(build.DEVICE)) == 40
        assert store.profiles() == (build.profile(),)


_FIRST_WORDS: dict[str, tuple[str, Callable[[Store, str], None]]] = {
    "device_token": ("UPDATE", lambda store, run_id: store.append_invocation(run_id, build.record(CASE), token=7)),
    "device_token row": ("SELECT", lambda store, run_id: store.append_invocation(run_id, build.record(CASE), token=7)),
    "device_facts": ("UPDATE", lambda store, run_id: store.save_facts("run-1", build.facts())),
    "outputs_check": ("UPDATE", lambda store, run_id: store.save_check("run-1", CASE.case_id, build.check())),
    "variant_file": ("UPDATE", lambda store, run_id: store.save_variant_file("run-1", build.variant_file())),
    "pair_outcome": ("DELETE", lambda store, run_id: store.save_outcomes("run-1", [build.outcome()])),
}


@pytest.mark.parametrize("table", _FIRST_WORDS)
def test_two_controllers_may_say_the_first_word_on_something_together(postgres_url: str, table: str) -> None:
    """The other one writes between two statements of a transaction."""
    verb, write = _FIRST_WORDS[table]
    with Store.open(postgres_url) as store, Store.open(postgres_url) as other:
        for run_id in ("run-1", "run-2"):
            store.create_run(build.run(run_id), [(CASE, build.DEVICE)])
        meanwhile = [partial(write, other, "run-2")]

        def interrupt(connection: object, cursor: object, statement: str, *rest: object) -> None:
            if meanwhile and statement.startswith(verb) and table.split()[0] in statement:
                meanwhile.pop()()

        event.listen(store._database.engine, "after_cursor_execute", interrupt)
        write(store, "run-1")
        assert not meanwhile
        with store._database.reading() as connection:
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table.split()[0]}").scalar() == 1


@pytest.mark.parametrize("known", [False, True])
def test_a_free_device_is_taken_by_one_of_two(postgres_url: str, known: bool) -> None:
    with LeaseBook.open(postgres_url) as one, LeaseBook.open(postgres_url) as other:
        if known:
            one.release(one.acquire("adb-1", "before"))
        taken: list[Lease | None] = []

        def interrupt(connection: object, cursor: object, statement: str, *rest: object) -> None:
            if not taken and statement.startswith("SELECT device_lease"):
                taken.append(None)
                taken[0] = other.acquire("adb-1", "the other")

        event.listen(one._database.engine, "after_cursor_execute", interrupt)
        with pytest.raises(DeviceBusyError, match="for the other"):
            one.acquire("adb-1")
        assert one.held() == tuple(taken)


def test_two_controllers_upgrade_one_store_together(postgres_url: str) -> None:
    with Store.open(postgres_url) as store:
        store.create_run(build.run(), [])
        with store._database.writing() as connection:
            connection.exec_driver_sql("DROP TABLE pair_outcome, noise_record, device_profile, baseline")
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
    with Store.open(postgres_url, read_only=True) as store:
        assert store.outcome_history() == store.profiles() == ()
    with ThreadPoolExecutor(4) as controllers:
        for opened in controllers.map(Store.open, [postgres_url] * 4):
            opened.close()
    with Store.open(postgres_url) as store:
        store.save_outcomes("run-1", [build.outcome()])
        with store._database.reading() as connection:
            assert schema.age_of(connection) == (schema.Age.CURRENT, "0003")


def test_the_migrated_and_the_created_tables_are_equal_on_a_server_too(postgres_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from harness.store import tables
    from harness.store.engine import open_engine, parse_location

    engine = open_engine(parse_location(postgres_url))
    with engine.begin() as connection:
        schema._run_alembic(connection, schema.REVISIONS)
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_a_device_is_never_held_by_two_controllers(postgres_url: str) -> None:
    held: list[tuple[float, float]] = []
    with LeaseBook.open(postgres_url) as one, LeaseBook.open(postgres_url) as other, ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(_hold, book, held) for book in (one, other) * 2]:
            future.result(60)
    spans = sorted(held)
    assert len(spans) == 4 * 10
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans)), "two held it together"


def _hold(book: LeaseBook, held: list[tuple[float, float]]) -> None:
    wins = 0
    while wins < 10:
        try:
            lease = book.acquire("adb-1")
        except DeviceBusyError:
            time.sleep(0.001)
            continue
        began = time.monotonic()
        time.sleep(0.0005)
        held.append((began, time.monotonic()))
        book.release(lease)
        wins += 1


def test_a_lease_survives_a_restart_of_the_server(postgres_server: PostgresServer, postgres_url: str) -> None:
    with LeaseBook.open(postgres_url, patience=QUICK) as book, ThreadPoolExecutor(1) as pool:
        lease = book.acquire("adb-1")
        postgres_server.stop()
        try:
            with pytest.raises(StoreError, match="is away"):
                book.renew(lease)
            other = pool.submit(book.acquire, "adb-2")
            time.sleep(0.1)
        finally:
            postgres_server.start()
        assert other.result(60).device_id == "adb-2"
        assert book.renew(lease).token == lease.token
