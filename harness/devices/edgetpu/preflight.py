"""What stands between this host and a measurement on an Edge TPU, point by point, with the remedy of each: pure."""

from __future__ import annotations

from harness.devices.edgetpu.find import LOAD_DRIVER, PLUG_IN, describe
from harness.devices.edgetpu.gate import MARGIN_C
from harness.devices.edgetpu.python_findings import KnownCrash, python_findings
from harness.devices.edgetpu.surroundings import COMPILER, Surroundings
from harness.devices.edgetpu.sysfs import Attached, Sighting
from harness.devices.edgetpu.tpu import USB3_MBIT
from harness.devices.preflight import Finding

PACKAGES = "https://packages.cloud.google.com/apt coral-edgetpu-stable main"
INSTALL_LIBRARY = (
    f"sudo apt-get install libedgetpu1-std (or libedgetpu1-max) from the source `deb {PACKAGES}`; a build for a newer "
    "TensorFlow Lite is at https://github.com/feranick/libedgetpu/releases"
)
INSTALL_COMPILER = (
    f"sudo apt-get install edgetpu-compiler from the source `deb {PACKAGES}`, or name a command that runs it elsewhere "
    "in the sweep: `edgetpu_compiler: {command: …}`"
)
RULE_FILE = "/etc/udev/rules.d/99-edgetpu-accelerator.rules"
ADD_RULE = (
    'Install libedgetpu1-std, which brings the rule, or name 1a6e:089a and 18d1:9302 with GROUP="plugdev" in '
    f"{RULE_FILE}; then: sudo udevadm control --reload-rules && sudo udevadm trigger, and replug it"
)
JOIN_USB = "sudo usermod -aG plugdev $USER, log in again, and replug it"
JOIN_PCIE = (
    'sudo sh -c "echo \'SUBSYSTEM==\\"apex\\", MODE=\\"0660\\", GROUP=\\"apex\\"\' > /etc/udev/rules.d/65-apex.rules"; '
    "sudo groupadd -f apex; sudo usermod -aG apex $USER; then restart"
)


def host_findings(around: Surroundings, known_crash: KnownCrash) -> tuple[Finding, ...]:
    """What concerns all Edge TPUs of this host."""
    return (
        *_attached(around.sighting),
        _library(around),
        *_rule(around),
        *python_findings(around.interpreters, around.library, known_crash),
        _compiler(around),
    )


def none_attached(sighting: Sighting) -> tuple[Finding, ...]:
    """The one line for those who have none and did not ask; a module without its driver is told all the same."""
    if sighting.driverless:
        return _attached(sighting)
    return (Finding("ok", "attached", "no Edge TPU"),)


def tpu_findings(tpu: Attached, around: Surroundings) -> tuple[Finding, ...]:
    """What concerns one Edge TPU."""
    return (_connection(tpu), *_mode(tpu), *_permission(tpu, around), *_temperature(tpu))


def _attached(sighting: Sighting) -> tuple[Finding, ...]:
    found = []
    if sighting.attached:
        found.append(Finding("ok", "attached", describe(sighting)))
    for address in sighting.driverless:
        found.append(
            Finding("problem", "driver", f"{address} has no driver apex: there is no /dev/apex_*", LOAD_DRIVER)
        )
    return tuple(found) or (Finding("problem", "attached", "no Edge TPU", PLUG_IN),)


def _library(around: Surroundings) -> Finding:
    library = around.library
    if not library.path:
        package = f" ({library.package} {library.version} is installed)" if library.package else ""
        return Finding("problem", "libedgetpu", f"libedgetpu.so.1 was not found{package}", INSTALL_LIBRARY)
    where = f" at {library.path}" if library.package else ""
    return Finding("ok", "libedgetpu", f"{library.label}{where}")


def _rule(around: Surroundings) -> tuple[Finding, ...]:
    """Who may open every stick now needs no rule; who may not finds the remedy with the stick."""
    sticks = [tpu for tpu in around.sighting.attached if tpu.kind == "usb"]
    if around.udev_rule:
        return (Finding("ok", "udev rule", "names both identities of the USB sticks"),)
    if sticks and any(tpu.dfu for tpu in sticks):
        text = "no rule names 1a6e:089a and 18d1:9302: a stick changes its identity at the first use"
        return (Finding("warning", "udev rule", text, ADD_RULE),)
    return ()


