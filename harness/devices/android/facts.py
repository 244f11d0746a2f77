"""What an Android phone says of itself: typed, None for what could not be read, and the reason kept by name."""

from __future__ import annotations

from dataclasses import dataclass

from harness.devices.android.microarchitecture import IN_ORDER, OUT_OF_ORDER
from harness.devices.android.soc import hexagon_architecture, soc_name
from harness.devices.android.temperatures import Temperature, ThermalService
from harness.domain import Core, DeviceFacts
from harness.units import khz_to_ghz

FIXED_PERFORMANCE_SDK = 30  # Android 11
NNAPI_FIRST_SDK, NNAPI_DEPRECATED_SDK = 27, 35  # Android 8.1, Android 15


@dataclass(frozen=True)
class PhoneCore:
    """One CPU core. Clocks in kHz: `max_khz` is the hardware's, `limit_khz` the highest that is allowed now.

    `part` is implementer and part in hex (``41:d4e``). `clock_sources` are what tells its clock:
    ``time_in_state``, ``scaling_cur_freq``. `cluster` is the lowest core of those that share its clock.
    """

    index: int
    online: bool = True
    isolated: bool = False
    capacity: int | None = None
    max_khz: int | None = None
    min_khz: int | None = None
    limit_khz: int | None = None
    cluster: int | None = None
    part: str | None = None
    governor: str | None = None
    governors: tuple[str, ...] = ()
    clock_sources: tuple[str, ...] = ()

    @property
    def core(self) -> Core:
        """The core as other rooms know it."""
        return Core(self.index, self.online, self.capacity, self.max_khz, self.cluster)

    @property
    def in_order(self) -> bool | None:
        """Whether its microarchitecture is one of the little, in-order ones; None when it is not known."""
        if self.part in IN_ORDER:
            return True
        return False if self.part in OUT_OF_ORDER else None

    @property
    def name(self) -> str:
        """``Cortex-X3``, ``part 41:fff`` or an empty text."""
        known = IN_ORDER.get(self.part or "") or OUT_OF_ORDER.get(self.part or "")
        return known or (f"part {self.part}" if self.part else "")


@dataclass(frozen=True)
class Battery:
    """`dumpsys battery`. `status` is Android's (2 charging, 5 full), `powered` names the sources, `faked` that a tool
    has stopped its updates and set values of its own."""

    level_pct: float | None = None
    temp_c: float | None = None
    status: int | None = None
    powered: tuple[str, ...] = ()
    faked: bool = False


