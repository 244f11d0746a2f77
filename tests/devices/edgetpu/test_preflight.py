"""Each finding from values, and the reading of the values from a tree."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.devices.edgetpu.interpreters import Interpreter
from harness.devices.edgetpu.library import Library
from harness.devices.edgetpu.preflight import host_findings, none_attached, tpu_findings
from harness.devices.edgetpu.python_findings import how_to_get
from harness.devices.edgetpu.surroundings import Surroundings, read_surroundings
from harness.devices.edgetpu.sysfs import Attached, Sighting
from harness.devices.preflight import Finding
from tests.devices.edgetpu import trees

STICK = Attached("usb", 0, "2-1", "/dev/bus/usb/002/003", "Coral USB Accelerator", speed_mbit=5000)
MODULE = Attached(
    "pci",
    0,
    "apex_0",
    "/dev/apex_0",
    "Coral PCIe Accelerator",
    address="0000:03:00.0",
    link="5.0 GT/s PCIe x1",
    status="ALIVE",
    temp_c=50.8,
    trip_points_c=(84.8, 89.8),
)
CORAL = Interpreter(
    "/opt/coral/bin/python",
    python="3.9.18",
    kind="coral",
    pycoral="2.0.0",
    tflite=(("tflite_runtime", "2.5.0.post1"),),
    runtime="BuildLabel(N/A), RuntimeVersion(14)",
)
OWN = Interpreter("/venv/bin/python", own=True, python="3.11.2", tflite=(("ai_edge_litert", "2.3.0"),))
GOOD = Surroundings(
    Sighting((STICK, MODULE)),
    Library("/usr/lib/libedgetpu.so.1", "libedgetpu1-std", "16.0TF2.19.1-1", "std"),
    (("usb:0", "open"), ("pci:0", "open")),
    True,
    (OWN, CORAL),
    "/usr/bin/edgetpu_compiler",
    "x86_64",
)


def no_crash(library: str, version: str, libedgetpu: str) -> str | None:
    return None


def crash(library: str, version: str, libedgetpu: str) -> str | None:
    return f"{library} {version} with {libedgetpu} is known to crash (SIGSEGV): it fits up to 2.11.1. Take another"


def host(around: Surroundings, subject: str, known=no_crash) -> Finding:  # type: ignore[no-untyped-def]
    found = [one for one in host_findings(around, known) if one.subject == subject]
    assert found, [one.subject for one in host_findings(around, known)]
    return found[0]


def tpu(device: Attached, subject: str, around: Surroundings = GOOD) -> Finding:
    return next(one for one in tpu_findings(device, around) if one.subject == subject)


def python(*interpreters: Interpreter, known=no_crash) -> Finding:  # type: ignore[no-untyped-def]
    return host(replace(GOOD, interpreters=interpreters), "pycoral", known)


def test_a_good_host_has_nothing_to_improve() -> None:
    found = (*host_findings(GOOD, no_crash), *tpu_findings(STICK, GOOD), *tpu_findings(MODULE, GOOD))
    assert {one.state for one in found} == {"ok"}, found
    assert len(found) > 8


BARE = Surroundings(machine="x86_64", interpreters=(OWN,))


@pytest.mark.parametrize(
    ("around", "subject", "state", "said", "remedy"),
    [
        (BARE, "attached", "problem", "no Edge TPU", "lsusb"),
        (replace(BARE, sighting=Sighting((), ("0000:04:00.0",))), "driver", "problem", "0000:04:00.0", "gasket-dkms"),
        (replace(GOOD, sighting=Sighting((STICK,), ("0000:04:00.0",))), "driver", "problem", "/dev/apex_*", "modprobe"),
        (BARE, "libedgetpu", "problem", "libedgetpu.so.1 was not found", "libedgetpu1-std (or libedgetpu1-max)"),
        (
            replace(BARE, library=Library("", "libedgetpu1-max", "16.0")),
            "libedgetpu",
            "problem",
            "libedgetpu1-max 16.0 is installed",
            "apt-get",
        ),
        (
            replace(GOOD, sighting=Sighting((replace(STICK, dfu=True),)), udev_rule=False),
            "udev rule",
            "warning",
            "changes its identity",
            "/etc/udev/rules.d/",
        ),
        (replace(GOOD, compiler=""), "edgetpu_compiler", "warning", "not on PATH", "edgetpu-compiler"),
        (replace(GOOD, machine="aarch64"), "edgetpu_compiler", "warning", "x86-64 only", "edgetpu_compiler: {command"),
    ],
)
def test_what_the_host_lacks_has_a_remedy(
    around: Surroundings, subject: str, state: str, said: str, remedy: str
) -> None:
    found = host(around, subject)
    assert found.state == state
    assert said in found.text
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("device", "subject", "state", "said", "remedy"),
    [
        (replace(STICK, speed_mbit=480), "connection", "warning", "480 Mbit/s: below USB 3", "USB 3 port"),
        (replace(STICK, speed_mbit=None), "connection", "ok", "speed not readable", ""),
        (replace(STICK, speed_mbit=480, dfu=True), "connection", "ok", "480 Mbit/s", ""),
        (replace(STICK, serial="42"), "connection", "ok", "serial number 42", ""),
        (replace(STICK, dfu=True), "mode", "warning", "DFU mode (1a6e:089a)", "replug"),
        (STICK, "temperature", "ok", "tell none", ""),
        (replace(MODULE, status="DEAD"), "connection", "problem", "the driver says DEAD", "Restart"),
        (replace(MODULE, temp_c=None), "temperature", "warning", "without a gate", "/sys/class/apex/apex_0/temp"),
        (replace(MODULE, temp_c=80.0), "temperature", "warning", "80.0 °C; the clock falls at 84.8, 89.8", "fan"),
        (replace(MODULE, trip_points_c=()), "temperature", "ok", "no trip points", ""),
    ],
)
def test_what_one_edge_tpu_lacks_has_a_remedy(
    device: Attached, subject: str, state: str, said: str, remedy: str
) -> None:
    found = tpu(device, subject)
    assert (found.state, bool(found.remedy)) == (state, bool(remedy))
    assert said in found.text
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("device", "state", "rule", "said", "remedy"),
    [
        (STICK, "denied", False, "may not open /dev/bus/usb/002/003: no udev rule names it", "udevadm control"),
        (STICK, "denied", True, "may not open /dev/bus/usb/002/003", "usermod -aG plugdev"),
        (MODULE, "denied", True, "may not open /dev/apex_0", 'SUBSYSTEM==\\"apex\\"'),
        (STICK, "missing", True, "there is no /dev/bus/usb/002/003", "--device /dev/bus/usb"),
        (MODULE, "missing", True, "there is no /dev/apex_0", "--device /dev/apex_0"),
    ],
)
def test_a_device_file_that_cannot_be_opened(device: Attached, state: str, rule: bool, said: str, remedy: str) -> None:
    around = replace(GOOD, access=((device.name, state),), udev_rule=rule)
    found = tpu(device, "permission", around)
    assert (found.state, found.text) == ("problem", said if state == "missing" else f"this user {said}")
    assert remedy in found.remedy


def test_a_device_file_that_is_not_known() -> None:
    assert tpu(replace(STICK, node=""), "permission", replace(GOOD, access=(("usb:0", ""),))).state == "warning"


# ---- interpreters ----------------------------------------------------------------------------------------------------


def test_corals_pycoral_is_shown_with_its_libraries() -> None:
    found = python(OWN, CORAL)
    assert found.state == "ok"
    assert found.text == (
        "/opt/coral/bin/python (Python 3.9.18): Coral's 2.0.0, tflite_runtime 2.5.0.post1, "
        "BuildLabel(N/A), RuntimeVersion(14)"
    )


def test_pypis_pycoral_is_named_as_another_project_with_the_way_to_corals() -> None:
    found = python(Interpreter("/usr/bin/python3.9", python="3.9.2", kind="other", pycoral="0.2.0"))
    assert (found.state, "Allen Coral Atlas" in found.text) == ("warning", True)
    assert "/usr/bin/python3.9 -m pip uninstall pycoral; then /usr/bin/python3.9 -m pip install" in found.remedy
    assert '--extra-index-url https://google-coral.github.io/py-repo/ "pycoral~=2.0"' in found.remedy
    assert python(Interpreter("p", asked=True, python="3.9.2", kind="other")).state == "problem"


@pytest.mark.parametrize(
    ("version", "index", "fork"),
    [
        ("3.6.15", True, False),
        ("3.8.1", True, False),
        ("3.9.18", True, True),
        ("3.12.0", False, True),
        ("", True, True),
    ],
)
def test_the_way_to_get_it_depends_on_the_version(version: str, index: bool, fork: bool) -> None:
    ways = how_to_get(Interpreter("/p/python", python=version))
    assert ("pip install --extra-index-url https://google-coral.github.io" in ways) is index
    assert ("github.com/feranick/pycoral" in ways) is fork


def test_for_a_python_without_any_another_one_is_to_be_made() -> None:
    for version in ("3.13.0", "3.5.2"):
        assert "uv venv --python 3.9" in how_to_get(Interpreter("p", python=version))


def test_none_anywhere_is_said_once_and_none_in_a_named_one_is_a_problem() -> None:
    found = python(OWN, Interpreter("/usr/bin/python3", problem="no such version"))
    assert (found.state, found.text.count("/venv/bin/python")) == ("warning", 1)
    assert "/usr/bin/python3" not in found.text
    assert "runtime: litert" in found.text
    named = replace(OWN, asked=True)
    assert (python(named).state, "has none" in python(named).text) == ("problem", True)
    broken = Interpreter("nonsense", asked=True, problem="no such program, or it may not be run")
    assert python(broken) == Finding(
        "problem",
        "pycoral",
        "nonsense: no such program, or it may not be run",
        "Name a Python interpreter: --python /opt/coral/bin/python",
    )


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        ("ImportError: libedgetpu.so.1: cannot open shared object file", "finding libedgetpu"),
        ("ImportError: libusb-1.0.so.0: cannot open", "libusb-1.0-0"),
        ("ImportError: numpy.core.multiarray failed to import", 'pip install "numpy<2"'),
        ("AttributeError: _ARRAY_API not found", 'pip install "numpy<2"'),
        ("ModuleNotFoundError: No module named 'tflite_runtime'", "tflite-runtime"),
        ("ValueError: whatever", "py-repo"),
    ],
)
def test_an_import_that_fails_says_why_and_what_to_do(problem: str, remedy: str) -> None:
    found = python(replace(CORAL, runtime="", problem=problem))
    assert (found.state, problem in found.text, remedy in found.remedy) == ("problem", True, True)


def test_a_crash_at_the_import_names_its_signal() -> None:
    found = python(replace(CORAL, runtime="", problem="ended by SIGSEGV", crash="SIGSEGV"))
    assert (found.state, "crashes at its import (SIGSEGV)" in found.text) == ("problem", True)
    assert "do not fit each other" in found.remedy
    known = python(replace(CORAL, runtime="", problem="x", crash="SIGSEGV"), known=crash)
    assert known.remedy == "Take another"


def test_a_pair_that_is_known_to_crash_is_named_before_it_does() -> None:
    found = host(replace(GOOD, interpreters=(CORAL,)), "known crash", crash)
    assert found == Finding(
        "problem",
        "known crash",
        "/opt/coral/bin/python: tflite_runtime 2.5.0.post1 with BuildLabel(N/A), RuntimeVersion(14) is known to crash "
        "(SIGSEGV): it fits up to 2.11.1",
        "Take another",
    )
    own = host(replace(GOOD, interpreters=(OWN, CORAL)), "known crash", crash)
    assert (own.state, "ai_edge_litert 2.3.0 with 16.0TF2.19.1-1" in own.text) == ("warning", True)


def test_without_a_libedgetpu_nothing_is_known_to_crash() -> None:
    around = replace(GOOD, library=Library(), interpreters=(OWN, replace(CORAL, runtime="")))
    assert "known crash" not in [one.subject for one in host_findings(around, crash)]


def test_who_did_not_ask_and_has_none_is_left_in_peace() -> None:
    assert none_attached(Sighting()) == (Finding("ok", "attached", "no Edge TPU"),)
    assert [one.state for one in none_attached(Sighting((), ("0000:04:00.0",)))] == ["problem"]


# ---- reading ---------------------------------------------------------------------------------------------------------


def read(root: Path, opens: tuple[str, ...] = (), path: str = "/nowhere") -> Surroundings:
    def access(node: Path, mode: int) -> bool:
        return node.exists() and (mode == os.F_OK or f"/{node.relative_to(root)}" in opens)

    return read_surroundings(("no-such-python",), root, {"PATH": path}, access, lambda one: one)


def test_everything_is_read_from_the_tree(tmp_path: Path) -> None:
    trees.stick(tmp_path, "2-1", device=3)
    trees.stick(tmp_path, "2-2", device=4)
    trees.stick(tmp_path, "2-3", device=5, node=False)
    trees.module(tmp_path)
    trees.library(tmp_path, version="16.0")
    trees.rule(tmp_path)
    (tmp_path / "sys/bus/usb/devices/2-2/busnum").write_text("x")
    (tmp_path / "edgetpu_compiler").write_text("")
    (tmp_path / "edgetpu_compiler").chmod(0o755)
    around = read(tmp_path, ("/dev/bus/usb/002/003",), str(tmp_path))
    assert dict(around.access) == {"usb:0": "open", "usb:1": "", "usb:2": "missing", "pci:0": "denied"}
    assert (around.library.version, around.udev_rule) == ("16.0", True)
    assert around.compiler == str(tmp_path / "edgetpu_compiler")
    assert [one.path for one in around.interpreters] == ["no-such-python"]
    assert around.machine == os.uname().machine


def test_a_rule_for_one_identity_alone_is_not_enough(tmp_path: Path) -> None:
    assert not read(tmp_path).udev_rule
    rules = tmp_path / "etc/udev/rules.d"
    rules.mkdir(parents=True)
    (rules / "99-tpu.rules").write_text('ATTRS{idVendor}=="18d1",ATTRS{idProduct}=="9302"')
    (rules / "README").write_text("18d1 9302 1a6e 089a")
    (rules / "folder.rules").mkdir()
    assert not read(tmp_path).udev_rule
    (rules / "98-tpu.rules").write_bytes(b'\xff"18D1" "9302"\n"1a6e" "089A"')
    assert read(tmp_path).udev_rule
