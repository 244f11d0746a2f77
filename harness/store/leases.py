"""Leases: one sweep per device at a time, across processes, and across hosts that share a database.

A lease is a row per device with a token that only grows. Whoever holds the newest token holds the device; results
that come with an older one are refused by the store, so a holder that was frozen and wakes up late does no harm. A
lease ends by release, by expiry, or at once when its holder is a process of this machine that has died.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    case,
    insert,
    inspect,
    or_,
    select,
    update,
)

from harness.assets import state_folder
from harness.errors import DeviceBusyError, StoreError
from harness.holder import Process, is_dead, this_process
from harness.store import engine as engines
from harness.store.database import Database, Patience
from harness.store.tables import NAMING
from harness.units import s_to_ms

TTL_S = 60.0
_FREE_S = 0.0

metadata = MetaData(naming_convention=NAMING)

device_lease = Table(
    "device_lease",
    metadata,
    Column("device_id", String(255), primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("boot_id", String(64), nullable=False),
    Column("pid_namespace", String(64), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("start_ticks", BigInteger, nullable=False),
    Column("acquired_s", Double, nullable=False),
    Column("expires_s", Double, nullable=False),
)


@dataclass(frozen=True)
class Lease:
    """The right to use a device. Times are seconds since the epoch; `token` goes with every result."""

    device_id: str
    token: int
    holder: str
    host: str
    pid: int
    acquired_s: float
    expires_s: float


class LeaseBook:
    """Where leases are written down. Thread-safe. Every method raises StoreError when the database cannot be used."""

    def __init__(self, database: Database, clock: Callable[[], float], ttl_s: float, process: Process) -> None:
        self._database, self._clock, self._process, self.ttl_s = database, clock, process, ttl_s
        self.where = database.where

    @classmethod
    def open(
        cls,
        url_or_path: str | os.PathLike[str] | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
        ttl_s: float = TTL_S,
        process: Process | None = None,
        patience: Patience | None = None,
    ) -> LeaseBook:
        """Open the leases of this user, or those that HARNESS_LEASES (a path or a database URL) names.

        Args:
            clock: seconds since the epoch; hosts that share a database need clocks that agree to a few seconds.
            process: whom leases are held by; None for the running process.
            patience: how long a database that went away is waited for when a device is taken.

        Raises:
            StoreError: the database cannot be opened.
        """
        url = engines.parse_location(url_or_path or default_location(environ))
        if engines.is_sqlite(url):
            _make_directory(Path(engines.describe(url)))
        database = Database(url, patience=patience)
        try:
            database.write(_create)
        except BaseException:
            database.close()
            raise
        return cls(database, clock, ttl_s, process or this_process())

    def close(self) -> None:
        """Close all connections. Leases that are held stay held."""
        self._database.close()

    def __enter__(self) -> LeaseBook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def acquire(self, device_id: str, holder: str = "") -> Lease:
        """Take a device.

        Args:
            holder: what the device is used for, for the message that another sweep gets; the run's name or id.

        Raises:
            DeviceBusyError: a living process, or one on another host whose lease has not expired, holds it.
        """
        times_s: list[float] = []  # a commit whose answer was lost is known by its time
        return self._database.write(self._acquire, device_id, holder, times_s)

    def _acquire(self, connection: Connection, device_id: str, holder: str, times_s: list[float]) -> Lease:
        before = self._entry(connection, device_id)
        if before["acquired_s"] in times_s and _process_of(before) == self._process:
            return _lease(before)
        dead_token = before["token"] if is_dead(_process_of(before)) else -1
        now_s = self._clock()
        times_s.append(now_s)
        # At least the time: two lease files, of two users say, may serve one store, which refuses falling tokens.
        token = case((device_lease.c.token < _now_token(now_s), _now_token(now_s)), else_=device_lease.c.token + 1)
        query = (
            update(device_lease)
            .where(device_lease.c.device_id == device_id)
            .where(or_(device_lease.c.expires_s <= now_s, device_lease.c.token == dead_token))
            .values(
                token=token,
                holder=holder,
                host=self._process.host,
                boot_id=self._process.boot_id,
                pid_namespace=self._process.pid_namespace,
                pid=self._process.pid,
                start_ticks=self._process.start_ticks,
                acquired_s=now_s,
                expires_s=now_s + self.ttl_s,
            )
            .returning(device_lease)
        )
        taken = connection.execute(query).mappings().first()
        if taken is None:
            raise _busy(self._entry(connection, device_id), now_s)  # anew: another may have been quicker
        return _lease(taken)

    def renew(self, lease: Lease) -> Lease:
        """Prolong a lease by the time to live; also one that has expired, as long as nobody else has taken the device.

        A database that is away is not waited for: what cannot be renewed in time is lost.

        Raises:
            DeviceBusyError: it was released, or another sweep has taken the device over.
        """
        query = (
            update(device_lease)
            .where(device_lease.c.device_id == lease.device_id, device_lease.c.token == lease.token)
            .where(device_lease.c.expires_s > _FREE_S)
            .values(expires_s=self._clock() + self.ttl_s)
            .returning(device_lease.c.expires_s)
        )
        expires_s = self._database.try_write(lambda connection: connection.execute(query).scalar())
        if expires_s is None:
            raise DeviceBusyError(
                "the lease is lost: it was released, or another sweep has taken the device over",
                where=lease.device_id,
                remedy="Continue with --resume when the other sweep has ended; finished results are kept.",
            )
        return replace(lease, expires_s=float(expires_s))

    def release(self, lease: Lease) -> None:
        """Give a device back; does nothing when the lease is lost already."""
        query = (
            update(device_lease)
            .where(device_lease.c.device_id == lease.device_id, device_lease.c.token == lease.token)
            .values(expires_s=_FREE_S)
        )
        self._database.try_write(lambda connection: connection.execute(query))

    def held(self) -> tuple[Lease, ...]:
        """The leases that nobody else can take now, by device id."""
        query = select(device_lease).where(device_lease.c.expires_s > self._clock())
        ordered = query.order_by(device_lease.c.device_id)
        found = self._database.read(lambda connection: connection.execute(ordered).mappings().all())
        return tuple(_lease(row) for row in found if not is_dead(_process_of(row)))

    def has_expired(self, lease: Lease) -> bool:
        """Whether others may have taken the device since."""
        return self._clock() >= lease.expires_s

    def _entry(self, connection: Connection, device_id: str) -> RowMapping:
        """The row of a device, made on its first use."""
        query = select(device_lease).where(device_lease.c.device_id == device_id)
        found = connection.execute(query).mappings().first()
        if found is not None:
            return found
        nobody = {"holder": "", "host": "", "boot_id": "", "pid_namespace": "", "pid": 0, "start_ticks": 0}
        connection.execute(
            insert(device_lease).values(device_id=device_id, token=0, acquired_s=_FREE_S, expires_s=_FREE_S, **nobody)
        )
        return connection.execute(query).mappings().one()


def _create(connection: Connection) -> None:
    engines.lock_schema(connection)
    if not inspect(connection).has_table(device_lease.name):
        metadata.create_all(connection)


def _now_token(now_s: float) -> int:
    """The time in whole ms: tokens keep growing when a lease file was deleted or another one is used in between."""
    return s_to_ms(now_s)


def default_location(environ: Mapping[str, str]) -> str:
    """HARNESS_LEASES, or ``harness/leases.sqlite`` in the user's state directory (XDG base directories)."""
    named = environ.get("HARNESS_LEASES")
    if named:
        return named
    return str(state_folder(environ) / "leases.sqlite")


def _make_directory(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the directory of the device leases cannot be made: {error.strerror}",
            where=str(path),
            remedy="Set HARNESS_LEASES to a path that can be written.",
        ) from error


def _process_of(row: RowMapping) -> Process:
    return Process(row["host"], row["boot_id"], row["pid_namespace"], row["pid"], row["start_ticks"])


def _lease(row: RowMapping) -> Lease:
    return Lease(**{name: row[name] for name in Lease.__dataclass_fields__})


def _busy(row: RowMapping, now_s: float) -> DeviceBusyError:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(row["acquired_s"]))
    what_for = f" for {row['holder']}" if row["holder"] else ""
    left_s = max(0.0, row["expires_s"] - now_s)
    return DeviceBusyError(
        f"the device is in use by process {row['pid']} on {row['host']}{what_for}, since {since}",
        where=row["device_id"],
        remedy=f"Wait for it, or stop it (kill {row['pid']}); if it is gone, the device is free in {left_s:.0f} s.",
    )
