"""`nightly.json`: everything that is known of a night, under a version.

Keys are only added within a version. Figures are as they were computed, a figure that is not known is null.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from enum import Enum
from typing import Any

import harness
from harness.domain import Night
from harness.report.nightly.words import event_counts, unchanged, verdict_line

SCHEMA = "on-device-benchmark-harness/nightly"
SCHEMA_VERSION = 1


def night_document(night: Night) -> dict[str, Any]:
    """The night as plain values. An event names its outcomes by their places in `outcomes`, of which the first
    `measured` are those of the night; the others only occur in events."""
    every = dict.fromkeys((*night.outcomes, *(one for event in night.events for one in event.outcomes)))
    places = {outcome: place for place, outcome in enumerate(every)}
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "harness_version": harness.__version__,
        **{name: getattr(night, name) for name in ("run_id", "name", "at", "baseline", "verdict", "took_s")},
        "verdict_line": verdict_line(night),
        "counts": {"pairs": len(night.outcomes), "unchanged": unchanged(night), **dict(event_counts(night))},
        "notes": list(night.notes),
        "events": [
            _plain({**asdict(event), "outcomes": [places[one] for one in event.outcomes]}) for event in night.events
        ],
        "outcomes": [_plain({**asdict(one), "verdict": one.verdict}) for one in every],
        "measured": len(dict.fromkeys(night.outcomes)),
    }


def nightly_json(night: Night) -> str:
    """The document as JSON text."""
    return json.dumps(night_document(night), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """`value` in what JSON has: no tuples, enumerations, NaN or infinity."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return value.value
    return None if isinstance(value, float) and not math.isfinite(value) else value
