"""The namespaces a phone lives in: bubblewrap's command line, and what runs inside."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.phone.debian import UnavailableError

LOADER = "/apex/phone/lib/ld-linux-x86-64.so.2"
PATH = (
    "/product/bin:/apex/com.android.runtime/bin:/apex/com.android.art/bin:/system_ext/bin:/system/bin:/system/xbin:"
    "/odm/bin:/vendor/bin:/vendor/xbin"
)
_ENVIRONMENT = {
    "PATH": PATH,
    "ANDROID_ROOT": "/system",
    "ANDROID_DATA": "/data",
    "ANDROID_STORAGE": "/storage",
    "EXTERNAL_STORAGE": "/sdcard",
    "ASEC_MOUNTPOINT": "/mnt/asec",
    "TMPDIR": "/data/local/tmp",
}
_PROC_FILES = ("cpuinfo", "meminfo", "boot_id")


# A phone dies with the thread that started it (that is what the kernel calls a parent), so that must be one that lasts.
_LAUNCHER = ThreadPoolExecutor(1, thread_name_prefix="phones")


@dataclass(frozen=True)
class Sandbox:
    """How to start the phone in `state` with the files of `root`. `prefix` is a command that runs bubblewrap."""

    root: Path
    state: Path
    real_cores: bool
    libraries: tuple[tuple[Path, Path], ...] = ()
    rooted: bool = False
    authorized: bool = True
    tmp_bytes: int | None = None
    prefix: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def argv(self, info_fd: int) -> list[str]:
        """The command that becomes the phone."""
        adbd = "/apex/phone/adbd" if self.authorized else "/apex/phone/adbd-auth"
        daemon = [LOADER, "--preload", "/apex/phone/lib/properties.so", "--library-path", "/apex/phone/lib", adbd]
        values = {**_ENVIRONMENT, **self.environment}
        return [
            *self.prefix,
            *("bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net"),
            *("--uid", "2000", "--gid", "2000", "--hostname", "localhost", "--info-fd", str(info_fd)),
            *self._mounts(),
            *("--clearenv", *(word for pair in values.items() for word in ("--setenv", *pair))),
            *("--chdir", "/", "--die-with-parent", "--new-session", "--as-pid-1", "--"),
            *("/apex/phone/init", *daemon),
        ]

    def _mounts(self) -> list[str]:
        proc = [*_PROC_FILES, *(() if self.real_cores else ("stat",))]
        targets = {name: f"/proc/{name}" for name in proc} | {"boot_id": "/proc/sys/kernel/random/boot_id"}
        words = ["--proc", "/proc", "--dev", "/dev"]
        for name in ("system", "apex", "vendor"):
            words += ["--ro-bind", str(self.root / name), f"/{name}"]
        words += ["--symlink", "/system/bin", "/bin", "--symlink", "/system/etc", "/etc"]
        words += ["--symlink", "/data/media/0", "/sdcard", "--dir", "/storage"]
        folders = {parent for _, path in self.libraries for parent in path.parents} - {Path("/")}
        for folder in sorted({Path("/mnt"), *folders}):
            words += ["--perms", "0755", "--dir", str(folder)]
        for source, path in self.libraries:
            words += ["--ro-bind", str(source), str(path)]
        for name, mounted in (("sys", "/sys"), ("phone", "/mnt/phone")):
            words += ["--bind", str(self.state / name), mounted]
        words += ["--ro-bind", str(self.state / "build.prop"), "/mnt/build.prop"]
        for name, target in targets.items():
            words += ["--ro-bind", str(self.state / "proc" / name), target]
        if self.rooted:
            words += ["--ro-bind", str(self.root / "rooted" / "xbin"), "/system/xbin"]
        words += ["--bind", str(self.state / "data"), "/data"]  # last: df names the last mount of a disk
        if self.tmp_bytes is not None:
            words += ["--perms", "0771", "--size", str(self.tmp_bytes), "--tmpfs", "/data/local/tmp"]
        return [*words, "--remount-ro", "/"]


@dataclass
class Running:
    """A started phone: bubblewrap's process on this machine and the first process of the phone, seen from here."""

    process: subprocess.Popen[bytes]
    init: int

    def pids(self) -> dict[int, tuple[str, ...]]:
        """The phone's processes by their number on this machine, with their command lines; no zombies."""
        return {pid: argv for pid in _namespace(self.init) if (argv := command_line(pid))}

    def programs(self) -> tuple[str, ...]:
        """The files that its processes execute, by their path on the phone."""
        found = []
        for pid in _namespace(self.init):
            try:
                found.append(str(Path(f"/proc/{pid}/exe").readlink()))
            except OSError:
                continue
        return tuple(found)

    def adbd(self) -> int | None:
        """The number of adbd on this machine; its children carry its command line until they become a program."""
        for pid, argv in sorted(self.pids().items()):
            if is_adbd(argv) and _parent(pid) == self.init:
                return pid
        return None

    def end(self) -> None:
        """Kill the namespace at once, as a pulled cable and battery would."""
        try:
            os.kill(self.init, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            self.process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def is_adbd(argv: Sequence[str]) -> bool:
    """Whether a command line is the daemon's."""
    return argv[-1] in ("/apex/phone/adbd", "/apex/phone/adbd-auth")


def command_line(pid: int) -> tuple[str, ...]:
    """The words of a process; empty when it ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ()
    return tuple(word.decode(errors="replace") for word in words[:-1])


def _parent(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def _namespace(init: int) -> list[int]:
    """Every process in the process namespace of `init`, however it was started."""
    try:
        wanted = Path(f"/proc/{init}/ns/pid").readlink()
    except OSError:
        return []
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "ns/pid").readlink() == wanted:
                found.append(int(path.name))
        except OSError:
            continue
    return found


def launch(sandbox: Sandbox, listen_fd: int, log: Path) -> Running:
    """Start the phone and wait until its first process runs.

    Raises:
        UnavailableError: bubblewrap is missing, or this kernel or its settings do not allow user namespaces.
    """
    if shutil.which("bwrap") is None:
        raise UnavailableError("no bwrap: the virtual phone cannot start (apt-get install bubblewrap)")
    reader, writer = os.pipe()
    try:
        with log.open("ab") as output:
            process = _LAUNCHER.submit(
                subprocess.Popen,
                sandbox.argv(writer),
                pass_fds=(listen_fd, writer),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
            ).result()
        os.close(writer)
        return Running(process, _child(reader, process, log))
    finally:
        os.close(reader)


def _child(reader: int, process: subprocess.Popen[bytes], log: Path) -> int:
    text = b""
    while select.select([reader], [], [], 20.0)[0]:
        data = os.read(reader, 4096)
        text += data
        if not data or text.rstrip().endswith(b"}"):
            break
    try:
        return int(json.loads(text)["child-pid"])
    except (ValueError, KeyError):
        process.kill()
        process.wait()
        reason = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise UnavailableError(f"bubblewrap did not start the phone: {' '.join(reason) or 'no reason given'}") from None
