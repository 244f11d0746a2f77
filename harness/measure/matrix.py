"""One run compared with itself: backends, variants, runtimes, threads or devices against a reference.

Rows of one device ran interleaved, so their latencies are compared block by block (`compare_blocks`). Two devices share
no block: their levels are compared, and no verdict is given. What is not comparable gets no ratio but the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.domain import InvocationRecord, ResultRow, RunView
from harness.errors import UsageError
from harness.measure.arm import Arm
from harness.measure.best_choice import choose_best
from harness.measure.comparison import BlockMedian, block_medians
from harness.measure.matrix_axes import Axis, Entry, choose_reference, default_axis
from harness.measure.matrix_cells import costs, differences, ratio_by_block, ratio_of_levels, unusable
from harness.measure.matrix_lines import group_lines, is_guest
from harness.measure.matrix_values import AXES, Cell, Line, Matrix, Noise, Ratio
from harness.measure.run_doubts import run_doubts

Blocks = Mapping[str, tuple[BlockMedian, ...]]
NoiseOf = Callable[[ResultRow], Noise]


def compare_inside(
    view: RunView,
    by: str = "",
    reference: str | None = None,
    *,
    noise: NoiseOf | None = None,
    paired: bool = True,
) -> Matrix:
    """The rows of a run as a matrix of ratios.

    Args:
        view: the run.
        by: one of AXES; empty for the first of them that varies in the run.
        reference: a level of that axis, None for its own.
        noise: the A/A noise of a row's device; none known by default.
        paired: False compares the latencies of the rows alone, without verdicts: an overview of a very large run.

    Raises:
        UsageError: no such axis, or no such reference.
    """
    if by and by not in AXES:
        raise UsageError(f"rows cannot be compared by {by!r}", remedy=f"Choose one of {', '.join(AXES)}.")
    cases = {case.case_id: case for case in view.cases}
    entries: list[Entry] = [(cases[row.case_id], row) for row in view.rows if row.case_id in cases]
    by = by or default_axis(entries)
    if by == "threads":  # they are the CPU's
        entries = [entry for entry in entries if entry[0].backend.kind == "cpu"]
    axis = Axis(by, tuple(entries))
    chosen = choose_reference(axis, reference)
    levels = tuple(sorted(axis.levels, key=lambda level: level != chosen))
    compared = _Comparison(view, axis, chosen, noise or (lambda row: Noise()), paired and by != "device")
    lines = tuple(compared.line(group, levels) for group in group_lines(axis))
    return Matrix(by, chosen, levels, lines, choose_best(lines, compared.ratio), run_doubts(view.run, len(view.cases)))


class _Comparison:
    """What all lines of a matrix share."""

    def __init__(self, view: RunView, axis: Axis, reference: str, noise: NoiseOf, paired: bool) -> None:
        self._axis, self._reference, self._noise, self._paired = axis, reference, noise, paired
        self._blocks = _blocks(view.invocations) if paired else {}
        self._files = {(file.model, file.variant): file for file in view.files}
        self._facts = {facts.device_id: facts for facts in view.facts}
        self._names = _names(axis)

    def ratio(self, reference: ResultRow, row: ResultRow) -> tuple[Ratio | None, str]:
        """Latency of `row` over that of `reference`, or why there is none."""
        if not self._paired or reference.device_id != row.device_id:
            return ratio_of_levels(reference, row), ""
        pair = (self._blocks.get(reference.case_id, ()), self._blocks.get(row.case_id, ()))
        return ratio_by_block(*pair, self._noise(reference))

    def line(self, group: list[Entry], levels: tuple[str, ...]) -> Line:
        """One line: the cells of `group` in the order of `levels`."""
        found = {self._axis.level(entry): entry for entry in group}
        cells = tuple(self._cell(found[level], found) if level in found else None for level in levels)
        device = "" if self._axis.by == "device" else self._axis.device(group[0])
        # An accelerator has no threads to be named by, so that the line is named after a row that has.
        made_of = [entry for entry in group if not is_guest(entry, self._axis.by)] or group
        named = max(made_of, key=lambda entry: len(self._held(entry)))
        return Line(group[0][1].model, device, self._held(named), cells)

    def _held(self, entry: Entry) -> str:
        guest = is_guest(entry, self._axis.by)
        names = self._names | {"runtime"} if guest else self._names
        return " · ".join(text for name, text in self._axis.shown(entry) if text and name in names)

    def _cell(self, entry: Entry, line: Mapping[str, Entry]) -> Cell:
        row, level = entry[1], self._axis.level(entry)
        cell = Cell(level, " · ".join(part for part in (level, self._held(entry)) if part), row)
        if level == self._reference:
            return replace(cell, is_reference=True)
        if self._reference not in line:
            return replace(cell, refused=(f"there is no {self._reference} beside it to compare with",))
        return self._against(line[self._reference], entry, cell)

    def _against(self, beside: Entry, entry: Entry, cell: Cell) -> Cell:
        reference = beside[1]
        refused = tuple(filter(None, [unusable(cell.row)]))
        if not refused and (why := unusable(reference)):
            refused = (f"the reference {self._reference}: {why}",)
        as_guest = is_guest(beside, self._axis.by) != is_guest(entry, self._axis.by)
        forbids, caveats = differences(self._arm(beside), self._arm(entry), self._axis.by, as_guest=as_guest)
        if refused or forbids:
            return replace(cell, refused=(*refused, *forbids), caveats=caveats)
        ratio, why = self.ratio(reference, cell.row)
        told = (*caveats, *(ratio.notes if ratio is not None else ()))
        refused = () if ratio is not None else (why or "one of the two has no latency",)
        return replace(cell, ratio=ratio, costs=costs(reference, cell.row, ratio), refused=refused, caveats=told)

    def _arm(self, entry: Entry) -> Arm:
        case, row = entry
        file = self._files.get((case.model.name, case.variant))
        return Arm(case, row, file=file, facts=self._facts.get(row.device_id))


def _names(axis: Axis) -> frozenset[str]:
    """The held things that are not the same in the whole run; a guest's are its own."""
    values: dict[str, set[str]] = {}
    for entry in [one for one in axis.entries if not is_guest(one, axis.by)] or axis.entries:
        for name, text in axis.held(entry):
            values.setdefault(name, set()).update({text} - {""})
    return frozenset(name for name, found in values.items() if len(found) > 1 or name == "variant")


def _blocks(invocations: tuple[InvocationRecord, ...]) -> Blocks:
    records: dict[str, list[InvocationRecord]] = {}
    for record in invocations:
        records.setdefault(record.case_id, []).append(record)
    return {case_id: block_medians(found) for case_id, found in records.items()}
