"""A phone's cores from the sections of its facts: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from harness.devices.android.facts import PhoneCore
from harness.devices.android.facts_sections import Sections
from harness.devices.cpus import parse_cpu_list

_MOST_CPUS = 256


def parse_cores(sections: Sections) -> tuple[PhoneCore, ...]:
    """Every core that any of the kernel's files speaks of, by index."""
    online, isolated = _listed(sections, "cpus", "online"), _listed(sections, "cpus", "isolated") or ()
    present = _listed(sections, "cpus", "present") or ()
    policies = {cpu: number for number in sections.numbered("policy") for cpu in _related(sections, f"policy {number}")}
    parts = _cpuinfo_parts(sections.text("kernel", "cpuinfo") or "")
    indices = sorted({*present, *sections.numbered("cpu"), *policies, *parts})
    cores = [_core(sections, index, policies.get(index), parts.get(index)) for index in indices if index < _MOST_CPUS]
    clusters = _clusters(sections, cores)
    return tuple(
        replace(
            core,
            online=_is_online(sections, core.index, online),
            isolated=core.isolated or core.index in isolated,
            cluster=clusters.get(core.index),
        )
        for core in cores
    )


def cpus_of_mask(text: str) -> tuple[int, ...] | None:
    """The CPUs of a mask as /proc prints it (``ff``, ``00ff,ffffffff``), None when it is none."""
    digits = text.strip().replace(",", "")
    if not re.fullmatch(r"[0-9a-fA-F]{1,64}", digits) or not int(digits, 16):
        return None
    mask = int(digits, 16)
    return tuple(index for index in range(mask.bit_length()) if mask >> index & 1)


def _core(sections: Sections, index: int, policy: int | None, part: str | None) -> PhoneCore:
    here, shared = f"cpu {index}", f"policy {policy}"

    def text(name: str) -> str | None:
        return sections.text(here, f"cpufreq/{name}") or sections.text(shared, name)

    governor = text("scaling_governor")
    return PhoneCore(
        index=index,
        isolated=sections.text(here, "isolate") == "1",
        capacity=_positive(sections.text(here, "cpu_capacity")),
        max_khz=_positive(text("cpuinfo_max_freq")),
        min_khz=_positive(text("cpuinfo_min_freq")),
        limit_khz=_positive(text("scaling_max_freq")),
        part=part or _midr_part(sections.text(here, "regs/identification/midr_el1")),
        governor=governor if governor and re.fullmatch(r"[\w.-]{1,40}", governor) else None,
        governors=tuple(re.findall(r"[\w.-]{1,40}", text("scaling_available_governors") or "")),
        clock_sources=tuple(
            name
            for name, there in (
                ("time_in_state", text("stats/time_in_state") == "yes"),
                ("scaling_cur_freq", _positive(text("scaling_cur_freq")) is not None),
            )
            if there
        ),
    )


def _is_online(sections: Sections, index: int, online: tuple[int, ...] | None) -> bool:
    own = sections.text(f"cpu {index}", "online")
    if own in ("0", "1"):
        return own == "1"
    # Core 0 of many kernels cannot be switched off and has no such file.
    return True if online is None else index in online


def _clusters(sections: Sections, cores: list[PhoneCore]) -> dict[int, int]:
    """The lowest of the cores that share a clock, by core.

    The topology's own groups count only where the clocks tell nothing, and when all their cores are alike: on newer
    chips one "cluster" is the whole processor.
    """
    clocks = {core.index: group for core in cores if (group := _clock_group(sections, core.index)) is not None}
    if clocks:
        return clocks
    groups: dict[str, list[PhoneCore]] = {}
    for core in cores:
        if (name := _topology_group(sections, core.index)) is not None:
            groups.setdefault(name, []).append(core)
    return {
        core.index: min(other.index for other in group)
        for group in groups.values()
        if len({(core.capacity, core.max_khz, core.part) for core in group}) == 1
        for core in group
    }


def _clock_group(sections: Sections, index: int) -> int | None:
    related = _related(sections, f"cpu {index}", "cpufreq/related_cpus")
    for number in sections.numbered("policy"):
        related = related or (group if index in (group := _related(sections, f"policy {number}")) else ())
    return related[0] if related else None


def _topology_group(sections: Sections, index: int) -> str | None:
    here = f"cpu {index}"
    listed = _listed(sections, here, "topology/cluster_cpus_list")
    if listed:
        return f"list {listed[0]}"
    for name in ("cluster_id", "physical_package_id"):
        number = sections.text(here, f"topology/{name}")
        if number is not None and number not in ("-1", "65535"):
            return f"{name} {number}"
    return None


def _related(sections: Sections, section: str, key: str = "related_cpus") -> tuple[int, ...]:
    """The CPUs of one clock: numbers between blanks, unlike the kernel's other lists."""
    words = (sections.text(section, key) or "").split()
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 3]
    return tuple(sorted(numbers))


def _listed(sections: Sections, section: str, key: str) -> tuple[int, ...] | None:
    text = sections.text(section, key)
    if text is None or not re.fullmatch(r"\d{1,3}(-\d{1,3})?(,\d{1,3}(-\d{1,3})?)*", text, re.ASCII):
        return None
    return parse_cpu_list(text)


def _positive(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[1-9]\d{0,9}", text, re.ASCII) else None


def _cpuinfo_parts(text: str) -> dict[int, str | None]:
    """``implementer:part`` in hex of each processor of /proc/cpuinfo."""
    parts: dict[int, str | None] = {}
    index, implementer = -1, ""
    for line in text.split("\n"):
        name, _, value = (word.strip() for word in line.partition(":"))
        if name == "processor" and value.isascii() and value.isdigit() and len(value) <= 3:
            index, implementer = int(value), ""
            parts[index] = None
        elif name == "CPU implementer":
            implementer = value
        elif name == "CPU part" and index >= 0:
            parts[index] = _part(implementer, value)
    return parts


def _part(implementer: str, part: str) -> str | None:
    hexadecimal = re.compile(r"0x[0-9a-fA-F]{1,4}")
    if not hexadecimal.fullmatch(implementer) or not hexadecimal.fullmatch(part):
        return None
    return f"{int(implementer, 16):02x}:{int(part, 16):03x}"


def _midr_part(text: str | None) -> str | None:
    """The same from the main ID register: implementer in bits 24 to 31, part in bits 4 to 15."""
    if text is None or not re.fullmatch(r"0x[0-9a-fA-F]{1,16}", text):
        return None
    register = int(text, 16)
    return f"{register >> 24 & 0xFF:02x}:{register >> 4 & 0xFFF:03x}"


def taskset_mask(cpus: Iterable[int]) -> str:
    """The mask of `cpus` for toybox taskset: bare lower-case hex, the only form that every version of it takes."""
    mask = 0
    for cpu in cpus:
        mask |= 1 << cpu
    return f"{mask:x}"
