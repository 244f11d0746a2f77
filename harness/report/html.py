"""`report.html`: one file that opens offline, asks for nothing, and runs no script but its own.

Everything that comes from a sweep, a device or a model file is text to Jinja2's autoescape; charts are built from
escaped elements; the data for the script is JSON in which ``<``, ``>`` and ``&`` are written as escapes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness import assets
from harness.domain import RunView
from harness.report import provenance, table
from harness.report.accuracy import accuracy_lines
from harness.report.findings import findings
from harness.report.plots.latency import steadiness
from harness.report.plots.series import Series
from harness.report.plots.svg import shapes
from harness.report.plots.trace import traces
from harness.report.plots.tradeoff import tradeoffs
from harness.report.plots.variants import variant_charts
from harness.report.reduce import distributions
from harness.report.tables.model import Table
from harness.report.takeaways import takeaways
from harness.report.wording import MEANINGS, WORDS, outcome_counts, plural, verdict_line, visible
from harness.units import format_duration

FINDINGS_SHOWN = 60
CASES_NAMED = 12
ALSO_SHOWN = 6
_SAID = ("Fastest", "Not to be believed", "How sure")


def report_html(view: RunView) -> str:
    """The whole page."""
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = _environment().get_template("report.html")
    return template.render(
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'",
        style=Markup(_asset("report.css")),
        script=Markup(script),
        data=embedded_json(table.data(view.rows)),
        **_head(view),
        **_results(view),
        **_charts(view),
        **_provenance(view),
    )


def page_of_table(content: Table) -> str:
    """One table as a page of its own, in the look of the report."""
    return _environment().get_template("table.html").render(style=Markup(_asset("report.css")), table=content)


def embedded_json(value: object) -> Markup:
    """`value` as JSON that can stand inside a ``<script>`` element whatever its strings hold.

    Raises:
        ValueError: `value` holds a NaN or an infinity, which JSON has no words for.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(assets.folder("reports") / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    return visible(value) if type(value) is str else value  # Markup is a str of its own type


@cache
def _asset(name: str) -> str:
    return (assets.folder("reports") / "templates" / name).read_text(encoding="utf-8")


def _head(view: RunView) -> dict[str, Any]:
    run = view.run
    started, finished = _moment(run.started_at), _moment(run.finished_at)
    devices = [f"{facts.device_id} ({facts.model})" if facts.model else facts.device_id for facts in view.facts]
    shown = devices if len(devices) <= 2 else [plural(len(devices), "device")]
    took = format_duration((finished - started).total_seconds()) if started and finished else ""
    day = f"{started.day} {started:%B %Y, %H:%M} {started.tzname() or ''}".strip() if started else run.started_at
    meta = [day, *shown, plural(len(view.rows), "case"), took, f"harness {run.harness_version}"]
    counts = outcome_counts(view.rows)
    return {
        "run": run,
        "meta": [part for part in meta if part],
        "counts": [(name, count, table.GLYPHS.get(name, "!"), WORDS[name]) for name, count in counts],
        "verdict_line": verdict_line(view.rows),
        "said": list(zip(_SAID, map(_held_together, takeaways(view)), strict=True)),
    }


def _held_together(sentence: str) -> str:
    """A number and its unit stay on one line."""
    return re.sub(r"(?<=\d) (?=%|ms\b)", "\u00a0", sentence)


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except ValueError:
        return None


def _results(view: RunView) -> dict[str, Any]:
    series = Series.of(view.rows)
    labels = series.labels
    anchors = {row.case_id: index for index, row in enumerate(view.rows)}
    found = findings(view.rows)
    shown = [
        {
            "outcome": one.outcome,
            "glyph": table.GLYPHS.get(one.outcome, "!"),
            "word": WORDS[one.outcome],
            "reasons": one.reason or MEANINGS.get(one.outcome, "No reason was given."),
            "remedy": one.remedy,
            "also": [f"{reason} ({count} of {len(one.rows)})" for reason, count in one.also[:ALSO_SHOWN]],
            "cases": [(anchors[row.case_id], labels.full(row)) for row in one.rows[:CASES_NAMED]],
            "more": max(0, len(one.rows) - CASES_NAMED),
        }
        for one in found[:FINDINGS_SHOWN]
    ]
    return {
        "columns": table.columns(view.rows, labels),
        "names": 4 if labels.places_vary else 3,
        "long_name": 22,
        "lines": table.lines(view.rows, labels, WORDS),
        "findings": shown,
        "findings_left": max(0, len(found) - FINDINGS_SHOWN),
        "meanings": [(name, table.GLYPHS[name], WORDS[name], meaning) for name, meaning in MEANINGS.items()],
    }


def _charts(view: RunView) -> dict[str, Any]:
    series, spreads = Series.of(view.rows), distributions(view.invocations)
    places = {row.case_id: series.labels.place(row) for row in view.rows}
    return {
        "shapes": shapes(),
        "legend": series.legend(view.rows),
        "tradeoffs": tradeoffs(view.rows, spreads, series),
        "variants": variant_charts(view.rows, series),
        "accuracy": accuracy_lines(view),
        "steady": steadiness(view.rows, spreads, series),
        "traces": traces(view.invocations, places),
    }


def _provenance(view: RunView) -> dict[str, Any]:
    labels = Series.of(view.rows).labels
    return {
        "run_facts": provenance.run_facts(view),
        "devices": [provenance.device_facts(facts) for facts in view.facts],
        "file_heads": provenance.FILE_HEADS,
        "files": [(provenance.file_cells(file), file.sha256) for file in view.files],
        "evidence": provenance.evidence_table(view.rows, labels),
        "settings": provenance.pretty_json(view.run.settings_json),
    }
