"""The machine the harness itself runs on."""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from threading import Event

from harness.devices.base import TRANSFER_TIMEOUT_S, OnStdout, ProcessResult, Say, Watch
from harness.devices.cpus import choose, read_cores, sibling_groups
from harness.devices.host_facts import read_facts
from harness.devices.process import run_process
from harness.devices.vulkan import Vulkan, find_vulkan
from harness.domain import Core, DeviceFacts, DeviceSettings, Evidence
from harness.errors import DeviceError, StorageFullError, is_disk_full


class HostDevice:
    """This machine as a `Device`.

    Args:
        root: where /proc and /sys lie.
        affinity: the cores this process may use; read once, before the controller moves off the measured ones.
        vulkan: finds the Vulkan devices; asked once.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        affinity: Iterable[int] | None = None,
        vulkan: Callable[[], tuple[Vulkan, ...]] = find_vulkan,
    ) -> None:
        self._root = root
        self._allowed = frozenset(os.sched_getaffinity(0) if affinity is None else affinity)
        self._find_vulkan = vulkan

    @cached_property
    def device_id(self) -> str:
        """``host-`` and the host name."""
        name = re.sub(r"[^a-z0-9.-]+", "-", platform.node().lower()).strip("-.")
        return f"host-{name or 'unknown'}"

    @cached_property
    def vulkan(self) -> tuple[Vulkan, ...]:
        """The Vulkan devices, hardware first. The first use asks the drivers."""
        return self._find_vulkan()

    def facts(self) -> DeviceFacts:
        """Identity, cores, clocks, Vulkan devices, and what a reader must know of them."""
        gpus = tuple(device.name for device in self.vulkan)
        return read_facts(self._root, self.device_id, self._allowed, gpus)

    @cached_property
    def _available(self) -> tuple[Core, ...]:
        cores = read_cores(self._root)
        return tuple(core for core in cores if core.online and core.index in self._allowed)

    def choose_cpus(self, cores: str | tuple[int, ...], threads: int) -> tuple[int, ...]:
        """The CPU indices for a `cores` setting (see `harness.devices.cpus.choose`).

        Raises:
            UsageError: a named core does not exist, is offline, or is not ours to use.
        """
        return choose(cores, threads, self._available, sibling_groups(self._root, self._available))

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
        """Run to the end, or kill the whole process group at the deadline or when `cancel` is set.

        Runners on the host pin and observe themselves: `watch` is for devices on which they cannot.
        """
        return run_process(
            argv, stdin=stdin, env=env, timeout_s=timeout_s, cancel=cancel, root=self._root, on_stdout=on_stdout
        )

    def put(self, local: Path, *, sha256: str = "", name: str = "", executable: bool = False) -> str:
        """The file itself: it is here already."""
        return str(local)

    def put_folder(self, files: Mapping[str, Path], executable: Collection[str] = ()) -> str:
        """The folder that holds `files` already.

        Raises:
            DeviceError: they do not lie in one folder under these names.
        """
        folders = {path.parent for path in files.values()}
        if len(folders) != 1 or any(path.name != name for name, path in files.items()):
            raise DeviceError("these files do not lie in one folder", remedy="Put them together under their names.")
        return str(folders.pop())

    def fetch(
        self, remote: str, local: Path, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        """Move a file.

        Raises:
            DeviceError: there is no such file.
        """
        try:
            shutil.move(remote, local)
        except OSError as error:
            raise DeviceError(f"{remote} cannot be fetched: {error.strerror}", where=self.device_id) from error

    def place(
        self, local: Path, remote: str, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        """Move a file.

        Raises:
            StorageFullError: the disk is full.
            DeviceError: it cannot be moved.
        """
        try:
            _move(local, Path(remote))
        except OSError as error:
            kind = StorageFullError if is_disk_full(error) else DeviceError
            raise kind(f"{remote} cannot be written: {error.strerror}", where=self.device_id) from error

    def workspace(self) -> AbstractContextManager[str]:
        """A new folder among the temporary ones."""
        return tempfile.TemporaryDirectory(prefix="harness-work-")

    def session(self, settings: DeviceSettings, cpus: tuple[int, ...], say: Say) -> AbstractContextManager[None]:
        """Nothing: the settings of a sweep are for phones."""
        return nullcontext()

    def wait_reason(self) -> str:
        """Empty: the host has no gate."""
        return ""

    def redo_reason(self, evidence: Evidence) -> str:
        """Empty: what the host shows afterwards is judged, not repeated."""
        return ""

    def recover(self, cancel: Event) -> bool:
        """The host is never lost."""
        return True


def _move(source: Path, target: Path) -> None:
    """A rename where that is possible; from another file system a copy that has its name when it is whole."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        partial = target.with_name(f"{target.name}.partial")
        shutil.copyfile(source, partial)
        partial.replace(target)
        source.unlink()
