"""An Android phone as a `Device`: the connection, its files, its settings and its telemetry put together."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Event

from harness.devices.android.batch import root_way
from harness.devices.android.changes import PHONE_FOLDER
from harness.devices.android.connection import Connection
from harness.devices.android.core_choice import choose_cores
from harness.devices.android.evidence import evidence_of
from harness.devices.android.facts import PhoneFacts
from harness.devices.android.find import over_network
from harness.devices.android.gate import throttled_reason
from harness.devices.android.journal import Journal
from harness.devices.android.phone_lease import PhoneLease
from harness.devices.android.settings import Applied, apply
from harness.devices.android.transfer import FileCache
from harness.devices.android.watcher import Watcher
from harness.devices.base import TRANSFER_TIMEOUT_S, Observed, OnStdout, ProcessResult, Say, Watch
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
CLEAN_TIMEOUT_S = 5.0
WORKSPACE = f"{PHONE_FOLDER}/work"  # end_run.sh removes what a lost session left of it


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
        self._watcher: Watcher | None = None
        self._applied: Applied | None = None
        self._changes: tuple[tuple[str, str], ...] = ()
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
        on_stdout: OnStdout | None = None,
    ) -> ProcessResult:
        """Run on the phone to the end, or end the whole process group there at the deadline or when `cancel` is set.

        Raises:
            DeviceBusyError: somebody else has taken the phone.
        """
        self._keep_lease()
        result = self._connection.run(
            argv, stdin=stdin, env=env, timeout_s=timeout_s, cancel=cancel, watch=watch, on_stdout=on_stdout
        )
        if watch is None or result.observed is None:
            return result
        evidence = self._evidence(result.observed, watch.cpus)
        result = _told_of_offline_cores(result, watch)
        not_made = tuple(f"setting not made: {text}" for text in (self._applied.not_made if self._applied else ()))
        return replace(result, evidence=replace(evidence, notes=(*evidence.notes, *not_made)))

    def _evidence(self, observed: Observed, cpus: tuple[int, ...]) -> Evidence:
        if self._watcher is None:  # outside a session nobody watches
            return evidence_of(observed, (), cpus, self.facts())
        return self._watcher.evidence(observed, cpus, self.facts())

    def _keep_lease(self) -> None:
        if self._lease.generation is None:
            return  # not in a session: a question what is there
        try:
            self._lease.keep()
        except (DeviceOfflineError, InvocationTimeoutError):
            pass  # the run itself will say so

    def put(self, local: Path, *, sha256: str = "", name: str = "", executable: bool = False) -> str:
        """The path on the phone of a file with this content; what is there is not pushed again."""
        with self._lost_when_silent():
            return self.files.put(local, sha256=sha256, name=name, executable=executable)

    def put_folder(self, files: Mapping[str, Path], executable: Collection[str] = ()) -> str:
        """The path of a folder on the phone that holds `files` by their names."""
        with self._lost_when_silent():
            return self.files.put_folder(files, executable=tuple(executable))

    def fetch(
        self, remote: str, local: Path, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        """Copy a file of the phone here and remove it there."""
        with self._lost_when_silent(cancel):
            self._connection.pull(remote, local, timeout_s=timeout_s, cancel=cancel)
            self._connection.shell(f"rm -f -- {shlex.quote(remote)}", cancel=cancel)

    def place(
        self, local: Path, remote: str, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        """Copy a file to a path on the phone, outside the cache, and remove it here.

        Raises:
            DeviceBusyError: somebody else has taken the phone.
        """
        self._keep_lease()  # a process that takes many files may run longer than the lease
        partial = f"{remote}.partial"
        with self._lost_when_silent(cancel):
            self._connection.push(local, partial, timeout_s=timeout_s, cancel=cancel)
            self._shell(f"mv -f -- {shlex.quote(partial)} {shlex.quote(remote)}", cancel)
        local.unlink()

    @contextmanager
    def workspace(self) -> Iterator[str]:
        """Always the same folder: what a lost session has left in it goes with the next."""
        with self._lost_when_silent():
            self._shell(f"rm -rf {WORKSPACE} && mkdir -p {WORKSPACE}")
        try:
            yield WORKSPACE
        finally:
            with suppress(HarnessError):  # a phone that is lost has it removed by the next session
                self._connection.shell(f"rm -rf {WORKSPACE}", timeout_s=CLEAN_TIMEOUT_S)

    def _shell(self, script: str, cancel: Event | None = None) -> None:
        done = self._connection.shell(script, cancel=cancel)
        if done.returncode != 0:
            reason = done.stderr.decode("utf-8", "replace").strip() or f"exit status {done.returncode}"
            raise DeviceError(f"the phone refused: {reason}", where=self._device_id)

    @contextmanager
    def _lost_when_silent(self, cancel: Event | None = None) -> Iterator[None]:
        """A transfer that missed its deadline on a phone that is silent too has lost it: adbd may be frozen."""
        try:
            yield
        except InvocationTimeoutError as error:
            if (cancel is not None and cancel.is_set()) or self._connection.alive():
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
            self._watcher = Watcher(self._connection, self.phone, cpus)
            stack.callback(self._end_watching)
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

    def _end_watching(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()

    def _quietly(self, release: Callable[[], None], say: Say) -> None:
        try:
            release()
        except HarnessError as error:
            say("warning", f"the lease on the phone was not released: {error.what}")

    # ---- the gate, and the way back ----------------------------------------------------------------------------------

    def wait_reason(self) -> str:
        """Why the next block should not begin yet, or an empty text."""
        return self._watcher.wait_reason(self._settings.gate) if self._watcher is not None else ""

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
        if self._watcher is not None:
            self._watcher.start_again()


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
