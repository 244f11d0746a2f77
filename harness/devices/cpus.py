"""Which cores a machine has, and which of them a measurement takes. The kernel's files are read below a given root."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from harness.domain import Core
from harness.errors import UsageError

CLASSES = ("big", "big_cluster", "little", "all")
_CPU_DIR = "sys/devices/system/cpu"


def read_text(path: Path) -> str | None:
    """A small kernel file, stripped, or None when it is missing or unreadable."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """A kernel file with one integer, or None."""
    text = read_text(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """``0-3,6`` as (0, 1, 2, 3, 6).

    Raises:
        ValueError: the text is not such a list.
    """
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


def _listed(root: Path, name: str) -> tuple[int, ...] | None:
    try:
        return parse_cpu_list(read_text(root / _CPU_DIR / name) or "") or None
    except ValueError:
        return None


def read_cores(root: Path) -> tuple[Core, ...]:
    """Every present core with its capacity and highest clock, in index order."""
    present = _listed(root, "present") or _indices(root)
    online = _listed(root, "online")
    return tuple(_core(root, index, online is None or index in online) for index in present)


def _indices(root: Path) -> tuple[int, ...]:
    names = (path.name.removeprefix("cpu") for path in (root / _CPU_DIR).glob("cpu[0-9]*"))
    return tuple(sorted(int(name) for name in names if name.isdigit())) or (0,)


def _core(root: Path, index: int, online: bool) -> Core:
    folder = root / _CPU_DIR / f"cpu{index}"
    return Core(
        index=index,
        online=online,
        capacity=read_int(folder / "cpu_capacity"),
        max_khz=read_int(folder / "cpufreq" / "cpuinfo_max_freq"),
    )


def sibling_groups(root: Path, cores: Iterable[Core]) -> dict[int, int]:
    """The lowest hardware thread of the physical core that each index belongs to."""
    groups = {}
    for core in cores:
        text = read_text(root / _CPU_DIR / f"cpu{core.index}" / "topology" / "thread_siblings_list")
        try:
            groups[core.index] = parse_cpu_list(text or "")[0]
        except (ValueError, IndexError):
            groups[core.index] = core.index
    return groups


def is_homogeneous(cores: Collection[Core]) -> bool:
    """Whether all cores have the same capacity and highest clock."""
    return len({_size(core) for core in cores}) <= 1


def _size(core: Core) -> tuple[int, int]:
    return core.capacity or 0, core.max_khz or 0


def rank(cores: Iterable[Core], siblings: dict[int, int]) -> tuple[Core, ...]:
    """Biggest first: capacity, then clock; among equals one thread of each physical core first, then the highest index.

    The highest index, because core 0 takes most interrupts and is where a controller usually runs.
    """
    biggest_first = sorted(cores, key=lambda core: (_size(core), core.index), reverse=True)
    used: dict[tuple[tuple[int, int], int], int] = {}
    places = []
    for core in biggest_first:
        group = (_size(core), siblings.get(core.index, core.index))
        used[group] = used.get(group, 0) + 1
        places.append((tuple(-value for value in _size(core)), used[group], -core.index, core))
    return tuple(place[-1] for place in sorted(places, key=lambda place: place[:3]))


def choose(
    cores: str | tuple[int, ...],
    threads: int,
    available: tuple[Core, ...],
    siblings: dict[int, int],
) -> tuple[int, ...]:
    """Ascending CPU indices for a `cores` setting.

    ``big`` is the `threads` biggest cores, ``big_cluster`` all cores that share the cluster of the biggest one (where
    clusters are not known: all of its size), ``little`` the `threads` smallest, ``all`` every core; a tuple is taken as
    it is.

    Raises:
        UsageError: an unknown name, a core that does not exist, is offline, or is outside our affinity mask; ``little``
            where all cores are alike; no core at all.
    """
    if not isinstance(cores, str):
        return _explicit(cores, available)
    if not available:
        raise UsageError("no core is online and may be used", remedy="Name the cores, such as `cores: [7]`.")
    ranked = rank(available, siblings)
    if cores == "all":
        chosen = ranked
    elif cores == "big":
        chosen = ranked[:threads]
    elif cores == "big_cluster":
        chosen = _cluster_of(ranked[0], ranked)
    elif cores == "little":
        chosen = _little(ranked, threads)
    else:
        raise UsageError(
            f"there is no core class {cores!r}", remedy=f"Use one of {', '.join(CLASSES)}, or a list of indices."
        )
    return tuple(sorted(core.index for core in chosen))


def _little(ranked: tuple[Core, ...], threads: int) -> tuple[Core, ...]:
    if is_homogeneous(ranked):
        raise UsageError("all cores of this machine are alike: it has no little ones", remedy="Use `cores: big`.")
    return _cluster_of(ranked[-1], ranked)[:threads]


def _cluster_of(one: Core, cores: tuple[Core, ...]) -> tuple[Core, ...]:
    if one.cluster is None:
        return tuple(core for core in cores if _size(core) == _size(one))
    return tuple(core for core in cores if core.cluster == one.cluster)


def _explicit(cores: tuple[int, ...], available: tuple[Core, ...]) -> tuple[int, ...]:
    known = {core.index for core in available}
    missing = [index for index in cores if index not in known]
    if missing or not cores:
        names = ", ".join(map(str, missing)) or "(none)"
        usable = ", ".join(str(index) for index in sorted(known))
        raise UsageError(
            f"core {names} does not exist, is offline, or may not be used here", remedy=f"Usable cores: {usable}."
        )
    return tuple(sorted(set(cores)))
