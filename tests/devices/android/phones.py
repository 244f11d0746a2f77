"""Made-up phones: a tree of /sys, /proc and libraries each, and a folder of fake Android commands.

The trees are small but true to form: names, units and oddities of the kernels and services of their time.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from os import mknod
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.assets import folder
from harness.devices.android.facts import PhoneFacts
from harness.devices.android.facts_text import parse_facts
from tests.devices.android.local_shell import LocalShell, command
from tests.devices.machines import write

CPU_DIR = "sys/devices/system/cpu"
# Of the host, because what they do is the same on a phone; a phone's own are faked.
HOST_TOOLS = """
awk cat chmod chrt cut date dd grep head md5sum mkdir mv nice nohup od ps rm sed setsid sha256sum sleep stat tail
timeout tr wc xargs
"""
THERMALSERVICE = """IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 2
Thermal Status: {status}
Cached temperatures:
\tTemperature{{mValue=99.0, mType=3, mName=VIRTUAL-SKIN, mStatus=0}}
HAL Ready: true
HAL connection:
\tThermalHAL AIDL 1  connected: yes
Current temperatures from HAL:
\tTemperature{{mValue=38.5, mType=0, mName=BIG, mStatus=0}}
\tTemperature{{mValue=36.1, mType=0, mName=LITTLE, mStatus=0}}
\tTemperature{{mValue=31.5, mType=3, mName=VIRTUAL-SKIN, mStatus=0}}
\tTemperature{{mValue=28.5, mType=2, mName=battery, mStatus=0}}
\tTemperature{{mValue=0.0, mType=9, mName=TPU, mStatus=0}}
\tTemperature{{mValue=NaN, mType=1, mName=G3D, mStatus=0}}
\tTemperature{{mValue=4321.0, mType=6, mName=vbat, mStatus=0}}
\tTemperature{{mValue=62.0, mType=-1, mName=thb_hda, mStatus=0}}
Current cooling devices from HAL:
\tCoolingDevice{{mValue={cooling}, mType=2, mName=thermal-cpufreq-2}}
\tCoolingDevice{{mValue=0, mType=2, mName=thermal-cpufreq-0}}
Temperature static thresholds from HAL:
\tTemperatureThreshold{{mType=3, mName=VIRTUAL-SKIN, mHotThrottlingThresholds=[NaN, 39.0, 43.0]}}
"""
BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  Max charging current: 500000
  status: 2
  health: 2
  present: true
  level: {level}
  scale: 100
  voltage: 4321
  temperature: 285
  technology: Li-ion"""
DF = "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/block/dm-48 113000000 60000000  52428800  54% /data"
GLES = "GLES: ARM, Mali-G715, OpenGL ES 3.2 v1.r38p1-01eac0.0123456789abcdef"
MEMINFO = (
    "MemTotal:        7812344 kB\nMemFree:          210000 kB\nMemAvailable:    3210000 kB\nSwapFree: 3906172 kB\n"
)
QUIET_SETTINGS = {"low_power": "0", "stay_on_while_plugged_in": "7", "screen_brightness": "120"}


@dataclass
class Phone:
    """`refused` files are there and cannot be opened; a `commands` value is a POSIX sh script."""

    properties: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    services: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] = tuple(HOST_TOOLS.split())
    df: str | None = DF

    def facts(self, place: Path, sh: tuple[str, ...] = ("dash",)) -> PhoneFacts:
        """What the script says of this phone, run by `sh`; the phone is made below `place`."""
        return parse_facts(self.run(place, sh))

    def run(self, place: Path, sh: tuple[str, ...] = ("dash",), timeout_s: float = 20.0) -> bytes:
        """The script's output."""
        root, commands = place / "root", place / "bin"
        (root / "data/local/tmp").mkdir(parents=True)
        write(root, self.files)
        for name in self.refused:
            refuse(root / name)
        self._make_commands(commands)
        script = (folder("device_scripts") / "facts.sh").read_text(encoding="utf-8")
        shell = LocalShell(sh, env={"HARNESS_FACTS_ROOT": str(root)})
        # Nothing of the host's own commands is in the way.
        result = shell.shell(f"PATH='{commands}'\n{script}", timeout_s=timeout_s)
        assert result.returncode == 0
        assert result.stderr == b""
        return result.stdout

    def _make_commands(self, place: Path) -> None:
        place.mkdir()
        for name in self.tools:
            (place / name).symlink_to(str(shutil.which(name)))
        properties = _cases(self.properties, "*) echo ;;")
        services = _cases(self.services, '*) echo "Can\'t find service: $1" >&2 ;;')
        settings = _cases({f"get {name}": value for name, value in self.settings.items()}, "*) echo null ;;")
        made = {
            "getprop": f'case "$1" in\n{properties}\nesac',
            "dumpsys": f'case "$1" in\n{services}\nesac',
            "settings": f'case "$1 $3" in\n{settings}\nesac',
            "uname": "echo 5.10.149-android13-4-00003-g0123456789ab",
            "getenforce": "echo Enforcing",
            "pm": "echo package:/system/framework/framework-res.apk",
            "id": "echo 2000",
            "df": f"printf '%s\\n' {_quoted(self.df or '')}",
            "taskset": 'case "$1" in *[!0-9a-f]*) echo bad mask >&2; exit 1 ;; esac; printf "Cpus_allowed:\\t%s\\n" $1',
            **self.commands,
        }
        for name, script in made.items():
            if script:
                command(place, name, script)


