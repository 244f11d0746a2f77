"""What to look at: the rows that cannot be quoted, those with the same leading reason as one finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.domain import ResultRow
from harness.report.wording import NOT_RUN, is_trusted, leading, merged, order, outcome, skeleton, split_reasons


@dataclass(frozen=True)
class Finding:
    """Rows with one outcome, one leading reason and one remedy; numbers that vary among them are given as ranges.

    `also` holds what else was found, each with the number of rows it holds for, the most frequent first.
    """

    outcome: str
    reason: str
    remedy: str
    also: tuple[tuple[str, int], ...]
    rows: tuple[ResultRow, ...]


def findings(rows: Sequence[ResultRow]) -> list[Finding]:
    """All rows that cannot be quoted: what failed first, then the worst verdict, what did not run last."""
    groups: dict[tuple[str, str, str], list[ResultRow]] = {}
    for row in rows:
        if not is_trusted(row):
            key = (outcome(row), skeleton(leading(row.reasons)), skeleton(row.remedy))
            groups.setdefault(key, []).append(row)
    found = [_finding(name, group) for (name, _, _), group in groups.items()]
    return sorted(found, key=lambda one: (one.rows[0].status in NOT_RUN, -order(one.outcome), -len(one.rows)))


def _finding(name: str, rows: Sequence[ResultRow]) -> Finding:
    further: dict[str, list[str]] = {}
    for row in rows:
        for reason in split_reasons(row.reasons)[1:]:
            further.setdefault(skeleton(reason), []).append(reason)
    also = sorted(((merged(reasons), len(reasons)) for reasons in further.values()), key=lambda one: -one[1])
    reason = merged([leading(row.reasons) for row in rows])
    return Finding(name, reason, merged([row.remedy for row in rows]), tuple(also), tuple(rows))
