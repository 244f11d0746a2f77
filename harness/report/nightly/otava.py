"""`otava.csv`: the history for Apache Otava 0.8, and `otava.yaml`, which tells Otava what is in it.

One line a night: time, run, how many cells were filled, and one column for each series, device and metric with the
ratio of candidate to reference. Otava's CSV reader takes no gaps, so a night without a figure repeats the one before
(the first ones that after), which is what Otava does for its other sources; `filled` says how many cells are such.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence

from harness.domain import DatedOutcome
from harness.report.csv_files import Cell, csv_table
from harness.report.wording import visible

TIME, RUN, FILLED = "time", "run_id", "filled"
TEST = "nightly"


def otava_csv(history: Sequence[DatedOutcome], metrics: Iterable[str] = ("latency",)) -> str:
    """The table; without nights only its head."""
    columns, nights = _table(history, tuple(metrics))
    gaps = {name: {run for run in nights if name not in nights[run][1]} for name in columns}
    filled = {name: _filled([figures.get(name) for _, figures in nights.values()]) for name in columns}
    lines: list[list[Cell]] = [
        [at, run, sum(run in gaps[name] for name in columns), *(filled[name][place] for name in columns)]
        for place, (run, (at, _)) in enumerate(nights.items())
    ]
    return csv_table([TIME, RUN, FILLED, *columns], lines)


def otava_yaml(history: Sequence[DatedOutcome], metrics: Iterable[str] = ("latency",), file: str = "otava.csv") -> str:
    """The configuration that goes with the table: ``OTAVA_CONFIG=otava.yaml otava analyze nightly -P 1e-5``."""
    columns, _ = _table(history, tuple(metrics))
    lines = [
        "tests:",
        f"  {TEST}:",
        "    type: csv",
        f"    file: {json.dumps(file, ensure_ascii=False)}",
        f"    time_column: {TIME}",
    ]
    lines += [f"    attributes: [{RUN}, {FILLED}]", "    metrics:" if columns else "    metrics: {}"]
    return "\n".join([*lines, *(f"      {_quoted(name)}: {{direction: -1}}" for name in columns)]) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _table(
    history: Sequence[DatedOutcome], metrics: Sequence[str]
) -> tuple[list[str], dict[str, tuple[str, dict[str, float]]]]:
    """The columns in the order of their first night; by run its time and figures."""
    columns: dict[str, None] = {}
    nights: dict[str, tuple[str, dict[str, float]]] = {}
    for night in sorted(history, key=lambda one: one.at):
        figures = nights.setdefault(night.run_id, (night.at, {}))[1]
        for change in night.outcome.changes:
            if change.metric in metrics and change.ratio is not None and math.isfinite(change.ratio):
                name = _column(night, change.metric, len(metrics) > 1)
                columns[name] = None
                figures[name] = change.ratio
    return list(columns), nights


def _column(night: DatedOutcome, metric: str, several: bool) -> str:
    """A head that no spreadsheet runs and no list of Otava splits at."""
    parts = [night.outcome.series, "@", night.outcome.device_id, *([metric] if several else [])]
    name = " ".join(visible(" ".join(parts)).replace(",", ";").split())
    return name.lstrip("=+-@'") or "series"


def _filled(values: Sequence[float | None]) -> list[float | None]:
    found = list(values)
    for order in (range(len(found)), reversed(range(len(found)))):
        last: float | None = None
        for place in order:
            last = found[place] if found[place] is not None else last
            found[place] = last
    return found
