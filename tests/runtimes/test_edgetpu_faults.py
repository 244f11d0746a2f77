"""Failures of an Edge TPU told apart, from trees that look like the kernel's."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.assets import folder
from tests.edgetpu.sticks import MODULE, STICK, put_module, put_stick

sys.path.insert(0, str(folder("device_scripts")))
import edgetpu_faults
import edgetpu_runner
from edgetpu_system import Tpu


@pytest.mark.parametrize(("kind", "group"), [("usb", "plugdev"), ("pci", "apex")])
def test_a_missing_permission_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, group: str
) -> None:
    node = put_stick(tmp_path) if kind == "usb" else put_module(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may open anything
    tpu = Tpu(kind, STICK if kind == "usb" else MODULE, root=tmp_path)
    found = edgetpu_faults.why_not_opened(tpu, ValueError("Failed to load delegate"))
    assert found.kind == "unsupported"
    assert f"no permission to open {node}" in str(found)
    assert f"usermod -aG {group}" in str(found)


def test_none_at_all_is_no_lost_one() -> None:
    assert edgetpu_faults.not_there({}).kind == "unsupported"
    assert edgetpu_faults.not_there({"device": "usb:0"}).kind == "offline"


@pytest.mark.parametrize(
    ("message", "listed", "kind"),
    [
        ("Failed to execute request. Deadline", True, "offline"),
        ("Node number 1 (EdgeTpuDelegateForCustomOp) failed to invoke.", False, "offline"),
        ("Node number 1 (EdgeTpuDelegateForCustomOp) failed to invoke.", True, "model"),
        ("Unsupported data type in custom op handler: 24348008", True, "unsupported"),
        ("Encountered unresolved custom op: edgetpu-custom-op.", False, "unsupported"),
    ],
)
def test_what_an_inference_raises(message: str, listed: bool, kind: str) -> None:
    devices = [{"type": "usb", "path": STICK}] if listed else []
    tflite = SimpleNamespace(name="tflite_runtime", version="2.14.0")
    library = SimpleNamespace(devices=lambda: devices, tflite=tflite)
    engine = SimpleNamespace(tpu=Tpu("usb", STICK))
    found = edgetpu_faults.explain(library, engine, RuntimeError(message))
    assert found.kind == kind
    assert message in str(found)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("libedgetpu.so.1: cannot open shared object file"), "libedgetpu1-std"),
        (ModuleNotFoundError("No module named 'numpy'", name="numpy"), "numpy<2"),
        (ModuleNotFoundError("No module named 'tflite_runtime'", name="tflite_runtime.x"), "came with this pycoral"),
        (ImportError("undefined symbol"), "py-repo"),
    ],
)
def test_what_is_missing_has_its_remedy(error: ImportError, words: str) -> None:
    assert words in edgetpu_runner.remedy_of(error)
