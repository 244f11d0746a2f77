"""Which version of the tables a database has; making a new one; bringing an old one up to date.

The version stands in `alembic_version`, as Alembic keeps it, and is read with plain SQL: importing Alembic takes
longer than most commands. A new database is made from `tables` at once; Alembic is imported to upgrade an old one
only.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sqlalchemy import URL, Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect
from sqlalchemy import select as sql_select

from harness.errors import StoreError
from harness.store import engine as engines
from harness.store import tables

MIGRATIONS = Path(__file__).resolve().parent / "migrations"

_alembic_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class Age(Enum):
    """How a database stands to this code."""

    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Revisions:
    """The migrations that exist, oldest first; the last one is what `tables` describes. `scripts` is where they lie.

    `readable` are the older versions that can be read as they are, since what came after them are new tables only.
    """

    known: tuple[str, ...] = ("0001", "0002", "0003")
    scripts: Path = MIGRATIONS
    readable: frozenset[str] = frozenset({"0001", "0002"})

    @property
    def head(self) -> str:
        """The version this code writes."""
        return self.known[-1]


REVISIONS = Revisions()
HEAD = REVISIONS.head


def age_of(connection: Connection, revisions: Revisions = REVISIONS) -> tuple[Age, str]:
    """How old the database is, and the version it states."""
    names = set(inspect(connection).get_table_names())
    if _alembic_version.name not in names:
        # A server's database may hold tables of others; a file belongs to one program.
        others = names if connection.dialect.name == "sqlite" else names & set(tables.metadata.tables)
        return (Age.FOREIGN if others else Age.EMPTY), ""
    version = connection.execute(sql_select(_alembic_version.c.version_num)).scalars().first() or ""
    return _age_of_version(version, revisions), version


def _age_of_version(version: str, revisions: Revisions) -> Age:
    if version in revisions.known:
        return Age.CURRENT if version == revisions.head else Age.OLDER
    if version.isdecimal() and len(version) == len(revisions.head) and version > revisions.head:
        return Age.NEWER
    return Age.FOREIGN


def create(connection: Connection) -> None:
    """All tables, stamped with the current version; does nothing when another process was quicker."""
    engines.lock_schema(connection)
    age, _ = age_of(connection)
    if age is Age.EMPTY:
        tables.metadata.create_all(connection)
        _alembic_version.create(connection)
        connection.execute(insert(_alembic_version).values(version_num=HEAD))


def refuse_foreign(age: Age, where: str) -> None:
    """Raise StoreError for a database that another program made."""
    if age is Age.FOREIGN:
        raise StoreError(
            "this database is not a results store: it has tables of another program",
            where=where,
            remedy="Name another file; nothing was changed in this one.",
        )


def check_readable(age: Age, version: str, where: str) -> None:
    """Raise StoreError unless the tables can be read as they are.

    A newer database can, new columns are ignored; so can an older one that only lacks tables: they are read as empty.
    """
    refuse_foreign(age, where)
    if age is Age.EMPTY:
        raise StoreError("there are no results in this database yet", where=where, remedy="harness run SWEEP.yaml")
    if age is Age.OLDER and version not in REVISIONS.readable:
        raise StoreError(
            f"the store has version {version} and must be brought to {HEAD} first",
            where=where,
            remedy="Open it once for writing, on a copy if it must not change: the upgrade keeps a backup beside it.",
        )


def check_writable(age: Age, version: str, where: str) -> None:
    """Raise StoreError for a database that this code must not write to."""
    refuse_foreign(age, where)
    if age is Age.NEWER:
        raise StoreError(
            f"the store has version {version}, newer than {HEAD}, the newest this harness can write",
            where=where,
            remedy="Upgrade the harness. Reading (report, compare) works with this one.",
        )


def upgrade(url: URL, revisions: Revisions = REVISIONS) -> Path | None:
    """Bring an older database up to date in one transaction.

    Returns:
        The backup that was made before, None for a database server.

    Raises:
        StoreError: a foreign key does not hold afterwards; nothing was changed.
    """
    # Tables that are rebuilt are dropped for a moment, which foreign keys would forbid; they are checked at the end.
    engine = engines.open_engine(url, foreign_keys=False)
    try:
        with engine.begin() as connection:
            engines.lock_schema(connection)
            age, version = age_of(connection, revisions)
            if age is not Age.OLDER:  # another process did it while this one waited for the lock
                return None
            backup = _back_up(url, version)
            _run_alembic(connection, revisions)
            _check_foreign_keys(connection, engines.describe(url))
            return backup
    finally:
        engine.dispose()


def _run_alembic(connection: Connection, revisions: Revisions) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(revisions.scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revisions.head)


def _back_up(url: URL, version: str) -> Path | None:
    if not engines.is_sqlite(url):
        return None
    path = Path(str(url.database))
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    backup = path.with_name(f"{path.name}.{version}-{stamp}.bak")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    return backup


def _check_foreign_keys(connection: Connection, where: str) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise StoreError(
            f"the upgrade would break {len(broken)} references, first in table {broken[0][0]}; nothing was changed",
            where=where,
            remedy="Keep the file and report it.",
        )


def make_ready(url: URL, engine: Engine, revisions: Revisions = REVISIONS) -> None:
    """Create, upgrade or accept the database for writing.

    Raises:
        StoreError: it belongs to another program or a newer version.
    """
    where = engines.describe(url)
    age, version = _age_before_writing(url, engine, revisions)
    check_writable(age, version, where)
    if age is Age.EMPTY:
        with engine.begin() as connection:
            create(connection)
    elif age is Age.OLDER:
        upgrade(url, revisions)


def _age_before_writing(url: URL, engine: Engine, revisions: Revisions) -> tuple[Age, str]:
    """Look without touching: opening an SQLite file for writing would already turn another program's file to WAL."""
    if not engines.is_sqlite(url):
        with engine.connect() as connection:
            return age_of(connection, revisions)
    path = Path(str(url.database))
    if not path.exists() or path.stat().st_size == 0:
        return Age.EMPTY, ""
    peek = engines.begin_reads(engines.open_engine(url, read_only=True))
    try:
        with peek.connect() as connection:
            return age_of(connection, revisions)
    finally:
        peek.dispose()
