"""What was not comparable and why, told before any ratio: one line for one reason."""

from __future__ import annotations

from dataclasses import dataclass

from harness.measure.matrix_values import Matrix
from harness.report.wording import merged, plural, skeleton

_NAMED = 4


@dataclass(frozen=True)
class Refusal:
    """One reason, and the cells it holds for, by name."""

    reason: str
    cells: tuple[str, ...]

    @property
    def told(self) -> str:
        """The cells, the first few by name."""
        more = f" and {len(self.cells) - _NAMED:,} more" if len(self.cells) > _NAMED else ""
        return f"{', '.join(self.cells[:_NAMED])}{more}"

    @property
    def sentence(self) -> str:
        """``gpu: UNSUPPORTED (no driver): 12 cells: mobilenet_v2 int8 and 11 more``."""
        return f"{self.reason.rstrip('.')}: {plural(len(self.cells), 'cell')}: {self.told}"


def refusals(matrix: Matrix) -> tuple[Refusal, ...]:
    """Why cells have no ratio, the most frequent reason first."""
    return _grouped(matrix, "refused")


def caveats(matrix: Matrix) -> tuple[Refusal, ...]:
    """What differs, or is odd, in cells that have a ratio."""
    return _grouped(matrix, "caveats")


def _grouped(matrix: Matrix, kind: str) -> tuple[Refusal, ...]:
    """By reason. A row that stands in several lines is named once."""
    several = len({line.device for line in matrix.lines}) > 1
    found: dict[str, dict[tuple[str, str], str]] = {}
    for line in matrix.lines:
        where = f" on {line.device}" if several and line.device else ""
        for cell in filter(None, line.cells):
            for reason in getattr(cell, kind):
                name = f"{line.model} {cell.name}{where}"
                found.setdefault(skeleton(reason), {}).setdefault((cell.row.case_id, name), reason)
    groups = (Refusal(merged(list(group.values())), tuple(name for _, name in group)) for group in found.values())
    return tuple(sorted(groups, key=lambda one: -len(one.cells)))
