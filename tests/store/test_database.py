"""A database that goes away in the middle, on a clock that passes only when told."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from harness.domain import ScoredChunk
from harness.errors import StoreError
from harness.store import LeaseBook, Store
from harness.store.database import Patience
from harness.store.engine import open_engine, parse_location
from harness.store.problems import is_away
from tests.store import build
from tests.store.conftest import clear
from tests.store.postgres import PostgresServer, Wire

CASE = build.case()


class Patient:
    """A clock whose sleeps are noted, and during which something may happen."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses_s: list[float] = []
        self.during: Callable[[float], None] = lambda now_s: None

    def sleep(self, pause_s: float) -> None:
        self.pauses_s.append(pause_s)
        self.now_s += pause_s
        self.during(self.now_s)

    @property
    def patience(self) -> Patience:
        return Patience(clock=lambda: self.now_s, sleep=self.sleep)


@pytest.fixture
def patient() -> Patient:
    return Patient()


class Share:
    """The folder of an SQLite store that goes away as a network share does: what is open breaks, paths lead nowhere."""

    def __init__(self, folder: Path, patient: Patient) -> None:
        self.folder, self._parked, self._patient = folder, folder.with_name("parked"), patient
        self.losing = False
        self.away = threading.Event()
        patient.during = lambda now_s: self.bring_back()

    def lose_next_commit(self) -> None:
        """The next commit is made, and the share is away before anyone hears of it; it is back at the first pause."""
        self.losing = True

    def take_away(self) -> None:
        self.away.set()
        self.folder.rename(self._parked)
        self.folder.mkdir()  # where it was mounted

    def bring_back(self) -> None:
        if self.away.is_set():
            self.folder.rmdir()  # fails when something was written there meanwhile
            self._parked.rename(self.folder)
            self.away.clear()


class _Shared(sqlite3.Connection):
    """A connection that broke with its share stays broken."""

    share: Share
    broken = False

    def cursor(self, *args: Any) -> Any:
        self._check()
        return super().cursor(*args)

    def commit(self) -> None:
        self._check()
        super().commit()
        if self.share.losing and not self.broken:
            self.share.losing = False
            self.share.take_away()
            self._check()

    def _check(self) -> None:
        self.broken = self.broken or self.share.away.is_set()
        if self.broken:
            raise sqlite3.OperationalError("disk I/O error")


@pytest.fixture
def share(tmp_path: Path, patient: Patient, monkeypatch: pytest.MonkeyPatch) -> Share:
    (tmp_path / "share").mkdir()
    made = Share(tmp_path / "share", patient)
    connected = type("Connected", (_Shared,), {"share": made})
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=connected))
    return made


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> Iterator[tuple[Wire, str]]:
    server: PostgresServer = request.getfixturevalue("postgres_server")
    clear(server.url)
    made = Wire(server.port)
    yield made, server.url_at(made.port)
    made.close()


@pytest.fixture(params=["share", pytest.param("wire", marks=pytest.mark.postgres)])
def unsteady(request: pytest.FixtureRequest) -> tuple[str, Callable[[], None]]:
    """Where a store may be made, and what makes it lose the answer to its next commit."""
    if request.param == "share":
        share: Share = request.getfixturevalue("share")
        return str(share.folder / "results.sqlite"), share.lose_next_commit
    wire, url = request.getfixturevalue("wire")
    return url, wire.lose_next_commit


