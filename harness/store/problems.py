"""What a database says, as a `StoreError` that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from harness.errors import StoreError
from harness.store.codec import CodecError

# SQLite has no error classes finer than these messages before Python 3.11; they have been stable for two decades.
_KNOWN = (
    (
        ("database or disk is full", "no space left"),
        "disk full: the results store cannot grow",
        "Free space on that file system, then continue with --resume. What was stored before is intact.",
    ),
    (
        ("disk i/o error",),
        "the disk refused a read or write (over quota, a file size limit, or failing)",
        "Check quota, limits and the system log, then continue with --resume. What was stored before is intact.",
    ),
    (
        ("database is locked", "database table is locked", "could not obtain lock"),
        "locked: another process has kept the database busy for too long",
        "See who has it open (lsof, fuser), stop it, and try again.",
    ),
    (
        ("file is not a database", "file is encrypted"),
        "not a database",
        "Name another file, or move this one away.",
    ),
    (
        ("malformed", "database corruption"),
        "corrupt: the database file is damaged",
        "Restore a backup, or save what can be read: sqlite3 FILE .recover | sqlite3 rescued.sqlite",
    ),
    (
        ("readonly database", "read-only", "readonly"),
        "read-only: the database or its directory cannot be written",
        "Change the permissions, or choose another place for the store.",
    ),
    (
        ("unable to open database file",),
        "the database file cannot be opened or created",
        "Check that it is a file in an existing directory that you may read and write.",
    ),
    (
        ("connection refused", "could not connect", "connection failed", "server closed the connection"),
        "the database server does not answer",
        "Check that it runs, and host, port, user and password in the URL.",
    ),
)


@contextmanager
def store_errors(where: str) -> Iterator[None]:
    """Turn errors of the database, and of what it holds, into `StoreError` with the place and the remedy."""
    try:
        yield
    except CodecError as error:
        raise StoreError(
            f"a stored record cannot be read: {error}",
            where=where,
            remedy="Read this store with the version of the harness that wrote it.",
        ) from error
    except UnicodeEncodeError as error:
        raise StoreError(
            f"text with an invalid character cannot be stored: {error.reason}",
            where=where,
            remedy="Use UTF-8 in names and in the sweep file.",
        ) from error
    except SQLAlchemyError as error:
        raise _explain(error, where) from error


def _explain(error: SQLAlchemyError, where: str) -> StoreError:
    text = str(error.orig if isinstance(error, DBAPIError) else error)
    if isinstance(error, IntegrityError):
        return StoreError(
            f"the store refuses a contradictory record: {text}",
            where=where,
            remedy="The same thing was stored before, or what it belongs to is missing.",
        )
    lowered = text.lower()
    for phrases, what, remedy in _KNOWN:
        if any(phrase in lowered for phrase in phrases):
            return StoreError(f"{what} ({text.splitlines()[0]})", where=where, remedy=remedy)
    return StoreError(
        f"the database refused: {text.splitlines()[0] if text else type(error).__name__}",
        where=where,
        remedy="If it happens again, keep the file and report it.",
    )
