"""What a database says, as a `StoreError` that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError

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

# https://www.postgresql.org/docs/current/errcodes-appendix.html; 08 is lost connections, 40 a clash of transactions.
_AWAY_CLASSES = ("08", "40")
_AWAY_STATES = ("53300", "57P01", "57P02", "57P03", "57P05")
# A server that refuses a connection gives no code, only a sentence.
_AWAY_PHRASES = (
    *("starting up", "shutting down", "in recovery mode", "not yet accepting connections"),
    *("too many clients", "too many connections", "remaining connection slots"),
)
_REFUSED_PHRASES = ("authentication failed", "no password supplied", "does not exist", "pg_hba.conf")


def is_away(error: BaseException, *, answered: bool) -> bool:
    """Whether a database server went away, restarts, or has no connection left, so that it may be back soon.

    Args:
        answered: it has answered before, so that host, port and password are right.
    """
    if not isinstance(error, DBAPIError):
        return False
    state = _state(error)
    if error.connection_invalidated or state.startswith(_AWAY_CLASSES) or state in _AWAY_STATES:
        return True
    if state or error.statement is not None or not isinstance(error, (OperationalError, InterfaceError)):
        return False
    text = str(error.orig).lower()
    if any(phrase in text for phrase in _AWAY_PHRASES):
        return True
    return answered and not any(phrase in text for phrase in _REFUSED_PHRASES)


def _state(error: DBAPIError) -> str:
    """The five characters of SQLSTATE, empty where there are none."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def is_contradiction(error: BaseException) -> bool:
    """Whether a key was there already, said by the database or told on as a StoreError."""
    return isinstance(error, IntegrityError) or isinstance(error.__cause__, IntegrityError)


def away_error(error: BaseException, where: str, waited_s: float) -> StoreError:
    """What to tell when a database that went away does not come back."""
    return StoreError(
        f"the database is away, after waiting {waited_s:.0f} s ({first_line(error)})",
        where=where,
        remedy="Start the server, or mend the network, then continue with --resume. What was stored before is intact.",
    )


def first_line(error: BaseException) -> str:
    """What the database said, in one line."""
    text = str(error.orig if isinstance(error, DBAPIError) else error)
    return text.strip().partition("\n")[0] or type(error).__name__


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
            return StoreError(f"{what} ({first_line(error)})", where=where, remedy=remedy)
    return StoreError(
        f"the database refused: {first_line(error)}",
        where=where,
        remedy="If it happens again, keep the file and report it.",
    )
