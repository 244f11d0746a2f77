"""The files of a phone that telemetry reads, below a folder; a test changes them while the script runs."""

from __future__ import annotations

from pathlib import Path

from tests.devices.android.local_shell import command

CPUS = Path("sys/devices/system/cpu")
ZONES = (
    ("BIG", 38000),
    ("LITTLE", 36000),
    ("VIRTUAL-SKIN", 31500),
    ("battery", 285),
    ("soc", 87),
    ("pm8350b_bcl", 4100),
)
THERMAL = """IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
Thermal Status: {status}
Cached temperatures:
\tTemperature{{mValue=99.5, mType=0, mName=old, mStatus=0}}
HAL Ready: {ready}
Current temperatures from HAL:
\tTemperature{{mValue=45.25, mType=0, mName=CPU0, mStatus=0}}
\tTemperature{{mValue=NaN, mType=3, mName=none, mStatus=0}}
\tTemperature{{mValue=0.0, mType=3, mName=off, mStatus=0}}
\tTemperature{{mValue=33.5, mType=3, mName=skin; 'x' $(y), mStatus=0}}
\tTemperature{{mValue=3.9, mType=6, mName=vbat, mStatus=0}}
Current cooling devices from HAL:
\tCoolingDevice{{mValue=0, mType=2, mName=thermal-cpufreq-0}}
"""
BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Max charging current: 500000
  Charge counter: 3999000
  status: 2
  level: {level}
  scale: 100
  temperature: {tenths}
"""


class PhoneTree:
    """Eight cores in clusters 0-3 and 4-7, zones, counters, and a `dumpsys` that prints files."""

    def __init__(self, root: Path) -> None:
        self.root, self.path = root / "phone", root / "commands"
        self.asked = root / "asked"
        for first, khz in ((0, 1704000), (4, 2914000)):
            for cpu in range(first, first + 4):
                self.clock(cpu, khz, khz)
            self.write(CPUS / f"cpufreq/policy{first}/scaling_cur_freq", khz)
        for index, (name, value) in enumerate(ZONES):
            self.write(Path(f"sys/class/thermal/thermal_zone{index}/type"), name)
            self.zone(index, value)
        self.write(Path("sys/class/kgsl/kgsl-3d0/gpuclk"), 585000000)
        self.write(Path("sys/class/kgsl/kgsl-3d0/max_gpuclk"), 680000000)
        self.stat(dict.fromkeys(range(8), 100))
        self.services()

    def write(self, name: Path, value: object) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}")
        fresh.write_text(f"{value}\n")
        fresh.replace(path)  # a reader sees the old file or the new one, as in sysfs

    def clock(self, cpu: int, khz: object, cap_khz: object) -> None:
        self.write(CPUS / f"cpu{cpu}/cpufreq/scaling_cur_freq", khz)
        self.write(CPUS / f"cpu{cpu}/cpufreq/scaling_max_freq", cap_khz)

    def zone(self, index: int, value: object) -> None:
        self.write(Path(f"sys/class/thermal/thermal_zone{index}/temp"), value)

    def stat(self, busy: dict[int, int], interrupts: int = 10) -> None:
        cores = [f"cpu{cpu} {ticks} 0 20 3000 5 1 2 0 0 0" for cpu, ticks in busy.items()]
        lines = [f"cpu  {sum(busy.values())} 0 1 2 3 4 5 6 0 0", *cores, "intr " + "0 " * interrupts]
        self.write(Path("proc/stat"), "\n".join(lines))

    def services(self, status: object = 0, ready: str = "true", level: object = 85, tenths: object = 312) -> None:
        """What Android's services say from now on."""
        self.write(Path("thermalservice"), THERMAL.format(status=status, ready=ready))
        self.write(Path("battery"), BATTERY.format(level=level, tenths=tenths))
        command(
            self.path,
            "dumpsys",
            f"""echo "$1" >>{self.asked}; while IFS= read -r l; do printf '%s\\n' "$l"; done <{self.root}/"$1" """,
        )