def _compiler(around: Surroundings) -> Finding:
    if around.compiler and around.machine == "x86_64":
        return Finding("ok", COMPILER, around.compiler)
    if around.machine != "x86_64":
        text = f"runs on x86-64 only, this host is {around.machine or 'of an unknown architecture'}"
        remedy = "Name a command that runs it on another host in the sweep: `edgetpu_compiler: {command: …}`"
        return Finding("warning", COMPILER, text, remedy)
    return Finding("warning", COMPILER, "is not on PATH: models cannot be compiled here", INSTALL_COMPILER)


def _connection(tpu: Attached) -> Finding:
    serial = f", serial number {tpu.serial}" if tpu.serial else ""
    speed = f"{tpu.speed_mbit} Mbit/s" if tpu.speed_mbit is not None else "speed not readable"
    text = f"{tpu.name}, {tpu.model} at {tpu.address or tpu.port}, {tpu.link or 'link not readable'}"
    if tpu.kind == "pci":
        if tpu.status in ("", "ALIVE"):
            return Finding("ok", "connection", text)
        remedy = "Restart the host; with `pcie_aspm=off` on the kernel's command line if it comes back."
        return Finding("problem", "connection", f"{text}; the driver says {tpu.status}", remedy)
    text = f"{tpu.name}, {tpu.model} at port {tpu.port}, {speed}{serial}"
    if tpu.dfu or tpu.speed_mbit is None or tpu.speed_mbit >= USB3_MBIT:
        return Finding("ok", "connection", text)
    remedy = "Plug it into a USB 3 port, without a hub, with the cable that came with it."
    return Finding("warning", "connection", f"{text}: below USB 3, each inference waits longer for its data", remedy)


def _mode(tpu: Attached) -> tuple[Finding, ...]:
    if tpu.kind != "usb":
        return ()
    if not tpu.dfu:
        return (Finding("ok", "mode", "ready (18d1:9302)"),)
    text = "DFU mode (1a6e:089a): libedgetpu loads its firmware at the first use, and it enumerates anew"
    remedy = (
        "Nothing to do; if it stays so after a run, replug it, and in a virtual machine pass both identities through."
    )
    return (Finding("warning", "mode", text, remedy),)


def _permission(tpu: Attached, around: Surroundings) -> tuple[Finding, ...]:
    state = dict(around.access).get(tpu.name, "")
    if state == "open":
        return (Finding("ok", "permission", f"{tpu.node} may be opened"),)
    if state == "missing":
        folder = "/dev/bus/usb" if tpu.kind == "usb" else tpu.node
        remedy = f"In a container, pass it through: --device {folder}; else replug it, or start udev."
        return (Finding("problem", "permission", f"there is no {tpu.node}", remedy),)
    if state == "denied":
        remedy = JOIN_PCIE if tpu.kind == "pci" else JOIN_USB if around.udev_rule else ADD_RULE
        why = "" if tpu.kind == "pci" or around.udev_rule else ": no udev rule names it"
        return (Finding("problem", "permission", f"this user may not open {tpu.node}{why}", remedy),)
    return (Finding("warning", "permission", "the device file is not known", "Look again: harness doctor edgetpu"),)


def _temperature(tpu: Attached) -> tuple[Finding, ...]:
    if tpu.kind != "pci":
        return (Finding("ok", "temperature", "sticks tell none: throttling shows in the times only"),)
    if tpu.temp_c is None:
        remedy = f"See what the driver says: cat /sys/class/apex/{tpu.port}/temp"
        return (Finding("warning", "temperature", "not readable: blocks begin without a gate", remedy),)
    trips = ", ".join(f"{value:.1f}" for value in tpu.trip_points_c)
    text = f"{tpu.temp_c:.1f} °C; the clock falls at {trips} °C" if trips else f"{tpu.temp_c:.1f} °C, no trip points"
    if tpu.trip_points_c and tpu.temp_c > min(tpu.trip_points_c) - MARGIN_C:
        return (Finding("warning", "temperature", text, "Cool it: a heat sink or a fan; runs wait for it."),)
    return (Finding("ok", "temperature", text),)
