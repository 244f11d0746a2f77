"""Connections: URL or path to an SQLAlchemy engine whose transactions are durable and never fail for want of patience.

SQLite: WAL (readers do not block the writer), ``synchronous=FULL`` (a commit survives a power cut), foreign keys on,
30 s busy timeout. A write transaction begins with BEGIN IMMEDIATE, because one that starts by reading cannot wait for
the write lock.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from harness.errors import MissingDependencyError, StoreError

BUSY_TIMEOUT_S = 30.0
_READS = "harness_reads"
# What libpq is told, unless the URL says it: a host that vanished without a word is noticed within about a minute.
_NETWORK = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SCHEMA_LOCK = 0x6861726E  # "harn"


def parse_location(url_or_path: str | os.PathLike[str]) -> URL:
    """A database URL from a URL, or from the path of an SQLite file.

    Raises:
        StoreError: the URL is malformed, or names a database in memory.
    """
    text = os.fspath(url_or_path)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser().absolute()))
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise StoreError(
            "not a database URL", where=text.split("@")[-1], remedy="Write postgresql://user@host/name, or a file path."
        ) from error
    if url.drivername == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if is_sqlite(url):
        if not url.database or url.database == ":memory:" or "uri" in url.query:
            raise StoreError(
                "a database in memory keeps nothing", where=text, remedy="Name a file, such as results.sqlite."
            )
        return URL.create("sqlite", database=str(Path(url.database).absolute()))
    return url


def is_sqlite(url: URL) -> bool:
    """Whether the URL is an SQLite file."""
    return url.get_backend_name() == "sqlite"


def describe(url: URL) -> str:
    """The path, or the URL without its password."""
    return str(url.database) if is_sqlite(url) else url.render_as_string(hide_password=True)


def open_engine(url: URL, *, read_only: bool = False, foreign_keys: bool = True) -> Engine:
    """An engine; nothing is opened before its first connection.

    Raises:
        MissingDependencyError: the driver of that database is not installed.
        StoreError: no such kind of database.
    """
    if is_sqlite(url):
        return _sqlite_engine(url, read_only, foreign_keys)
    try:
        # Each lane has its thread; none waits for another's connection.
        return create_engine(url, pool_pre_ping=True, max_overflow=-1, connect_args=_network_settings(url))
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"the driver for {url.get_backend_name()} is not installed: {error.name}",
            where=describe(url),
            remedy="pip install 'on-device-benchmark-harness[postgres]'",
        ) from error
    except NoSuchModuleError as error:
        raise StoreError(
            f"{url.drivername!r} is not a known kind of database",
            where=describe(url),
            remedy="Use an SQLite file or postgresql://user@host/name.",
        ) from error


def begin_reads(engine: Engine) -> Engine:
    """The same engine for transactions that only read: they take no write lock, and see one state of the database."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_READS: True})
    return engine.execution_options(isolation_level="REPEATABLE READ")


def lock_schema(connection: Connection) -> None:
    """Let one writer at a time make or change tables, until its transaction ends. On SQLite every writer is alone."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")


def is_reachable(url: URL) -> bool:
    """Whether the file of an SQLite URL is there; not so while the share it lies on is away."""
    try:
        Path(str(url.database)).stat()
    except OSError:
        return False
    return True


def _network_settings(url: URL) -> dict[str, int]:
    if url.drivername not in ("postgresql+psycopg", "postgresql+psycopg2"):
        return {}
    return {name: value for name, value in _NETWORK.items() if name not in url.query}


def _sqlite_engine(url: URL, read_only: bool, foreign_keys: bool) -> Engine:
    path = Path(str(url.database))

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            _uri(path, read_only), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            _configure(connection, read_only, foreign_keys)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    # Each lane has its thread; a thread must never wait for a pooled connection, only for the database.
    engine = create_engine(url, creator=connect, max_overflow=-1)
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _uri(path: Path, read_only: bool) -> str:
    """The SQLite URI. A finished file on read-only media has no WAL to share, and is opened as immutable."""
    uri = f"file:{quote(str(path))}"
    if not read_only:
        return f"{uri}?mode=rwc"
    wal = path.with_name(path.name + "-wal")
    if not os.access(path.parent, os.W_OK) and not wal.exists():
        return f"{uri}?immutable=1"
    return f"{uri}?mode=ro"


def _configure(connection: sqlite3.Connection, read_only: bool, foreign_keys: bool) -> None:
    with closing(connection.cursor()) as cursor:
        if not read_only:
            _use_wal(cursor)
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch to WAL; the switch itself does not honour the busy timeout when two processes create one file together."""
    deadline_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            if _journal_mode(cursor, "PRAGMA journal_mode") != "wal":
                _journal_mode(cursor, "PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)


def _journal_mode(cursor: sqlite3.Cursor, pragma: str) -> Any:
    return cursor.execute(pragma).fetchone()[0]
