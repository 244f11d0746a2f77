"""Two stored runs, for a terminal, a spreadsheet, a Markdown page or a browser: what changed, the rest folded.

The rows were not interleaved. No line is a verdict, and each form says so first.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.domain import ComparisonVerdict
from harness.measure.stored_comparison import WRONG, Column, StoredComparison
from harness.measure.stored_rows import Fields, StoredKey
from harness.report.comparison.wording import figure
from harness.report.csv_files import csv_table
from harness.report.markdown import escape
from harness.report.tables.model import EMPTY, Cell, Table, words
from harness.report.tables.render import render
from harness.report.wording import clip, merged, number, plural, skeleton, visible

ROWS_SHOWN = 40
NAMES_SHOWN = 10
NOT_INTERLEAVED = "not interleaved"
_FACTOR = ("latency", "init", "first inference")


@dataclass(frozen=True)
class StoredView:
    """A comparison with the columns that name its rows, by case id, of the base and the candidate."""

    found: StoredComparison
    names: tuple[Fields, Fields]

    def name(self, key: StoredKey, side: int) -> str:
        """``mobilenet_v2 int8 · cpu xnnpack 1 thread · Pixel 8``."""
        row = self.names[side].get(key.case_id)
        if row is None:
            return key.case_id
        threads = plural(int(row["threads"]), "thread")
        parts = (f"{row['model']} {row['variant']}", f"{row['backend']} {threads}", row["device"] or row["target"])
        return " · ".join(map(str, filter(None, parts)))

    def pair(self, place: int) -> str:
        """The name of a pair: the base's."""
        return self.name(self.found.pairs[place][0], 0)

    @property
    def refused(self) -> list[tuple[str, list[int]]]:
        """Why pairs are not comparable, the most frequent reason first, with their places."""
        groups: dict[str, dict[int, str]] = {}
        for place, reasons in self.found.runs.reasons.items():
            for reason in reasons:
                groups.setdefault(skeleton(reason), {})[place] = reason
        told = [(merged(list(dict.fromkeys(group.values()))), list(group)) for group in groups.values()]
        return sorted(told, key=lambda one: -len(one[1]))


def answer_line(found: StoredComparison) -> str:
    """What can be said, in a sentence."""
    if not found.pairs:
        return "The two runs have no row in common: nothing can be compared."
    if not found.compared:
        return f"None of the {plural(len(found.pairs), 'common row')} can be compared."
    mean, moved = figure(found.geometric_mean), len(found.changed)
    out = f"{plural(moved, 'row')} {'stands' if moved == 1 else 'stand'} out"
    return (
        f"INCONCLUSIVE, {NOT_INTERLEAVED}: the latency of {plural(found.compared, 'row')} compared, the geometric mean "
        f"of the ratios is {mean}; {out}, {found.unchanged:,} {'does' if found.unchanged == 1 else 'do'} not."
    )


def remedy(found: StoredComparison) -> str:
    """The command that measures it interleaved."""
    base, candidate = (f"{run.name}.yaml" for run in (found.runs.base, found.runs.candidate))
    if base == candidate:
        base, candidate = f"base/{base}", f"candidate/{candidate}"
    return shlex.join(["harness", "compare", visible(base), visible(candidate)])


def render_stored(view: StoredView, form: str, width: int = 120) -> str:
    """The comparison as text of one of FORMATS; `width` is the terminal's in cells."""
    if form == "csv":
        return _csv(view)
    if form == "html":
        return _html(view)
    lines = _lines(view, form, width)
    return "\n".join(lines).rstrip("\n") + "\n"


def stored_json(view: StoredView) -> dict[str, Any]:
    """Plain values for `--json`."""
    found = view.found
    runs = found.runs
    return {
        "base": runs.base.run_id,
        "candidate": runs.candidate.run_id,
        "interleaved": False,
        "verdict": ComparisonVerdict.INCONCLUSIVE.value if found.compared else ComparisonVerdict.NOT_COMPARABLE.value,
        "note": NOT_INTERLEAVED,
        "command": remedy(found),
        "notes": list(runs.notes),
        "differs": [{"name": one.name, "base": one.base, "candidate": one.candidate} for one in runs.differs],
        "pairs": len(found.pairs),
        "compared": found.compared,
        "unchanged": found.unchanged,
        "geometric_mean": found.geometric_mean if math.isfinite(found.geometric_mean) else None,
        "changed": [_pair_json(view, place) for place in found.changed],
        "newly_failing": [_ended_json(view, place) for place in found.newly_failing],
        "newly_passing": [_ended_json(view, place) for place in found.newly_passing],
        "missing": [{"series": view.name(key, 0), "case_id": key.case_id} for key in runs.matched.only_base],
        "new": [{"series": view.name(key, 1), "case_id": key.case_id} for key in runs.matched.only_candidate],
        "not_comparable": [
            {"reason": reason, "series": [view.pair(place) for place in places]} for reason, places in view.refused
        ],
        "accuracy_of_other_data": [view.pair(place) for place in sorted(runs.other_data)],
    }


