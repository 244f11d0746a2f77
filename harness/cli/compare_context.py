"""What two stored runs differ in beside their rows: devices, protocol, versions; told before any figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from harness.domain import ContextDifference, DeviceFacts, MeasureSettings, RunRecord
from harness.measure.run_doubts import run_doubts
from harness.measure.stored_rows import Fields, Matched
from harness.store.codec import CodecError, decode

if TYPE_CHECKING:
    from harness.store import Store

_NAMED = 3


class DeviceReasons:
    """Why two devices are not the same one, told once for each pair of them."""

    def __init__(self, base: Sequence[DeviceFacts], candidate: Sequence[DeviceFacts]) -> None:
        self.base, self.candidate = ({one.device_id: one for one in facts} for facts in (base, candidate))
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def __call__(self, base: str, candidate: str) -> tuple[str, ...]:
        """Of two device ids."""
        key = (base, candidate)
        if key not in self._known:
            self._known[key] = tuple(self._told(base, candidate))
        return self._known[key]

    def _told(self, base: str, candidate: str) -> Iterator[str]:
        ours, theirs = self.base.get(base), self.candidate.get(candidate)
        left = ours.fingerprint if ours else {"device_id": base}
        right = theirs.fingerprint if theirs else {"device_id": candidate}
        for name in left:
            if left[name] and right.get(name) and left[name] != right[name]:
                words = {"device_id": "device", "model": "device model", "os_build": "OS build", "soc": "SoC"}[name]
                yield f"the {words} differs: {left[name]} and {right[name]}"


def settings_of(store: Store, run: RunRecord) -> MeasureSettings | None:
    """The protocol of a run, None where it is not known."""
    stored = store.run_settings(run.run_id)
    try:
        return decode(MeasureSettings, stored.get("measure", stored))
    except CodecError:
        return None


def run_differences(
    base: RunRecord,
    candidate: RunRecord,
    device: DeviceReasons,
    settings: Sequence[MeasureSettings | None],
    versions: Mapping[str, tuple[str, str]],
) -> Iterator[ContextDifference]:
    """What differs between the runs as a whole."""
    told = {"harness version": (base.harness_version, candidate.harness_version)}
    told["harness commit"] = (base.git_commit[:12], candidate.git_commit[:12])
    for name, words in (("device_id", "devices"), ("os_build", "OS build")):
        sides = (
            sorted({one.fingerprint[name] for one in facts.values()} - {""})
            for facts in (device.base, device.candidate)
        )
        ours, theirs = map(_listed, sides)
        told[words] = (ours, theirs)
    told |= versions
    if settings[0] is not None and settings[1] is not None:
        for one in fields(MeasureSettings):
            told[f"measure: {one.name}"] = (str(getattr(settings[0], one.name)), str(getattr(settings[1], one.name)))
    told["sweep"] = (base.sweep_sha256[:12], candidate.sweep_sha256[:12])
    for name, (ours, theirs) in told.items():
        if ours != theirs:
            yield ContextDifference(name, ours or "not known", theirs or "not known")


def version_differences(matched: Matched, rows: Sequence[Fields]) -> dict[str, tuple[str, str]]:
    """Runtime versions and model files that differ between the rows of a pair."""
    found: dict[str, tuple[str, str]] = {}
    for column, words in (("runtime_version", "runtime version"), ("model_sha256", "model file")):
        changed = [
            (str(ours), str(theirs))
            for a, b in matched.other
            if (ours := rows[0][a.case_id][column]) and (theirs := rows[1][b.case_id][column]) and ours != theirs
        ]
        if changed:
            sides = (list(dict.fromkeys(one[:24] for one in side)) for side in zip(*changed, strict=True))
            ours, theirs = map(_listed, sides)
            found[f"{words} of {len(changed):,} row{'s' if len(changed) > 1 else ''}"] = (ours, theirs)
    return found


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more


def run_notes(base: RunRecord, candidate: RunRecord) -> Iterator[str]:
    """Doubts about each of the runs, and about their order."""
    for run in (base, candidate):
        yield from (f"{run.run_id}: {note}" for note in run_doubts(run, version=run.harness_version))
    if candidate.started_at < base.started_at:
        yield f"The candidate {candidate.run_id} was measured before the base {base.run_id}."
