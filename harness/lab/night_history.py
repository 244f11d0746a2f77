"""What the store knows of the nights before, and what a night adds to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from harness.domain import DatedOutcome, NoiseRecord, PairOutcome, ResultRow, RunRecord
from harness.lab.night_plan import NightPlan, is_a_a
from harness.lab.pairs import COMPARISON
from harness.lab.sentinel import SENTINEL
from harness.measure.profiles import model_class
from harness.measure.sentinel import SentinelLevels
from harness.store import Store

NIGHTLY = "nightly"
NIGHTS_READ = 30  # as many as `page_after` may ask for


def sentinel_levels(tonight: Sequence[ResultRow], before: Sequence[Sequence[ResultRow]]) -> dict[str, SentinelLevels]:
    """The levels of the sentinel by device, from the rows of tonight and of the nights before, oldest first."""
    nights = [_sentinels(rows) for rows in (*before, tonight)]
    *earlier, now = nights
    devices = dict.fromkeys(device for night in nights for device in night)
    return {
        device: SentinelLevels(now.get(device), tuple(night[device] for night in earlier if device in night))
        for device in devices
    }


def _sentinels(rows: Sequence[ResultRow]) -> dict[str, float]:
    return {
        row.device_id: row.latency_p50_ms for row in rows if row.model == SENTINEL and row.latency_p50_ms is not None
    }


def is_noise(outcome: PairOutcome) -> bool:
    """Whether a pair compared a build with itself: an A/A set, or a candidate that is what was pinned."""
    return is_a_a(outcome.series) or outcome.same_build


def noise_records(outcomes: Sequence[PairOutcome], run: RunRecord) -> Iterator[NoiseRecord]:
    """What the pairs of equal builds of a night say of the noise of their devices."""
    for outcome in outcomes:
        change = outcome.latency
        if not is_noise(outcome) or change is None or change.ratio is None or not change.base:
            continue
        yield NoiseRecord(
            device_id=outcome.device_id,
            model_class=model_class(outcome.backend.partition(" ")[0], change.base),
            at=run.started_at,
            run_id=run.run_id,
            series=outcome.series,
            effect=change.ratio - 1.0,
            verdict=change.verdict,
            blocks=change.blocks,
            origin=NIGHTLY,
        )


def earlier_nights(store: Store, name: str, plan: NightPlan, tonight: RunRecord | None) -> tuple[RunRecord, ...]:
    """The last nights of the sweep `name` against the same pinned build as `plan`, oldest first, without `tonight`.

    They are told by the cases of the build and by the order in which the store has them, not by a clock.
    """
    found: list[RunRecord] = []
    for run in store.list_runs():
        if run.name != name or purpose_of(run) != NIGHTLY or (tonight is not None and run.run_id == tonight.run_id):
            continue
        if plan.base_ids & {one["base"] for one in _comparison(run).get("pairs", ())}:
            found.append(run)
        if len(found) == NIGHTS_READ:
            break
    return tuple(reversed(found))


def dated(run: RunRecord, outcomes: Sequence[PairOutcome]) -> list[DatedOutcome]:
    """The outcomes of a night as a history has them, without the A/A sets."""
    return [DatedOutcome(run.run_id, run.started_at, one) for one in outcomes if not is_a_a(one.series)]


def purpose_of(run: RunRecord) -> str:
    """What a run compared for; empty for one that is no comparison."""
    return str(_comparison(run).get("purpose", ""))


def _comparison(run: RunRecord) -> dict[str, Any]:
    settings = json.loads(run.settings_json or "{}")
    found = settings.get(COMPARISON) if isinstance(settings, dict) else None
    return found if isinstance(found, dict) else {}
