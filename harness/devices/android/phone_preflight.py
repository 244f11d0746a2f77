"""What a phone can guarantee for a measurement, point by point, and how to improve each: pure, on its facts.

`harness.devices.android.phone_equipment` has the points on what the phone is equipped with.
"""

from __future__ import annotations

from harness.devices.android.core_choice import choose_cores
from harness.devices.android.facts import FIXED_PERFORMANCE_SDK, PhoneFacts, describe_cores, is_limited
from harness.devices.android.phone_equipment import equipment
from harness.devices.preflight import Finding
from harness.domain import THERMAL_STATUSES
from harness.errors import UsageError
from harness.units import format_duration, khz_to_ghz

MIN_BATTERY_PCT = 20.0
SETTLED_S = 120.0
_CPU_DIR = "/sys/devices/system/cpu"


def guarantees(facts: PhoneFacts) -> tuple[Finding, ...]:
    """All findings, in the order of a measurement's needs."""
    return (
        _phone(facts),
        _ready(facts),
        _cores(facts),
        _pinning(facts),
        _clock_evidence(facts),
        _clock_control(facts),
        _thermal_evidence(facts),
        _throttling(facts),
        *_battery(facts),
        _screen(facts),
        *equipment(facts),
    )


def _phone(facts: PhoneFacts) -> Finding:
    shown = facts.device_facts("")
    android = f"Android {facts.release or '?'} (API {facts.sdk if facts.sdk is not None else '?'})"
    text = ", ".join(filter(None, (shown.model, android, shown.soc)))
    if facts.fingerprint is None:
        return Finding(
            "warning",
            "phone",
            f"{text}; no build fingerprint, so its rows cannot be told from those of another build",
            "Check `adb shell getprop ro.build.fingerprint`.",
        )
    return Finding("ok", "phone", text)


def _ready(facts: PhoneFacts) -> Finding:
    if facts.booted is False:
        remedy = "Unlock the phone once, and wait until `adb shell getprop sys.boot_completed` prints 1."
        return Finding("problem", "ready", "Android has not finished starting", remedy)
    if facts.package_manager is not True:
        why = facts.why("package_manager")
        remedy = "Wait a minute; if `adb shell pm path android` still prints nothing: adb reboot"
        return Finding("warning", "ready", "the package manager does not answer" + (f": {why}" if why else ""), remedy)
    if facts.uptime_s is not None and facts.uptime_s < SETTLED_S:
        text = f"started {format_duration(facts.uptime_s)} ago: it is still busy with itself"
        return Finding("warning", "ready", text, "Wait two minutes before measuring.")
    up = "" if facts.uptime_s is None else f", up {format_duration(facts.uptime_s)}"
    return Finding("ok", "ready", f"authorized and started{up}")


def _cores(facts: PhoneFacts) -> Finding:
    try:
        choice = choose_cores(facts, "big")
    except UsageError as error:
        return Finding("warning", "cores", error.what, "Name the core in the sweep: `cores: [7]`.")
    text = f"{describe_cores(facts.cores)}; `cores: big` is core {choice.cpus[0]}"
    notes = (*choice.notes, *(note for note in facts.device_facts("").notes if "offline" in note))
    if not notes:
        return Finding("ok", "cores", text)
    offline = [core.index for core in facts.cores if not core.online]
    remedy = "Name the core in the sweep: `cores: [7]`."
    if offline and facts.root:
        remedy = _as_root(facts, f"echo 1 > {_CPU_DIR}/cpu{offline[-1]}/online")
    elif offline:
        remedy = "Let the phone cool and keep its screen on, then look again: it takes cores away when hot or idle."
    return Finding("warning", "cores", f"{text}; {'; '.join(notes)}", remedy)


