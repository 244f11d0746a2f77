from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.store import LeaseBook, Store, leases
from harness.store.engine import open_engine, parse_location
from harness.store.tables import metadata
from tests.store.postgres import PostgresServer, UnavailableError


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL of this session."""
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    try:
        server = PostgresServer()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """Its database, empty."""
    _empty(postgres_server.url)
    return postgres_server.url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be made, on either kind of database; it holds nothing.

    HARNESS_TEST_POSTGRES may name another PostgreSQL database, whose content is lost.
    """
    if request.param == "sqlite":
        return str(tmp_path / "results.sqlite")
    url = os.environ.get("HARNESS_TEST_POSTGRES") or request.getfixturevalue("postgres_server").url
    clear(url)
    return str(url)


def _empty(url: str) -> None:
    """No tables, as on a new server."""
    _run(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def clear(url: str) -> None:
    """No rows. To keep the tables takes a third of the time, and TRUNCATE makes new files."""
    tables = [*reversed(metadata.sorted_tables), *leases.metadata.sorted_tables]
    found = {name for (name,) in _run(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    if found - {"alembic_version"} == {table.name for table in tables}:
        counted = [table.name for table in tables if "number" in table.c]
        deletes = [f"DELETE FROM {table.name}" for table in tables]
        _run(url, "; ".join([*deletes, *(f"SELECT setval('{name}_number_seq', 1, false)" for name in counted)]))
        return
    _empty(url)
    Store.open(url).close()
    LeaseBook.open(url).close()


def _run(url: str, sql: str) -> list[Any]:
    engine = open_engine(parse_location(url))
    try:
        with engine.begin() as connection:
            found = connection.exec_driver_sql(sql)
            return list(found) if found.returns_rows else []
    finally:
        engine.dispose()


@pytest.fixture
def store(location: str) -> Iterator[Store]:
    with Store.open(location) as opened:
        yield opened


class Clock:
    """Seconds that pass only when told."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(location: str, clock: Clock) -> Iterator[LeaseBook]:
    with LeaseBook.open(location.replace("results", "leases"), clock=clock) as opened:
        yield opened