def _content(where: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, without the ids of calls."""
    engine = open_engine(parse_location(where))
    with engine.connect() as connection:
        found = {}
        for table in ("run", "bench_case", "invocation", "series", "scored_chunk", "result_row", "metric"):
            found[table] = [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]
        for table, column in _GROWING.items():
            found[table] = [tuple(row) for row in connection.exec_driver_sql(f"SELECT {column} FROM {table}")]
    engine.dispose()
    return found


_GROWING = {
    "device_token": "token",
    "pair_outcome": "outcome_json",
    "noise_record": "noise_json",
    "device_profile": "profile_json",
    "baseline": "baseline_json",
}

_WRITES: dict[str, Callable[[Store], None]] = {
    "create_run": lambda store: store.create_run(build.run("run-2"), [(CASE, build.DEVICE), (build.case("f"), "")]),
    "create_run without cases": lambda store: store.create_run(build.run("run-2"), []),
    "finish_run": lambda store: store.finish_run("run-1", "finished", "2026-11-21T11:00:00.000+00:00"),
    "append_invocation": lambda store: store.append_invocation("run-1", build.record(CASE), token=3),
    "save_scores": lambda store: store.save_scores("run-1", CASE.case_id, _CHUNK, token=3),
    "save_row": lambda store: store.save_row(build.row(CASE)),
    "save_check": lambda store: store.save_check("run-1", CASE.case_id, build.check()),
    "save_facts": lambda store: store.save_facts("run-1", build.facts()),
    "save_outcomes": lambda store: store.save_outcomes("run-1", [build.outcome(), build.outcome("b")]),
    "add_noise": lambda store: store.add_noise([build.noise(), build.noise()]),
    "save_profile": lambda store: store.save_profile(build.profile()),
    "save_baseline": lambda store: store.save_baseline(build.baseline()),
}
_CHUNK = ScoredChunk(0, "d" * 64, ("a",), ({"hit": 1},))


@pytest.mark.parametrize("write", _WRITES.values(), ids=_WRITES.keys())
def test_a_commit_whose_answer_is_lost_is_neither_refused_nor_doubled(
    unsteady: tuple[str, Callable[[], None]], patient: Patient, tmp_path: Path, write: Callable[[Store], None]
) -> None:
    where, lose_next_commit = unsteady
    steady = str(tmp_path / "steady.sqlite")
    for place, before in ((where, lose_next_commit), (steady, lambda: None)):
        with Store.open(place, patience=patient.patience) as store:
            store.create_run(build.run(), [(CASE, build.DEVICE)])
            before()
            write(store)
    assert patient.pauses_s == [0.5], "nothing was lost"
    assert _content(where) == _content(steady)


def test_a_lease_whose_answer_is_lost_is_held_once(unsteady: tuple[str, Callable[[], None]], patient: Patient) -> None:
    where, lose_next_commit = unsteady
    with LeaseBook.open(where, patience=patient.patience) as book:
        book.release(book.acquire("adb-1"))
        lose_next_commit()
        lease = book.acquire("adb-1", "a sweep")
        assert patient.pauses_s == [0.5]
        assert book.held() == (lease,)
        assert book.renew(lease).token == lease.token


def test_after_a_loss_another_ones_record_under_the_same_key_is_still_refused(share: Share, patient: Patient) -> None:
    path = share.folder / "results.sqlite"
    with Store.open(path, patience=patient.patience) as store, Store.open(path) as other:
        store.create_run(build.run(), [(CASE, build.DEVICE)])

        def meanwhile(now_s: float) -> None:
            share.bring_back()
            other._database.engine.dispose()
            other.append_invocation("run-1", build.record(CASE, result=build.result(seed=2)), token=3)

        patient.during = meanwhile
        share.take_away()
        with pytest.raises(StoreError, match="stored already"):
            store.append_invocation("run-1", build.record(CASE), token=3)


@pytest.mark.parametrize("change", ["token", "samples", "error"])
def test_what_differs_in_anything_is_not_ones_own(share: Share, patient: Patient, change: str) -> None:
    path = share.folder / "results.sqlite"
    result = build.result(seed=2 if change == "samples" else 1)
    written = build.record(CASE, result=result)
    with Store.open(path, patience=patient.patience) as store:
        store.create_run(build.run(), [(CASE, build.DEVICE)])
        store.append_invocation("run-1", written, token=2 if change == "token" else 3)
        share.take_away()
        record = build.record(CASE, started_at="2026") if change == "error" else build.record(CASE)
        with pytest.raises(StoreError, match="stored already"):
            store.append_invocation("run-1", record, token=3)
        assert patient.pauses_s == [0.5]


def test_reading_waits_too(share: Share, patient: Patient) -> None:
    path = share.folder / "results.sqlite"
    with Store.open(path, patience=patient.patience) as store:
        store.create_run(build.run(), [(CASE, build.DEVICE)])
        share.take_away()
        assert store.cases("run-1") == (CASE,)
    assert patient.pauses_s == [0.5]


def test_the_pauses_grow_and_end_after_two_minutes_with_what_to_do(share: Share, patient: Patient) -> None:
    patient.during = lambda now_s: None
    said: list[str] = []
    with Store.open(share.folder / "results.sqlite", patience=patient.patience, say=said.append) as store:
        share.take_away()
        with pytest.raises(StoreError, match="the database is away, after waiting 120 s") as caught:
            store.create_run(build.run(), [])
        assert patient.pauses_s[:6] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
        assert max(patient.pauses_s) == 10.0
        assert patient.now_s == 120.0
        assert "continue with --resume" in caught.value.remedy
        assert store.where in str(caught.value)
        share.bring_back()
        store.create_run(build.run(), [])
    assert len(said) == 2


def test_a_wait_is_told_once_and_so_is_its_end(share: Share, patient: Patient) -> None:
    said: list[str] = []
    with Store.open(share.folder / "results.sqlite", patience=patient.patience) as store:
        store.on_wait(said.append)
        share.take_away()
        patient.during = lambda now_s: share.bring_back() if now_s >= 3.5 else None
        store.create_run(build.run(), [])
        store.list_runs()
    away, back = said
    assert store.where in away
    assert "away (disk I/O error)" in away
    assert "up to 120 s" in away
    assert "back after 4 s" in back


def test_a_lease_is_not_renewed_after_its_time_because_the_database_was_waited_for(
    share: Share, patient: Patient
) -> None:
    with LeaseBook.open(share.folder / "leases.sqlite", patience=patient.patience) as book:
        lease = book.acquire("adb-1")
        share.take_away()
        with pytest.raises(StoreError, match="is away"):
            book.renew(lease)
        share.bring_back()
        assert book.renew(lease).token == lease.token
    assert patient.pauses_s == []


def test_a_real_error_is_told_at_once(share: Share, patient: Patient) -> None:
    with Store.open(share.folder / "results.sqlite", patience=patient.patience) as store:
        with store._database.writing() as connection:
            connection.exec_driver_sql("DROP TABLE baseline")
        with pytest.raises(StoreError, match="no such table: baseline"):
            store.save_baseline(build.baseline())
    assert patient.pauses_s == []


# ---- what a server says ----------------------------------------------------------------------------------------------


class _ServerError(Exception):
    def __init__(self, text: str, sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


def _error(
    text: str, state: str | None = None, kind: type[DBAPIError] = OperationalError, *, statement: str | None = None
) -> DBAPIError:
    return kind(statement, None, _ServerError(text, state))


_CONNECTING = "connection to server at 10.0.0.7, port 5432 failed: "


@pytest.mark.parametrize(
    "error",
    [
        _error("terminating connection due to administrator command", "57P01", statement="SELECT"),
        _error("terminating connection because of crash of another server process", "57P02", statement="SELECT"),
        _error("the database system is starting up", "57P03"),
        _error("sorry, too many clients already", "53300"),
        _error("server conn crashed?", "08P01", statement="INSERT"),
        _error("could not serialize access", "40001", statement="UPDATE"),
        _error(_CONNECTING + "FATAL: the database system is starting up"),
        _error(_CONNECTING + "FATAL: the database system is shutting down"),
        _error(_CONNECTING + "FATAL: sorry, too many clients already"),
        _error(_CONNECTING + "FATAL: remaining connection slots are reserved for superusers"),
    ],
    ids=str,
)
def test_a_server_that_restarts_or_is_full_is_waited_for(error: DBAPIError) -> None:
    assert is_away(error, answered=False)
    assert is_away(error, answered=True)


@pytest.mark.parametrize(
    "text", ["Connection refused", "timeout expired", "No route to host", "Name or service not known"]
)
def test_a_server_that_never_answered_may_be_a_wrong_name_and_is_not_waited_for(text: str) -> None:
    assert is_away(_error(_CONNECTING + text), answered=True)
    assert not is_away(_error(_CONNECTING + text), answered=False)


@pytest.mark.parametrize(
    "error",
    [
        _error(_CONNECTING + "FATAL: password authentication failed for user bench"),
        _error(_CONNECTING + 'FATAL: database "results" does not exist'),
        _error(_CONNECTING + "fe_sendauth: no password supplied"),
        _error(_CONNECTING + 'FATAL: no pg_hba.conf entry for host "10.0.0.8"'),
        _error("could not extend file: No space left on device", "53100", statement="INSERT"),
        _error("duplicate key value violates unique constraint", "23505", IntegrityError, statement="INSERT"),
        _error('relation "run" does not exist', "42P01", ProgrammingError, statement="SELECT"),
        _error("no such table: run", statement="SELECT"),
        StoreError("stale lease"),
    ],
    ids=str,
)
def test_what_a_retry_would_not_change_is_not_waited_for(error: Exception) -> None:
    assert not is_away(error, answered=True)
