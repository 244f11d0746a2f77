"""`Store`: everything a run leaves behind, each word durable when the call returns."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Table, select

from harness.domain import (
    Baseline,
    Case,
    DatedOutcome,
    DeviceFacts,
    DeviceProfile,
    InvocationRecord,
    MeasureSettings,
    NoiseRecord,
    OutputsCheck,
    PairOutcome,
    Purpose,
    ResultRow,
    RunRecord,
    RunView,
    ScoredChunk,
    VariantFile,
)
from harness.errors import StoreError, UnknownRunError
from harness.store import baselines, calibration, comparisons, invocations, records, results, schema, scores, tables
from harness.store import engine as engines
from harness.store.codec import decode, parse
from harness.store.database import Database, Patience
from harness.store.results import MetricPairs, RowKey

T = TypeVar("T")


class Store:
    """The results of runs. Thread-safe; other processes may read, and write, at the same time.

    Every method raises StoreError with the place and the remedy: disk full, locked, not a database, corrupt,
    read-only, no such run. A database server that goes away is waited for, two minutes unless told otherwise; nothing
    is lost by it, and nothing stored twice.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.where = database.where

    @classmethod
    def open(
        cls,
        url_or_path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        patience: Patience | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Store:
        """Open a store, by SQLite path or database URL; for writing it is created, or upgraded after a backup.

        Args:
            patience: how long a database that went away is waited for.
            say: see `on_wait`.

        Raises:
            StoreError: missing (to read), another program's, newer than this code (to write), unreadable or unwritable.
            MissingDependencyError: the driver for that URL is not installed.
        """
        url = engines.parse_location(url_or_path)
        _check_path(url, read_only)
        database = Database(url, read_only=read_only, patience=patience, say=say)
        try:
            if read_only:
                database.read(lambda connection: schema.check_readable(*schema.age_of(connection), database.where))
            else:
                database.persist(lambda _: schema.make_ready(url, database.engine))
        except BaseException:
            database.close()
            raise
        return cls(database)

    def on_wait(self, say: Callable[[str], None] | None) -> None:
        """Have `say` told, from any thread, in a sentence when the database goes away and when it is back."""
        self._database.say = say

    def close(self) -> None:
        """Close all connections; the store cannot be used afterwards."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add(self, table: Table, add: Callable[[Connection, str, T], None], value: T) -> None:
        """Write to a table that only grows, once."""
        write_id = uuid.uuid4().hex
        self._database.write_once(
            lambda connection: add(connection, write_id, value),
            lambda connection: records.is_written(connection, table, write_id),
        )

    # ---- runs --------------------------------------------------------------------------------------------------------

    def create_run(self, run: RunRecord, cases: Sequence[tuple[Case, str]]) -> None:
        """Begin a run: its cases in plan order, each with the id of its device, empty when that is not known yet."""
        self._database.write_once(
            lambda connection: records.add_run(connection, run, cases),
            lambda connection: records.has_run(connection, run, cases),
        )

    def finish_run(self, run_id: str, state: str, finished_at: str | None) -> None:
        """Set the state of a run: ``finished`` or ``interrupted``, or ``running`` and None when it is continued."""
        self._database.write(records.change_run, run_id, {"state": state, "finished_at": finished_at})

    def save_estimate(self, run_id: str, estimated_s: float) -> None:
        """Keep how long the run was expected to take."""
        self._database.write(records.change_run, run_id, {"estimated_s": estimated_s})

    def list_runs(self) -> tuple[RunRecord, ...]:
        """All runs, newest first."""
        return tuple(self._database.read(records.all_runs))

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
        return self._database.read(records.cases_of, run_id)

    def devices(self, run_id: str) -> dict[str, str]:
        """The device of each case of a run, by case id; cases without one are absent."""
        return self._database.read(records.devices_of, run_id)

    def assign_device(self, run_id: str, case_id: str, device_id: str) -> None:
        """Say on which device a case runs, when that was not known at the start."""
        self._database.write(records.put_device, run_id, case_id, device_id)

    # ---- what is known of files and devices --------------------------------------------------------------------------

    def save_variant_file(self, run_id: str, file: VariantFile) -> None:
        """Keep what preparation made; a later file of the same model and variant replaces it."""
        self._database.write(records.put_file, run_id, file)

    def save_facts(self, run_id: str, facts: DeviceFacts) -> None:
        """Keep what a device said. Save them before rows: they are part of the series key."""
        self._database.write(records.put_facts, run_id, facts)

    def facts(self, run_id: str) -> tuple[DeviceFacts, ...]:
        """What the devices of a run said, by device id."""
        return self._database.read(records.facts_of, run_id)

    # ---- invocations -------------------------------------------------------------------------------------------------

    def append_invocation(self, run_id: str, record: InvocationRecord, *, token: int) -> None:
        """Make one finished invocation durable, with its samples, in one transaction.

        Args:
            token: the fencing token of the device's lease.

        Raises:
            StoreError: also when it is stored already, or `token` is older than one that has written for this device.
        """
        self._database.write_once(
            lambda connection: invocations.add_invocation(connection, run_id, record, token),
            lambda connection: invocations.has_invocation(connection, run_id, record, token),
        )

    def done_keys(self, run_id: str) -> frozenset[tuple[str, Purpose, int]]:
        """(case id, purpose, block) of what need not be repeated: stored, and not INTERRUPTED or OFFLINE."""
        return frozenset(self._database.read(invocations.done_keys_of, run_id))

    def invocations(self, run_id: str, case_id: str | None = None) -> tuple[InvocationRecord, ...]:
        """All invocations of a run or of one case, whole, in the order in which they were stored."""
        return self._database.read(invocations.invocations_of, run_id, case_id)

    # ---- results -----------------------------------------------------------------------------------------------------

    def save_check(self, run_id: str, case_id: str, check: OutputsCheck) -> None:
        """Keep what the outputs pass of a case showed; a later one replaces it."""
        self._database.write(records.put_check, run_id, case_id, check)

    def checks(self, run_id: str) -> dict[str, OutputsCheck]:
        """The outputs checks by case id, in plan order."""
        return self._database.read(records.checks_of, run_id)

    def save_scores(self, run_id: str, case_id: str, chunk: ScoredChunk, *, token: int) -> None:
        """Make the scores of one chunk of the accuracy pass durable; the same chunk again replaces them."""
        self._database.write(scores.put_chunk, run_id, case_id, chunk, token)

    def scores(self, run_id: str, case_id: str) -> tuple[ScoredChunk, ...]:
        """The scored chunks of a case, in the order of the data set."""
        return self._database.read(scores.chunks_of, run_id, case_id)

    def save_row(self, row: ResultRow) -> None:
        """Keep the row of a case, with its single figures for comparison; a later one replaces it."""
        self.save_rows((row,))

    def save_rows(self, rows: Sequence[ResultRow]) -> None:
        """Keep many rows in one transaction."""
        self._database.write(results.put_rows, rows)

    def rows(self, run_id: str) -> tuple[ResultRow, ...]:
        """The rows of a run in plan order; cases without one are left out."""
        return self._database.read(results.rows_of, run_id)

    def metric_pairs(self, run_a: str, run_b: str, metric: str, stat: str) -> MetricPairs:
        """One figure, such as ``latency`` ``p50``, of everything that both runs measured alike."""
        return self._database.read(results.pairs_of, run_a, run_b, metric, stat)

    def row_keys(self, run_id: str) -> tuple[RowKey, ...]:
        """The rows of a run in plan order, without their figures."""
        return self._database.read(results.table_of, run_id)[0]

    def row_table(self, run_id: str, names: Sequence[str]) -> tuple[tuple[RowKey, ...], list[list[Any]]]:
        """`row_keys`, and of each row some columns of summary.csv as plain values, read in one go."""
        return self._database.read(results.table_of, run_id, names)

    def row_fields(
        self, run_id: str, names: Sequence[str], case_ids: Sequence[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Some columns of summary.csv by case id, as plain values; of all rows, or those of `case_ids`."""
        return self._database.read(results.fields_of, run_id, names, case_ids)

    def accuracy_data(self, run_id: str, case_ids: Sequence[str]) -> dict[str, str]:
        """The content id of the data set that each of these cases was scored on; unknown ones are absent."""
        return self._database.read(results.accuracy_data_of, run_id, case_ids)

    def view(self, run_id: str) -> RunView:
        """Everything the reports need, as one state of the store; also while the run goes on."""
        return self._database.read(_view, run_id)

    # ---- comparisons -------------------------------------------------------------------------------------------------

    def run_settings(self, run_id: str) -> dict[str, Any]:
        """The settings that a run was made with, as parsed JSON."""
        return self._database.read(records.settings_of, run_id)

    def save_outcomes(self, run_id: str, outcomes: Sequence[PairOutcome]) -> None:
        """Keep what the pairs of a run showed, in place of what was kept before.

        The run's settings say in ``comparison.purpose`` what `outcome_history` finds them by.
        """
        self._database.write(comparisons.put_outcomes, run_id, outcomes)

    def outcomes(self, run_id: str) -> tuple[PairOutcome, ...]:
        """The outcomes of a run in the order in which they were given; none where none were saved."""
        return self._database.read(comparisons.outcomes_of, run_id)

    def outcome_history(
        self,
        *,
        series: str | None = None,
        device_id: str | None = None,
        since: str | None = None,
        purpose: str | None = None,
    ) -> tuple[DatedOutcome, ...]:
        """The outcomes of all runs that fit everything that is given, oldest run first.

        Args:
            series: the name of a series, or its id.
            since: ISO 8601, UTC where no zone is named; runs that began then or later.
            purpose: what the runs compared for, such as ``nightly``.
        """
        return self._database.read(comparisons.history_of, series, device_id, since, purpose)

    def add_noise(self, noise: Sequence[NoiseRecord]) -> None:
        """Keep A/A comparisons beside those that are there."""
        self._add(tables.noise_record, calibration.add_noise, noise)

    def noise(self, device_id: str, *, since: str | None = None) -> tuple[NoiseRecord, ...]:
        """The A/A comparisons of a device, oldest first; `since` as in `outcome_history`."""
        return self._database.read(calibration.noise_of, device_id, since)

    def save_profile(self, profile: DeviceProfile) -> None:
        """Keep what calibration found out about a device; older profiles stay, for the runs of their time."""
        self._add(tables.device_profile, calibration.add_profile, profile)

    def profile(self, device_id: str, *, at: str | None = None) -> DeviceProfile | None:
        """The profile of a device that was saved last; with `at`, ISO 8601, the last one that was made by then."""
        return next(iter(self._database.read(calibration.profiles_of, device_id, at)), None)

    def profiles(self, *, at: str | None = None) -> tuple[DeviceProfile, ...]:
        """The profile of each device, by device id; `at` as in `profile`."""
        return self._database.read(calibration.profiles_of, None, at)

    def save_baseline(self, baseline: Baseline) -> None:
        """Pin a baseline: from now on it is what its name means. Earlier versions of the name stay."""
        self._add(tables.baseline, baselines.add_baseline, baseline)

    def baseline(self, name: str) -> Baseline | None:
        """The version of a baseline that was pinned last."""
        versions = self._database.read(baselines.baselines_of, name)
        return versions[-1] if versions else None

    def baselines(self) -> tuple[Baseline, ...]:
        """All versions of all baselines, in the order in which they were pinned."""
        return self._database.read(baselines.baselines_of, None)


def _view(connection: Connection, run_id: str) -> RunView:
    number = records.run_number(connection, run_id)
    run = next(run for run in records.all_runs(connection) if run.run_id == run_id)
    return RunView(
        run=run,
        cases=records.cases_of(connection, run_id),
        rows=results.rows_of(connection, run_id),
        files=records.files_of(connection, run_id),
        facts=records.facts_of(connection, run_id),
        invocations=invocations.invocations_of(connection, run_id, None),
        measure=_measure_settings(run.settings_json),
        estimated_s=connection.execute(select(tables.run.c.estimated_s).where(tables.run.c.number == number)).scalar(),
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
