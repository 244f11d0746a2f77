"""What tests turn on a phone while it runs: heat, clocks, battery, cores, and what it forbids."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.phone import sysfs
from tests.phone.files import denied, get, put, ranges
from tests.phone.soc import Cluster, Soc
from tests.phone.throttling import Throttling

TICK_S = 0.1
TICKS_PER_S = 100
PUT_BACK_S = 0.005
SERVICES = {
    "thermal_status": "0",
    "battery/level": "95",
    "battery/temperature": "285",
    "battery/status": "2",
    "battery/usb": "true",
    "battery/ac": "false",
    "settings/system.screen_brightness": "102",
    "settings/system.screen_brightness_mode": "1",
    "settings/system.screen_off_timeout": "30000",
    "settings/global.airplane_mode_on": "0",
    "settings/global.low_power": "0",
    "settings/global.stay_on_while_plugged_in": "0",
    "settings/global.wifi_on": "1",
}


HEAT = {0: 95.0, 1: 70.0, 3: 46.0}


class Controls:
    """The state of a phone as files, and the thread that lets its time pass."""

    def __init__(self, state_dir: Path, soc: Soc, *, stubborn: bool) -> None:
        self.state_dir, self.soc, self._stubborn = state_dir, soc, stubborn
        self._lock = threading.RLock()
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self._actions: list[Callable[[], None]] = []
        self._throttling: Throttling | None = None
        self._states: dict[str, dict[int, int]] = {}

    def _create(self) -> None:
        """The files that the phone's system services read."""
        phone = self.state_dir / "phone"
        for name, text in SERVICES.items():
            put(phone / name, f"{text}\n", 0o644)
        for name, wanted in (("real_cores", self.soc.real), ("stubborn", self._stubborn)):
            if wanted:
                put(phone / name, "", 0o644)
        self._list_zones()

    def _sys(self, name: str) -> Path:
        return self.state_dir / name

    def _list_zones(self) -> None:
        """The zones of the thermal service: kind, thousandths of a degree, name."""
        lines = []
        for number, zone in enumerate(self.soc.zones):
            if zone.kind is not None:
                temp = get(self._sys(f"{sysfs.THERMAL}/thermal_zone{number}/temp"))
                lines.append(f"{zone.kind} {temp} {zone.name}\n")
        put(self.state_dir / "phone/zones", "".join(lines), 0o644)

    def zone(self, type_or_zone: str | int) -> int:
        """The number of a thermal zone, given by its type or its number."""
        if isinstance(type_or_zone, int):
            return type_or_zone
        return next(number for number, zone in enumerate(self.soc.zones) if zone.name == type_or_zone)

    def set_temp(self, type_or_zone: str | int, celsius: float) -> None:
        """Set what a sensor reads."""
        number = self.zone(type_or_zone)
        with self._lock:
            put(self._sys(f"{sysfs.THERMAL}/thermal_zone{number}/temp"), f"{round(celsius * 1000)}\n")
            self._list_zones()

    def set_thermal_status(self, status: int) -> None:
        """Set Android's thermal status: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown."""
        put(self.state_dir / "phone/thermal_status", f"{status}\n")

    def set_battery(self, level: int | None = None, temp_c: float | None = None, charging: bool | None = None) -> None:
        """Set what the battery says; None leaves it."""
        phone = self.state_dir / "phone/battery"
        if level is not None:
            put(phone / "level", f"{level}\n")
            put(self._sys(f"{sysfs.BATTERY}/capacity"), f"{level}\n")
        if temp_c is not None:
            put(phone / "temperature", f"{round(temp_c * 10)}\n")
            put(self._sys(f"{sysfs.BATTERY}/temp"), f"{round(temp_c * 10)}\n")
            self.set_temp("battery", temp_c)
        if charging is not None:
            put(phone / "status", "2\n" if charging else "3\n")
            put(phone / "usb", "true\n" if charging else "false\n")
            put(self._sys(f"{sysfs.BATTERY}/status"), "Charging\n" if charging else "Discharging\n")

    def set_core_online(self, core: int, online: bool) -> None:
        """Take a core out or put it back."""
        put(self._sys(f"{sysfs.CPU}/cpu{core}/online"), f"{int(online)}\n")
        put(self._sys(f"{sysfs.CPU}/online"), ranges(self.online()) + "\n")

    def online(self) -> tuple[int, ...]:
        """The cores that are."""
        return tuple(core for core in self.soc.cores if get(self._sys(f"{sysfs.CPU}/cpu{core}/online")) == "1")

    def _reset_clocks(self) -> None:
        for path, text in sysfs.clocks(self.soc):
            put(self.state_dir / path, f"{text}\n")

    def set_clock(self, policy: str | int, khz: int) -> None:
        """Set the clock a cluster runs at: `policy` is ``policy4``, 4 or any core of the cluster."""
        with self._lock:
            put(self._policy(policy) / "scaling_cur_freq", f"{khz}\n")

    def clock(self, policy: str | int) -> int:
        """The clock a cluster runs at, in kHz."""
        return int(get(self._policy(policy) / "scaling_cur_freq"))

    def _policy(self, policy: str | int) -> Path:
        name = str(policy).removeprefix("policy")
        cluster = next(cluster for cluster in self.soc.clusters if int(name) in cluster.cores)
        return self._sys(f"{sysfs.CPU}/cpufreq/{cluster.policy}")

    def deny(self, paths: Iterable[str]) -> None:
        """Make files below /sys unreadable, as SELinux does: absolute paths, wildcards; a folder means all of it."""
        for pattern in paths:
            for path in self.state_dir.glob(pattern.lstrip("/")):
                for file in path.rglob("*") if path.is_dir() else (path,):
                    if file.is_file() and not file.is_symlink():
                        file.chmod(0)

    def drive(self, action: Callable[[], None]) -> None:
        """Have something done ten times a second while the phone runs."""
        self._actions.append(action)

    def throttle_after(self, seconds: float, cools_in_s: float = 1.0, program: str = "") -> None:
        """When a pushed program has run for so long, halve the clocks and heat up; `cools_in_s` after its end, cool.

        With `program` it is a process with these words in its command line that counts.
        """
        self._throttling = Throttling(seconds, cools_in_s, program)

    def cool(self) -> None:
        """Back to the temperatures and clocks of the start."""
        self._throttling = None
        self._rest()

    def _rest(self) -> None:
        for number, zone in enumerate(self.soc.zones):
            self.set_temp(number, zone.celsius)
        self.set_thermal_status(0)
        for cluster in self.soc.clusters:
            self.set_clock(cluster.policy, cluster.clocks_khz[-1])

    def calls(self) -> tuple[str, ...]:
        """What changed the phone or asked for it, in order: the phone's own commands note it."""
        path = self.state_dir / "phone/calls"
        return tuple(path.read_text().splitlines()) if path.exists() else ()

    def setting(self, namespace: str, key: str) -> str | None:
        """One of Android's settings; None when it is not set."""
        path = self.state_dir / "phone/settings" / f"{namespace}.{key}"
        return get(path) if path.exists() else None

    def busy(self, program: str = "") -> bool:
        """Whether a pushed program runs."""
        raise NotImplementedError

    def reboot(self, wipe_tmp: bool = False, down_s: float = 0.0) -> None:
        """Off and on."""
        raise NotImplementedError

    def _serve_reboot(self) -> None:
        request = self.state_dir / "phone/reboot"
        if request.exists():
            request.unlink()
            threading.Thread(target=self.reboot, name="reboot", daemon=True).start()

    def _start_clockwork(self) -> None:
        self._halt.clear()
        self._thread = threading.Thread(target=self._pass_time, name=f"phone {self.state_dir.name}", daemon=True)
        self._thread.start()

    def _stop_clockwork(self) -> None:
        self._halt.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _pass_time(self) -> None:
        started, passed = time.monotonic(), 0
        self._states = {cluster.policy: dict.fromkeys(cluster.clocks_khz, 1000) for cluster in self.soc.clusters}
        names = ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
        folders = [self._policy(cluster.cores[0]) for cluster in self.soc.clusters]
        kept = {folder / name: get(folder / name) for folder in folders for name in names} if self._stubborn else {}
        while not self._halt.wait(PUT_BACK_S if kept else TICK_S):
            for path, text in kept.items():
                if get(path) != text:
                    put(path, f"{text}\n")
            ticks = round((time.monotonic() - started) * TICKS_PER_S)
            if ticks - passed >= TICK_S * TICKS_PER_S * 0.9:
                self._tick(ticks - passed, ticks)
                passed = ticks

    def _tick(self, ticks: int, since_boot: int) -> None:
        for cluster in self.soc.clusters:
            self._count(cluster, ticks)
        if not self.soc.real:
            put(self._sys("proc/stat"), sysfs.stat(self.soc, since_boot) + "\n")
        self._throttle()
        self._serve_reboot()
        for action in self._actions:
            action()

    def _count(self, cluster: Cluster, ticks: int) -> None:
        """Add time to the clock that the cluster runs at, after its governor and limits had their say."""
        folder = self._policy(cluster.cores[0])
        if denied(folder / "stats/time_in_state"):
            return
        with self._lock:
            limits = [get(folder / f"scaling_{name}_freq") for name in ("cur", "min", "max")]
            if not all(limits):
                return  # a shell of the phone has emptied a file that it has not written yet
            current, lowest, highest = map(int, limits)
            hot = self._throttling is not None and self._throttling.hot
            wanted = highest if not hot and get(folder / "scaling_governor") == "performance" else current
            held = min(max(wanted, lowest), highest)
            if held != current:
                put(folder / "scaling_cur_freq", f"{held}\n")
        states = self._states[cluster.policy]
        states[held] = states.get(held, 0) + ticks
        put(folder / "stats/time_in_state", sysfs.time_in_state(states) + "\n")

    def _throttle(self) -> None:
        plan = self._throttling
        if plan is None:
            return
        change = plan.step(self.busy(plan.program), time.monotonic())
        if change == "cool":
            self._rest()
        elif change == "hot":
            for cluster in self.soc.clusters:
                self.set_clock(cluster.policy, cluster.clocks_khz[-1] // 2)
            for number, zone in enumerate(self.soc.zones):
                if zone.kind in HEAT:
                    self.set_temp(number, HEAT[zone.kind])
            self.set_thermal_status(3)
