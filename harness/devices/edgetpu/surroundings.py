"""Reads what the preflight of Edge TPUs judges: devices, library, permissions, interpreters, compiler."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from harness.devices.edgetpu.interpreters import Interpreter, ask, candidates
from harness.devices.edgetpu.library import Library, find_library
from harness.devices.edgetpu.sysfs import Attached, Sighting, look

COMPILER = "edgetpu_compiler"
_AT_ONCE = 4
_RULES = (
    "etc/udev/rules.d",
    "run/udev/rules.d",
    "usr/local/lib/udev/rules.d",
    "usr/lib/udev/rules.d",
    "lib/udev/rules.d",
)
_USB_IDS = ("18d1", "9302", "1a6e", "089a")


@dataclass(frozen=True)
class Surroundings:
    """Everything that was read, at one time.

    Attributes:
        access: for each attached Edge TPU by name: ``open``, ``denied``, ``missing`` (no device file), or empty where
            its device file is not known.
        udev_rule: some rule names both identities of the USB sticks.
        compiler: the path of edgetpu_compiler; empty when it is not on PATH.
        machine: the processor architecture of this host.
    """

    sighting: Sighting = field(default_factory=Sighting)
    library: Library = field(default_factory=Library)
    access: tuple[tuple[str, str], ...] = ()
    udev_rule: bool = False
    interpreters: tuple[Interpreter, ...] = ()
    compiler: str = ""
    machine: str = ""


def read_surroundings(
    pythons: Iterable[str] = (),
    root: Path = Path("/"),
    environ: Mapping[str, str] = os.environ,
    access: Callable[[Path, int], bool] = os.access,
    ask_interpreter: Callable[[Interpreter], Interpreter] = ask,
) -> Surroundings:
    """What there is now. `pythons` are the interpreters to ask; those on PATH when it is empty."""
    sighting, interpreters = look(root), candidates(pythons, environ)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = tuple(pool.map(ask_interpreter, interpreters))
    return Surroundings(
        sighting,
        find_library(root, environ),
        tuple((tpu.name, _access(root, tpu, access)) for tpu in sighting.attached),
        _has_rule(root),
        answers,
        shutil.which(COMPILER, path=environ.get("PATH", "")) or "",
        platform.machine(),
    )


def _access(root: Path, tpu: Attached, access: Callable[[Path, int], bool]) -> str:
    if not tpu.node:
        return ""
    node = root / tpu.node.lstrip("/")
    if not access(node, os.F_OK):
        return "missing"
    return "open" if access(node, os.R_OK | os.W_OK) else "denied"


def _has_rule(root: Path) -> bool:
    return any(_names_sticks(path) for folder in _RULES for path in _entries(root / folder))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".rules")
    except OSError:
        return []


def _names_sticks(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return False
    return all(identity in text for identity in _USB_IDS)
