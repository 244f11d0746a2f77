"""Transactions on one database. Each is made whole or not at all, also when the server restarts in the middle of it.

A transaction whose connection was lost is made again after growing pauses, for two minutes. Whether the lost one had
been committed is unknown: what may be stored once only is therefore looked for before it is written again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from harness.errors import StoreError
from harness.store import engine as engines
from harness.store.problems import away_error, first_line, is_away, is_contradiction, store_errors

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long a database that went away is waited for: pauses that double from the first to the longest, in s."""

    total_s: float = 120.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


_NO_PATIENCE = Patience(total_s=0.0)


class Database:
    """One opened database. Thread-safe. Whatever goes wrong is a StoreError with the place and the remedy.

    Attributes:
        say: told, from any thread, when the database goes away and when it is back.
    """

    def __init__(
        self,
        url: URL,
        *,
        read_only: bool = False,
        patience: Patience | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.engine = engines.open_engine(url, read_only=read_only)
        self.where = engines.describe(url)
        self.say = say
        self._url, self._read_only, self._patience = url, read_only, patience or Patience()
        self._reads = engines.begin_reads(self.engine)
        # Lanes queue here in order; SQLite's own waiting is a poll that can starve a thread for seconds.
        self._writing = threading.Lock()
        self._answered = False
        self._telling = threading.RLock()  # what is said keeps its order
        self._away_since_s: float | None = None

    def close(self) -> None:
        """Close all connections; the database cannot be used afterwards."""
        self.engine.dispose()

    def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` finds in one state of the database, whatever is written meanwhile."""

        def attempt(_: bool) -> T:
            with self.reading() as connection:
                return work(connection, *args, **kwargs)

        return self.persist(attempt)

    def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` in one durable transaction. It may be done twice: the second time must change nothing more."""

        def attempt(_: bool) -> T:
            with self.writing() as connection:
                return work(connection, *args, **kwargs)

        return self.persist(attempt)

    def try_write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `write`, for what has a better plan than to wait for a database that is away."""

        def attempt(_: bool) -> T:
            with self.writing() as connection:
                return work(connection, *args, **kwargs)

        return self.persist(attempt, _NO_PATIENCE)

    def write_once(self, work: Callable[[Connection], None], is_stored: Callable[[Connection], bool]) -> None:
        """Do `work` in one durable transaction, and not again when `is_stored` finds what a lost one left."""

        def attempt(lost: bool) -> None:
            with self.writing() as connection:
                if not (lost and is_stored(connection)):
                    work(connection)

        self.persist(attempt)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state of the database; tried once."""
        with self._reads.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes; tried once."""
        if self._read_only:
            raise StoreError("the store was opened to read only", where=self.where, remedy="Open it for writing.")
        with self._writing, self.engine.begin() as connection:
            yield connection

    # ---- patience ----------------------------------------------------------------------------------------------------

    def persist(self, attempt: Callable[[bool], T], patience: Patience | None = None) -> T:
        """The result of `attempt`, called until the database answers.

        Args:
            attempt: gets whether an earlier attempt was lost, and may have been committed all the same.
            patience: other than the usual one.

        Raises:
            StoreError: the database refuses, or has been away for too long.
        """
        try:
            with store_errors(self.where):
                return self._persist(attempt, patience or self._patience)
        except StoreError as error:
            error.where = error.where or self.where
            raise

    def _persist(self, attempt: Callable[[bool], T], patience: Patience) -> T:
        waiting, lost, contradicted = _Waiting(patience), False, False
        while True:
            try:
                if lost:
                    self._require_file()
                result = attempt(lost)
            except (SQLAlchemyError, StoreError, OSError) as error:
                if is_contradiction(error) and not contradicted:
                    contradicted = True  # two writers inserted one key together: now it is there to be seen
                    continue
                if not self._is_away(error):
                    raise
                lost, contradicted = True, False
                self._tell_away(error, patience)
                if not waiting.pause():
                    raise away_error(error, self.where, waiting.waited_s) from error
            else:
                self._tell_back()
                return result

    def _is_away(self, error: Exception) -> bool:
        if not engines.is_sqlite(self._url):
            return is_away(error, answered=self._answered)
        lost = isinstance(error, SQLAlchemyError) and self._answered and not engines.is_reachable(self._url)
        if not lost and not isinstance(error, OSError):
            return False
        # Handles into a share that was unmounted stay broken when it is back.
        self.engine.dispose()
        return True

    def _require_file(self) -> None:
        """Raise OSError while a file's share is away: opening it would make an empty one in its place."""
        if engines.is_sqlite(self._url):
            Path(str(self._url.database)).stat()

    def _tell_away(self, error: Exception, patience: Patience) -> None:
        if not patience.total_s:
            return
        with self._telling:  # many lanes notice it, one tells it
            if self._away_since_s is not None:
                return
            self._away_since_s = patience.clock()
            if self.say is not None:
                self.say(
                    f"{self.where}: the database is away ({first_line(error)}); nothing is lost, "
                    f"waiting up to {patience.total_s:.0f} s for it"
                )

    def _tell_back(self) -> None:
        self._answered = True
        if self._away_since_s is None:
            return
        with self._telling:
            since_s, self._away_since_s = self._away_since_s, None
            if self.say is not None and since_s is not None:
                self.say(f"{self.where}: the database is back after {self._patience.clock() - since_s:.0f} s")


class _Waiting:
    """The pauses of one transaction; its time begins with its first loss."""

    def __init__(self, patience: Patience) -> None:
        self._patience, self._next_s, self.waited_s = patience, patience.first_pause_s, 0.0
        self._began_s: float | None = None

    def pause(self) -> bool:
        """Wait before another attempt; false when the time is up."""
        now_s = self._patience.clock()
        if self._began_s is None:
            self._began_s = now_s
        self.waited_s = now_s - self._began_s
        left_s = self._patience.total_s - self.waited_s
        if left_s <= 0:
            return False
        self._patience.sleep(min(self._next_s, left_s))
        self._next_s = min(2 * self._next_s, self._patience.longest_pause_s)
        return True
