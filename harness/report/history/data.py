"""What the script of the page reads: figures as whole numbers, texts once each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from harness.measure.history_series import HistoryPoint, NightContext, SeriesHistory
from harness.report.history.words import change_words, relative
from harness.units import parse_moment

SCALE = 100_000  # of ratios
LABELS = {
    "os_build": "system build",
    "protocol": "protocol",
    "reference_runtime": "runtime of the reference",
    "sweep": "sweep",
    "baseline": "baseline",
    "candidate_file": "model file",
    "candidate_runtime": "runtime",
    "harness_version": "harness",
    "git_commit": "commit",
}


class _Texts:
    """Texts by their places, each kept once."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self._places.setdefault(text, len(self._places))

    @property
    def all(self) -> list[str]:
        return list(self._places)


def page_data(histories: Sequence[SeriesHistory]) -> dict[str, object]:
    """Columns of each series: time (s), ratio and interval times `SCALE`, and places in `texts` of run, verdict,
    provenance, reference and cause."""
    texts = _Texts()
    return {"scale": SCALE, "series": [_series(one, texts) for one in histories], "texts": texts.all}


def _series(history: SeriesHistory, texts: _Texts) -> dict[str, object]:
    points = history.points
    return {
        "t": [seconds(point.at) for point in points],
        "r": [_scaled(point.ratio) for point in points],
        "lo": [_scaled(point.ci_low) for point in points],
        "hi": [_scaled(point.ci_high) for point in points],
        "run": [texts.place(point.run_id) for point in points],
        "verdict": [texts.place(str(point.verdict)) for point in points],
        "stamps": [texts.place(stamps(point.context)) for point in points],
        "reference": [texts.place(point.reference) for point in points],
        "cause": [texts.place(_told_cause(point)) for point in points],
        "segments": [[one.start, one.reason] for one in history.segments if one.start],
        "changes": [
            {
                "first": change.first,
                "last": change.last,
                "worse": change.shift > 0,
                "label": relative(1 + change.shift),
                "words": change_words(history, change),
            }
            for change in history.changes
        ],
    }


def _scaled(value: float | None) -> int | None:
    return None if value is None else round(value * SCALE)


def _told_cause(point: HistoryPoint) -> str:
    """What differs between the builds, on a night with a verdict of a change; on others it explains nothing."""
    return point.cause if str(point.verdict) in ("REGRESSION", "IMPROVEMENT") else ""


def stamps(context: NightContext) -> str:
    """``system build B · runtime 2.3``: what is known of the night."""
    pairs = ((LABELS[field.name], getattr(context, field.name)) for field in fields(context))
    return " · ".join(f"{label} {value}" for label, value in pairs if value)


def seconds(at: str) -> int:
    """Seconds since 1970 of an ISO 8601 time; 0 for what is none."""
    moment = parse_moment(at)
    return 0 if moment is None else round(moment.timestamp())
