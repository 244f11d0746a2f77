"""`report.html`: what a run found, what is not to be believed and why, and the evidence, on one page."""

from __future__ import annotations

import re
from typing import Any

from harness.domain import RunView
from harness.report import provenance, table
from harness.report.accuracy import accuracy_lines
from harness.report.delegate_matrix import delegate_matrix
from harness.report.findings import findings
from harness.report.operator_profile import model_profiles
from harness.report.page import render_page
from harness.report.plots.latency import steadiness
from harness.report.plots.series import Series
from harness.report.plots.svg import shapes
from harness.report.plots.trace import traces
from harness.report.plots.tradeoff import tradeoffs
from harness.report.plots.variants import variant_charts
from harness.report.reduce import distributions
from harness.report.sustained import sustained_parts
from harness.report.table_data import rows_without_script, table_data
from harness.report.takeaways import takeaways
from harness.report.wording import MEANINGS, WORDS, outcome_counts, plural, verdict_line
from harness.units import format_duration, parse_moment

FINDINGS_SHOWN = 60
FINDINGS_OPEN = 8
CASES_NAMED = 12
ROWS_LISTED = 150  # before, and without, the script
LONG_NAME = 22
ALSO_SHOWN = 6
_SAID = ("Fastest", "Not to be believed", "How sure")


def report_html(view: RunView) -> str:
    """The whole page."""
    series = Series.of(view.rows)
    columns = table.columns(view.rows, series.labels)
    lines = table.lines(view.rows, series.labels, WORDS)
    names = 4 if series.labels.places_vary else 3
    return render_page(
        "report.html",
        scripts=("tables.js", "report.js"),
        styles=("comparison.css", "report.css"),
        data={**table_data(view.rows, columns, lines), "names": names},
        compress=True,
        columns=columns,
        lines=lines,
        names=names,
        long_name=LONG_NAME,
        listed=rows_without_script(view.rows, ROWS_LISTED),
        **_head(view),
        **_findings(view, series),
        **_charts(view, series),
        **_provenance(view, series),
    )


def _head(view: RunView) -> dict[str, Any]:
    run = view.run
    started, finished = parse_moment(run.started_at), parse_moment(run.finished_at)
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


def _findings(view: RunView, series: Series) -> dict[str, Any]:
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
            "cases": [(anchors[row.case_id], series.labels.full(row)) for row in one.rows[:CASES_NAMED]],
            "more": max(0, len(one.rows) - CASES_NAMED),
        }
        for one in found[:FINDINGS_SHOWN]
    ]
    return {
        "findings": shown,
        "findings_open": FINDINGS_OPEN,
        "findings_left": max(0, len(found) - FINDINGS_SHOWN),
        "meanings": [(name, table.GLYPHS[name], WORDS[name], meaning) for name, meaning in MEANINGS.items()],
    }


def _charts(view: RunView, series: Series) -> dict[str, Any]:
    spreads = distributions(view.invocations)
    profiles, profiles_left = model_profiles(view.rows, view.invocations, series)
    places = {row.case_id: series.labels.place(row) for row in view.rows}
    return {
        "shapes": shapes(),
        "legend": series.legend(view.rows),
        "tradeoffs": tradeoffs(view.rows, spreads, series),
        "variants": variant_charts(view.rows, series),
        "accuracy": accuracy_lines(view),
        "steady": steadiness(view.rows, spreads, series),
        "traces": traces(view.invocations, places),
        "sustained": sustained_parts(view, series),
        "delegates": delegate_matrix(view),
        "profiles": profiles,
        "profiles_left": profiles_left,
    }


def _provenance(view: RunView, series: Series) -> dict[str, Any]:
    return {
        "run_facts": provenance.run_facts(view),
        "devices": [provenance.device_facts(facts) for facts in view.facts],
        "file_heads": provenance.FILE_HEADS,
        "files": [(provenance.file_cells(file), file.sha256) for file in view.files],
        "evidence": provenance.evidence_table(view.rows, series.labels),
        "settings": provenance.pretty_json(view.run.settings_json),
    }
