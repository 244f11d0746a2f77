"""The lease on the phone itself: computers with separate databases do not measure on one phone at the same time."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict

from harness.assets import folder
from harness.devices.android.shell import Shell
from harness.errors import DeviceBusyError, DeviceError, StorageFullError
from harness.holder import Process, is_dead, this_process

TTL_S = 900
_TIMEOUT_S = 20.0
_NOBODY = "-"


class PhoneLease:
    """The right to use one phone, kept on it and timed by its own uptime.

    It ends by `release`, `ttl_s` after it was last renewed, with a reboot of the phone, or at once for others on this
    computer when its holder is a process here that has died.

    Args:
        holder: what the phone is used for, for the message that others get; the run's name or id.
        process: who holds it; None for the running process.
        clock: seconds, for `keep` only.
    """

    def __init__(
        self,
        shell: Shell,
        device_id: str,
        *,
        holder: str = "",
        ttl_s: int = TTL_S,
        process: Process | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shell, self._device_id, self._ttl_s, self._clock = shell, device_id, ttl_s, clock
        self._token = secrets.token_hex(16)
        self._who = _encode(holder, process or this_process())
        self._generation: int | None = None
        self._renewed_s = 0.0

    @property
    def generation(self) -> int | None:
        """How often this phone has been taken, ours included; None while we do not hold it."""
        return self._generation

    def acquire(self) -> None:
        """Take the phone; once more does no harm. One round trip, two if a dead holder must be set aside.

        Raises:
            DeviceBusyError: somebody holds it; the message names who, where and for how long.
            StorageFullError, DeviceError: the lease cannot be written.
            DeviceOfflineError, InvocationTimeoutError, UnauthorizedError: as `Shell.shell`.
        """
        word, rest = self._call("acquire", _NOBODY)
        if word == "busy":
            token, _, _ = rest.partition(" ")
            found = _decode(rest)
            if found is not None and is_dead(found[1]):
                word, rest = self._call("acquire", token)
        if word == "lost":  # somebody was faster, and has given it back since
            word, rest = self._call("acquire", _NOBODY)
        self._settle(word, rest)

    def renew(self) -> None:
        """Prolong the lease to its full time; also one that has expired, as long as nobody else has taken the phone.

        Raises:
            DeviceBusyError: somebody else has it, or had it in between.
            StorageFullError, DeviceError, DeviceOfflineError, InvocationTimeoutError, UnauthorizedError: as `acquire`.
        """
        if self._generation is None:
            raise DeviceBusyError("the lease on the phone is not held", where=self._device_id)
        self._settle(*self._call("renew", str(self._generation)))

    def keep(self) -> None:
        """Renew when a third of the time has passed; else do nothing. For between invocations."""
        if self._clock() - self._renewed_s >= self._ttl_s / 3:
            self.renew()

    def release(self) -> None:
        """Give the phone back; does nothing when the lease is lost already.

        Raises:
            StorageFullError, DeviceError, DeviceOfflineError, InvocationTimeoutError, UnauthorizedError: as `acquire`.
        """
        if self._generation is None:
            return
        word, rest = self._call("release", str(self._generation))
        if word != "released":
            raise self._broken(word, rest)
        self._generation = None

    def _call(self, verb: str, given: str) -> tuple[str, str]:
        """The first word of the script's answer and the rest of it."""
        words = [verb, self._token, str(self._ttl_s), self._who, given]
        text = (folder("device_scripts") / "lease.sh").read_text(encoding="utf-8")
        self._asked_s = self._clock()
        result = self._shell.shell(f"set -- {shlex.join(words)}\n{text}", timeout_s=_TIMEOUT_S)
        answer = result.stdout.decode("utf-8", "replace").replace("\r", "").strip()
        word, _, rest = answer.partition(" ")
        if word == "error":
            rest = f"{rest}: {result.stderr.decode('utf-8', 'replace').strip()}".strip(": ")
        return word, rest

    def _settle(self, word: str, rest: str) -> None:
        if word == "held" and re.fullmatch(r"[0-9]{1,9}", rest):
            self._generation, self._renewed_s = int(rest), self._asked_s
            return
        if word not in ("busy", "lost"):
            raise self._broken(word, rest)
        self._generation = None
        raise DeviceBusyError(
            _sentence(rest) if word == "busy" else "the lease on the phone is lost: somebody else has used it since",
            where=self._device_id,
            remedy="Wait until the other has ended, or use another phone. A lease whose holder is gone ends by itself.",
        )

    def _broken(self, word: str, rest: str) -> DeviceError:
        kind = StorageFullError if "No space left" in rest else DeviceError
        what = rest[:300] if word == "error" else f"no answer of the lease script: {f'{word} {rest}'[:100]!r}"
        return kind(what, where=self._device_id, remedy="Look at /data/local/tmp/harness on the phone.")


def _encode(holder: str, process: Process) -> str:
    """One line of ASCII."""
    return json.dumps({"holder": holder[:200], **asdict(process)})


def _decode(rest: str) -> tuple[str, Process] | None:
    """Who holds it, from ``TOKEN SECONDS HOLDER``; None when that is not what this version writes."""
    try:
        found = json.loads(rest.split(" ", 2)[2])
        words = {name: str(found[name]) for name in ("host", "boot_id", "pid_namespace")}
        return str(found["holder"]), Process(**words, pid=int(found["pid"]), start_ticks=int(found["start_ticks"]))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None


def _sentence(rest: str) -> str:
    seconds = rest.split(" ")[1:2]
    holder, process = _decode(rest) or ("", None)
    where = f"process {process.pid} on {process.host}" if process is not None else "somebody"
    what = f" ({holder})" if holder else ""
    return f"{where}{what} holds the phone, for another {''.join(seconds) or '?'} s unless it is renewed"
