"""A calibration that was begun and has no profile yet: what is there of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from harness.domain import CANDIDATE, RunRecord
from harness.lab.night_history import purpose_of
from harness.lab.pairs import COMPARISON
from harness.measure.calibration import Begun
from harness.store import Store
from harness.units import parse_moment

PURPOSE = "calibrate"
TOO_OLD_TO_CONTINUE = timedelta(days=7)


def continued_since(store: Store, device_id: str, now: datetime) -> datetime:
    """Comparisons from before belong to an earlier calibration."""
    week_ago = now - TOO_OLD_TO_CONTINUE
    profile = store.profile(device_id)
    last = None if profile is None else parse_moment(profile.at)
    return week_ago if last is None else max(week_ago, last)


def begun(store: Store, device_id: str, now: datetime) -> Begun | None:
    """What the next `harness calibrate` of the device would go on with; None when it would begin anew."""
    since = continued_since(store, device_id, now)
    runs = [run for run in store.list_runs() if purpose_of(run) == PURPOSE and _is_since(run, since)]
    ours = [run for run in runs if any(facts.device_id == device_id for facts in store.facts(run.run_id))]
    if not ours:
        return None
    newest = ours[0]
    models = dict.fromkeys(case.model for case in store.cases(newest.run_id) if case.arm != CANDIDATE)
    finished = {run.run_id for run in ours if run.state == "finished"}
    return Begun(
        finished=len(finished),
        broken_off=len(ours) - len(finished),
        last_at=newest.started_at,
        blocks=int(store.run_settings(newest.run_id)[COMPARISON]["policy"].get("blocks", 0)),
        recipes=() if any(model.file for model in models) else tuple(model.name for model in models),
        noise=tuple(record for record in store.noise(device_id) if record.run_id in finished),
    )


def _is_since(run: RunRecord, since: datetime) -> bool:
    at = parse_moment(run.started_at)
    return at is not None and at > since
