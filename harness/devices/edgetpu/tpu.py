"""One Edge TPU of this host as a `Device`: the host runs the processes, the Edge TPU what is compiled for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

from harness.devices.base import TRANSFER_TIMEOUT_S, OnStdout, ProcessResult, Say, Watch
from harness.devices.edgetpu.gate import Heat, throttled_reason, wait_reason
from harness.devices.edgetpu.library import find_library
from harness.devices.edgetpu.sysfs import Attached, is_there, look, temp_c
from harness.devices.host import HostDevice
from harness.domain import DeviceFacts, DeviceSettings, Evidence, Gate

USB3_MBIT = 5000
SETTLE_S = 1.0  # a stick that loads its firmware leaves the bus for less


class EdgeTpu:
    """The Edge TPU `tpu` of `host`.

    Args:
        tpu: as it was found.
        host: runs the processes.
        root: where /sys and /var lie.
        number: its place among all Edge TPUs of this host, for a core of its own.
        pause: waits until an event or so many seconds; whether the event was set.
    """

    def __init__(
        self,
        tpu: Attached,
        host: HostDevice,
        root: Path = Path("/"),
        number: int = 0,
        pause: Callable[[Event, float], bool] = Event.wait,
    ) -> None:
        self._tpu, self._host, self._root, self._pause = tpu, host, root, pause
        self._number = number
        self._gate, self._start_c, self._waiting = Gate(), temp_c(root, tpu), False
        self._last = Heat()

    @property
    def device_id(self) -> str:
        """``edgetpu-<host>-usb0``."""
        return f"edgetpu-{self._host.device_id.removeprefix('host-')}-{self._tpu.name.replace(':', '')}"

    @property
    def tpu_name(self) -> str:
        """``usb:0``, ``pci:0``: counted in the order of ports when the device was opened."""
        return self._tpu.name

    @property
    def tpu_path(self) -> str:
        """As ``list_edge_tpus()`` says it: what is in this port is this Edge TPU."""
        return self._tpu.path

    def facts(self) -> DeviceFacts:
        """The host's facts, and what is attached to it how. The port is part of its identity: two sticks are alike, and
        their numbers change when another one is unplugged."""
        host, now = self._host.facts(), self._now()
        host_cpu = (("host cpu", host.soc),) if host.soc != host.model else ()
        return replace(
            host,
            device_id=self.device_id,
            kind="edgetpu",
            model=now.model,
            soc=f"Edge TPU at {now.port}",
            notes=(*notes_on(now), *host.notes),
            details=(*self._details(now), ("host", host.model), *host_cpu),
        )

    def _now(self) -> Attached:
        """The same port as it is now: its mode and speed change at the first use. What was known when it is gone."""
        there = look(self._root).attached
        return next((one for one in there if one.path == self._tpu.path), self._tpu)

    def _details(self, now: Attached) -> tuple[tuple[str, str], ...]:
        trips = ", ".join(f"{value:.1f}" for value in now.trip_points_c)
        found = (
            ("edge tpu", f"{now.name} at {now.address or now.port}"),
            ("serial", now.serial),
            ("usb speed", f"{now.speed_mbit} Mbit/s" if now.speed_mbit is not None else ""),
            ("pcie link", now.link),
            ("libedgetpu", find_library(self._root, os.environ).label),
            ("temperature", f"{now.temp_c:.1f} °C" if now.temp_c is not None else ""),
            ("trip points", f"{trips} °C" if trips else ""),
        )
        return tuple((name, text) for name, text in found if text)

    def choose_cpus(self, cores: str | tuple[int, ...], threads: int) -> tuple[int, ...]:
        """The host's cores; of ``big`` each Edge TPU has others, as long as there are equally big ones.

        Raises:
            UsageError: as the host's.
        """
        if cores != "big" or self._number == 0:
            return self._host.choose_cpus(cores, threads)
        shares = len(self._host.choose_cpus("big_cluster", threads)) // threads
        before = self._number % max(1, shares) * threads
        others = set(self._host.choose_cpus("big", before)) if before else set()
        return tuple(cpu for cpu in self._host.choose_cpus("big", before + threads) if cpu not in others)

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
        """Run on the host. A process that failed while the Edge TPU went away was lost with it; a module's temperature
        before and after it is the evidence."""
        start_c = temp_c(self._root, self._tpu)
        result = self._host.run(
            argv, stdin=stdin, env=env, timeout_s=timeout_s, cancel=cancel, watch=watch, on_stdout=on_stdout
        )
        self._last = self._heat()
        failed = result.returncode != 0 and not result.cancelled  # one that hung was killed
        evidence = Evidence(temp_start_c=start_c, temp_end_c=self._last.temp_c) if start_c is not None else None
        return replace(result, offline=failed and not is_there(self._root, self._tpu), evidence=evidence)

    def _heat(self) -> Heat:
        # The trip points are those of the start: a file that cannot be read now does not make it cooler.
        return Heat(temp_c(self._root, self._tpu), self._tpu.trip_points_c)

    def put(self, local: Path, *, sha256: str = "", name: str = "", executable: bool = False) -> str:
        """As the host."""
        return self._host.put(local, sha256=sha256, name=name, executable=executable)

    def put_folder(self, files: Mapping[str, Path], executable: Collection[str] = ()) -> str:
        """As the host."""
        return self._host.put_folder(files, executable)

    def fetch(
        self, remote: str, local: Path, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        """As the host."""
        self._host.fetch(remote, local, timeout_s=timeout_s, cancel=cancel)

    def place(
        self, local: Path, remote: str, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        """As the host."""
        self._host.place(local, remote, timeout_s=timeout_s, cancel=cancel)

    def workspace(self) -> AbstractContextManager[str]:
        """As the host."""
        return self._host.workspace()

    @contextmanager
    def session(self, settings: DeviceSettings, cpus: tuple[int, ...], say: Say) -> Iterator[None]:
        """The gate of `settings` and the temperature at the start; nothing is changed on the device."""
        self._gate, self._start_c, self._waiting = settings.gate, temp_c(self._root, self._tpu), False
        yield

    def wait_reason(self) -> str:
        """Why the next block should not begin yet: a module is too warm. Sticks have no gate, for they tell nothing."""
        reason = wait_reason(self._gate, self._start_c, self._heat(), waiting=self._waiting)
        self._waiting = bool(reason)
        return reason

    def redo_reason(self, evidence: Evidence) -> str:
        """Why an invocation should be made again: the module had reached a trip point at its end."""
        return throttled_reason(self._last)

    def recover(self, cancel: Event) -> bool:
        """Whether an Edge TPU is in the same port, and stays there: one that falls off the bus comes and goes."""
        if not is_there(self._root, self._tpu) or self._pause(cancel, SETTLE_S):
            return False
        return is_there(self._root, self._tpu)


def notes_on(tpu: Attached) -> tuple[str, ...]:
    """What a reader must know of how `tpu` is attached."""
    notes = []
    if tpu.dfu:
        notes.append(
            "in DFU mode until its first use: the first process to open it loads its firmware, which takes a while"
        )
    elif tpu.speed_mbit is not None and tpu.speed_mbit < USB3_MBIT:
        notes.append(f"a USB 3 device on a slower connection ({tpu.speed_mbit} Mbit/s): inputs and weights take longer")
    if tpu.status not in ("", "ALIVE"):
        notes.append(f"the driver says that it is {tpu.status}")
    return tuple(notes)
