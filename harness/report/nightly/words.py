"""How a night's figures and events are written for people."""

from __future__ import annotations

from collections import Counter

from harness.domain import EVENT_KINDS, MetricChange, Night
from harness.measure.night_findings import both_ran
from harness.report.wording import number, plural

CALLING = ("REGRESSION", "NEWLY_FAILING")
CHANGED = (
    "REGRESSION",
    "DEVICE",
    "NEWLY_FAILING",
    "MISSING",
    "BASELINE_GONE",
    "AWAITING",
    "IMPROVEMENT",
    "NEWLY_PASSING",
)
WORDS = {
    "REGRESSION": "regression",
    "DEVICE": "changed by device",
    "NEWLY_FAILING": "newly failing",
    "MISSING": "missing",
    "BASELINE_GONE": "baseline gone",
    "AWAITING": "awaiting a second look",
    "INCONCLUSIVE": "undecided",
    "NOT_REACHED": "not reached",
    "KNOWN": "known",
    "IMPROVEMENT": "improvement",
    "NEWLY_PASSING": "newly passing",
    "NEW": "new",
    "SAME": "unchanged",
    "NOT_COMPARABLE": "not comparable",
}
GLYPHS = {
    "REGRESSION": "▲",
    "DEVICE": "◆",
    "NEWLY_FAILING": "✕",
    "MISSING": "○",
    "BASELINE_GONE": "○",
    "AWAITING": "△",
    "INCONCLUSIVE": "?",
    "NOT_REACHED": "…",
    "KNOWN": "•",
    "IMPROVEMENT": "▼",
    "NEWLY_PASSING": "✓",
    "NEW": "+",
    "SAME": "=",
    "NOT_COMPARABLE": "≠",
}
REMEDIES = {
    "REGRESSION": "Compare builds between the reference and the candidate to find the change, or pin the reference "
    "anew if the change is wanted.",
    "DEVICE": "Look at the device before the models: its system build, its temperature, what else runs on it.",
    "NEWLY_FAILING": "Read the logs of the run; if it can wait, list it as a known failure with a reason and a date.",
    "MISSING": "Look why it was not measured: the device, the sweep file, the preparation of the model.",
    "BASELINE_GONE": "Put the files of the reference back, or pin it anew.",
    "AWAITING": "Nothing yet: a second device of the same model, or the next night, confirms it or does not.",
    "NOT_REACHED": "Give the night more time, or put what matters first.",
    "INCONCLUSIVE": "Cool the device and give it more blocks; calibrate a device that is often undecided.",
}
_METRICS = {
    "peak_rss": "peak memory",
    "pss": "proportional memory",
    "first_inference": "first inference",
    "model_size": "size",
}


def metric_word(metric: str) -> str:
    """``peak memory``: a metric in a sentence."""
    return _METRICS.get(metric, metric.replace("_", " "))


def event_counts(night: Night) -> list[tuple[str, int]]:
    """Each kind of event that occurs with its count, the gravest first."""
    counts = Counter(event.kind for event in night.events)
    return [(kind, counts[kind]) for kind in EVENT_KINDS if counts[kind]]


def counted(kind: str, count: int) -> str:
    """``1 regression``, ``2 regressions``, ``2 newly failing``."""
    return plural(count, WORDS[kind]) if kind in ("REGRESSION", "IMPROVEMENT") else f"{count:,} {WORDS[kind]}"


def verdict_line(night: Night) -> str:
    """``REGRESSION: 1 regression, 2 undecided; 96 of 100 pairs unchanged``."""
    told = ", ".join(counted(kind, count) for kind, count in event_counts(night))
    pairs = plural(len(night.outcomes), "pair")
    if not any(both_ran(outcome) for outcome in night.outcomes):
        why = told or (f"{pairs} without a time" if night.outcomes else "")
        return f"{night.verdict}: nothing was compared" + (f"; {why}" if why else "")
    return f"{night.verdict}: {told or 'nothing changed'}; {unchanged(night)} of {pairs} unchanged"


def unchanged(night: Night) -> int:
    """How many pairs were measured, differ in nothing, and are in no event."""
    named = {(one.series, one.device_id) for event in night.events for one in event.outcomes}
    return sum(
        bool(one.changes)
        and (str(one.verdict) == "SAME" or one.same_build)
        and (one.series, one.device_id) not in named
        for one in night.outcomes
    )


def change_text(change: MetricChange) -> str:
    """``+5.1 %``, for accuracy ``−0.012``; an em dash where nothing could be formed."""
    if change.ratio is not None:
        return relative(change.ratio - 1)
    if change.base is not None and change.candidate is not None:
        return signed(change.candidate - change.base)
    return "—"


def interval_text(change: MetricChange) -> str:
    """``+3.9 % to +6.3 %``; empty where the rule has none."""
    if change.ci_low is None or change.ci_high is None:
        return ""
    if change.ratio is None:
        return f"{signed(change.ci_low)} to {signed(change.ci_high)}"
    return f"{relative(change.ci_low - 1)} to {relative(change.ci_high - 1)}"


def mde_text(change: MetricChange) -> str:
    """``2.8 %``: the smallest change that would have been seen; empty where it is not known."""
    if change.mde is None:
        return ""
    return f"{100 * change.mde:.1f} %" if change.ratio is not None else number(change.mde, 2)


def value_text(value: float | None, unit: str) -> str:
    """A figure with its unit: ``12.34 ms``."""
    return "—" if value is None else f"{number(value, 4)} {unit}".strip()


def relative(change: float) -> str:
    """``+5.1 %``."""
    return f"{100 * change:+.1f} %".replace("-", "−")


def signed(value: float) -> str:
    """``−0.012``."""
    return f"{value:+.3g}".replace("-", "−")
