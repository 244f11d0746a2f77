"""An Android phone as a `Device`: the connection, its files, its settings and its telemetry put together."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Event

from harness.devices.android.batch import root_way
from harness.devices.android.connection import Connection
from harness.devices.android.core_choice import choose_cores, usable_cores
from harness.devices.android.evidence import evidence_of
from harness.devices.android.facts import PhoneFacts
from harness.devices.android.find import over_network
from harness.devices.android.gate import Baseline, baseline_of, flat_sensors, throttled_reason, wait_reason
from harness.devices.android.journal import Journal
from harness.devices.android.phone_lease import PhoneLease
from harness.devices.android.settings import Applied, apply
from harness.devices.android.telemetry import Telemetry
from harness.devices.android.transfer import FileCache
from harness.devices.base import ProcessResult, Say, Watch
from harness.domain import DeviceFacts, DeviceSettings, Evidence
from harness.errors import (
    DeviceError,
    DeviceOfflineError,
    HarnessError,
    InvocationTimeoutError,
    RestoreError,
    TransientError,
)

RECONNECT_S = 10.0
FIRST_SAMPLE_S = 5.0
LAST_SAMPLE_S = 1.5
BASELINE_S = 1.0
SILENT_S = 10.0
MOMENT_S = 0.01
FETCH_TIMEOUT_S = 300.0


class AndroidDevice:
    """One phone.

    Args:
        connection: the wire to it.
        phone: what it says of itself.
        device_id: ``adb-<serial number>``.
        journal: the host's record of what is changed on phones.
        sleep: waits, in seconds.
    """

    def __init__(
        self,
        connection: Connection,
        phone: PhoneFacts,
        device_id: str,
        journal: Journal,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection, self.phone, self._device_id = connection, phone, device_id
        self._journal, self._sleep = journal, sleep
        self._settings = DeviceSettings()
        self._telemetry: Telemetry | None = None
        self._applied: Applied | None = None
        self._changes: tuple[tuple[str, str], ...] = ()
        self._start = Baseline()
        self._waiting = False
        self._cpus: tuple[int, ...] = ()
        self._boot_id = phone.boot_id or ""
        self._lease = PhoneLease(connection, device_id, holder=_command())
        self._say: Say = lambda level, text: None

    @property
    def device_id(self) -> str:
        """``adb-<serial number>``."""
        return self._device_id

    @cached_property
    def files(self) -> FileCache:
        """The files of the harness on the phone."""
        return FileCache(self._connection)

    def answers_to(self, name: str | None) -> bool:
        """Whether a person means this phone by `name`; None means every phone."""
        return name in (None, self._device_id, self._connection.serial, self.phone.serial)

    def facts(self) -> DeviceFacts:
        """What the phone said when it was opened, and from a session on what was changed on it."""
        facts = self.phone.device_facts(self._device_id)
        return replace(facts, details=(*facts.details, *self._changes))

    def choose_cpus(self, cores: str | tuple[int, ...], threads: int) -> tuple[int, ...]:
        """The CPU indices for a `cores` setting (see `harness.devices.android.core_choice`).

        Raises:
            UsageError: a named core does not exist or is offline.
        """
        return choose_cores(self.phone, cores, threads).cpus

    # ---- processes and files -----------------------------------------------------------------------------------------

    def run(
        self,
        argv: tuple[str, ...],
        *,
        stdin: bytes,
        env: Mapping[str, str],
        timeout_s: float,
        cancel: Event,
        watch: Watch | None = None,
    ) -> ProcessResult:
        """Run on the phone to the end, or end the whole process group there at the deadline or when `cancel` is set.

        Raises:
            DeviceBusyError: somebody else has taken the phone.
        """
        self._keep_lease()
        result = self._connection.run(argv, stdin=stdin, env=env, timeout_s=timeout_s, cancel=cancel, watch=watch)
        if watch is None or result.observed is None:
            return result
        result = _told_of_offline_cores(result, watch)
        evidence = self._evidence(result, watch)
        not_made = tuple(f"setting not made: {text}" for text in (self._applied.not_made if self._applied else ()))
        return replace(result, evidence=replace(evidence, notes=(*evidence.notes, *not_made)))

    def _keep_lease(self) -> None:
        if self._lease.generation is None:
            return  # not in a session: a question what is there
        try:
            self._lease.keep()
        except (DeviceOfflineError, InvocationTimeoutError):
            pass  # the run itself will say so

    def _evidence(self, result: ProcessResult, watch: Watch) -> Evidence:
        observed, telemetry = result.observed, self._telemetry
        assert observed is not None
        if telemetry is None or observed.started_uptime_s is None or observed.ended_uptime_s is None:
            return evidence_of(observed, (), watch.cpus, self.facts())
        telemetry.wait_past(observed.ended_uptime_s, LAST_SAMPLE_S)
        samples = telemetry.window(observed.started_uptime_s, observed.ended_uptime_s)
        return evidence_of(observed, samples, watch.cpus, self.facts(), self._start.flat)

    def put(self, local: Path, *, sha256: str = "", name: str = "", executable: bool = False) -> str:
        """The path on the phone of a file with this content; what is there is not pushed again."""
        with self._lost_when_silent():
            return self.files.put(local, sha256=sha256, name=name, executable=executable)

    def put_folder(self, files: Mapping[str, Path], executable: Collection[str] = ()) -> str:
        """The path of a folder on the phone that holds `files` by their names."""
        with self._lost_when_silent():
            return self.files.put_folder(files, executable=tuple(executable))

    def fetch(self, remote: str, local: Path) -> None:
        """Copy a file of the phone here and remove it there."""
        with self._lost_when_silent():
            self._connection.pull(remote, local, timeout_s=FETCH_TIMEOUT_S)
            self._connection.shell(f"rm -f -- {shlex.quote(remote)}")

    @contextmanager
    def _lost_when_silent(self) -> Iterator[None]:
        """A transfer that missed its deadline on a phone that is silent too has lost it: adbd may be frozen."""
        try:
            yield
        except InvocationTimeoutError as error:
            if self._connection.alive():
                raise
            raise DeviceOfflineError(f"the phone does not answer ({error.what})", where=error.where) from error

    def clean(self) -> int:
        """Remove the harness's files from the phone; the bytes that were freed.

        Raises:
            DeviceBusyError: a sweep uses them.
        """
        self._lease.acquire()
        try:
            return self.files.clean()
        finally:
            self._lease.release()

    # ---- a session ---------------------------------------------------------------------------------------------------

    @contextmanager
    def session(self, settings: DeviceSettings, cpus: tuple[int, ...], say: Say) -> Iterator[None]:
        """Nobody else measures, nothing of before runs, settings are made, telemetry is on; all of it ends on leaving.

        Raises:
            DeviceBusyError: somebody else measures on the phone.
            RestoreError: on leaving, a setting could not be put back.
        """
        self._settings, self._cpus, self._say = settings, cpus, say
        with ExitStack() as stack:
            self._lease.acquire()
            stack.callback(self._quietly, self._lease.release, say)
            if ended := self._connection.kill_leftovers():
                say("warning", f"ended {ended} processes that an earlier session had left running")
            stack.callback(self._restore)
            self._apply()
            stack.callback(self._end_telemetry)
            self._begin_telemetry()
            yield

    def _apply(self) -> None:
        self._applied = apply(
            self._connection,
            self._settings,
            identity=self._device_id,
            journal=self._journal,
            root=root_way(self.phone.root),
            sdk=self.phone.sdk or 0,
            over_tcp=over_network(self._connection.serial),
            serial=self._connection.serial,
            cpus=self._cpus or None,
            sleep=self._sleep,
        )
        made, not_made = "; ".join(self._applied.changed), "; ".join(self._applied.not_made)
        named = (("settings changed", made or "none"), ("settings not made", not_made))
        self._changes = tuple((name, text) for name, text in named if text)
        for level, sentences in (
            ("info", self._applied.notes),
            ("info", tuple(f"changed {text}" for text in self._applied.changed)),
            ("warning", tuple(f"not made: {text}" for text in self._applied.not_made)),
        ):
            for text in sentences:
                self._say(level, text)

    def _restore(self) -> None:
        """Put everything back; a phone that is away keeps its entry in the journal for `harness restore`."""
        applied, self._applied = self._applied, None
        if applied is None:
            return
        try:
            restored = applied.restore()
        except TransientError as error:
            if not applied.changed:
                return
            raise RestoreError(
                f"the phone is away ({error.what}) and still changed: {'; '.join(applied.changed)}",
                where=self._device_id,
                remedy="When it is back, run: harness restore",
            ) from error
        for text in restored.restored:
            self._say("info", f"put back {text}")

    def _quietly(self, release: Callable[[], None], say: Say) -> None:
        try:
            release()
        except HarnessError as error:
            say("warning", f"the lease on the phone was not released: {error.what}")

    # ---- telemetry and the gate --------------------------------------------------------------------------------------

    def _begin_telemetry(self) -> None:
        self._telemetry = Telemetry(self._connection, self._cpus, observer_cpu=observer_cpu(self.phone, self._cpus))
        self._telemetry.start()
        self._telemetry.wait_past(self.phone.uptime_s or 0.0, FIRST_SAMPLE_S)
        first = self._telemetry.latest()
        if first is not None:  # a few samples, so that one odd reading is no baseline
            self._telemetry.wait_past(first.uptime_s + BASELINE_S, FIRST_SAMPLE_S)
        self._start = baseline_of(self._telemetry.samples())
        self._waiting = False

    def _end_telemetry(self) -> None:
        telemetry, self._telemetry = self._telemetry, None
        if telemetry is not None:
            telemetry.close()

    def wait_reason(self) -> str:
        """Why the next block should not begin yet, by the latest sample; without one nothing holds it up."""
        telemetry = self._telemetry
        if telemetry is None or not self._hears(telemetry):
            return ""
        flat = flat_sensors(telemetry.samples())
        if flat != self._start.flat:
            self._start = replace(self._start, flat=flat)
        sample = telemetry.latest()
        reason = "" if sample is None else wait_reason(self._settings.gate, self._start, sample, waiting=self._waiting)
        self._waiting = bool(reason)
        return reason

    def _hears(self, telemetry: Telemetry) -> bool:
        """Whether the loop still tells; one that fell silent is started again."""
        age_s = telemetry.age_s()
        if telemetry.alive and age_s is not None and age_s < SILENT_S:
            return True
        try:
            telemetry.close()
            telemetry.start()
        except HarnessError:
            return False  # the next invocation finds out what became of the phone
        last = telemetry.latest()
        return telemetry.wait_past(0.0 if last is None else last.uptime_s + MOMENT_S, FIRST_SAMPLE_S)

    def redo_reason(self, evidence: Evidence) -> str:
        """What shows that an invocation was throttled, or an empty text."""
        return throttled_reason(evidence)

    def recover(self, cancel: Event) -> bool:
        """Reach the phone again, end what was left running, and set it up as before; whether it is ready."""
        if not self._connection.reconnect(RECONNECT_S, cancel):
            return False
        try:
            self._set_up_again()
        except (TransientError, DeviceError) as error:
            self._say("warning", f"the phone answers, but cannot be set up again: {error.what}")
            return False
        return True

    def _set_up_again(self) -> None:
        self._lease.acquire()
        self._connection.kill_leftovers()
        boot_id = self._connection.boot_id()
        if not boot_id or boot_id != self._boot_id:  # one that hides its boots may have been restarted
            sure = "was" if boot_id else "may have been"
            self._say("warning", f"the phone {sure} restarted: its settings are made again")
            self._boot_id = boot_id
            self._apply()
        if self._telemetry is not None:
            self._telemetry.close()
            self._telemetry.start()


def _command() -> str:
    """What a person has typed, for another who wants the phone: ``harness run sweep.yaml``."""
    return " ".join(("harness", *sys.argv[1:3]))


def _told_of_offline_cores(result: ProcessResult, watch: Watch) -> ProcessResult:
    """`result` with the reason why taskset refused, which does not say it: a core that has gone offline."""
    observed = result.observed
    if observed is None or observed.cpus is not None or observed.online is None or result.returncode == 0:
        return result
    gone = sorted(set(watch.cpus) - set(observed.online))
    if not gone:
        return result
    text = f"\n[harness] core {', '.join(map(str, gone))} is offline: the process could not be pinned to it\n"
    return replace(result, stderr=result.stderr + text.encode())


def observer_cpu(phone: PhoneFacts, cpus: Collection[int]) -> int | None:
    """The smallest core that is not measured, for the telemetry loop; None when all are."""
    free = [core for core in usable_cores(phone) if core.index not in cpus]
    if not free:
        return None
    return min(free, key=lambda core: (core.capacity or 0, core.max_khz or 0, core.index)).index
