"""Which of a phone's cores a measurement takes, and how sure that choice is: pure.

The biggest core is the one of the highest capacity, then of the highest clock, then of the highest index; where the
kernel gives no capacities, in-order microarchitectures (Cortex-A53, A55, A510, A520) are the little ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.devices.android.facts import PhoneCore, PhoneFacts
from harness.devices.cpus import choose, is_homogeneous, rank
from harness.domain import Core
from harness.errors import UsageError


@dataclass(frozen=True)
class CoreChoice:
    """Ascending CPU indices, and sentences on what may be wrong with them."""

    cpus: tuple[int, ...]
    notes: tuple[str, ...] = ()


def choose_cores(facts: PhoneFacts, cores: str | tuple[int, ...], threads: int = 1) -> CoreChoice:
    """The CPUs for a `cores` setting: ``big``, ``big_cluster``, ``little``, ``all`` or indices.

    Offline cores are never chosen, isolated ones only by index.

    Raises:
        UsageError: as `harness.devices.cpus.choose`; a class where the phone does not tell its cores.
    """
    if not facts.cores and not isinstance(cores, str) and cores:
        return CoreChoice(tuple(sorted(set(cores))), ("the phone does not tell its cores: taken as they are named",))
    usable = usable_cores(facts, isolated=not isinstance(cores, str))
    sized, doubts = _sized(usable)
    chosen = choose(cores, threads, sized, {})
    if not isinstance(cores, str):
        isolated = [str(core.index) for core in usable if core.isolated and core.index in chosen]
        return CoreChoice(chosen, (f"core {', '.join(isolated)} is isolated from the scheduler",) if isolated else ())
    return CoreChoice(chosen, (*doubts, *_doubts(facts, cores, sized)))


def doubts(facts: PhoneFacts) -> tuple[str, ...]:
    """What may be wrong with ``cores: big`` on this phone; nothing when the choice is certain."""
    try:
        return choose_cores(facts, "big").notes
    except UsageError:
        return ("the phone does not tell which cores are online",)


def usable_cores(facts: PhoneFacts, isolated: bool = False) -> tuple[PhoneCore, ...]:
    """The cores that are online, the scheduler's own, and within the shell's mask.

    The mask counts only where a process was seen to keep the mask that it was given: else it is no evidence. Isolated
    cores are left out unless `isolated`, or nothing else is left.
    """
    mask = facts.allowed if facts.pinning else None
    online = tuple(core for core in facts.cores if core.online and (mask is None or core.index in mask))
    ours = tuple(core for core in online if isolated or not core.isolated)
    return ours or online


def _sized(cores: tuple[PhoneCore, ...]) -> tuple[tuple[Core, ...], tuple[str, ...]]:
    """The cores with a capacity to rank them by, and what is doubtful about it."""
    capacities = {core.capacity for core in cores}
    if len(capacities) > 1:
        unknown = [str(core.index) for core in cores if core.capacity is None]
        doubt = (f"the capacity of core {', '.join(unknown)} is not known: taken for little",) if unknown else ()
        return tuple(core.core for core in cores), doubt
    if len({bool(core.in_order) for core in cores}) > 1:
        # All capacities missing or equal, and the processors differ.
        ranked = tuple(replace(core.core, capacity=1 if core.in_order else 2) for core in cores)
        return ranked, ("the kernel tells no capacities: cores are told apart by microarchitecture and clock",)
    clocks = {core.max_khz for core in cores}
    doubt = ("the kernel tells no capacities: cores are told apart by their clocks alone",) if len(clocks) > 1 else ()
    return tuple(core.core for core in cores), doubt


def _doubts(facts: PhoneFacts, cores: str, sized: tuple[Core, ...]) -> tuple[str, ...]:
    notes = []
    top = rank(sized, {})[0]
    if is_homogeneous(sized) and len(sized) > 1 and cores != "all":
        notes.append(f"all cores look alike: core {top.index} is taken for the big one by its index")
    fastest = max(sized, key=lambda core: core.max_khz or 0)
    if (fastest.max_khz or 0) > (top.max_khz or 0):
        notes.append(f"core {top.index} is the biggest, though core {fastest.index} has the higher clock")
    used = {core.index for core in sized}
    left_out = [core for core in facts.cores if core.index not in used and _may_be_bigger(core, top)]
    if left_out and cores in ("big", "big_cluster"):
        names = ", ".join(f"{core.index} ({_state(core)})" for core in left_out)
        notes.append(f"cores that may be as big as core {top.index} cannot be used: {names}")
    return tuple(notes)


def _may_be_bigger(core: PhoneCore, top: Core) -> bool:
    """Whether a core that is not used may be at least as big; one of unknown size may."""
    if core.capacity is not None and top.capacity is not None and top.capacity > 2:
        return core.capacity >= top.capacity
    if core.max_khz is not None and top.max_khz is not None:
        return core.max_khz >= top.max_khz
    return True


def _state(core: PhoneCore) -> str:
    if not core.online:
        return "offline"
    return "isolated" if core.isolated else "outside the shell's mask"
