"""`summary.md` of a night: for a pull request's comment, a CI step summary or a mail.

The verdict comes first, then what changed with its cause and what to do; all the rest is folded. The text is never
longer than a comment on GitHub may be, 65,536 characters, which is also less than the 1 MiB of a step summary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from harness.domain import Night, NightEvent
from harness.report.markdown import escape
from harness.report.nightly.answers import Answer, answers, by_event
from harness.report.nightly.words import (
    CHANGED,
    GLYPHS,
    REMEDIES,
    WORDS,
    change_text,
    interval_text,
    mde_text,
    metric_word,
    value_text,
    verdict_line,
)
from harness.report.wording import clip, plural
from harness.units import format_duration

LONGEST = 65_536
ROWS_OF_AN_EVENT = 10
_HEADS = ("Series", "Device", "Metric", "Reference", "Candidate", "Change", "Interval", "Could have seen", "Blocks")
_TABLE_HEAD = f"| {' | '.join(_HEADS)} |\n|{' --- |' * 3}{' ---: |' * 6}"


class _Text:
    """Blocks of lines that are taken whole or not at all."""

    def __init__(self, limit: int) -> None:
        self._left, self._blocks = limit, list[str]()

    def add(self, block: str, reserve: int = 0) -> bool:
        """Take `block` if there is room for it and `reserve` characters more."""
        if len(block) + 2 + reserve > self._left:
            return False
        self._blocks.append(block)
        self._left -= len(block) + 2
        return True

    def __str__(self) -> str:
        return "\n\n".join(self._blocks) + "\n"


def summary_md(night: Night, *, limit: int = LONGEST) -> str:
    """The night as Markdown of at most `limit` characters (1,500 at least)."""
    found = answers(night)
    text = _Text(limit)
    text.add(f"# {escape(clip(verdict_line(night), 300))}")
    text.add(_about(night))
    changed = [event for event in night.events if event.kind in CHANGED]
    _add_changed(text, changed, by_event(found))
    _add_folded(text, "Undecided, not reached, known and new", _other_events(night))
    _add_folded(text, "Notes", [f"- {escape(clip(note, 500))}" for note in night.notes])
    named = {answer.place for answer in found if answer.event is not None and answer.event.kind in CHANGED}
    rest = [_row(answer) for answer in found if answer.change is not None and answer.place not in named]
    _add_folded(text, "All other pairs", rest, _TABLE_HEAD)
    return str(text)


def _about(night: Night) -> str:
    parts = [f"Night of {escape(clip(night.name, 200))}", f"begun {escape(night.at[:16].replace('T', ' '))} UTC"]
    parts += [f"against the reference {escape(clip(night.baseline, 200))}"] if night.baseline else []
    parts += [f"in {format_duration(night.took_s)}"] if night.took_s is not None else []
    return f"{', '.join(parts)}. Run {escape(clip(night.run_id, 200))}."


def _add_changed(text: _Text, events: Sequence[NightEvent], found: Mapping[int, Sequence[Answer]]) -> None:
    for kind, group in groupby(events, key=lambda event: event.kind):
        some = list(group)
        blocks = [_event(event, found.get(id(event), ())) for event in some]
        head = f"## {GLYPHS[kind]} {WORDS[kind].capitalize()}"
        if kind in REMEDIES:
            head += f"\n\n{REMEDIES[kind]}"
        left = len(blocks)
        for index, block in enumerate(blocks):
            if not text.add(block if index else f"{head}\n\n{block}", reserve=400):
                break
            left -= 1
        if left:
            text.add(f"_{left} more of this kind: see nightly.html._")


def _event(event: NightEvent, ours: Sequence[Answer]) -> str:
    lines = [f"**{escape(clip(event.title, 300))}**"]
    if event.reason:
        lines.append(f"{escape(clip(event.reason, 600))}")
    if event.link:
        lines.append(f"See {escape(clip(event.link, 300))}")
    rows = [_row(answer) for answer in ours if answer.change is not None]
    if rows:
        lines.append("\n".join([_TABLE_HEAD, *rows[:ROWS_OF_AN_EVENT]]))
    if len(rows) > ROWS_OF_AN_EVENT:
        lines.append(f"_{plural(len(rows) - ROWS_OF_AN_EVENT, 'more row')} in nightly.html._")
    return "\n\n".join(lines)


def _other_events(night: Night) -> list[str]:
    return [
        f"- **{WORDS.get(event.kind, event.kind)}**: {escape(clip(event.title, 300))}"
        + (f" — {escape(clip(event.reason, 300))}" if event.reason else "")
        + (f" — {escape(clip(event.link, 200))}" if event.link else "")
        for event in night.events
        if event.kind not in CHANGED
    ]


def _row(answer: Answer) -> str:
    change, outcome = answer.change, answer.outcome
    assert change is not None
    assert outcome is not None
    cells = [
        *(clip(answer.series, 120), clip(answer.device_id, 60), metric_word(answer.metric)),
        *(value_text(change.base, change.unit), value_text(change.candidate, change.unit)),
        *(f"{GLYPHS.get(answer.kind, '')} {change_text(change)}".strip(), interval_text(change), mde_text(change)),
        str(change.blocks),
    ]
    return f"| {' | '.join(escape(cell) for cell in cells)} |"


def _add_folded(text: _Text, title: str, lines: Sequence[str], head: str = "") -> None:
    """A folded list, cut where there is no room for more."""
    if not lines:
        return
    opening = f"<details><summary>{title} ({len(lines):,})</summary>\n\n" + (f"{head}\n" if head else "")
    for count in _fewer(len(lines)):
        more = f"\n\n_{len(lines) - count:,} more in nightly.html._" if count < len(lines) else ""
        if text.add(opening + "\n".join(lines[:count]) + more + "\n\n</details>"):
            return
    text.add(f"_{title}: {len(lines):,}, see nightly.html._")


def _fewer(count: int) -> Iterator[int]:
    while count:
        yield count
        count = count * 9 // 10
