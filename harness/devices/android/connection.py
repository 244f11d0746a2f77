"""A phone behind an adb server: shell text, measured processes, files, and the way back when it was lost."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

from harness.assets import folder
from harness.devices.android import process
from harness.devices.android.ending import UNREACHABLE, Ending, RunOutput, captures, result_of
from harness.devices.android.exchange import Exchange, Sinks
from harness.devices.android.server import AdbServer
from harness.devices.android.stream import Stream
from harness.devices.android.sync import receive_file, send_file
from harness.devices.android.wire import Deadline, StillRunningError, Wire, explained
from harness.devices.base import OnStdout, ProcessResult, Watch
from harness.errors import DeviceError, DeviceOfflineError, HarnessError, InvocationTimeoutError, UnauthorizedError

_END_S = 3.0
_ALIVE_S = 5.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
_NETWORK = re.compile(r".+:\d{1,5}")


class Connection:
    """One phone, by its serial as `adb devices` lists it; `transport_id` tells two with one serial apart.

    It holds nothing open: each call has its own connection to the server, so a connection can be shared by threads.
    """

    def __init__(self, server: AdbServer, serial: str, transport_id: int | None = None) -> None:
        self.server, self.serial, self.transport_id = server, serial, transport_id
        self._has_shell_v2 = False
        self._unfinished = False

    # ---- shell -------------------------------------------------------------------------------------------------------

    def shell(
        self, script: str, *, timeout_s: float = 20.0, stdin: bytes = b"", cancel: Event | None = None
    ) -> ProcessResult:
        """Run POSIX sh text; see `Shell`.

        Raises:
            DeviceOfflineError: the phone was lost before the exit status came.
            InvocationTimeoutError: the deadline passed or `cancel` was set.
            UnauthorizedError: the phone has not allowed this computer.
            DeviceError: it has no shell protocol v2.
        """
        began = time.monotonic()
        deadline = Deadline(timeout_s, cancel)
        out, err = captures()
        tag = secrets.token_hex(8)
        tagged = f"export HARNESS_RUN={tag}\n{script}"
        try:
            status = self._talk(tagged, stdin, Sinks(out.add, err.add), deadline)
        except StillRunningError:
            self._end(tag)
            raise
        assert status is not None
        return ProcessResult(process.returncode(status), out.content(), err.content(), time.monotonic() - began)

    def _talk(self, script: str, stdin: bytes, sinks: Sinks, deadline: Deadline) -> int | None:
        with explained(self.serial), self._open(f"shell,v2,raw:{script}", deadline) as wire:
            return Exchange(wire, stdin, sinks).run(deadline)

    def _open(self, service: str, deadline: Deadline) -> Wire:
        """A connection to a service of the phone."""
        if not self._has_shell_v2:
            self._require_shell_v2(deadline)
        wire = self.server.wire(deadline)
        try:
            wire.request(self._transport)
            wire.request(service)
        except BaseException:
            wire.close()
            raise
        return wire

    @property
    def _transport(self) -> str:
        if self.transport_id is not None:
            return f"host:transport-id:{self.transport_id}"
        return f"host:transport:{self.serial}"

    def _require_shell_v2(self, deadline: Deadline) -> None:
        which = f"transport-id:{self.transport_id}" if self.transport_id is not None else f"serial:{self.serial}"
        with self.server.wire(deadline) as wire:
            features = wire.ask(f"host-{which}:features")
        if "shell_v2" not in features.split(","):
            raise DeviceError(
                "this phone does not speak shell protocol v2, so exit statuses are not to be had",
                where=self.serial,
                remedy="Use a phone with Android 8 or later.",
            )
        self._has_shell_v2 = True

    # ---- measured processes ------------------------------------------------------------------------------------------

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
        """Run a program to its end, or end everything it started at the deadline or when `cancel` is set.

        Never raises for what happens to it: `offline` is true when the phone was lost before the end, or could not be
        asked whether all was ended. `returncode` is -9 for what we ended and -1 for what was lost.

        Raises:
            UsageError: `argv` or `env` can be given to no program.
            DeviceError: the phone has no shell protocol v2, or the arguments are longer than it takes.
        """
        began = time.monotonic()
        tokens = process.Tokens(secrets.token_hex(8), secrets.token_hex(16))
        script = process.measured_script(_script("measured_run.sh"), argv, env, timeout_s, watch, tokens)
        output = RunOutput(tokens.nonce, on_stdout)
        ending = self._ending(script, stdin, output, Deadline(timeout_s, cancel))
        if ending.status is None:
            ending = self._cleaned_up(ending, tokens, output)
        return result_of(ending, output, watch is not None, time.monotonic() - began)

    def _ending(self, script: str, stdin: bytes, output: RunOutput, deadline: Deadline) -> Ending:
        try:
            status = self._talk(script, stdin, Sinks(output.add_stdout, output.add_stderr, output.settled), deadline)
        except InvocationTimeoutError:
            return Ending(None, timed_out=not deadline.cancelled, cancelled=deadline.cancelled)
        except (DeviceOfflineError, UnauthorizedError) as error:
            return Ending(None, offline=True, note=str(error))
        return Ending(status)

    def _cleaned_up(self, ending: Ending, tokens: process.Tokens, output: RunOutput) -> Ending:
        """`ending` after everything of the run was ended, as far as the phone lets itself be asked."""
        if ending.offline:
            self._unfinished = True
            return ending
        markers = output.markers()
        note = self._end(tokens.tag, markers.get("shell", ""), markers.get("program", ""))
        return Ending(
            None, ending.timed_out, ending.cancelled, offline=note is None, note=UNREACHABLE if note is None else note
        )

    def _end(self, *which: str) -> str | None:
        """End a run; what could not be ended, for the reader, or None when the phone does not answer."""
        script = process.script_with(_script("end_run.sh"), which)
        out, err = captures()
        try:
            self._talk(script, b"", Sinks(out.add, err.add), Deadline(_END_S))
        except HarnessError:
            self._unfinished = True
            return None
        left = re.search(rb"^left (.+)$", out.content(), re.MULTILINE)
        return f"could not be ended: process {left[1].decode('ascii', 'replace')}" if left else ""

    def kill_leftovers(self, timeout_s: float = 20.0) -> int:
        """End what runs of an earlier connection left behind; how many processes and groups that were.

        Only for the holder of the phone's lease: the runs of all hosts are meant.

        Raises:
            DeviceOfflineError: the phone does not answer. DeviceError: something cannot be ended.
        """
        result = self.shell(_script("end_run.sh"), timeout_s=timeout_s)
        ended = re.search(rb"^ended ([0-9]{1,9})$", result.stdout, re.MULTILINE)
        left = re.search(rb"^left (.+)$", result.stdout, re.MULTILINE)
        if left or not ended:
            which = left[1].decode("ascii", "replace") if left else "unknown"
            remedy = "Restart the phone."
            raise DeviceError(f"processes of an earlier run cannot be ended: {which}", where=self.serial, remedy=remedy)
        self._unfinished = False
        return int(ended[1])

    def stream(self, script: str, on_line: Callable[[str], None]) -> Stream:
        """Start shell text that prints lines until it is closed; `on_line` is called in a thread of its own.

        Raises:
            DeviceOfflineError: the phone does not answer.
        """
        deadline = Deadline(2 * _ALIVE_S)
        with explained(self.serial):
            wire = self._open(f"shell,v2,raw:{script}", deadline)
            try:
                return Stream(wire, on_line)
            except OSError:
                wire.close()
                raise

    # ---- files -------------------------------------------------------------------------------------------------------

    def push(
        self, local: Path, remote: str, *, timeout_s: float, mode: int = 0o644, cancel: Event | None = None
    ) -> None:
        """Copy a file to the phone; folders are made, and of a copy that fails nothing is kept.

        Raises:
            StorageFullError, DeviceError: the phone refused.
            DeviceOfflineError, InvocationTimeoutError: as for `shell`.
        """
        deadline = Deadline(timeout_s, cancel)
        with explained(self.serial), self._open("sync:", deadline) as wire:
            send_file(wire, local, remote, mode, deadline)

    def pull(self, remote: str, local: Path, *, timeout_s: float, cancel: Event | None = None) -> None:
        """Copy a file from the phone; `local` appears only when it is whole.

        Raises:
            DeviceError: there is no such file.
            DeviceOfflineError, InvocationTimeoutError: as for `shell`.
        """
        with explained(self.serial), self._open("sync:", Deadline(timeout_s, cancel)) as wire:
            receive_file(wire, remote, local)

    # ---- is it there -------------------------------------------------------------------------------------------------

    def alive(self, timeout_s: float = _ALIVE_S) -> bool:
        """Whether a shell on it answers. That the server lists it as `device` says nothing."""
        nonce = secrets.token_hex(8)
        try:
            return self.shell(f"echo {nonce}", timeout_s=timeout_s).stdout.strip() == nonce.encode()
        except HarnessError:
            return False

    def boot_id(self, timeout_s: float = 10.0) -> str:
        """The kernel's identity of this boot; it changes when the phone restarts. Empty where it cannot be read.

        Raises:
            DeviceOfflineError, InvocationTimeoutError: as for `shell`.
        """
        result = self.shell("cat /proc/sys/kernel/random/boot_id", timeout_s=timeout_s)
        return result.stdout.decode("ascii", "replace").strip() if result.returncode == 0 else ""

    def reconnect(self, within_s: float, cancel: Event, sleep: Callable[[float], object] | None = None) -> bool:
        """Try to reach the phone again, with growing pauses, and end what a lost run left on it. Whether it answers."""
        limit = time.monotonic() + within_s
        pause_s = _FIRST_PAUSE_S
        while not cancel.is_set():
            if self._try_once(max(limit - time.monotonic(), 1.0)):
                return True
            remaining_s = limit - time.monotonic()
            if remaining_s <= 0:
                break
            (sleep or cancel.wait)(min(pause_s, remaining_s))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        return False

    def _try_once(self, timeout_s: float) -> bool:
        self._has_shell_v2 = False
        timeout_s = min(timeout_s, _ALIVE_S)
        if not self.alive(timeout_s):
            self._nudge(timeout_s)
            if not self.alive(timeout_s):
                return False
        try:
            if self._unfinished:
                self.kill_leftovers()
        except DeviceError:
            pass  # it answers; what cannot be ended was said when the run was
        except HarnessError:
            return False
        return True

    def _nudge(self, timeout_s: float) -> None:
        """Have the server connect to the phone anew."""
        asks = ["host:reconnect-offline"]
        if _NETWORK.fullmatch(self.serial):
            asks = [f"host:disconnect:{self.serial}", f"host:connect:{self.serial}"]
        try:
            self.server.ensure(timeout_s)
        except HarnessError:
            return
        for ask in asks:
            try:
                self.server.ask(ask, timeout_s)
            except HarnessError:
                continue  # a phone that was not connected cannot be disconnected


def _script(name: str) -> str:
    return (folder("device_scripts") / name).read_text(encoding="utf-8")
