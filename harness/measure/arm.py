"""One side of a pair: what was measured of one build."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain import (
    AccuracySettings,
    Case,
    DeviceFacts,
    InvocationRecord,
    MeasureSettings,
    OutputsCheck,
    Purpose,
    ResultRow,
    Status,
    VariantFile,
    Verdict,
)
from harness.measure.summary import DEFAULT_ACCURACY, last_attempts


@dataclass(frozen=True)
class Arm:
    """The base or the candidate of a pair, with all that is known of it.

    Attributes:
        records: the invocations of this case, for all purposes; empty where only the row is left.
        measure: the protocol; None where it is not known, or the same for both.
        allowed: what the sweep allows the accuracy to lose.
    """

    case: Case
    row: ResultRow
    records: tuple[InvocationRecord, ...] = ()
    file: VariantFile | None = None
    check: OutputsCheck | None = None
    facts: DeviceFacts | None = None
    measure: MeasureSettings | None = None
    allowed: AccuracySettings = DEFAULT_ACCURACY

    @property
    def is_done(self) -> bool:
        """Whether it was measured."""
        return self.row.status is Status.DONE

    @property
    def is_wrong(self) -> bool:
        """Whether it was measured and its outputs are wrong."""
        return self.is_done and self.row.verdict is Verdict.WRONG_OUTPUT

    @property
    def leading_reason(self) -> str:
        """The worst of the reasons of its row, empty without any."""
        return self.row.reasons.split("; ")[0]

    def last(self, purpose: Purpose) -> list[InvocationRecord]:
        """Of each block the last attempt, if it succeeded, in the order of the blocks."""
        ours = [record for record in self.records if record.purpose is purpose]
        return [record for record in last_attempts(ours) if record.result.status is Status.DONE]
