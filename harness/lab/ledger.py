"""What is known of each case of a run, in memory beside the store: written there first, summarised from here."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from harness.domain import (
    AccuracySettings,
    Case,
    DeviceFacts,
    InvocationRecord,
    ModelRef,
    OutputsCheck,
    Purpose,
    ResultRow,
    ScoredChunk,
    Status,
    VariantFile,
    Verdict,
)
from harness.lab.tasks import Task, given_up
from harness.measure import accuracy_pass_failed, median_ms, skipped_row, summarise_case, sustained_pass_failed
from harness.store import Store

NOT_REACHED = "the run was interrupted before this case began; continue it with --resume"


@dataclass
class CaseLedger:
    """All evidence of one case."""

    case: Case
    file: VariantFile | None = None
    facts: DeviceFacts | None = None
    records: list[InvocationRecord] = field(default_factory=list)
    check: OutputsCheck | None = None
    refusal: tuple[Status, str] | None = None
    unreached: tuple[Status, str] = (Status.INTERRUPTED, NOT_REACHED)

    def timing_statuses(self) -> tuple[Status, ...]:
        """How each timing block ended: the last attempt of each counts."""
        last = {record.block: record.result.status for record in self.records if record.purpose is Purpose.TIMING}
        return tuple(last.values())

    def outputs_status(self) -> Status | None:
        """How the outputs pass ended, None before it ran."""
        statuses = [record.result.status for record in self.records if record.purpose is Purpose.OUTPUTS]
        return statuses[-1] if statuses else None

    def next_attempt(self, task: Task) -> int:
        """The number of the next attempt at `task`, behind those of this session and the one it resumes."""
        tried = [one.attempt for one in self.records if (one.purpose, one.block) == (task.purpose, task.block)]
        return max(tried, default=-1) + 1

    def succeeded(self, task: Task) -> bool:
        """Whether the last attempt at `task` did."""
        ours = [one for one in self.records if (one.purpose, one.block) == (task.purpose, task.block)]
        return bool(ours) and max(ours, key=lambda one: one.attempt).result.status is Status.DONE

    def given_up(self) -> str:
        """Why the case is not continued, or an empty text."""
        return given_up(self.timing_statuses(), self.outputs_status())


class Ledger:
    """The cases of one run. `record` is durable before it returns; thread-safe."""

    def __init__(
        self,
        run_id: str,
        store: Store,
        cases: Iterable[Case],
        require_coverage: str,
        allowed: AccuracySettings | None = None,
    ) -> None:
        self.run_id = run_id
        self._store = store
        self._require_coverage = require_coverage
        self._allowed = allowed or AccuracySettings()
        self._cases = {case.case_id: CaseLedger(case) for case in cases}
        self._lock = threading.Lock()

    def __getitem__(self, case_id: str) -> CaseLedger:
        return self._cases[case_id]

    def restore(self, records: Iterable[InvocationRecord], checks: Mapping[str, OutputsCheck]) -> None:
        """Take over what an interrupted run left in the store."""
        for record in records:
            self._cases[record.case_id].records.append(record)
        for case_id, check in checks.items():
            self._cases[case_id].check = check

    def attach(self, files: Mapping[tuple[str, str], VariantFile], facts: DeviceFacts | None, case: Case) -> None:
        """Say which file and device belong to `case`."""
        entry = self._cases[case.case_id]
        entry.file, entry.facts = files.get((case.model.name, case.variant)), facts

    def refuse(self, case: Case, status: Status, reason: str) -> ResultRow:
        """A case that is not run at all: a row with its reason, stored at once."""
        self._cases[case.case_id].refusal = (status, reason)
        row = self.row(case)
        self._store.save_row(row)
        return row

    def lose(self, case: Case, status: Status, reason: str) -> None:
        """Say why a case that has no measurement at the end will not get one in this session."""
        self._cases[case.case_id].unreached = (status, reason)

    def record(self, record: InvocationRecord, token: int) -> None:
        """Store one invocation durably, then remember it.

        Raises:
            StoreError: it could not be made durable.
        """
        self._store.append_invocation(self.run_id, record, token=token)
        with self._lock:
            self._cases[record.case_id].records.append(record)

    def set_check(self, case: Case, check: OutputsCheck) -> None:
        """Store what the outputs pass showed."""
        self._store.save_check(self.run_id, case.case_id, check)
        self._cases[case.case_id].check = check

    def save_scores(self, case: Case, chunk: ScoredChunk, token: int) -> None:
        """Store the scores of one chunk durably.

        Raises:
            StoreError: it could not be made durable.
        """
        self._store.save_scores(self.run_id, case.case_id, chunk, token=token)

    def scores(self, case: Case) -> tuple[ScoredChunk, ...]:
        """The scored chunks of `case`, from this session or the one it resumes."""
        return self._store.scores(self.run_id, case.case_id)

    def data_scored_on(self, model: ModelRef) -> frozenset[str]:
        """The ids of the data sets that the first scored case of `model` saw, in this session or the one it resumes."""
        cases = (entry.case for entry in self._cases.values() if entry.case.model == model)
        chunks = next(filter(None, map(self.scores, cases)), ())
        return frozenset(chunk.dataset_id for chunk in chunks)

    def row(self, case: Case) -> ResultRow:
        """The row as the evidence stands now."""
        entry = self._cases[case.case_id]
        if entry.refusal is not None:
            status, reason = entry.refusal
            return skipped_row(self.run_id, case, status, reason, facts=entry.facts, file=entry.file)
        latency_ms, accuracy = self._float_reference(case)
        with self._lock:
            records = tuple(entry.records)
        return summarise_case(
            run_id=self.run_id,
            case=case,
            file=entry.file,
            facts=entry.facts,
            records=records,
            check=entry.check,
            require_coverage=self._require_coverage,
            float32_latency_ms=latency_ms,
            float32_accuracy=accuracy,
            allowed=self._allowed,
        )

    def final_rows(self) -> tuple[ResultRow, ...]:
        """All rows in plan order, saved together; a case that an interrupt left without any measurement says so."""
        rows = tuple(self.final_row(entry.case) for entry in self._cases.values())
        self._store.save_rows(rows)
        return rows

    def final_row(self, case: Case) -> ResultRow:
        """The row of `case` when nothing more will come."""
        entry = self._cases[case.case_id]
        if entry.refusal is None and not entry.records:
            status, reason = entry.unreached
            return skipped_row(self.run_id, case, status, reason, facts=entry.facts, file=entry.file)
        return self.row(case)

    def _float_reference(self, case: Case) -> tuple[float | None, float | None]:
        """Latency of the float32 case beside `case`, and accuracy of its reference, as far as they are known."""
        reference = self.float_reference(case)
        accuracy = None if reference is None else _accuracy(self._cases[reference.case_id].check)
        if case.variant == "float32":
            return None, accuracy
        beside = self._cases.get(replace(case, variant="float32").case_id)
        return (None if beside is None else _latency_ms(beside)), accuracy

    def latency_ms(self, case: Case) -> float | None:
        """The typical latency of `case`, when it was timed."""
        return _latency_ms(self._cases[case.case_id])

    def float_reference(self, case: Case) -> Case | None:
        """The scored float32 case that `case` is compared with: of the same model, beside it if there is one.

        A delegate that takes no float models is held against float32 on another backend, the CPU first; so is float32
        on a delegate, which may compute it in half precision.
        """
        if case.variant == "float32" and case.backend.kind == "cpu":
            return None
        beside = replace(case, variant="float32").case_id
        floats = [
            entry
            for entry in self._cases.values()
            if entry.case.model == case.model and entry.case.variant == "float32" and _accuracy(entry.check) is not None
        ]
        if case.variant == "float32":
            floats = [entry for entry in floats if entry.case.backend.kind == "cpu"]
        order = sorted(floats, key=lambda entry: (entry.case.case_id != beside, entry.case.backend.kind != "cpu"))
        return order[0].case if order else None


def _latency_ms(entry: CaseLedger) -> float | None:
    timings = (record.result for record in entry.records if record.purpose is Purpose.TIMING)
    medians = [latency_ms for result in timings if (latency_ms := median_ms(result)) is not None]
    return statistics.median(medians) if medians else None


def _accuracy(check: OutputsCheck | None) -> float | None:
    return check.accuracy.value if check is not None and check.accuracy is not None else None


def counts_as_failed(row: ResultRow, require_coverage: str) -> bool:
    """Whether a row makes the exit code 1: it has no number, a wrong one, or not the coverage that was required."""
    if row.status in (Status.SKIPPED, Status.UNSUPPORTED):
        return False
    if row.status is not Status.DONE or row.verdict is Verdict.WRONG_OUTPUT or accuracy_pass_failed(row):
        return True
    if sustained_pass_failed(row):
        return True
    return row.verdict is Verdict.FELL_BACK and require_coverage != "any"
