"""`harness devices` and `harness doctor` on hosts with Edge TPUs, as a person uses them; the hosts are made up."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import CommandLine
from tests.devices.edgetpu import trees
from tests.devices.edgetpu.test_interpreters import ALLEN, CORAL, environment

Done = subprocess.CompletedProcess


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the made-up host lies that `harness` looks at."""
    found = tmp_path / "host"
    found.mkdir()
    monkeypatch.setenv("HARNESS_EDGETPU_ROOT", str(found))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return found


def findings(done: Done[str]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return found


def told(done: Done[str], section: str, subject: str) -> dict[str, str]:
    return next(one for one in findings(done)[section] if one["subject"] == subject)


def own_id(name: str) -> str:
    return f"edgetpu-{platform.node().lower()}-{name}"


def listed(done: Done[str]) -> dict[str, dict[str, Any]]:
    return {one.get("device_id") or one["serial"]: one for one in json.loads(done.stdout)}


def test_devices_lists_edge_tpus_beside_the_host(harness: CommandLine, root: Path) -> None:
    trees.stick(root, "2-1", speed="480")
    trees.module(root)
    trees.driverless(root)
    trees.library(root, version="16.0")
    done = harness("devices")
    assert done.returncode == 0, done.stderr
    assert own_id("usb0") in done.stdout
    for line in (
        "model        Coral USB Accelerator",
        "usb speed    480 Mbit/s",
        "libedgetpu   16.0, libedgetpu1-std (standard clock)",
        "note         a USB 3 device on a slower connection",
        "model        Coral PCIe Accelerator",
        "trip points  84.8, 89.8, 94.8 °C",
        "Edge TPU 0000:04:00.0  no driver",
        "modprobe apex",
    ):
        assert line in done.stdout, line
    found = listed(harness("devices", "--json"))
    stick, module = found[own_id("usb0")], found[own_id("pci0")]
    assert (stick["kind"], stick["soc"], stick["state"]) == ("edgetpu", "Edge TPU at 2-1", "ready")
    assert ["edge tpu", "pci:0 at 0000:03:00.0"] in module["details"]
    assert found["Edge TPU 0000:04:00.0"]["state"] == "no driver"


def test_without_one_devices_and_doctor_are_as_they_were(harness: CommandLine, root: Path) -> None:
    assert "dge TPU" not in harness("devices").stdout
    assert len(json.loads(harness("devices", "--json").stdout)) == 1
    done = harness("doctor", "--json")
    assert findings(done)["edgetpu"] == [{"state": "ok", "subject": "attached", "text": "no Edge TPU", "remedy": ""}]


def test_doctor_edgetpu_with_nothing_names_each_remedy_and_fails(harness: CommandLine, root: Path) -> None:
    done = harness("doctor", "edgetpu", "--json", "--python", sys.executable)
    assert done.returncode == 1, done.stderr
    assert list(findings(done)) == ["edgetpu"]
    assert "lsusb" in told(done, "edgetpu", "attached")["remedy"]
    assert "libedgetpu1-std" in told(done, "edgetpu", "libedgetpu")["remedy"]
    assert told(done, "edgetpu", "pycoral")["state"] == "problem"
    shown = harness("doctor", "edgetpu", "--python", sys.executable)
    assert "→ sudo apt-get install libedgetpu1-std" in shown.stdout


def test_a_good_host_passes(harness: CommandLine, root: Path, tmp_path: Path) -> None:
    trees.stick(root, "2-1")
    trees.library(root, version="16.0TF2.19.1-1")
    trees.rule(root)
    coral = environment(tmp_path / "coral", CORAL)
    done = harness("doctor", "edgetpu", "--json", "--python", coral)
    assert done.returncode == 0, done.stdout
    assert list(findings(done)) == ["edgetpu", own_id("usb0")]
    assert f"{coral} (Python {platform.python_version()}): Coral's 2.0.0" in told(done, "edgetpu", "pycoral")["text"]
    assert told(done, own_id("usb0"), "permission")["state"] == "ok"
    everything = harness("doctor", "--json", "--python", coral)
    assert set(findings(everything)) >= {"edgetpu", own_id("usb0")}


def test_interpreters_are_asked_one_by_one(harness: CommandLine, root: Path, tmp_path: Path) -> None:
    """Allen Coral Atlas, one that crashes at its import, a known pair, and a name that is none."""
    trees.library(root, version="16.0")
    allen = environment(tmp_path / "allen", ALLEN)
    segv = "import os; os.kill(os.getpid(), 11)"
    crashing = environment(tmp_path / "crashing", CORAL | {"pycoral/utils/edgetpu.py": segv})
    newer = {"tflite_runtime-2.14.0.dist-info/METADATA": "Version: 2.14.0\n"}
    pair = {name: text for name, text in CORAL.items() if "tflite_runtime-" not in name} | newer
    stock = (
        "def get_runtime_version():\n    return 'BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted), RuntimeVersion(14)'"
    )
    bound_to_crash = environment(tmp_path / "pair", pair | {"pycoral/utils/edgetpu.py": stock})
    pythons = [word for path in (allen, crashing, bound_to_crash, "/no/python") for word in ("--python", path)]
    done = harness("doctor", "edgetpu", "--json", *pythons)
    assert done.returncode == 1
    texts = [one["text"] for one in findings(done)["edgetpu"] if one["subject"] in ("pycoral", "known crash")]
    assert "Allen Coral Atlas" in texts[0]
    assert "crashes at its import (SIGSEGV)" in texts[1]
    assert "tflite_runtime 2.14.0" in texts[2]
    assert "known to crash (SIGSEGV)" in texts[3]
    assert "no such program" in texts[4]
    remedy = told(done, "edgetpu", "known crash")["remedy"]
    assert "https://github.com/feranick/libedgetpu" in remedy


@pytest.mark.parametrize("name", ["usb:0", "id"])
def test_one_edge_tpu_by_its_name(harness: CommandLine, root: Path, name: str) -> None:
    trees.stick(root, "2-1", dfu=True, node=False)
    trees.stick(root, "2-2", device=4)
    done = harness("doctor", own_id("usb0") if name == "id" else name, "--json", "--python", sys.executable)
    assert set(findings(done)) == {"edgetpu", own_id("usb0")}
    assert "DFU mode" in told(done, own_id("usb0"), "mode")["text"]
    assert told(done, own_id("usb0"), "permission")["text"] == "there is no /dev/bus/usb/002/003"


def test_names_that_mean_none(harness: CommandLine, root: Path) -> None:
    trees.stick(root, "2-1")
    missing = harness("doctor", "usb:7", "--python", sys.executable)
    assert (missing.returncode, own_id("usb0") in missing.stderr) == (3, True)
    wrong = harness("doctor", "host", "--python", sys.executable)
    assert (wrong.returncode, "harness doctor edgetpu" in wrong.stderr) == (2, True)
