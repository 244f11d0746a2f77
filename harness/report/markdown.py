"""`summary.md`: for a pull request, a CI step summary or a mail. GitHub limits a step summary to 1 MiB."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.domain import ResultRow, RunView
from harness.measure.run_doubts import unfinished
from harness.metric_names import metric_label
from harness.report.findings import findings
from harness.report.takeaways import takeaways
from harness.report.wording import (
    MEANINGS,
    WORDS,
    Labels,
    clip,
    half_width_pct,
    number,
    outcome,
    percent,
    plural,
    score,
    verdict_line,
    visible,
)
from harness.units import format_latency

ROWS_SHOWN = 200
FINDINGS_SHOWN = 50
SUSTAINED_SHOWN = 30
_ACTIVE = re.compile(r"([\\`*_\[\]|~$]|^[-+#=])")
_WORD_JOIN = re.compile(r"(?<=\w)\\_(?=\w)")


def escape(text: str) -> str:
    """`text` as Markdown that shows it and does nothing else: no markup, HTML, link, mention or line break."""
    line = " ".join(visible(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _WORD_JOIN.sub("_", _ACTIVE.sub(r"\\\1", line))
    return line.replace("@", "@\u200b").replace("://", ":\u200b//").replace("www.", "www\u200b.")


def summary_md(view: RunView) -> str:
    """The verdict line, the three sentences, the table, and folded what to look at."""
    labels = Labels.of(view.rows)
    lines = [f"# {escape(view.run.name)}", "", f"**{verdict_line(view.rows)}.**", ""]
    lines += [f"**{escape(doubt)}**", ""] if (doubt := unfinished(view.run)) else []
    lines += [f"{index}. {escape(sentence)}" for index, sentence in enumerate(takeaways(view), 1)]
    lines += ["", *_table(view.rows, labels), *_sustained(view), *_attention(view.rows, labels)]
    lines += [f"Run `{_code(view.run.run_id)}`, {escape(view.run.state)}, started {escape(view.run.started_at)}."]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")


def _table(rows: Sequence[ResultRow], labels: Labels) -> Iterator[str]:
    if not rows:
        return
    heads = ["Model", "Variant", "Backend", *(["Device"] if labels.places_vary else [])]
    figures = ["Latency, ms", "Interval", "Accuracy", "Ref. error", "Size, MB"]
    yield f"| {' | '.join([*heads, *figures, 'Verdict'])} |"
    yield f"|{' --- |' * len(heads)}{' ---: |' * len(figures)} --- |"
    for row in rows[:ROWS_SHOWN]:
        yield _line(row, labels)
    if len(rows) > ROWS_SHOWN:
        yield ""
        yield f"{plural(len(rows) - ROWS_SHOWN, 'more row')} in `summary.csv`."
    yield ""


def _line(row: ResultRow, labels: Labels) -> str:
    width = half_width_pct(row)
    accuracy = f"{score(row.accuracy_metric, row.accuracy)} {metric_label(row.accuracy_metric)}"
    cells = [row.model, row.variant, labels.setup(row)]
    cells += [labels.place(row)] if labels.places_vary else []
    cells += [format_latency(row.latency_p50_ms), "—" if width is None else f"±{percent(width)}"]
    cells += [accuracy if row.accuracy is not None else "—", number(row.reference_error, 2)]
    cells += [number(row.model_size_mb), WORDS[outcome(row)]]
    return f"| {' | '.join(escape(clip(cell, 120)) for cell in cells)} |"


def _sustained(view: RunView) -> Iterator[str]:
    from harness.report.sustained import sustained_lines  # with its plots; most of what imports this needs neither

    told = sustained_lines(view)
    if not told:
        return
    yield "**When it is hot**"
    yield ""
    yield from (f"- {escape(clip(sentence, 500))}" for sentence in told[:SUSTAINED_SHOWN])
    if len(told) > SUSTAINED_SHOWN:
        yield f"- {len(told) - SUSTAINED_SHOWN:,} more in `report.html`"
    yield ""


def _attention(rows: Sequence[ResultRow], labels: Labels) -> Iterator[str]:
    groups = findings(rows)
    if not groups:
        return
    yield f"<details><summary>What to look at: {plural(len(groups), 'finding')}</summary>"
    yield ""
    for finding in groups[:FINDINGS_SHOWN]:
        named, more = finding.rows[:5], len(finding.rows) - 5
        shown = ", ".join(map(labels.full, named)) + (f" and {more} more" if more > 0 else "")
        why = clip(finding.reason, 300) or MEANINGS.get(finding.outcome, "no reason was given")
        yield f"- **{WORDS[finding.outcome]}**, {escape(clip(shown, 500))}: {escape(why)}"
        for reason, count in finding.also[:5]:
            yield f"  - also {escape(clip(reason, 300))} ({count} of {len(finding.rows)})"
        if finding.remedy:
            yield f"  - to do: {escape(clip(finding.remedy, 300))}"
    if len(groups) > FINDINGS_SHOWN:
        yield f"- {plural(len(groups) - FINDINGS_SHOWN, 'more finding')} in `report.html`"
    yield ""
    yield "</details>"
    yield ""