def _pinning(facts: PhoneFacts) -> Finding:
    look = "See what it says: adb shell taskset 1 cat /proc/self/status"
    if facts.pinning:
        return Finding("ok", "pinning", "taskset works, and the mask is read back")
    if facts.pinning is None:
        return Finding("warning", "pinning", f"taskset could not be tried: {facts.why('pinning')}", look)
    if "taskset" not in facts.tools:
        remedy = "Measure with `cores: all`, or on a phone that has taskset (Android 8 and later)."
        return Finding("warning", "pinning", "there is no taskset: no process can be put on one core", remedy)
    cpuset = f" (cpuset {facts.cpuset})" if facts.cpuset not in (None, "/") else ""
    text = f"taskset has no effect{cpuset}: a process that was put on core 0 had another mask, or none could start"
    return Finding("warning", "pinning", text, look)


def _clock_evidence(facts: PhoneFacts) -> Finding:
    source = facts.device_facts("").clock_source
    if source is not None:
        return Finding("ok", "clock evidence", f"from {source}")
    readable = [str(core.index) for core in facts.cores if core.clock_sources]
    text = f"only of cores {', '.join(readable)}" if readable else "none: rows will be UNVERIFIED"
    if facts.root:
        return Finding("warning", "clock evidence", text, _as_root(facts, f"ls {_CPU_DIR}/cpu0/cpufreq"))
    remedy = "The phone forbids it to its shell: use a userdebug build (`adb root`) or a rooted phone."
    return Finding("warning", "clock evidence", text, remedy)


def _clock_control(facts: PhoneFacts) -> Finding:
    governors = sorted({core.governor for core in facts.cores if core.online and core.governor})
    now = f"governor {', '.join(governors)}" if governors else "governor not readable"
    if governors == ["performance"]:
        return Finding("ok", "clock control", now)
    if facts.root:
        text = f"{now}: the clock follows the load; root ({facts.root}) can fix it"
        return Finding("warning", "clock control", text, "Put `settings: {governor: performance}` into the sweep.")
    if facts.sdk is not None and facts.sdk >= FIXED_PERFORMANCE_SDK:
        text = f"{now}, no root: the clock follows the load; Android's fixed performance mode can be tried"
        remedy = "Put `settings: {fixed_performance_mode: true}` into the sweep."
        return Finding("warning", "clock control", text, remedy)
    remedy = (
        "Keep the warm-up long (`measure: {warmup_min_s: 2}`), and compare only rows of one run; or root the phone."
    )
    return Finding("warning", "clock control", f"{now}, no root: the clock follows the load", remedy)


def _thermal_evidence(facts: PhoneFacts) -> Finding:
    kinds = ("skin", "cpu", "gpu", "npu", "battery")
    shown = [f"{kind} {sensor.value_c:.1f} °C" for kind in kinds if (sensor := facts.hottest(kind)) is not None]
    service = facts.thermal
    if service is not None and service.overridden:
        text = "the thermal status is faked by a tool"
        return Finding("problem", "thermal evidence", text, "adb shell cmd thermalservice reset")
    if service is not None and service.hal_ready is False:
        text = "the thermal service has no sensors behind it" + (f"; {', '.join(shown)}" if shown else "")
        return Finding("warning", "thermal evidence", text, "Restart the phone: adb reboot")
    if service is not None and service.status is not None and shown:
        return Finding("ok", "thermal evidence", f"thermal status and {', '.join(shown)}")
    if shown:
        return Finding("ok", "thermal evidence", f"{', '.join(shown)}; no thermal status")
    temp_c = facts.battery.temp_c if facts.battery else None
    text = "none" if temp_c is None else f"only the battery's {temp_c:.1f} °C"
    reasons = "; ".join(filter(None, (facts.why("thermal"), facts.why("zones"))))
    remedy = "Leave pauses between the invocations: `measure: {gap_s: 30}`; with a userdebug build: adb root"
    return Finding("warning", "thermal evidence", f"{text} ({reasons})" if reasons else text, remedy)