def _pair_json(view: StoredView, place: int) -> dict[str, Any]:
    a, b = view.found.pairs[place]
    metrics = {}
    for column in view.found.columns:
        base, candidate, change = (_known(values[place]) for values in (column.base, column.candidate, column.ratio))
        if base is None and candidate is None:
            continue
        kind = "difference" if column.metric.name == "accuracy" else "ratio"
        told = {"base": base, "candidate": candidate, kind: change, "stands_out": bool(column.apart[place])}
        metrics[column.metric.name] = told
    names = {"series": view.pair(place), "base_case_id": a.case_id, "candidate_case_id": b.case_id}
    return {
        **names,
        "verdict": "INCONCLUSIVE",
        "base_verdict": a.verdict,
        "candidate_verdict": b.verdict,
        "metrics": metrics,
    }


def _ended_json(view: StoredView, place: int) -> dict[str, Any]:
    a, b = view.found.pairs[place]
    return {"series": view.pair(place), "base": _ending(a), "candidate": _ending(b), "reason": _reason(view, place)}


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


# ---- tables ----------------------------------------------------------------------------------------------------------


def changes_table(view: StoredView, limit: int | None = ROWS_SHOWN) -> Table:
    """The pairs in which something stands out: each metric as candidate over base, memory and accuracy as they are."""
    columns = [column for column in view.found.columns if column.apart.any()]
    heads = ("Series", *(_head(column) for column in columns), "Verdicts")
    rows = tuple(
        (words(view.pair(place)), *(_cell(column, place) for column in columns), words(_verdicts(view, place)))
        for place in view.found.changed[:limit]
    )
    left = len(view.found.changed) - len(rows)
    notes = (f"* stands out. {plural(left, 'more row')} in the CSV.",) if left > 0 else ("* stands out.",)
    return Table("stored", "What stands out, candidate over base", heads, rows, notes)


def _head(column: Column) -> str:
    label = column.metric.label
    return label[:1].upper() + label[1:]


def _cell(column: Column, place: int) -> Cell:
    change = _known(column.ratio[place])
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


def _ending(key: StoredKey) -> str:
    """How a row ended; wrong outputs are a failure of their own."""
    return WRONG if key.verdict == WRONG else key.status


def _reason(view: StoredView, place: int) -> str:
    """Why the failed side of a pair failed."""
    for side in (1, 0):
        key = view.found.pairs[place][side]
        if _ending(key) != "DONE":
            return str((view.names[side].get(key.case_id) or {}).get("reasons") or "").split("; ")[0]
    return ""


def _csv(view: StoredView) -> str:
    columns = view.found.columns
    heads = ["series", "base_case_id", "candidate_case_id", "outcome", "verdict", "base_verdict", "candidate_verdict"]
    for column in columns:
        kind = "difference" if column.metric.name == "accuracy" else "ratio"
        heads += [f"{column.metric.name}_{part}" for part in ("base", "candidate", kind, "stands_out")]
    return csv_table([*heads, "not_comparable"], _csv_lines(view))


def _csv_lines(view: StoredView) -> Iterator[list[object]]:
    found = view.found
    outcomes = _outcomes(found)
    for place, (a, b) in enumerate(found.pairs):
        reasons = found.runs.reasons.get(place, ())
        line: list[object] = [view.pair(place), a.case_id, b.case_id, outcomes.get(place, "unchanged")]
        line += ["NOT_COMPARABLE" if reasons else "INCONCLUSIVE", a.verdict or a.status, b.verdict or b.status]
        for column in found.columns:
            line += [_known(values[place]) for values in (column.base, column.candidate, column.ratio)]
            line.append("yes" if column.apart[place] else "no")
        yield [*line, "; ".join(reasons)]
    blank: list[object] = [None] * (4 * len(found.columns) + 1)
    for key in found.runs.matched.only_base:
        yield [view.name(key, 0), key.case_id, None, "missing", None, key.verdict or key.status, None, *blank]
    for key in found.runs.matched.only_candidate:
        yield [view.name(key, 1), None, key.case_id, "new", None, None, key.verdict or key.status, *blank]


