"""What the runner for pycoral says beyond what all runners say, and how libedgetpu ends when it is cut off. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.runtimes.edgetpu_pairs import known_crash

_RUNTIME = re.compile(r"RuntimeVersion\((\d+)\)")
# libedgetpu checks its USB transfers with LOG(FATAL): a stick that leaves the bus ends the process by SIGABRT.
_TRANSFER_FAILED = re.compile(
    r"^F .*?(?:USB transfer error|transfer in failed|transfer on tag|bulk out|Bulk-in failed).*$", re.I | re.M
)


@dataclass(frozen=True)
class EdgeTpuLibraries:
    """What pycoral works with.

    Attributes:
        runtime: libedgetpu as it describes itself, ``BuildLabel(…), RuntimeVersion(14)``.
        package: its package, ``libedgetpu1-std 16.0``; empty when it did not come as one.
        tflite: the TensorFlow Lite, ``tflite_runtime``, and its version.
        devices: the Edge TPUs it sees, ``usb /sys/bus/usb/devices/2-1``.
    """

    runtime: str
    package: str
    tflite: str
    tflite_version: str
    devices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``libedgetpu1-std 16.0 (runtime 14), tflite_runtime 2.5.0.post1``."""
        return f"{self.libedgetpu}, {self.tflite} {self.tflite_version}"

    @property
    def libedgetpu(self) -> str:
        """``libedgetpu1-std 16.0 (runtime 14)``."""
        found = _RUNTIME.search(self.runtime)
        number = f" (runtime {found[1]})" if found else ""
        return f"{self.package or 'libedgetpu'}{number}"

    @property
    def known_crash(self) -> str | None:
        """Why these two crash together, if that is known."""
        # The loaded library says what it is; the installed package may be another one than was loaded.
        _, _, version = self.package.partition(" ")
        return known_crash(self.tflite, self.tflite_version, self.runtime or version)


def libraries_of(hello: Mapping[str, Any]) -> EdgeTpuLibraries | None:
    """From an introduction; None for runners of other libraries."""
    if hello.get("runner") != "pycoral":
        return None
    runtime, package, tflite, version = (
        str(hello.get(name) or "") for name in ("runtime", "package", "tflite", "tflite_version")
    )
    return EdgeTpuLibraries(runtime, package, tflite, version, tuple(map(str, hello.get("devices") or ())))


def parse_versions(output: bytes) -> EdgeTpuLibraries | None:
    """From ``edgetpu_runner.py --versions``, which loads nothing; None when it says nothing usable."""
    try:
        found = json.loads(output)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    tflite = next((name for name in ("tflite_runtime", "ai_edge_litert", "tensorflow") if found.get(name)), "")
    return EdgeTpuLibraries("", str(found.get("libedgetpu") or ""), tflite, str(found.get(tflite) or ""))


def lost_in_flight(log: str) -> str:
    """What libedgetpu said when a transfer to its device failed and it ended the process; empty when it did not."""
    found = _TRANSFER_FAILED.search(log)
    if found is None:
        return ""
    return (
        f"the Edge TPU left the bus during an inference, and libedgetpu ended the process ({found[0].strip()[:300]}); "
        "look at its cable, its port's power and its heat"
    )