@cache
def output_of(phone: Callable[[], Phone]) -> bytes:
    """What the script prints on a phone; each phone is asked once."""
    with TemporaryDirectory() as place:
        return phone().run(Path(place))


def refuse(path: Path) -> None:
    """Put something there that cannot be opened, by root neither: that is what SELinux does on a phone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    mknod(path, stat.S_IFSOCK | 0o600)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _cases(values: Mapping[str, str], default: str) -> str:
    lines = (f"{_quoted(name)}) printf '%s\\n' {_quoted(value)} ;;" for name, value in values.items())
    return "\n".join([*lines, default])


@dataclass(frozen=True)
class Cluster:
    """Cores of one kind. `capacity` None is a kernel without capacities."""

    cpus: tuple[int, ...]
    max_khz: int
    part: str
    capacity: int | None = None
    governor: str = "schedutil"
    limit_khz: int | None = None
    implementer: str = "0x41"


def processor(*clusters: Cluster, linked: bool = True) -> dict[str, str]:
    """The kernel's files on these clusters; not `linked`: an old kernel, without folders of policies."""
    count = sum(len(cluster.cpus) for cluster in clusters)
    files = {f"{CPU_DIR}/{name}": f"0-{count - 1}\n" for name in ("possible", "present", "online")}
    blocks = {}
    for cluster in clusters:
        policy = _policy(cluster)
        if linked:
            files |= {f"{CPU_DIR}/cpufreq/policy{cluster.cpus[0]}/{name}": text for name, text in policy.items()}
        for cpu in cluster.cpus:
            here = f"{CPU_DIR}/cpu{cpu}"
            files |= {f"{here}/cpufreq/{name}": text for name, text in policy.items()}
            files[f"{here}/topology/physical_package_id"] = "0\n"
            if cpu:
                files[f"{here}/online"] = "1\n"
            if cluster.capacity is not None:
                files[f"{here}/cpu_capacity"] = f"{cluster.capacity}\n"
            blocks[cpu] = (
                f"processor\t: {cpu}\nBogoMIPS\t: 49.15\nFeatures\t: fp asimd\n"
                f"CPU implementer\t: {cluster.implementer}\n"
                f"CPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: {cluster.part}\nCPU revision\t: 0\n"
            )
    files["proc/cpuinfo"] = "\n".join(blocks[cpu] for cpu in sorted(blocks))
    return files


def _policy(cluster: Cluster) -> dict[str, str]:
    return {
        "related_cpus": " ".join(map(str, cluster.cpus)) + "\n",
        "cpuinfo_min_freq": "300000\n",
        "cpuinfo_max_freq": f"{cluster.max_khz}\n",
        "scaling_min_freq": "300000\n",
        "scaling_max_freq": f"{cluster.limit_khz or cluster.max_khz}\n",
        "scaling_cur_freq": "300000\n",
        "scaling_governor": f"{cluster.governor}\n",
        "scaling_available_governors": f"{cluster.governor} powersave performance\n",
        "stats/time_in_state": f"300000 9000\n{cluster.max_khz} 1000\n",
    }


def zones(*sensors: tuple[str, str]) -> dict[str, str]:
    """Thermal zones of (type, temp)."""
    return {
        f"sys/class/thermal/thermal_zone{index}/{name}": f"{value}\n"
        for index, sensor in enumerate(sensors)
        for name, value in zip(("type", "temp"), sensor, strict=True)
    }


