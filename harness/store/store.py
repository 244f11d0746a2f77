"""`Store`: everything a run leaves behind, each word durable when the call returns."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sqlalchemy import URL, Connection, Engine, select

from harness.domain import (
    Case,
    DeviceFacts,
    InvocationRecord,
    MeasureSettings,
    OutputsCheck,
    Purpose,
    ResultRow,
    RunRecord,
    RunView,
    ScoredChunk,
    VariantFile,
)
from harness.errors import StoreError, UnknownRunError
from harness.store import engine as engines
from harness.store import records, results, schema, scores, tables
from harness.store.codec import decode, parse
from harness.store.problems import store_errors
from harness.store.results import MetricPairs


@dataclass(frozen=True)
class _Place:
    """A database, opened."""

    url: URL
    engine: Engine
    read_only: bool


class Store:
    """The results of runs. Thread-safe; other processes may read, and write, at the same time.

    Every method raises StoreError with the place and the remedy: disk full, locked, not a database, corrupt,
    read-only, no such run.
    """

    def __init__(self, place: _Place) -> None:
        self._engine, self._read_only = place.engine, place.read_only
        self._reads = engines.begin_reads(place.engine)
        self.where = engines.describe(place.url)
        # Lanes queue here in order; SQLite's own waiting is a poll that can starve a thread for seconds.
        self._writing = threading.Lock()

    @classmethod
    def open(cls, url_or_path: str | os.PathLike[str], *, read_only: bool = False) -> Store:
        """Open a store, by SQLite path or database URL; for writing it is created, or upgraded after a backup.

        Raises:
            StoreError: missing (to read), another program's, newer than this code (to write), unreadable or unwritable.
            MissingDependencyError: the driver for that URL is not installed.
        """
        url = engines.parse_location(url_or_path)
        _check_path(url, read_only)
        engine = engines.open_engine(url, read_only=read_only)
        try:
            with store_errors(engines.describe(url)):
                if read_only:
                    with engines.begin_reads(engine).connect() as connection:
                        schema.check_readable(*schema.age_of(connection), engines.describe(url))
                else:
                    schema.make_ready(url, engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(_Place(url, engine, read_only))

    def close(self) -> None:
        """Close all connections; the store cannot be used afterwards."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """One durable transaction."""
        if self._read_only:
            raise StoreError("the store was opened to read only", where=self.where, remedy="Open it for writing.")
        with self._place_in_errors(), self._writing, self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """One state of the database, whatever is written meanwhile."""
        with self._place_in_errors(), self._reads.begin() as connection:
            yield connection

    @contextmanager
    def _place_in_errors(self) -> Iterator[None]:
        try:
            with store_errors(self.where):
                yield
        except StoreError as error:
            error.where = error.where or self.where
            raise

    # ---- runs --------------------------------------------------------------------------------------------------------

    def create_run(self, run: RunRecord, cases: Sequence[tuple[Case, str]]) -> None:
        """Begin a run: its cases in plan order, each with the id of its device, empty when that is not known yet."""
        with self._write() as connection:
            records.add_run(connection, run, cases)

    def finish_run(self, run_id: str, state: str, finished_at: str | None) -> None:
        """Set the state of a run: ``finished`` or ``interrupted``, or ``running`` and None when it is continued."""
        with self._write() as connection:
            records.change_run(connection, run_id, {"state": state, "finished_at": finished_at})

    def save_estimate(self, run_id: str, estimated_s: float) -> None:
        """Keep how long the run was expected to take."""
        with self._write() as connection:
            records.change_run(connection, run_id, {"estimated_s": estimated_s})

    def list_runs(self) -> tuple[RunRecord, ...]:
        """All runs, newest first."""
        with self._read() as connection:
            return tuple(records.all_runs(connection))

    def find_run(self, ref: str) -> RunRecord:
        """The run that a person means: an id, ``latest``, a name (its newest run), or the unique beginning of an id.

        Raises:
            UnknownRunError: none, or several begin so; the message names them.
        """
        found = _matching(self.list_runs(), ref)
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(run.run_id for run in found[:5])
            raise UnknownRunError(
                f"{len(found)} runs begin with {ref!r}: {some}", where=self.where, remedy="Write more of the id."
            )
        raise UnknownRunError(f"there is no run {ref!r} in this store", where=self.where, remedy=records.NAMING_A_RUN)

    def unfinished_run(self, sweep_sha256: str) -> RunRecord | None:
        """The newest run of a sweep file, by its hash, that did not finish."""
        ours = (run for run in self.list_runs() if run.sweep_sha256 == sweep_sha256 and run.state != "finished")
        return next(ours, None)

    def cases(self, run_id: str) -> tuple[Case, ...]:
        """The cases of a run in plan order."""
        with self._read() as connection:
            return records.cases_of(connection, run_id)

    def devices(self, run_id: str) -> dict[str, str]:
        """The device of each case of a run, by case id; cases without one are absent."""
        with self._read() as connection:
            return records.devices_of(connection, run_id)

    def assign_device(self, run_id: str, case_id: str, device_id: str) -> None:
        """Say on which device a case runs, when that was not known at the start."""
        with self._write() as connection:
            records.put_device(connection, run_id, case_id, device_id)

    # ---- what is known of files and devices --------------------------------------------------------------------------

    def save_variant_file(self, run_id: str, file: VariantFile) -> None:
        """Keep what preparation made; a later file of the same model and variant replaces it."""
        with self._write() as connection:
            records.put_file(connection, run_id, file)

    def save_facts(self, run_id: str, facts: DeviceFacts) -> None:
        """Keep what a device said. Save them before rows: they are part of the series key."""
        with self._write() as connection:
            records.put_facts(connection, run_id, facts)

    # ---- invocations -------------------------------------------------------------------------------------------------

    def append_invocation(self, run_id: str, record: InvocationRecord, *, token: int) -> None:
        """Make one finished invocation durable, with its samples, in one transaction.

        Args:
            token: the fencing token of the device's lease.

        Raises:
            StoreError: also when it is stored already, or `token` is older than one that has written for this device.
        """
        with self._write() as connection:
            records.add_invocation(connection, run_id, record, token)

    def done_keys(self, run_id: str) -> frozenset[tuple[str, Purpose, int]]:
        """(case id, purpose, block) of what need not be repeated: stored, and not INTERRUPTED or OFFLINE."""
        with self._read() as connection:
            return frozenset(records.done_keys_of(connection, run_id))

    def invocations(self, run_id: str, case_id: str | None = None) -> tuple[InvocationRecord, ...]:
        """All invocations of a run or of one case, whole, in the order in which they were stored."""
        with self._read() as connection:
            return records.invocations_of(connection, run_id, case_id)

    # ---- results -----------------------------------------------------------------------------------------------------

    def save_check(self, run_id: str, case_id: str, check: OutputsCheck) -> None:
        """Keep what the outputs pass of a case showed; a later one replaces it."""
        with self._write() as connection:
            records.put_check(connection, run_id, case_id, check)

    def checks(self, run_id: str) -> dict[str, OutputsCheck]:
        """The outputs checks by case id, in plan order."""
        with self._read() as connection:
            return records.checks_of(connection, run_id)

    def save_scores(self, run_id: str, case_id: str, chunk: ScoredChunk, *, token: int) -> None:
        """Make the scores of one chunk of the accuracy pass durable; the same chunk again replaces them."""
        with self._write() as connection:
            scores.put_chunk(connection, run_id, case_id, chunk, token)

    def scores(self, run_id: str, case_id: str) -> tuple[ScoredChunk, ...]:
        """The scored chunks of a case, in the order of the data set."""
        with self._read() as connection:
            return scores.chunks_of(connection, run_id, case_id)

    def save_row(self, row: ResultRow) -> None:
        """Keep the row of a case, with its single figures for comparison; a later one replaces it."""
        self.save_rows((row,))

    def save_rows(self, rows: Sequence[ResultRow]) -> None:
        """Keep many rows in one transaction."""
        with self._write() as connection:
            results.put_rows(connection, rows)

    def rows(self, run_id: str) -> tuple[ResultRow, ...]:
        """The rows of a run in plan order; cases without one are left out."""
        with self._read() as connection:
            return results.rows_of(connection, run_id)

    def metric_pairs(self, run_a: str, run_b: str, metric: str, stat: str) -> MetricPairs:
        """One figure, such as ``latency`` ``p50``, of everything that both runs measured alike."""
        with self._read() as connection:
            return results.pairs_of(connection, run_a, run_b, metric, stat)

    def view(self, run_id: str) -> RunView:
        """Everything the reports need, as one state of the store; also while the run goes on."""
        with self._read() as connection:
            number = records.run_number(connection, run_id)
            run = next(run for run in records.all_runs(connection) if run.run_id == run_id)
            return RunView(
                run=run,
                cases=records.cases_of(connection, run_id),
                rows=results.rows_of(connection, run_id),
                files=records.files_of(connection, run_id),
                facts=records.facts_of(connection, run_id),
                invocations=records.invocations_of(connection, run_id, None),
                measure=_measure_settings(run.settings_json),
                estimated_s=connection.execute(
                    select(tables.run.c.estimated_s).where(tables.run.c.number == number)
                ).scalar(),
                checks=records.checks_of(connection, run_id),
            )


def _matching(runs: Sequence[RunRecord], ref: str) -> list[RunRecord]:
    """The runs, newest first, that `ref` can mean; more than one only for an ambiguous beginning of an id."""
    exact = [run for run in runs if run.run_id == ref] or (list(runs[:1]) if ref == "latest" else [])
    named = [run for run in runs if run.name == ref][:1]
    return exact or named or [run for run in runs if ref and run.run_id.startswith(ref)]


def _measure_settings(settings_json: str) -> MeasureSettings:
    """The protocol out of the stored settings: the whole object, or its key ``measure``."""
    settings = parse(settings_json or "{}")
    return decode(MeasureSettings, settings.get("measure", settings) if isinstance(settings, dict) else settings)


def _check_path(url: URL, read_only: bool) -> None:
    """What SQLite would report as one vague error: no such file, a directory, a directory that cannot be written."""
    if not engines.is_sqlite(url):
        return
    path = Path(str(url.database))
    if path.is_dir():
        raise StoreError("this is a directory", where=str(path), remedy="Name a file in it, such as results.sqlite.")
    if read_only:
        if not path.exists():
            raise StoreError("there is no results store here", where=str(path), remedy="Name an existing file.")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"its directory cannot be made: {error.strerror}", where=str(path), remedy="Choose another place."
        ) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreError(
            "read-only: the directory of the store cannot be written",
            where=str(path),
            remedy="Change its permissions, or choose another place for the store.",
        )
