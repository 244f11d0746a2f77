"""Vulkan devices of the host, real or software, found by asking the Vulkan loader in a child process.

A driver may crash while it is asked, hence the child. SwiftShader, the software Vulkan of Chromium, is used when there
is nothing else: it shows that a model runs on a GPU path and what comes out, never how fast a GPU is.
"""

from __future__ import annotations

import ctypes.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from harness.devices.process import run_process

PROBE_TIMEOUT_S = 20.0
_PROBE = Path(__file__).with_name("_vulkan_probe.py")
_CHROMIUM = ("usr/lib/chromium", "usr/lib/chromium-browser", "opt/google/chrome")
_SOFTWARE = {"swiftshader": "SwiftShader (software Vulkan)", "llvmpipe": "llvmpipe (software Vulkan)"}


@dataclass(frozen=True)
class Vulkan:
    """One way to Vulkan: the device's name, and what a process needs to find it."""

    name: str
    software: bool
    loader: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)


def find_vulkan(root: Path = Path("/")) -> tuple[Vulkan, ...]:
    """Hardware first, then software; empty when there is none."""
    found = [*_probe(None, {}), *_bundled(root)]
    unique = {(item.name, item.software): item for item in reversed(found)}
    return tuple(sorted(unique.values(), key=lambda item: (item.software, item.name)))


def _bundled(root: Path) -> list[Vulkan]:
    for folder in (root / name for name in _CHROMIUM):
        manifest, bundled = folder / "vk_swiftshader_icd.json", folder / "libvulkan.so.1"
        if not manifest.is_file():
            continue
        loader = None if ctypes.util.find_library("vulkan") else str(bundled)
        env = {"VK_DRIVER_FILES": str(manifest), "VK_ICD_FILENAMES": str(manifest)}
        if loader is None or bundled.is_file():
            return _probe(loader, env)
    return []


def _probe(loader: str | None, env: Mapping[str, str]) -> list[Vulkan]:
    argv = (sys.executable, "-I", "-S", str(_PROBE), loader or "libvulkan.so.1")
    result = run_process(argv, stdin=b"", env=env, timeout_s=PROBE_TIMEOUT_S, cancel=Event())
    return parse_probe(result.stdout, loader, env) if result.returncode == 0 else []


def parse_probe(output: bytes, loader: str | None, env: Mapping[str, str]) -> list[Vulkan]:
    """Devices from the probe's JSON list of [name, is_cpu]; anything else is no device."""
    try:
        rows = json.loads(output.decode("utf-8", "replace"))
    except ValueError:
        return []
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, list) and len(row) == 2 and isinstance(row[0], str):
            known = [label for word, label in _SOFTWARE.items() if word in row[0].lower()]
            name = known[0] if known else row[0] + (" (software Vulkan)" if row[1] else "")
            found.append(Vulkan(name=name, software=bool(row[1]) or bool(known), loader=loader, env=dict(env)))
    return found
