"""How a history is written for people."""

from __future__ import annotations

from harness.measure.history_series import HistoryChange, SeriesHistory
from harness.report.wording import plural

GLYPHS = {"creeping": "↗", "stepped": "▟", "steady": "=", "too few nights": "…"}
ORDER = tuple(GLYPHS)


def relative(ratio: float | None) -> str:
    """``+5.1 %`` for 1.051; an em dash for None."""
    return "—" if ratio is None else f"{100 * (ratio - 1):+.1f} %".replace("-", "−")


def state_words(history: SeriesHistory) -> str:
    """The state of the last night in words: ``stepped +5.1 % between 2026-03-03 and 2026-03-05``."""
    return history.words().replace("-0.", "−0.").replace(" -", " −")


def change_words(history: SeriesHistory, change: HistoryChange) -> str:
    """A change with its nights, what was stamped anew in them, and whether it was undone."""
    what = "creeps" if change.creeping else "steps"
    direction = "slower" if change.shift > 0 else "faster"
    text = f"{what} {relative(1 + change.shift)} ({direction}), {history.when(change)}"
    if change.causes:
        text += f"; new then: {', '.join(change.causes)}"
    if change.returned is not None:
        text += f"; back since {history.day(change.returned)}"
    return text


def verdict_line(histories: tuple[SeriesHistory, ...]) -> str:
    """``2 of 40 series changed: 1 creeping, 1 stepped``."""
    if not histories:
        return "No series has a history"
    counts = {state: sum(one.state == state for one in histories) for state in ORDER}
    changed = counts["creeping"] + counts["stepped"]
    told = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
    return f"{changed:,} of {len(histories):,} series {'have' if changed != 1 else 'has'} changed: {told}"


def nights_words(history: SeriesHistory) -> str:
    """``365 nights, 3 without a ratio``."""
    text = plural(len(history.points), "night")
    return f"{text}, {history.without_ratio:,} without a ratio" if history.without_ratio else text
