"""A/A comparisons of a device: each a run of its own, so that they are independent, and none is made twice.

A calibration is what was measured since the device's last profile. After Ctrl-C or a crash the same command goes on
with the comparison that it left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from harness.devices.registry import Registry
from harness.domain import DeviceFacts, DeviceProfile, NoiseRecord, ResultRow, RunRecord, Target
from harness.errors import NoDeviceError, StableError, UsageError
from harness.events import Event, Message
from harness.lab.calibration_begun import PURPOSE, continued_since
from harness.lab.calibration_events import OneRun, Progress
from harness.lab.calibration_readings import Reading, evidence_of, readings_of
from harness.lab.costs import startup_costs
from harness.lab.interrupt import Interrupt
from harness.lab.lane import utc_now
from harness.lab.pairs import PairsRequest, PairsResult, run_pairs
from harness.measure.calibration import profile_of, series_classes
from harness.measure.profiles import in_force
from harness.measure.stopping import FixedBlocks
from harness.store import LeaseBook, Store
from harness.sweep import Plan, Sweep, estimate_s, pair_with_itself
from harness.units import format_duration, parse_moment

COMPARISONS, BLOCKS = 30, 8
NOISE_AGE = timedelta(days=90)


@dataclass(frozen=True)
class CalibrationRequest:
    """What `harness calibrate` asks for: so many comparisons of each case of `sweep` with itself, whose one target is
    the device. With `resume` nothing is begun anew."""

    sweep: Sweep
    comparisons: int
    blocks: int
    reports_dir: Path
    cache_dir: Path
    jobs: int
    resume: bool = False


@dataclass(frozen=True)
class CalibrationResult:
    """What came of it. `state` is ``finished``, ``incomplete`` (the device was lost) or ``interrupted``; `profile` is
    None unless it finished. `comparisons` counts those that are made so far."""

    state: str
    comparisons: int
    profile: DeviceProfile | None


def calibration_sweep(sweep: Sweep, target: Target, blocks: int) -> Sweep:
    """`sweep` on one target, with nothing but timing."""
    measure = replace(sweep.measure, blocks=blocks, memory=False, profile=False, sentinel=False, sustained_s=0.0)
    accuracy = replace(sweep.accuracy, samples=0)
    return replace(sweep, name="calibrate", targets=(target,), measure=measure, accuracy=accuracy)


def the_device(sweep: Sweep) -> DeviceFacts:
    """The facts of the one device of the sweep's one target.

    Raises:
        NoDeviceError: none, or several, answer to it.
    """
    (target,) = sweep.targets
    devices = Registry(sweep.adb_server).open(target)
    if len(devices) > 1:
        names = ", ".join(device.device_id for device in devices)
        raise NoDeviceError(f"{len(devices)} devices answer to {target.label}: {names}", remedy="Name one of them.")
    return devices[0].facts()


def run_calibration(
    request: CalibrationRequest,
    *,
    store: Store,
    leases: LeaseBook,
    post: Callable[[Event], None],
    interrupt: Interrupt,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], str] = utc_now,
    run: Callable[..., PairsResult] = run_pairs,
) -> CalibrationResult:
    """Make the comparisons that are missing, and the profile when none is.

    Raises:
        NoDeviceError, DeviceBusyError, StoreError: as `run_sweep`.
        StableError: no case gave a comparison.
        UsageError: these comparisons were to be resumed, and none of them is there.
    """
    facts = the_device(request.sweep)
    return _Calibration(request, facts, store, leases, post, interrupt, clock, now, run).run()


class _Calibration:
    def __init__(
        self,
        request: CalibrationRequest,
        facts: DeviceFacts,
        store: Store,
        leases: LeaseBook,
        post: Callable[[Event], None],
        interrupt: Interrupt,
        clock: Callable[[], float],
        now: Callable[[], str],
        run_pairs: Callable[..., PairsResult],
    ) -> None:
        self.request, self.facts, self.store, self.leases = request, facts, store, leases
        self.post, self.interrupt, self.clock, self.now, self._run_pairs = post, interrupt, clock, now, run_pairs
        self.pairs = pair_with_itself(request.sweep).pairs
        self.rounds = [self._round(number) for number in range(request.comparisons)]
        self.readings: list[Reading] = []
        self.took_s: list[float] = []

    def run(self) -> CalibrationResult:
        """All comparisons that are missing, then the profile."""
        runs = self._earlier_runs()
        if self.request.resume and not runs:
            raise UsageError(
                "there is no such calibration to go on with",
                where=self.facts.device_id,
                remedy="`harness calibrate DEVICE --show` says what was begun; leave --resume away to begin anew.",
            )
        finished = {sha: run for sha, run in runs.items() if run.state == "finished"}
        for run in finished.values():
            self._keep(run)
        total = len(self.rounds)
        shown = OneRun(self.post, total=total, first=len(finished), blocks=self.request.blocks)
        missing = [asked for asked in self.rounds if asked.sha256 not in finished]
        self._announce(total, len(missing))
        result, left = self._compare_all(missing, runs, shown)
        state = "finished" if not left else "interrupted" if result is None else _stopped_state(result)
        if result is not None:
            shown.end(result.run_id, state, self.clock())
        return CalibrationResult(state, total - left, None if left else self._save_profile())

    def _compare_all(
        self, missing: Sequence[PairsRequest], runs: Mapping[str, RunRecord], shown: OneRun
    ) -> tuple[PairsResult | None, int]:
        """The last result and how many comparisons are left."""
        result, left = None, len(missing)
        for asked in missing:
            if self.interrupt.stop.is_set():
                break
            shown.begin(Progress(len(self.rounds) - left + 1, len(self.rounds), left * self._round_s), self.clock())
            result = self._compare(replace(asked, resume=runs.get(asked.sha256)), shown)
            if result.state != "finished":
                break
            left -= 1
            self._keep(self.store.find_run(result.run_id))
            _require_some(self.readings, result.rows)
        return result, left

    def _round(self, number: int) -> PairsRequest:
        """One comparison: its own seed gives the blocks an order of their own, and the run a hash to be found by."""
        asked = self.request
        measure = replace(asked.sweep.measure, seed=asked.sweep.measure.seed + number)
        return PairsRequest(
            self.pairs,
            replace(asked.sweep, measure=measure),
            FixedBlocks(asked.blocks),
            PURPOSE,
            asked.reports_dir,
            asked.cache_dir,
            asked.jobs,
        )

    def _compare(self, request: PairsRequest, shown: OneRun) -> PairsResult:
        began_s = self.clock()
        result = self._run_pairs(
            request,
            store=self.store,
            leases=self.leases,
            post=shown.post,
            interrupt=self.interrupt,
            write_reports=lambda run_id, directory: None,
        )
        self.took_s.append(self.clock() - began_s)
        return result

    # ---- what is there already ---------------------------------------------------------------------------------------

    def _earlier_runs(self) -> dict[str, RunRecord]:
        """The comparisons of this calibration that an earlier call began, by the hash of their round."""
        wanted = {asked.sha256 for asked in self.rounds}
        since = continued_since(self.store, self.facts.device_id, self._now)
        found: dict[str, RunRecord] = {}
        for run in self.store.list_runs():  # the newest first
            begun = parse_moment(run.started_at)
            if run.sweep_sha256 in wanted and begun is not None and begun > since and self._is_like_now(run.run_id):
                kept = found.setdefault(run.sweep_sha256, run)
                if run.state == "finished" and kept.state != "finished":
                    found[run.sweep_sha256] = run
        return found

    @property
    def _now(self) -> datetime:
        now = parse_moment(self.now())
        assert now is not None, "our own clock writes ISO 8601"
        return now

    def _is_like_now(self, run_id: str) -> bool:
        """Whether a run was made on this device with the system that it has now."""
        return any(facts.fingerprint == self.facts.fingerprint for facts in self.store.facts(run_id))

    # ---- what comes of it --------------------------------------------------------------------------------------------

    def _keep(self, run: RunRecord) -> None:
        """Read a finished comparison; its noise goes to the store unless it is there."""
        device_id, measure = self.facts.device_id, self.request.sweep.measure
        readings = readings_of(self.store, run, device_id, self.request.blocks, measure)
        self.readings += readings
        if not any(record.run_id == run.run_id for record in self.store.noise(device_id)):
            self.store.add_noise([reading.noise for reading in readings])

    def _save_profile(self) -> DeviceProfile:
        device_id = self.facts.device_id
        since = (self._now - NOISE_AGE).isoformat()
        noise = self._on_this_system(self.store.noise(device_id, since=since))
        evidence = evidence_of(self.readings, series_classes(noise))
        profile = profile_of(device_id, self.facts.os_build, noise, evidence, self.now())
        self.store.save_profile(profile)
        return profile

    def _on_this_system(self, noise: Sequence[NoiseRecord]) -> list[NoiseRecord]:
        """An update of the system may have changed the noise: comparisons from before it do not count."""
        like_now = {run_id: self._is_like_now(run_id) for run_id in {record.run_id for record in noise}}
        return [record for record in noise if like_now[record.run_id]]

    def _announce(self, total: int, missing: int) -> None:
        there = f"; {total - missing} of them are there already" if missing < total else ""
        series = f"{len(self.pairs)} series" if len(self.pairs) != 1 else self.pairs[0].series
        text = (
            f"{self.facts.device_id}: {total} comparisons of {series} with itself, {self.request.blocks} blocks each"
            f"{there}: about {format_duration(missing * self._round_s)}"
        )
        self.post(Message("info", text, self.clock()))

    @property
    def _round_s(self) -> float:
        """Seconds of one comparison: as measured, before the first one as expected."""
        if self.took_s:
            return sum(self.took_s) / len(self.took_s)
        cases = tuple(case for pair in self.pairs for case in (pair.base, pair.candidate))
        profile = in_force(self.store.profile(self.facts.device_id), self.facts, self.now())
        costs = startup_costs(cases, {case.target: profile for case in cases})
        return estimate_s(Plan(cases, ()), self.request.sweep.measure, costs)


def _stopped_state(result: PairsResult) -> str:
    """``incomplete`` when the device was lost; a calibration that ends early after a finished run was interrupted."""
    return "interrupted" if result.state == "finished" else result.state


def _require_some(readings: Sequence[Reading], rows: Sequence[ResultRow]) -> None:
    if readings:
        return
    reasons = dict.fromkeys(f"{row.model} {row.variant}: {row.reasons or row.status}" for row in rows)
    raise StableError(
        "no case could be compared with itself, so there is nothing to learn about the device",
        where="; ".join(reasons),
        remedy="Try the models with `harness run` first.",
    )
