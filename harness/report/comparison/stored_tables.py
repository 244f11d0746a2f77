"""Two stored runs as tables: what stands out, and the latencies of all rows."""

from __future__ import annotations

import math

from harness.measure.stored_comparison import Column
from harness.report.comparison.stored_view import StoredView, known
from harness.report.comparison.wording import detectable, figure
from harness.report.tables.model import EMPTY, Cell, Table, words
from harness.report.wording import number, plural

ROWS_SHOWN = 40


def changes_table(view: StoredView, limit: int | None = ROWS_SHOWN) -> Table:
    """The pairs in which something stands out: each metric as candidate over base, memory and accuracy as they are."""
    columns = [column for column in view.found.columns if column.apart.any()]
    heads = ("Series", *(_head(column) for column in columns), "Could be seen", "Verdicts")
    mde = view.found.mde
    rows = tuple(
        (
            words(view.pair(place)),
            *(_cell(column, place) for column in columns),
            words(detectable(known(mde[place]))),
            words(_verdicts(view, place)),
        )
        for place in view.found.changed[:limit]
    )
    left = len(view.found.changed) - len(rows)
    notes = (f"* stands out. {plural(left, 'more row')} in the CSV.",) if left > 0 else ("* stands out.",)
    return Table("stored", "What stands out, candidate over base", heads, rows, notes)


def latencies_table(view: StoredView) -> Table:
    """The latencies of every pair, whatever they say."""
    latency, mde = view.found.columns[0], view.found.mde
    rows = tuple(
        (
            words(view.pair(place)),
            *(_amount(values[place], 4) for values in (latency.base, latency.candidate)),
            _amount(latency.ratio[place], 3, pad=True),
            EMPTY if known(mde[place]) is None else Cell(detectable(float(mde[place])), float(mde[place])),
        )
        for place in range(len(view.found.pairs))
    )
    heads = ("Series", "Base, ms", "Candidate, ms", "Ratio", "Could be seen")
    return Table("latencies", "Latencies, none of them a verdict", heads, rows)


def _amount(value: float, digits: int, *, pad: bool = False) -> Cell:
    return Cell(number(float(value), digits, pad=pad), float(value)) if math.isfinite(value) else EMPTY


def _head(column: Column) -> str:
    label = column.metric.label
    return label[:1].upper() + label[1:]


def _cell(column: Column, place: int) -> Cell:
    change = known(column.ratio[place])
    if change is None:
        return EMPTY
    mark = " *" if column.apart[place] else ""
    if column.metric.name == "accuracy":
        return Cell(f"{change:+.4g}{mark}", change)
    base, candidate = float(column.base[place]), float(column.candidate[place])
    amounts = f" ({number(base, 4)} → {number(candidate, 4)} {column.metric.unit})" if column.apart[place] else ""
    return Cell(f"{figure(change)}{amounts}{mark}", change)


def _verdicts(view: StoredView, place: int) -> str:
    told = [(key.verdict or key.status).lower().replace("_", " ") for key in view.found.pairs[place]]
    return told[0] if told[0] == told[1] else f"{told[0]} → {told[1]}"
