"""Two stored runs, for a terminal, a spreadsheet, a Markdown page or a browser: what changed, the rest folded.

The rows were not interleaved. No line is a verdict, and each form says so first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from harness.report.comparison.stored_data import stored_csv, stored_json
from harness.report.comparison.stored_tables import changes_table, latencies_table
from harness.report.comparison.stored_view import COMMAND, StoredView, answer_line, ending_of, reason_of, remedy
from harness.report.markdown import escape
from harness.report.tables.render import render
from harness.report.wording import clip, plural, visible

__all__ = ["StoredView", "answer_line", "render_stored", "sections", "stored_json"]

NAMES_SHOWN = 10


def render_stored(view: StoredView, form: str, width: int = 120) -> str:
    """The comparison as text of one of FORMATS; `width` is the terminal's in cells."""
    if form == "csv":
        return stored_csv(view)
    if form == "html":
        return _html(view)
    lines = _lines(view, form, width)
    return "\n".join(lines).rstrip("\n") + "\n"


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
        why = clip(reason_of(view, place), 160)
        texts.append(f"{view.pair(place)}: {ending_of(a)} → {ending_of(b)}{f' ({why})' if why else ''}")
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
    yield f"\n    {COMMAND}\n"
    yield clean(f"{remedy(found).removeprefix(COMMAND).removeprefix(', ')}.")
    yield from (clean(note) for note in runs.notes)
    for name, lines in sections(view):
        yield f"\n## {name}\n" if markdown else f"\n{name}"
        yield from (f"{'- ' if markdown else '  '}{clean(line)}" for line in lines)
    if found.changed:
        yield ""
        yield render(changes_table(view), form, width)
    if found.is_short and found.compared:
        yield ""
        yield render(latencies_table(view), form, width)
    if found.unchanged:
        yield ""
        yield f"{plural(found.unchanged, 'other row')} without a change that stands out."


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())


def _html(view: StoredView) -> str:
    from harness.report.page import render_page  # Jinja2 is slow to import

    runs = view.found.runs
    table = changes_table(view, 1000)
    latencies = latencies_table(view) if view.found.is_short and view.found.compared else None
    return render_page(
        "stored_comparison.html",
        styles=("comparison.css",),
        scripts=("tables.js",),
        runs=[asdict(run) for run in (runs.base, runs.candidate)],
        answer=answer_line(view.found),
        command=COMMAND,
        advice=_one_line(remedy(view.found)).removeprefix(COMMAND),
        latencies=latencies,
        latency_rows=[[cell.text for cell in row] for row in latencies.rows] if latencies else [],
        notes=runs.notes,
        sections=sections(view),
        table=table if view.found.changed else None,
        rows=[[cell.text for cell in row] for row in table.rows],
        unchanged=view.found.unchanged,
    )
