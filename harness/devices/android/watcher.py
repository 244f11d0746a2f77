"""What watches a phone in a session: telemetry on a core that is not measured, the evidence from it, and the gate."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from harness.devices.android.core_choice import usable_cores
from harness.devices.android.evidence import evidence_of
from harness.devices.android.facts import PhoneFacts
from harness.devices.android.gate import Baseline, baseline_of, flat_sensors, wait_reason
from harness.devices.android.telemetry import Streaming, Telemetry
from harness.devices.base import Observed
from harness.domain import DeviceFacts, Evidence, Gate
from harness.errors import HarnessError

FIRST_SAMPLE_S = 5.0
LAST_SAMPLE_S = 1.5
BASELINE_S = 1.0
SILENT_S = 10.0
MOMENT_S = 0.01


class Watcher:
    """Watches one phone while `cpus` are measured. The start, to which the gate compares, is when it is made.

    Raises:
        DeviceOfflineError, InvocationTimeoutError: the phone does not answer.
    """

    def __init__(self, connection: Streaming, phone: PhoneFacts, cpus: tuple[int, ...]) -> None:
        self._telemetry = Telemetry(connection, cpus, observer_cpu=observer_cpu(phone, cpus))
        self._telemetry.start()
        self._telemetry.wait_past(phone.uptime_s or 0.0, FIRST_SAMPLE_S)
        first = self._telemetry.latest()
        if first is not None:  # a few samples, so that one odd reading is no baseline
            self._telemetry.wait_past(first.uptime_s + BASELINE_S, FIRST_SAMPLE_S)
        self._start: Baseline = baseline_of(self._telemetry.samples())
        self._waiting = False

    def close(self) -> None:
        """Stop watching."""
        self._telemetry.close()

    def start_again(self) -> None:
        """Go on after the phone was away; the start stays what it was. Raises what the connection raises."""
        self._telemetry.close()
        self._telemetry.start()

    def evidence(self, observed: Observed, cpus: tuple[int, ...], facts: DeviceFacts) -> Evidence:
        """What was seen around a process on `cpus`."""
        if observed.started_uptime_s is None or observed.ended_uptime_s is None:
            return evidence_of(observed, (), cpus, facts)
        self._telemetry.wait_past(observed.ended_uptime_s, LAST_SAMPLE_S)
        samples = self._telemetry.window(observed.started_uptime_s, observed.ended_uptime_s)
        return evidence_of(observed, samples, cpus, facts, self._start.flat)

    def wait_reason(self, gate: Gate) -> str:
        """Why the next block should not begin yet, by the latest sample; without one nothing holds it up."""
        if not self._hears():
            return ""
        flat = flat_sensors(self._telemetry.samples())
        if flat != self._start.flat:
            self._start = replace(self._start, flat=flat)
        sample = self._telemetry.latest()
        reason = "" if sample is None else wait_reason(gate, self._start, sample, waiting=self._waiting)
        self._waiting = bool(reason)
        return reason

    def _hears(self) -> bool:
        """Whether the loop still tells; one that fell silent is started again."""
        age_s = self._telemetry.age_s()
        if self._telemetry.alive and age_s is not None and age_s < SILENT_S:
            return True
        try:
            self.start_again()
        except HarnessError:
            return False  # the next invocation finds out what became of the phone
        last = self._telemetry.latest()
        return self._telemetry.wait_past(0.0 if last is None else last.uptime_s + MOMENT_S, FIRST_SAMPLE_S)


def observer_cpu(phone: PhoneFacts, cpus: Collection[int]) -> int | None:
    """The smallest core that is not measured, for the telemetry loop; None when all are."""
    free = [core for core in usable_cores(phone) if core.index not in cpus]
    if not free:
        return None
    return min(free, key=lambda core: (core.capacity or 0, core.max_khz or 0, core.index)).index
