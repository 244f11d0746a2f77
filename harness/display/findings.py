"""What a reader should look at after a run: rows that cannot be taken at face value, the same reason once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.display.labels import row_label
from harness.display.marks import Mark, mark_of
from harness.display.text import clean, merge_numbers, number_range_key
from harness.domain import ResultRow

# How a row's reasons are joined, the worst first; the remedy is for the worst.
_SEPARATOR = "; "


@dataclass(frozen=True)
class Also:
    """A further reason that holds for `count` of a finding's cases."""

    reason: str
    count: int


@dataclass(frozen=True)
class Finding:
    """One leading reason with the cases it holds for. `reason` and `remedy` may be empty."""

    mark: Mark
    reason: str
    remedy: str
    cases: tuple[str, ...]
    also: tuple[Also, ...] = ()


def findings(rows: Sequence[ResultRow]) -> tuple[Finding, ...]:
    """Rows that are not TRUSTED, grouped by outcome and leading reason, the worst first.

    Reasons that differ in their figures only are one reason, with the range of the figures.
    """
    several_devices = len({row.device or row.target for row in rows}) > 1
    groups: dict[tuple[str, str, str], list[ResultRow]] = {}
    for row in rows:
        mark = mark_of(row)
        if mark.kind != "good":
            key = (mark.word, number_range_key(_reasons(row)[0]), number_range_key(clean(row.remedy)))
            groups.setdefault(key, []).append(row)
    found = [_finding(group, several_devices) for group in groups.values()]
    return tuple(sorted(found, key=lambda finding: (finding.mark.rank, -len(finding.cases))))


def _reasons(row: ResultRow) -> list[str]:
    return clean(row.reasons).split(_SEPARATOR)


def _finding(rows: Sequence[ResultRow], several_devices: bool) -> Finding:
    return Finding(
        mark_of(rows[0]),
        merge_numbers(tuple(_reasons(row)[0] for row in rows)),
        merge_numbers(tuple(clean(row.remedy) for row in rows)),
        tuple(clean(row_label(row, with_device=several_devices)) for row in rows),
        _also(reason for row in rows for reason in _reasons(row)[1:]),
    )


def _also(reasons: Iterable[str]) -> tuple[Also, ...]:
    groups: dict[str, list[str]] = {}
    for reason in reasons:
        if reason:
            groups.setdefault(number_range_key(reason), []).append(reason)
    return tuple(Also(merge_numbers(tuple(texts)), len(texts)) for texts in groups.values())