def _throttling(facts: PhoneFacts) -> Finding:
    signs = []
    service = facts.thermal
    if service is not None and service.status:
        level = THERMAL_STATUSES[service.status] if service.status < len(THERMAL_STATUSES) else "unknown"
        signs.append(f"thermal status {service.status} ({level})")
    if service is not None and service.cooling:
        signs.append(f"slowed down: {', '.join(service.cooling)}")
    for core in facts.cores:
        if is_limited(core) and core.cluster in (None, core.index):
            limit, highest = khz_to_ghz(core.limit_khz or 0), khz_to_ghz(core.max_khz or 0)
            signs.append(f"core {core.index} and its cluster held at {limit:.2f} of {highest:.2f} GHz")
    if signs:
        remedy = "Let it cool, out of its case and off the charger: the sweep's gate waits for it. Battery saver off."
        return Finding("warning", "throttling", "; ".join(signs), remedy)
    known = service is not None and service.status is not None
    known = known or any(core.limit_khz is not None for core in facts.cores)
    if not known:
        remedy = "Compare two sweeps, on the cool and on the warm phone; with a userdebug build: adb root"
        return Finding("warning", "throttling", "cannot be seen: neither a thermal status nor clock limits", remedy)
    return Finding("ok", "throttling", "not now")


def _battery(facts: PhoneFacts) -> tuple[Finding, ...]:
    return _charge(facts), _saver(facts)


def _charge(facts: PhoneFacts) -> Finding:
    battery = facts.battery
    if battery is None:
        text = f"not known: {facts.why('battery') or 'it says nothing'}"
        return Finding("warning", "battery", text, "Check `adb shell dumpsys battery`.")
    if battery.faked:
        text = "its state is faked, by a tool that did not clean up"
        return Finding("problem", "battery", text, "adb shell dumpsys battery reset")
    level = "level unknown" if battery.level_pct is None else f"{battery.level_pct:.0f} %"
    source = f"powered by {' and '.join(battery.powered)}" if battery.powered else "not powered"
    heat = "" if battery.temp_c is None else f", {battery.temp_c:.1f} °C"
    text = f"{level}, {source}{heat}"
    if battery.level_pct is None or battery.level_pct < MIN_BATTERY_PCT:
        remedy = f"Charge it above {MIN_BATTERY_PCT:.0f} %: a low battery holds the clocks down."
        return Finding("warning", "battery", text, remedy)
    return Finding("ok", "battery", text)


def _saver(facts: PhoneFacts) -> Finding:
    name = "global low_power"
    if facts.setting(name) not in (None, "0"):
        text = "on: it holds the clocks down"
        return Finding("warning", "battery saver", text, "adb shell settings put global low_power 0")
    if why := facts.why(name):
        return Finding(
            "warning", "battery saver", f"not known: {why}", "Check `adb shell settings get global low_power`."
        )
    return Finding("ok", "battery saver", "off")


def _screen(facts: PhoneFacts) -> Finding:
    if facts.wakefulness is None:
        text = f"not known: {facts.why('wakefulness')}"
        return Finding("warning", "screen", text, "Check `adb shell dumpsys power | grep mWakefulness`.")
    stays = facts.setting("global stay_on_while_plugged_in") not in (None, "0")
    if facts.wakefulness != "Awake":
        text = f"{facts.wakefulness.lower()}: a sleeping screen lowers the clocks"
        return Finding("warning", "screen", text, "adb shell svc power stayon true; adb shell input keyevent 224")
    return Finding("ok", "screen", "on, and stays on while powered" if stays else "on; a sweep keeps it so")


def _as_root(facts: PhoneFacts, command: str) -> str:
    """A line to type that runs `command` as root, in this phone's way."""
    if facts.root in (None, "adb"):
        return f"adb shell '{command}'"
    if facts.root == "su -c":
        return f"adb shell \"su -c '{command}'\""
    return f"adb shell \"{facts.root} sh -c '{command}'\""