@dataclass(frozen=True)
class PhoneFacts:
    """Everything `device_scripts/facts.sh` brought. `unread` has the reason for each point that is None or empty.

    `allowed` are the CPUs that the shell may use, `pinning` whether a process that was set to CPU 0 really was.
    `settings` has (``"global low_power"``, ``"0"``), None for a setting that was never made. `root` is how to get root:
    ``adb`` (the shell is root), ``su -c``, ``su 0``, ``su root``, or None. `tools` are the shell tools that are there.
    """

    manufacturer: str | None = None
    model: str | None = None
    device: str | None = None
    fingerprint: str | None = None
    release: str | None = None
    sdk: int | None = None
    soc_manufacturer: str | None = None
    soc_model: str | None = None
    board: str | None = None
    hardware: str | None = None
    abis: tuple[str, ...] = ()
    abis_64: tuple[str, ...] = ()
    serial: str | None = None
    booted: bool | None = None
    debuggable: bool | None = None
    build_type: str | None = None
    package_manager: bool | None = None
    kernel: str | None = None
    selinux: str | None = None
    boot_id: str | None = None
    uptime_s: float | None = None
    load_1min: float | None = None
    memory_total_mib: float | None = None
    memory_available_mib: float | None = None
    cores: tuple[PhoneCore, ...] = ()
    allowed: tuple[int, ...] | None = None
    cpuset: str | None = None
    pinning: bool | None = None
    gpu: str | None = None
    gpu_api: str | None = None
    gpu_memory: bool = False
    thermal: ThermalService | None = None
    zones: tuple[Temperature, ...] = ()
    battery: Battery | None = None
    wakefulness: str | None = None
    settings: tuple[tuple[str, str | None], ...] = ()
    storage_free_mib: float | None = None
    storage_writable: bool | None = None
    root: str | None = None
    tools: frozenset[str] = frozenset()
    libraries: tuple[str, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()

    def why(self, point: str) -> str:
        """Why the field `point` (or the setting of that name) has no value; empty when nothing is known of a reason."""
        return dict(self.unread).get(point, "")

    def setting(self, name: str) -> str | None:
        """The value of ``global low_power`` and the like, None when it was never made or could not be read."""
        return dict(self.settings).get(name)

    @property
    def soc(self) -> str | None:
        """The chip's name, such as SM8550."""
        return soc_name(self.soc_model, self.board, self.hardware)

    @property
    def temperatures(self) -> tuple[Temperature, ...]:
        """All sensors: the thermal service's where it has any, else the kernel's zones."""
        service = self.thermal.temperatures if self.thermal else ()
        return service or self.zones

    def hottest(self, kind: str) -> Temperature | None:
        """The hottest sensor of one kind, or None."""
        found = [sensor for sensor in self.temperatures if sensor.kind == kind]
        return max(found, key=lambda sensor: sensor.value_c, default=None)

    def has_library(self, *names: str) -> str | None:
        """The path of the first of these libraries that was found."""
        return next((path for name in names for path in self.libraries if path.rpartition("/")[2] == name), None)

    def device_facts(self, device_id: str) -> DeviceFacts:
        """The facts as other rooms and the reports know them."""
        online = tuple(core for core in self.cores if core.online)
        return DeviceFacts(
            device_id=device_id,
            kind="adb",
            model=_model(self.manufacturer, self.model) or "unknown phone",
            soc=" ".join(filter(None, (self.soc_manufacturer, self.soc))),
            os_build=self.fingerprint or (f"Android {self.release}" if self.release else ""),
            cores=tuple(core.core for core in self.cores),
            memory_mib=self.memory_total_mib or 0.0,
            governor=", ".join(sorted({core.governor for core in online if core.governor})) or None,
            clock_source=_clock_source(online),
            gpus=(self.gpu,) if self.gpu else (),
            notes=self._notes(),
            abis=self.abis,
            details=self._details(),
        )

    def _details(self) -> tuple[tuple[str, str], ...]:
        architecture = hexagon_architecture(self.soc)
        zones = sorted({sensor.kind for sensor in self.temperatures})
        named = {
            "android": " ".join(filter(None, (self.release, f"(API {self.sdk})" if self.sdk is not None else ""))),
            "build": self.build_type or "",
            "kernel": self.kernel or "",
            "board": self.board or "",
            "cores": describe_cores(self.cores),
            "gpu api": self.gpu_api or "",
            "hexagon": f"v{architecture}" if architecture else "",
            "root": self.root or "none",
            "temperatures": ", ".join(zones),
            "libraries": ", ".join(self.libraries),
        }
        return tuple((name, text) for name, text in named.items() if text)

    def _notes(self) -> tuple[str, ...]:
        from harness.devices.android.core_choice import doubts  # late: it stands on this module

        notes = list(doubts(self))
        offline = [str(core.index) for core in self.cores if not core.online]
        isolated = [str(core.index) for core in self.cores if core.isolated]
        limited = [str(core.index) for core in self.cores if is_limited(core)]
        if offline:
            notes.append(f"cores {', '.join(offline)} are offline")
        if isolated:
            notes.append(f"cores {', '.join(isolated)} are isolated from the scheduler")
        if limited:
            notes.append(f"cores {', '.join(limited)} are held below their highest clock now")
        if self.battery and self.battery.faked:
            notes.append("the battery's state is faked by a tool")
        return tuple(notes)


def is_limited(core: PhoneCore) -> bool:
    """Whether something holds the core more than 2 % below its highest clock now."""
    if not core.online or core.limit_khz is None or core.max_khz is None:
        return False
    return core.limit_khz < 0.98 * core.max_khz


def describe_cores(cores: tuple[PhoneCore, ...]) -> str:
    """``4 Cortex-A510 to 1.70 GHz, 3 Cortex-A715 to 2.37 GHz, 1 Cortex-X3 to 2.91 GHz``."""
    counts: dict[tuple[str, int | None], int] = {}
    for core in cores:
        kind = core.name or "core", core.max_khz
        counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(
        f"{count} {name}" + (f" to {khz_to_ghz(khz):.2f} GHz" if khz else "") for (name, khz), count in counts.items()
    )


def _model(manufacturer: str | None, model: str | None) -> str:
    """Both, unless the model begins with its maker's name already."""
    if manufacturer and model and model.lower().startswith(manufacturer.lower()):
        return model
    return " ".join(filter(None, (manufacturer, model)))


def _clock_source(online: tuple[PhoneCore, ...]) -> str | None:
    """What tells the clock of every core, the best that all of them have."""
    for source in ("time_in_state", "scaling_cur_freq"):
        if online and all(source in core.clock_sources for core in online):
            return source
    return None
