"""Operator times from benchmark_model's profile: the tables on standard output, and the CSV form with the same tables.

Columns are found by their header: builds differ (an extra ``[start]``, the order, the spelling ``[Node type]``). The
run-order table of the regular runs is read; the tables of the initialization, sorted copies and summaries are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.domain import OperatorTime
from harness.runtimes.delegate_log import family
from harness.runtimes.log_lines import decode, number
from harness.units import ms_to_us

BUILT_IN = "built-in"
_TITLE = re.compile(r"(?<!=)={4,} {0,4}([^=]{1,80}?) {0,4}={4,}")
_RUN_ORDER = "Run Order"
_INITIALIZATION, _REGULAR = "Profiling Info for Benchmark Initialization", "Operator-wise Profiling Info for Regular"
_SUBGRAPH = re.compile(r"Subgraph \(index: [0-9]+")
_DELEGATE_INTERNAL, _PRIMARY = "Delegate internal:", "Primary graph"
_INTERNAL_NAME = "Delegate/"
_HEXAGON_PROFILING = re.compile(r"--hexagon_profiling=(?:true|1)\b|Hexagon [Pp]rofiling ?: \[1\]")
_LITERT_TYPE = "LiteRT::"
_WHOSE = re.compile(r"with delegate \(([^)]{1,80})\)|Explicitly applied (\w+) delegate")
_DELEGATE_TYPE = re.compile(r"\w*(?:Delegate\w*|LITERT_\w+)|DispatchDelegate", re.ASCII)


@dataclass(frozen=True)
class _Row:
    """`avg_us` is the time of one call; `calls` in one inference, rounded, None without that column."""

    kind: str
    avg_us: float
    calls: float | None
    internal: bool

    @property
    def us(self) -> float:
        """Time in one inference."""
        return self.avg_us * (1.0 if self.calls is None else self.calls)


@dataclass
class _Place:
    """Where in the profile a line stands."""

    section: str = ""
    table: str = ""
    internal: bool = False
    nested: bool = False
    columns: tuple[str, ...] = ()
    csv: bool = False


def parse_op_profile(text: str | bytes) -> tuple[OperatorTime, ...]:
    """Operators of one inference, those of the same type and kernel together, slowest first; empty without a profile.

    `kernel` is the delegate that computed an operator, or ``built-in``, or ``LiteRT`` for that runtime's own work. What
    was done once and not in each inference is left out. A delegate that reports its inner operators is
    shown by them, what they leave of its time under its own name. Inner figures of the Hexagon delegate are cycles and
    not read. Operators in the bodies of control flow are part of the operator that calls them.
    """
    if isinstance(text, bytes):
        text = decode(text)
    rows = list(_rows(text))
    if not any(row.calls for row in rows):  # builds that leave the column at 0
        rows = [replace(row, calls=None) for row in rows]
    rows = [row for row in rows if row.calls != 0]
    if _HEXAGON_PROFILING.search(text):
        rows = [row for row in rows if not row.internal]
    table: dict[tuple[str, str], list[float]] = {}
    for kind, kernel, us in _by_kernel(rows, _only_delegate(text)):
        table.setdefault((kind, kernel), []).append(us)
    total_us = sum(sum(times) for times in table.values())
    operators = [
        OperatorTime(kind, sum(times), sum(times) / total_us if total_us else 0.0, len(times), kernel)
        for (kind, kernel), times in table.items()
    ]
    return tuple(sorted(operators, key=lambda one: -one.total_us))


def undelegated(operators: Sequence[OperatorTime]) -> tuple[OperatorTime, ...]:
    """The operators that stayed on the built-in kernels."""
    return tuple(one for one in operators if one.kernel == BUILT_IN)


def _only_delegate(text: str) -> str:
    """The one delegate that the log beside the profile speaks of; ``delegate`` when it names none, or several."""
    names = {family(found[1] or found[2]) for found in _WHOSE.finditer(text)}
    return names.pop() if len(names) == 1 else "delegate"


def _by_kernel(rows: list[_Row], named: str) -> Iterator[tuple[str, str, float]]:
    outer = [row for row in rows if not row.internal]
    inner = [row for row in rows if row.internal]
    delegates = list(dict.fromkeys(row.kind for row in outer if _DELEGATE_TYPE.fullmatch(row.kind)))
    # Whose inner operators they are is known only when there is one delegate.
    owner = delegates[0] if len(delegates) == 1 else None
    if inner and not (owner is None and delegates):
        kernel = family(owner) if owner is not None else named
        yield from ((row.kind, kernel, row.us) for row in inner)
        rest_us = sum(row.us for row in outer if row.kind == owner) - sum(row.us for row in inner)
        if owner is not None and rest_us > 0:
            yield owner, kernel, rest_us
        outer = [row for row in outer if row.kind != owner]
    for row in outer:
        kernel = family(row.kind) if row.kind in delegates else BUILT_IN
        yield row.kind, "LiteRT" if row.kind.startswith(_LITERT_TYPE) else kernel, row.us


def _rows(text: str) -> Iterator[_Row]:
    """Rows of the run-order tables of the regular runs."""
    place = _Place()
    has_sections = _REGULAR in text
    for line in re.split(r"[\r\n]+", text):
        if _moves(place, line) or place.table != _RUN_ORDER or place.nested:
            continue
        if place.section == _INITIALIZATION or (has_sections and place.section != _REGULAR):
            continue
        row = _row(place, line)
        if row is not None:
            yield row


def _moves(place: _Place, line: str) -> bool:
    """Follow titles and headers; True when `line` was one."""
    if (title := _TITLE.search(line)) is not None:
        place.table, place.columns = title[1], ()
    elif _INITIALIZATION in line or _REGULAR in line:
        section = _REGULAR if _REGULAR in line else _INITIALIZATION
        place.section, place.table, place.internal, place.nested = section, "", False, False
    elif _DELEGATE_INTERNAL in line:
        place.table, place.internal, place.nested = "", True, False
    elif _SUBGRAPH.search(line) is not None or _PRIMARY in line:
        place.table, place.internal, place.nested = "", False, _PRIMARY not in line
    elif not place.columns and "node type" in line.lower():
        place.csv = "\t" not in line and "," in line
        place.columns = tuple(_plain(cell) for cell in _cells(line, place.csv))
    else:
        return False
    return True


def _row(place: _Place, line: str) -> _Row | None:
    cells = _cells(line, place.csv)
    if not place.columns or len(cells) < len(place.columns) - 1:
        return None
    values = dict(zip(place.columns, cells, strict=False))
    average_ms = number(values.get("avg ms"))
    kind = values.get("node type", "")
    if average_ms is None or average_ms < 0 or not kind:
        return None
    internal = place.internal or values.get("name", "").startswith(_INTERNAL_NAME)
    return _Row(kind, ms_to_us(average_ms), number(values.get("times called")), internal)


def _cells(line: str, csv: bool) -> list[str]:
    if csv:
        return [cell.strip() for cell in line.split(", ")]
    # Text copied out of a terminal has lost its tabs; columns are then two or more spaces apart.
    cells = line.strip().split("\t") if "\t" in line.strip() else re.split(r" {2,}", line.strip())
    return [cell.strip() for cell in cells]


def _plain(header: str) -> str:
    """``[avg ms]`` and ``avg_ms`` are one column."""
    return header.strip("[] ").replace("_", " ").lower()
