"""A virtual Android phone: a real adbd in a sandbox, and the controls that tests turn."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from tests.phone import build, emulation, sandbox, sysfs
from tests.phone.cable import Cable
from tests.phone.controls import Controls
from tests.phone.files import get, put
from tests.phone.properties import build_prop
from tests.phone.rootfs import host_libraries
from tests.phone.server import AdbServer
from tests.phone.soc import SOC_1_3_4, Soc

CONNECT_TIMEOUT_S = 15.0


class VirtualPhone(Controls):
    """One phone. Its files are below `state_dir`, and a phone started there again finds them as they were.

    `libc` lets glibc programs run, as a stand-in for bionic; `rooted` adds su; `tmp_bytes` limits /data/local/tmp,
    which then is empty after a reboot; an `authorized=False` phone asks for the host's key. A `stubborn` one ignores
    writes to settings and properties, and puts governors and clock limits back within 5 ms. `Controls` has the rest.
    """

    def __init__(
        self,
        state_dir: Path,
        model: str = "Virtual Phone 8",
        soc: Soc = SOC_1_3_4,
        abi: str = "x86_64",
        *,
        libc: bool = False,
        rooted: bool = False,
        tmp_bytes: int | None = None,
        authorized: bool = True,
        serial_no: str = "VPHONE0001",
        sdk: int = 34,
        stubborn: bool = False,
        memory_kib: int = 7812344,
    ) -> None:
        super().__init__(Path(state_dir), soc, stubborn=stubborn)
        self.model, self.serial_no = model, serial_no
        self.port = 0
        self._running: sandbox.Running | None = None
        self._cables: list[Cable] = []
        self._power = threading.RLock()
        emulated = abi != "x86_64"
        found = (emulation.libraries() if emulated else host_libraries()) if libc else ()
        self._sandbox = sandbox.Sandbox(
            root=build.phone_root(),
            state=self.state_dir,
            real_cores=soc.real,
            libraries=found,
            prefix=emulation.prefix() if emulated else (),
            rooted=rooted,
            authorized=authorized,
            tmp_bytes=tmp_bytes,
        )
        self._prepare(build_prop(model, soc, abi, sdk, serial_no), memory_kib)

    def _prepare(self, properties: str, memory_kib: int) -> None:
        for name in ("data/local/tmp", "data/media/0", "data/misc/adb", "phone/settings"):
            (self.state_dir / name).mkdir(parents=True, exist_ok=True)
        (self.state_dir / "data/local/tmp").chmod(0o771)
        if not (self.state_dir / "sys").exists():
            sysfs.create(self.state_dir, self.soc, memory_kib)
            self._create()
        put(self.state_dir / "build.prop", properties)

    @property
    def serial(self) -> str:
        """How adb lists it."""
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it is switched on."""
        return self._running is not None

    def start(self, port: int = 0) -> VirtualPhone:
        """Boot on a port of the loopback interface, a free one for 0.

        Raises:
            UnavailableError: this machine cannot run it.
        """
        assert not self.running, "it runs"
        put(self.state_dir / "proc/boot_id", f"{uuid.uuid4()}\n")
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(16)
            self.port = listener.getsockname()[1]
            self._announce(listener.fileno())
            self._running = sandbox.launch(self._sandbox, listener.fileno(), self.state_dir / "adbd.log")
        self._start_clockwork()
        return self

    def _announce(self, listen_fd: int) -> None:
        values = {"name": "vphone", "model": self.model.replace(" ", "_"), "device": "vphone"}
        lines = [f"ro.product.{name}={value}" for name, value in values.items()]
        lines.append(f"service.adb.listen_addrs=acceptfd:{listen_fd}")
        put(self.state_dir / "phone/adbd.prop", "\n".join(lines) + "\n")

    def kill(self) -> None:
        """Pull the plug: every process of the phone is gone at once, the port refuses."""
        with self._power:
            self._stop_clockwork()
            while self._cables:
                self._cables.pop().pull()
            if self._running is not None:
                self._running.end()
                self._running = None

    stop = kill

    def reboot(self, wipe_tmp: bool = False, down_s: float = 0.0) -> None:
        """Off and on at the same port with a new boot id; settings and files stay, /data/local/tmp if not wiped.

        What lasts for one boot is as at first: governors and clocks, thermal override, fixed performance mode.
        """
        with self._power:
            port = self.port
            self.kill()
            if wipe_tmp:
                shutil.rmtree(self.state_dir / "data/local/tmp")
                (self.state_dir / "data/local/tmp").mkdir(mode=0o771)
            for name in ("fixed_performance", "thermal_override", "reboot"):
                (self.state_dir / "phone" / name).unlink(missing_ok=True)
            shutil.rmtree(self.state_dir / "phone/battery.set", ignore_errors=True)
            self._reset_clocks()
            time.sleep(down_s)
            self.start(port)

    def freeze(self) -> None:
        """Stop adbd: connections stay, nothing answers."""
        self._signal_adbd(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let adbd go on."""
        self._signal_adbd(signal.SIGCONT)

    def kill_adbd_and_restart(self) -> None:
        """adbd dies and the phone's init starts it again; what else ran on the phone goes on."""
        before = self._signal_adbd(signal.SIGKILL)
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while self._adbd() in (None, before):
            assert time.monotonic() < deadline, "adbd did not come back"
            time.sleep(0.01)

    def _adbd(self) -> int | None:
        return self._running.adbd() if self._running else None

    def _signal_adbd(self, number: int) -> int:
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while (pid := self._adbd()) is None:
            assert time.monotonic() < deadline, "no adbd on the phone"
            time.sleep(0.005)
        os.kill(pid, number)
        return pid

    def connect(self, server: AdbServer) -> str:
        """Make a server know the phone and wait until a shell answers; the serial.

        Raises:
            OSError: it does not within 15 s.
        """
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while (problem := self._try_to_connect(server)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if problem:
            raise OSError(f"{self.serial}: {problem}")
        return self.serial

    def _try_to_connect(self, server: AdbServer) -> str:
        """What is in the way of a shell on the phone; empty when it answers."""
        try:
            answer = server.ask(f"host:connect:{self.serial}", timeout_s=3.0)
            if server.listed().get(self.serial) != "device":
                return answer
            done = server.shell(self.serial, "echo ready", timeout_s=3.0)
        except (OSError, subprocess.TimeoutExpired) as error:  # it went down in between
            return f"{error}"
        return "" if done.stdout == b"ready\n" else done.stderr.decode(errors="replace") or "no answer"

    def cable(self) -> Cable:
        """A cable to the phone that can be slowed and pulled; connect to its serial. It ends with the phone."""
        cable = Cable(self.port)
        self._cables.append(cable)
        return cable

    def second_listing(self, server: AdbServer, emulator: bool = True) -> str:
        """List the phone a second time, as ``emulator-N`` or as another address; the serial. Its identity is one."""
        cable = self.cable()
        if emulator:
            return server.tell_of_emulator(cable.port)
        server.ask(f"host:connect:{cable.serial}")
        return cable.serial

    def authorize(self, server: AdbServer) -> None:
        """Accept the key of a server's host, as a person does on the screen; then connect anew."""
        key = (server.home / ".android/adbkey.pub").read_text()
        put(self.state_dir / "data/misc/adb/adb_keys", key)

    def processes(self) -> tuple[str, ...]:
        """The command lines of what runs on the phone beside its init and adbd."""
        if self._running is None:
            return ()
        lines = self._running.pids().values()
        return tuple(" ".join(argv) for argv in lines if not sandbox.is_adbd(argv))

    def busy(self, program: str = "") -> bool:
        """Whether a pushed program runs, or a process with these words in its command line; not a shell's -c."""
        if self._running is None:
            return False
        if program:
            lines = [argv for argv in self._running.pids().values() if "-c" not in argv[1:2]]
            return any(program in " ".join(argv) for argv in lines)
        return any(path.startswith("/data/") for path in self._running.programs())

    def files(self, remote_dir: str) -> tuple[str, ...]:
        """The paths of all files below a folder of the phone, relative to it, sorted."""
        folder = self.local(remote_dir)
        return tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()))

    def local(self, remote: str) -> Path:
        """Where a file of the phone's /data is on this machine."""
        inside = remote.lstrip("/")
        if self._sandbox.tmp_bytes is not None and self._running is not None:
            return Path(f"/proc/{self._running.init}/root") / inside
        return self.state_dir / inside

    @property
    def boot_id(self) -> str:
        """Of this boot."""
        return get(self.state_dir / "proc/boot_id")

    def __enter__(self) -> VirtualPhone:
        return self if self.running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


__all__ = ["Callable", "Iterable", "VirtualPhone"]
