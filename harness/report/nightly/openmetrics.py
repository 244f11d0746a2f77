"""`metrics.prom`: the night as OpenMetrics text, for Prometheus' textfile collector and GitLab's metrics report.

Gauges with few labels and no time stamps, which the collector refuses: `harness_night_timestamp_seconds` says when.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from harness.domain import EVENT_KINDS, MetricChange, Night, PairOutcome
from harness.report.wording import visible
from harness.units import parse_moment

Labels = dict[str, str]
_VERDICTS = ("PASS", "INCONCLUSIVE", "REGRESSION")
_FIGURES = {
    "ratio": "candidate over reference",
    "ratio_lower": "lower end of the interval of the ratio",
    "ratio_upper": "upper end of the interval of the ratio",
    "minimum_detectable_effect": "smallest relative change that would have been seen",
    "blocks": "blocks that the ratio rests on",
}


def openmetrics_text(night: Night) -> str:
    """The gauges of the night."""
    name = {"night": night.name}
    lines = [
        *_gauge(
            "harness_night_timestamp_seconds", "when the night began", [(name, _seconds(night.at))], unit="seconds"
        ),
        *_gauge("harness_night_duration_seconds", "how long it took", [(name, night.took_s)], unit="seconds"),
        *_gauge(
            "harness_night_verdict",
            "1 for the verdict of the night",
            [({**name, "verdict": verdict}, float(verdict == night.verdict)) for verdict in _VERDICTS],
        ),
        *_gauge(
            "harness_night_events",
            "things to be told, by kind",
            [({**name, "kind": kind}, _count(night, kind)) for kind in EVENT_KINDS],
        ),
    ]
    for figure, help_text in _FIGURES.items():
        lines += _gauge(f"harness_night_{figure}", help_text, _samples(night, figure))
    return "\n".join([*lines, "# EOF"]) + "\n"


def _samples(night: Night, figure: str) -> Iterator[tuple[Labels, float | None]]:
    seen = set()
    for outcome in night.outcomes:
        for change in outcome.changes:
            labels = _labels(night, outcome, change)
            key = tuple(labels.values())
            if key not in seen and change.ratio is not None:
                seen.add(key)
                yield labels, _value(change, figure)


def _labels(night: Night, outcome: PairOutcome, change: MetricChange) -> Labels:
    return {"night": night.name, "series": outcome.series, "device": outcome.device_id, "metric": change.metric}


def _value(change: MetricChange, figure: str) -> float | None:
    ends = {"ratio_lower": "ci_low", "ratio_upper": "ci_high", "minimum_detectable_effect": "mde"}
    value: float | None = getattr(change, ends.get(figure, figure))
    return value


def _gauge(name: str, help_text: str, samples: Iterable[tuple[Labels, float | None]], unit: str = "") -> Iterator[str]:
    told = [(labels, value) for labels, value in samples if value is not None and math.isfinite(value)]
    if not told:
        return
    yield f"# TYPE {name} gauge"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {help_text}"
    for labels, value in told:
        text = ",".join(f'{label}="{_escaped(content)}"' for label, content in labels.items())
        yield f"{name}{{{text}}} {value!r}"


def _escaped(text: str) -> str:
    """A label's value: backslash, quote and line feed are escaped, nothing else can be."""
    plain = " ".join(visible(text).split(" ")).replace("\t", " ").replace("\r", " ")
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _count(night: Night, kind: str) -> float:
    return float(sum(event.kind == kind for event in night.events))


def _seconds(at: str) -> float | None:
    moment = parse_moment(at)
    return None if moment is None else moment.timestamp()
