"""`nightly.html`: the night on one page, in the look of the report."""

from __future__ import annotations

from typing import Any

from harness.domain import Night, NightEvent
from harness.report.nightly.answers import Answer, answers, by_event
from harness.report.nightly.words import (
    CALLING,
    CHANGED,
    GLYPHS,
    REMEDIES,
    WORDS,
    change_text,
    event_counts,
    interval_text,
    mde_text,
    metric_word,
    unchanged,
    value_text,
    verdict_line,
)
from harness.report.page import render_page
from harness.report.wording import plural
from harness.units import format_duration

HEADS = (
    *("Series", "Device", "Metric", "Reference", "Candidate", "Change", "99 % interval", "p", "Could have seen"),
    *("Blocks", "Verdict"),
)
NUMBERS = (3, 4, 5, 6, 7, 8, 9)
ROWS_OF_AN_EVENT = 40
_NAMED = 12


def nightly_html(night: Night) -> str:
    """The whole page."""
    found = answers(night)
    covered = by_event(found)
    events = [_event(event, covered.get(id(event), [])) for event in night.events]
    return render_page(
        "nightly.html",
        scripts=("tables.js",),
        styles=("nightly.css",),
        night=night,
        line=verdict_line(night),
        meta=_meta(night),
        counts=[(kind, count, GLYPHS[kind], WORDS[kind]) for kind, count in event_counts(night)],
        same=unchanged(night),
        changed=[event for event in events if event["kind"] in CHANGED],
        others=[event for event in events if event["kind"] not in CHANGED],
        heads=HEADS,
        numbers=NUMBERS,
        lines=[_line(answer) for answer in found if answer.change is not None],
        calls=any(event.kind in CALLING for event in night.events),
    )


def _meta(night: Night) -> list[str]:
    parts = [night.at[:16].replace("T", " ") + " UTC", f"against {night.baseline}" if night.baseline else ""]
    parts += [plural(len(night.outcomes), "pair"), plural(len({one.device_id for one in night.outcomes}), "device")]
    return [part for part in (*parts, "" if night.took_s is None else format_duration(night.took_s)) if part]


def _event(event: NightEvent, ours: list[Answer]) -> dict[str, Any]:
    rows = [_line(answer)[:-1] for answer in ours if answer.change is not None]  # the verdict is the event's
    places = list(dict.fromkeys(" · ".join(filter(None, answer.place)) for answer in ours if answer.change is None))
    return {
        "kind": event.kind,
        "glyph": GLYPHS.get(event.kind, "!"),
        "word": WORDS.get(event.kind, event.kind),
        "title": event.title,
        "reason": event.reason,
        "link": event.link,
        "remedy": REMEDIES.get(event.kind, ""),
        "rows": rows[:ROWS_OF_AN_EVENT],
        "more": max(0, len(rows) - ROWS_OF_AN_EVENT),
        "places": places[:_NAMED],
        "more_places": max(0, len(places) - _NAMED),
        "differs": _differences(ours),
    }


def _differences(ours: list[Answer]) -> list[tuple[str, str, str, str]]:
    """What is stamped on the arms and differs, the likeliest cause first."""
    found = {
        (one.name, one.base, one.candidate, one.explains): one.likelihood
        for answer in ours
        if answer.outcome is not None
        for one in answer.outcome.differs
    }
    return sorted(found, key=lambda key: -found[key])[:8]


def _line(answer: Answer) -> list[str]:
    change = answer.change
    assert change is not None
    return [
        *(answer.series, answer.device_id, metric_word(answer.metric)),
        *(value_text(change.base, change.unit), value_text(change.candidate, change.unit)),
        *(change_text(change), interval_text(change) or "—"),
        *("—" if change.p is None else f"{change.p:.2g}", mde_text(change) or "—", str(change.blocks)),
        f"{GLYPHS.get(answer.kind, '')} {WORDS.get(answer.kind, answer.kind)}".strip(),
    ]