def _outcomes(found: StoredComparison) -> Mapping[int, str]:
    told = dict.fromkeys(found.changed, "changed")
    told |= dict.fromkeys(found.runs.reasons, "not comparable")
    return (
        told | dict.fromkeys(found.newly_failing, "newly failing") | dict.fromkeys(found.newly_passing, "newly passing")
    )


# ---- sections --------------------------------------------------------------------------------------------------------


def sections(view: StoredView) -> list[tuple[str, list[str]]]:
    """(title, lines) of everything that is told in sentences; empty ones are left out."""
    runs = view.found.runs
    told = [
        ("What differs between the runs", [f"{one.name}: {one.base} → {one.candidate}" for one in runs.differs]),
        ("Not comparable", [_group(view, reason, places) for reason, places in view.refused]),
        ("Newly failing", _ended(view, view.found.newly_failing)),
        ("Missing in the candidate", _few([view.name(key, 0) for key in runs.matched.only_base])),
        ("Newly passing", _ended(view, view.found.newly_passing)),
        ("New in the candidate", _few([view.name(key, 1) for key in runs.matched.only_candidate])),
        (
            "Accuracy of other tasks or data, not compared",
            _few([view.pair(place) for place in sorted(runs.other_data)]),
        ),
    ]
    return [(title, lines) for title, lines in told if lines]


def _group(view: StoredView, reason: str, places: Sequence[int]) -> str:
    return f"{reason}: {plural(len(places), 'row')}: {', '.join(_few([view.pair(place) for place in places], 3))}"


def _ended(view: StoredView, places: Sequence[int]) -> list[str]:
    texts = []
    for place in places[:NAMES_SHOWN]:
        a, b = view.found.pairs[place]
        why = clip(_reason(view, place), 160)
        texts.append(f"{view.pair(place)}: {_ending(a)} → {_ending(b)}{f' ({why})' if why else ''}")
    return texts + _left(len(places) - NAMES_SHOWN)


def _few(texts: Sequence[str], limit: int = NAMES_SHOWN) -> list[str]:
    return [*texts[:limit], *_left(len(texts) - limit)]


def _left(count: int) -> list[str]:
    return [f"and {count:,} more"] if count > 0 else []


def _lines(view: StoredView, form: str, width: int) -> Iterator[str]:
    markdown = form == "markdown"
    found, runs = view.found, view.found.runs
    clean = escape if markdown else _one_line
    title = f"{runs.base.run_id} → {runs.candidate.run_id}: two stored runs"
    yield f"# {clean(title)}\n" if markdown else clean(title)
    yield f"**{clean(answer_line(found))}**\n" if markdown else clean(answer_line(found))
    yield clean("Rows of two runs did not run in turn: a difference may be the device's. To measure it interleaved:")
    yield f"\n    {_one_line(remedy(found))}\n"
    yield from (clean(note) for note in runs.notes)
    for name, lines in sections(view):
        yield f"\n## {name}\n" if markdown else f"\n{name}"
        yield from (f"{'- ' if markdown else '  '}{clean(line)}" for line in lines)
    if found.changed:
        yield ""
        yield render(changes_table(view), form, width)
    if found.unchanged:
        yield ""
        yield f"{plural(found.unchanged, 'other row')} without a change that stands out."


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())


def _html(view: StoredView) -> str:
    from harness.report.page import render_page  # Jinja2 is slow to import

    runs = view.found.runs
    table = changes_table(view, 1000)
    return render_page(
        "stored_comparison.html",
        styles=("comparison.css",),
        scripts=("tables.js",),
        runs=[asdict(run) for run in (runs.base, runs.candidate)],
        answer=answer_line(view.found),
        command=_one_line(remedy(view.found)),
        notes=runs.notes,
        sections=sections(view),
        table=table if view.found.changed else None,
        rows=[[cell.text for cell in row] for row in table.rows],
        unchanged=view.found.unchanged,
    )
