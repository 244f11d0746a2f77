"""Which row of a model to take on a device: by how much it wins, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.domain import ResultRow, Status
from harness.measure.matrix_cells import costs
from harness.measure.matrix_values import Cell, Choice, Line, Ratio

Compare = Callable[[ResultRow, ResultRow], tuple[Ratio | None, str]]


def choose_best(lines: Sequence[Line], compare: Compare) -> tuple[Choice, ...]:
    """The best choice for each model and device, in order of appearance.

    Only rows that are proven and right may win: TRUSTED, and NOISY where the interval tells.

    Args:
        lines: of a matrix.
        compare: the ratio of a second row's latency over a first's, or why there is none.
    """
    groups: dict[tuple[str, str], dict[str, Cell]] = {}
    for line in lines:
        found = groups.setdefault((line.model, line.device), {})
        for cell in line.cells:
            if cell is not None:
                found.setdefault(cell.row.case_id, cell)
    return tuple(_choice(model, device, list(cells.values()), compare) for (model, device), cells in groups.items())


def _choice(model: str, device: str, cells: Sequence[Cell], compare: Compare) -> Choice:
    ranked = sorted((cell for cell in cells if cell.may_win), key=_latency_ms)
    limit_ms = _latency_ms(ranked[0]) if ranked else float("inf")
    barred = tuple(
        (cell.name, _why_barred(cell)) for cell in cells if not cell.may_win and _latency_ms(cell) < limit_ms
    )
    if not ranked:
        return Choice(model, device, None, barred=barred)
    best, others = ranked[0], ranked[1:]
    if not others:
        return Choice(model, device, best, barred=barred)
    second = others[0]
    ratio, _ = compare(best.row, second.row)
    # As costs of the best: its latency over the second's decides when a slower start has paid off.
    price = costs(second.row, best.row, ratio.inverse if ratio is not None and ratio.decided else None)
    return Choice(model, device, best, second, ratio, price, _level_with(best, others, compare), barred)


def _level_with(best: Cell, others: Sequence[Cell], compare: Compare) -> tuple[str, ...]:
    """The names of all that the best is not told apart from."""
    ratios = ((cell.name, compare(best.row, cell.row)[0]) for cell in others)
    return tuple(name for name, ratio in ratios if ratio is None or not ratio.decided)


def _why_barred(cell: Cell) -> str:
    verdict = cell.row.verdict
    return "no verdict" if verdict is None else verdict.value.replace("_", " ").lower()


def _latency_ms(cell: Cell) -> float:
    """Infinite without a latency, so that such a row is never ahead of one."""
    measured = cell.row.status is Status.DONE
    return cell.row.latency_p50_ms if measured and cell.row.latency_p50_ms else float("inf")
