"""The facts of a phone from what `device_scripts/facts.sh` prints: pure, but for `read_facts`, which runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from harness.assets import folder
from harness.devices.android import facts_values as values
from harness.devices.android.facts import PhoneFacts
from harness.devices.android.facts_cores import parse_cores
from harness.devices.android.facts_sections import Sections, is_index, is_refusal, read_sections
from harness.devices.android.shell import Shell
from harness.devices.android.temperatures import Temperature, parse_thermalservice, zone

T = TypeVar("T")
TIMEOUT_S = 40.0
_PROPERTIES = {
    "manufacturer": "ro.product.manufacturer",
    "model": "ro.product.model",
    "device": "ro.product.device",
    "fingerprint": "ro.build.fingerprint",
    "release": "ro.build.version.release",
    "soc_manufacturer": "ro.soc.manufacturer",
    "soc_model": "ro.soc.model",
    "board": "ro.board.platform",
    "hardware": "ro.hardware",
    "build_type": "ro.build.type",
    "serial": "ro.serialno",
}
_SETTINGS = (
    "global low_power",
    "global stay_on_while_plugged_in",
    "global window_animation_scale",
    "global transition_animation_scale",
    "global animator_duration_scale",
    "global airplane_mode_on",
    "system screen_brightness",
    "system screen_brightness_mode",
    "system screen_off_timeout",
)
_ROOT_DIALECTS = ("su -c", "su 0", "su root")
_TOOL = ("tools", "yes")
_TOTAL = partial(values.memory_mib, name="MemTotal")
_AVAILABLE = partial(values.memory_mib, name="MemAvailable")


def read_facts(shell: Shell, timeout_s: float = TIMEOUT_S) -> PhoneFacts:
    """Ask the phone for everything, in one round trip.

    Raises:
        ParseError: what came back is not whole.
        DeviceOfflineError, InvocationTimeoutError, UnauthorizedError: as `Shell.shell`.
    """
    script = (folder("device_scripts") / "facts.sh").read_text(encoding="utf-8")
    return parse_facts(shell.shell(script, timeout_s=timeout_s).stdout)


def parse_facts(output: bytes | str) -> PhoneFacts:
    """The facts in what the script printed, whatever is between its first and its last line.

    Raises:
        ParseError: the output is not the script's, or not whole.
    """
    points = _Points(read_sections(output))
    facts = _with_state(points, _with_machine(points, _identity(points)))
    found = {name for name, value in (*vars(facts).items(), *facts.settings) if value or isinstance(value, float)}
    return replace(facts, unread=tuple((name, why) for name, why in points.unread.items() if name not in found))


def _identity(points: _Points) -> PhoneFacts:
    def text(point: str) -> str | None:
        return points.read(point, "properties", _PROPERTIES[point], values.one_line)

    return PhoneFacts(
        manufacturer=text("manufacturer"),
        model=text("model"),
        device=text("device"),
        fingerprint=text("fingerprint"),
        release=text("release"),
        sdk=points.read("sdk", "properties", "ro.build.version.sdk", values.whole),
        soc_manufacturer=text("soc_manufacturer"),
        soc_model=text("soc_model"),
        board=text("board"),
        hardware=text("hardware"),
        abis=points.read("abis", "properties", "ro.product.cpu.abilist", values.listed) or (),
        abis_64=points.read("abis_64", "properties", "ro.product.cpu.abilist64", values.listed) or (),
        serial=text("serial"),
        booted=_booted(points),
        debuggable=points.read("debuggable", "properties", "ro.debuggable", values.flag),
        build_type=text("build_type"),
        kernel=points.text("kernel", "kernel", "release") or points.sections.text("kernel", "osrelease"),
        selinux=points.text("selinux", "kernel", "selinux"),
        boot_id=points.read("boot_id", "kernel", "boot_id", values.boot_id),
    )


def _with_machine(points: _Points, facts: PhoneFacts) -> PhoneFacts:
    """With what the phone is made of, and what a shell may do on it."""
    return replace(
        facts,
        memory_total_mib=points.read(
            "memory_total_mib", "kernel", "memory", partial(values.memory_mib, name="MemTotal")
        ),
        cores=parse_cores(points.sections),
        allowed=points.read("allowed", "kernel", "affinity", values.affinity),
        cpuset=points.text("cpuset", "kernel", "cpuset"),
        pinning=_pinned(points),
        gpu=_gpu(points),
        gpu_api=points.read("gpu_api", "gpu", "gles", values.gles_version),
        gpu_memory=points.text("gpu_memory", "gpu", "memory") is not None,
        root=_root(points),
        tools=frozenset(key for (section, key), text in points.sections.texts.items() if (section, text) == _TOOL),
        libraries=_libraries(points),
    )


def _with_state(points: _Points, facts: PhoneFacts) -> PhoneFacts:
    """With how it is just now."""
    thermal = points.read("thermal", "thermal", "thermalservice", parse_thermalservice)
    return replace(
        facts,
        package_manager=_answers(points.text("package_manager", "power", "package_manager")),
        uptime_s=points.read("uptime_s", "kernel", "uptime", values.first_number),
        load_1min=points.read("load_1min", "kernel", "load", values.first_number),
        memory_available_mib=points.read("memory_available_mib", "kernel", "memory", _AVAILABLE),
        thermal=thermal,
        zones=_zones(points),
        battery=points.read("battery", "power", "battery", values.battery),
        wakefulness=points.read("wakefulness", "power", "wakefulness", values.after_equals),
        settings=_settings(points),
        storage_free_mib=points.read("storage_free_mib", "storage", "df", values.df_free_mib),
        storage_writable=points.text("storage_writable", "storage", "writable") == "yes",
    )


class _Points:
    """Reads values by name, and keeps for each that is None why."""

    def __init__(self, sections: Sections) -> None:
        self.sections = sections
        self.unread: dict[str, str] = {}

    def text(self, point: str, section: str, key: str) -> str | None:
        text = self.sections.text(section, key)
        if text is None:
            self.unread[point] = self.sections.reason(section, key)
        return text

    def read(self, point: str, section: str, key: str, made: Callable[[str], T | None]) -> T | None:
        """`made` of the text, None when it cannot be understood."""
        text = self.text(point, section, key)
        value = None if text is None else made(text)
        if text is not None and value is None:
            self.unread[point] = f"not understood: {text.splitlines()[0][:60]!r}"
        return value


def _answers(text: str | None) -> bool | None:
    return None if text is None else text.startswith("package:")


def _booted(points: _Points) -> bool | None:
    """While Android starts, the property is there and empty."""
    text = points.text("booted", "properties", "sys.boot_completed")
    if text is None and points.sections.reasons.get(("properties", "sys.boot_completed")) != "empty":
        return None
    return text == "1"


def _pinned(points: _Points) -> bool | None:
    """Whether the process that was to run on CPU 0 had that mask; False when it has another or taskset failed."""
    mask = points.read("pinning", "tools", "pinned", values.affinity)
    if mask is not None:
        return mask == (0,)
    word = points.sections.reasons.get(("tools", "pinned"), "missing")
    return None if word in ("timeout", "skipped") else False


def _gpu(points: _Points) -> str | None:
    """The renderer's name; the kernel's where SurfaceFlinger does not say it."""
    gles = points.text("gpu", "gpu", "gles")
    parts = [part.strip() for part in (gles or "").removeprefix("GLES:").split(",")]
    if len(parts) >= 2 and parts[1]:
        return parts[1]
    return next(filter(None, (points.sections.text("gpu", key) for key in ("kgsl", "kernel_gpu", "mali"))), None)


def _zones(points: _Points) -> tuple[Temperature, ...]:
    """The kernel's zones that show a temperature."""
    sections, found, denied, total = points.sections, [], 0, 0
    names = (key for section, key in (*sections.texts, *sections.reasons) if section == "thermal")
    for index in sorted({int(key[5:]) for key in names if key.startswith("temp ") and is_index(key[5:])}):
        total += 1
        raw = sections.text("thermal", f"temp {index}")
        denied += raw is None
        kind = sections.text("thermal", f"type {index}") or f"thermal_zone{index}"
        sensor = zone(kind, raw, f"/sys/class/thermal/thermal_zone{index}")
        if sensor is not None:
            found.append(sensor)
    if not found:
        points.unread["zones"] = f"{denied} of {total} thermal zones cannot be read" if total else "there are none"
    return tuple(found)