def common_files() -> dict[str, str]:
    """What /proc of any phone has."""
    return {
        "proc/meminfo": MEMINFO,
        "proc/uptime": "4711.25 30000.00\n",
        "proc/loadavg": "2.50 2.10 2.00 1/900 12345\n",
        "proc/sys/kernel/random/boot_id": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\n",
        "proc/self/cpuset": "/\n",
        "proc/self/status": "Name:\tsh\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\n",
    }


def pixel() -> Phone:
    """Android 14, unrooted, four little, three middle cores and a prime one; Google Tensor."""
    return Phone(
        properties={
            "ro.product.manufacturer": "Google",
            "ro.product.model": "Pixel 8",
            "ro.product.device": "shiba",
            "ro.build.fingerprint": "google/shiba/shiba:14/AP1A.240305.019/11445699:user/release-keys",
            "ro.build.type": "user",
            "ro.build.version.release": "14",
            "ro.build.version.sdk": "34",
            "ro.soc.manufacturer": "Google",
            "ro.soc.model": "Tensor G3",
            "ro.board.platform": "zuma",
            "ro.hardware": "shiba",
            "ro.product.cpu.abilist": "arm64-v8a",
            "ro.product.cpu.abilist64": "arm64-v8a",
            "ro.serialno": "3A0123456789",
            "sys.boot_completed": "1",
            "ro.debuggable": "0",
        },
        files={
            **common_files(),
            **processor(
                Cluster((0, 1, 2, 3), 1_704_000, "0xd46", 250, "sched_pixel"),
                Cluster((4, 5, 6), 2_367_000, "0xd4d", 620, "sched_pixel"),
                Cluster((7,), 2_914_000, "0xd4e", 1024, "sched_pixel"),
            ),
            "vendor/lib64/libOpenCL-pixel.so": "",
            "vendor/lib64/egl/libGLES_mali.so": "",
            "vendor/lib64/libedgetpu_util.so": "",
            "system/lib64/libneuralnetworks_packageinfo.so": "",
        },
        refused=tuple(f"sys/class/thermal/thermal_zone{index}/temp" for index in range(2)),
        services={
            "SurfaceFlinger": f"Build configuration: [sf]\n\n  {GLES}\n  EGL implementation : 1.5",
            "thermalservice": THERMALSERVICE.format(status=0, cooling=0),
            "battery": BATTERY.format(level=95),
            "power": "POWER MANAGER (dumpsys power)\n  mWakefulness=Awake\n  mWakefulnessChanging=false",
        },
        settings=dict(QUIET_SETTINGS),
        commands={"su": ""},
    )


def old_snapdragon() -> Phone:
    """Android 9 on SDM845: no thermal service, no `ro.soc.*`, no capacities, a kernel without folders of policies."""
    return Phone(
        properties={
            "ro.product.manufacturer": "OnePlus",
            "ro.product.model": "ONEPLUS A6003",
            "ro.build.fingerprint": "OnePlus/OnePlus6/OnePlus6:9/PKQ1.180716.001/1812111303:user/release-keys",
            "ro.build.version.release": "9",
            "ro.build.version.sdk": "28",
            "ro.board.platform": "sdm845",
            "ro.hardware": "qcom",
            "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi",
            "ro.product.cpu.abilist64": "arm64-v8a",
            "sys.boot_completed": "1",
        },
        files={
            **common_files(),
            **processor(
                Cluster((0, 1, 2, 3), 1_766_400, "0x803", implementer="0x51"),
                Cluster((4, 5, 6, 7), 2_803_200, "0x802", implementer="0x51"),
                linked=False,
            ),
            **zones(
                ("cpu0-silver-usr", "41300"),
                ("cpu3-gold-usr", "45500"),
                ("gpu0-usr", "39900"),
                ("battery", "31000"),
                ("xo-therm-adc", "36000"),
                ("quiet-therm-adc", "33100"),
                ("pa-therm1-adc", "34000"),
                ("soc", "88"),
                ("vbat_adc", "4123"),
                ("ibat-high", "0"),
                ("pm8998_tz", "-40000"),
            ),
            "sys/class/kgsl/kgsl-3d0/gpu_model": "Adreno630v2\n",
            "vendor/lib64/libOpenCL.so": "",
            "vendor/lib64/libcdsprpc.so": "",
            "vendor/lib64/libadsprpc.so": "",
        },
        services={
            "SurfaceFlinger": "GLES: Qualcomm, Adreno (TM) 630, OpenGL ES 3.2 V@331.0 (GIT@6fb5a5b)",
            "battery": BATTERY.format(level=61),
            "power": "  mWakefulness=Awake",
        },
        settings=dict(QUIET_SETTINGS),
        commands={"su": ""},
    )


