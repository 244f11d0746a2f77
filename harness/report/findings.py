"""What to look at: the rows that cannot be quoted, those with the same reason as one finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.domain import ResultRow
from harness.report.wording import NOT_RUN, is_trusted, merged, order, outcome, skeleton


@dataclass(frozen=True)
class Finding:
    """Rows with one outcome, one reason and one remedy; numbers that vary among them are given as ranges."""

    outcome: str
    reasons: str
    remedy: str
    rows: tuple[ResultRow, ...]


def findings(rows: Sequence[ResultRow]) -> list[Finding]:
    """All rows that cannot be quoted: what failed first, then the worst verdict, what did not run last."""
    groups: dict[tuple[str, str, str], list[ResultRow]] = {}
    for row in rows:
        if not is_trusted(row):
            groups.setdefault((outcome(row), skeleton(row.reasons), skeleton(row.remedy)), []).append(row)
    found = [
        Finding(name, merged([row.reasons for row in group]), merged([row.remedy for row in group]), tuple(group))
        for (name, _, _), group in groups.items()
    ]
    return sorted(found, key=lambda one: (one.rows[0].status in NOT_RUN, -order(one.outcome), -len(one.rows)))
