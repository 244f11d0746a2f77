"""What a device can guarantee, point by point, and how to improve each: pure, on facts that were read before."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain import DeviceFacts
from harness.units import bytes_to_mb

MIN_FREE_MB = 2000.0
BUSY_LOAD_PER_CORE = 0.10


@dataclass(frozen=True)
class Surroundings:
    """What the preflight needs beside the device's facts. `load_1min` is the kernel's load average."""

    load_1min: float
    free_bytes: int
    libraries: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Finding:
    """One point: `state` is ``ok``, ``warning`` or ``problem``; a point that is not ok has a remedy."""

    state: str
    subject: str
    text: str
    remedy: str = ""


def preflight(facts: DeviceFacts, around: Surroundings) -> tuple[Finding, ...]:
    """All findings, in the order of a measurement's needs."""
    return (
        *_libraries(around),
        _cores(facts),
        _governor(facts),
        _clock(facts),
        _load(facts, around),
        _machine(facts),
        _storage(around),
        _gpu(facts),
    )


def _libraries(around: Surroundings) -> tuple[Finding, ...]:
    extras = {"ai_edge_litert": "litert", "tensorflow": "prepare", "ai_edge_quantizer": "prepare"}
    needed_for = {
        "ai_edge_litert": "running .tflite files",
        "tensorflow": "converting models",
        "ai_edge_quantizer": "some conversions",
    }
    return tuple(
        Finding("ok", name, f"version {version}")
        if version is not None
        else Finding(
            "problem" if name == "ai_edge_litert" else "warning",
            name,
            f"not installed; needed for {needed_for.get(name, 'some commands')}",
            f"pip install 'on-device-benchmark-harness[{extras.get(name, 'all')}]'",
        )
        for name, version in around.libraries
    )


def _cores(facts: DeviceFacts) -> Finding:
    online = [core for core in facts.cores if core.online]
    if len(online) < 2:
        return Finding(
            "warning",
            "cores",
            f"{len(online)} core: the controller shares it with what it measures",
            "Use two or more.",
        )
    kinds = {(core.capacity, core.max_khz) for core in online}
    text = "all alike" if len(kinds) == 1 else f"{len(kinds)} kinds; `cores: big` takes the biggest"
    return Finding("ok", "cores", f"{len(online)} online, {text}")


def _governor(facts: DeviceFacts) -> Finding:
    if facts.governor is None:
        return Finding(
            "ok", "governor", "the kernel offers none (usual in virtual machines); the clock is timed instead"
        )
    if facts.governor == "performance":
        return Finding("ok", "governor", "performance")
    return Finding(
        "warning",
        "governor",
        f"{facts.governor}: the clock follows the load",
        "As root: cpupower frequency-set --governor performance",
    )


def _clock(facts: DeviceFacts) -> Finding:
    if facts.clock_source is None:
        return Finding(
            "warning",
            "clock evidence",
            "none: rows will be UNVERIFIED",
            "Allow executable memory for the clock probe, or use a kernel with cpufreq.",
        )
    return Finding("ok", "clock evidence", f"from {facts.clock_source}")


def _load(facts: DeviceFacts, around: Surroundings) -> Finding:
    cores = max(1, len(facts.cores))
    if around.load_1min / cores > BUSY_LOAD_PER_CORE:
        return Finding(
            "warning", "load", f"{around.load_1min:.2f} over the last minute", "Stop what else runs before measuring."
        )
    return Finding("ok", "load", f"{around.load_1min:.2f} over the last minute")


def _machine(facts: DeviceFacts) -> Finding:
    if facts.virtual_machine:
        return Finding(
            "warning",
            "machine",
            "virtual: neighbours can take time from it unseen",
            "Compare only rows of one run, which are interleaved; measure absolute numbers on hardware.",
        )
    return Finding("ok", "machine", facts.model)


def _storage(around: Surroundings) -> Finding:
    free_mb = bytes_to_mb(around.free_bytes)
    if free_mb < MIN_FREE_MB:
        return Finding("problem", "storage", f"{free_mb:.0f} MB free", f"Free at least {MIN_FREE_MB:.0f} MB.")
    return Finding("ok", "storage", f"{free_mb:.0f} MB free")


def _gpu(facts: DeviceFacts) -> Finding:
    if not facts.gpus:
        return Finding("ok", "gpu", "no Vulkan device: the backend `gpu` is skipped here")
    return Finding("ok", "gpu", ", ".join(facts.gpus))