def _settings(points: _Points) -> tuple[tuple[str, str | None], ...]:
    """Every setting that the phone answered for; None is one that was never made."""
    found = ((name, points.text(name, "power", name)) for name in _SETTINGS)
    return tuple((name, None if text == "null" else text) for name, text in found if text is not None)


def _root(points: _Points) -> str | None:
    """How root is got: the shell has it, or the first `su` dialect that does."""
    if points.text("root", "root", "id") == "0":
        return "adb"
    reasons = []
    for dialect in _ROOT_DIALECTS:
        if points.text("root", "root", dialect) == "0":
            points.unread.pop("root", None)
            return dialect
        reasons.append(f"{dialect}: {points.sections.reason('root', dialect) or 'not root'}")
    points.unread["root"] = "; ".join(reasons)
    return None


def _libraries(points: _Points) -> tuple[str, ...]:
    """The paths of the libraries that were found; where there are none, which folders may not be listed."""
    text = points.text("libraries", "libraries", "found") or ""
    reasons = points.sections.reasons.items()
    denied = [key for (section, key), word in reasons if section == "libraries" and word == "denied"]
    if denied:
        points.unread["libraries"] = f"the phone denies {', '.join(denied)}"
    return tuple(line for line in text.split("\n") if line.startswith("/") and not is_refusal(line))