def mediatek() -> Phone:
    """Android 11 with thermal zones in tenths, a cluster held down, two big cores, NeuroPilot, a sleeping screen."""
    return Phone(
        properties={
            "ro.product.manufacturer": "Xiaomi",
            "ro.product.model": "Redmi Note 8 Pro",
            "ro.build.fingerprint": "Redmi/begonia/begonia:11/RP1A.200720.011/V12.5.8.0:user/release-keys",
            "ro.build.version.release": "11",
            "ro.build.version.sdk": "30",
            "ro.board.platform": "mt6785",
            "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi",
            "ro.product.cpu.abilist64": "arm64-v8a",
            "sys.boot_completed": "1",
        },
        files={
            **common_files(),
            **processor(
                Cluster((0, 1, 2, 3, 4, 5), 2_000_000, "0xd05", 482),
                Cluster((6, 7), 2_050_000, "0xd0b", 1024, limit_khz=1_530_000),
            ),
            **zones(("mtktscpu", "452"), ("mtktsbattery", "310"), ("mtktspa", "338"), ("mtktsAP", "0")),
            "vendor/lib64/libneuronusdk_adapter.mtk.so": "",
            "vendor/lib64/egl/libGLES_mali.so": "",
        },
        services={
            "SurfaceFlinger": "GLES: ARM, Mali-G76 MC4, OpenGL ES 3.2 v1.r21p0",
            "thermalservice": THERMALSERVICE.format(status=2, cooling=3),
            "battery": BATTERY.format(level=12) + "\n  (UPDATES STOPPED -- use 'reset' to restart)",
            "power": "  mWakefulness=Asleep",
        },
        settings={"low_power": "1"},
        commands={"su": "exit 1"},
    )


def denied() -> Phone:
    """Everything is there and nothing may be read; tools say so on their standard output, and succeed."""
    good = pixel()
    text = 'echo "sh: $0: Permission denied"'
    commands = ("getprop", "dumpsys", "settings", "uname", "getenforce", "pm", "id", "df", "taskset", "su")
    zone_files = zones(("a", "1"), ("b", "2"))
    return Phone(refused=(*good.files, *zone_files), commands=dict.fromkeys(commands, text))


def bare() -> Phone:
    """Android 8.0 without shell tools: no timeout, no taskset; 32 bits; eight equal cores, half of them off."""
    cores = processor(
        Cluster((0, 1, 2, 3), 1_401_000, "0xd03", governor="interactive"),
        Cluster((4, 5, 6, 7), 1_401_000, "0xd03", governor="interactive"),
        linked=False,
    )
    off = {f"{CPU_DIR}/cpu{cpu}/cpufreq" for cpu in (4, 5, 6, 7)}
    files = {name: text for name, text in cores.items() if not any(name.startswith(folder) for folder in off)}
    files |= {f"{CPU_DIR}/cpu{cpu}/online": "0\n" for cpu in (4, 5, 6, 7)}
    return Phone(
        properties={
            "ro.product.model": "SM-G570F",
            "ro.product.manufacturer": "samsung",
            "ro.build.version.release": "8.0.0",
            "ro.build.version.sdk": "26",
            "ro.product.cpu.abilist": "armeabi-v7a,armeabi",
            "sys.boot_completed": "1",
        },
        files={**common_files(), **files, f"{CPU_DIR}/online": "0-3\n"},
        services={"battery": BATTERY.format(level=50)},
        tools=(),
        commands=dict.fromkeys(("taskset", "df", "su", "settings", "pm", "getenforce"), ""),
    )


def rooted(dialect: str = "su -c") -> Phone:
    """The Pixel with root: by Magisk's `su -c`, a userdebug build's `su 0` or `su root`, or a shell that is root."""
    phone = pixel()
    phone.refused = ()
    phone.files |= zones(("BIG", "38500"), ("G3D", "36000"))
    if dialect == "adb":
        phone.commands |= {"id": "echo 0"}
    elif dialect == "su -c":
        phone.commands["su"] = '[ "$1 $2" = "-c id -u" ] && echo 0'
    else:
        who = dialect.removeprefix("su ")
        phone.commands["su"] = f'[ "$*" = "{who} id -u" ] && echo 0'
    return phone
