"""What is compared, and what is held the same meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from harness.domain import Backend, Case, ResultRow
from harness.errors import UsageError
from harness.short_paths import telling_parts
from harness.variants import source_variant

Entry = tuple[Case, ResultRow]
_source_variant = cache(source_variant)


@dataclass(frozen=True)
class Axis:
    """One way to look at the rows of a run.

    `level` names what a row is on this axis; `held` is all else that must be the same, with a name for people each.
    """

    by: str
    entries: tuple[Entry, ...]

    def level(self, entry: Entry) -> str:
        """The column of a row."""
        return _LEVELS[self.by](self, entry)

    def held(self, entry: Entry) -> tuple[tuple[str, str], ...]:
        """(name, value) of what is the same in all cells of a line, without the model and the device. A file that is
        compiled from another one's variant goes by that: both compute the same network."""
        return self._parts(entry, _source_variant(entry[1].variant))

    def shown(self, entry: Entry) -> tuple[tuple[str, str], ...]:
        """As `held`, with the row's own variant."""
        return self._parts(entry, entry[1].variant)

    def _parts(self, entry: Entry, variant: str) -> tuple[tuple[str, str], ...]:
        runtime = self._runtimes.get(entry[1].runtime, entry[1].runtime)
        parts = {"variant": variant, "backend": self.backend(entry), **_cpu_parts(entry), "runtime": runtime}
        parts["arm"] = entry[0].arm
        return tuple((name, text) for name, text in parts.items() if name != self.by)

    def device(self, entry: Entry) -> str:
        """The device of a row by a name that no other device of the run has."""
        row = entry[1]
        name = row.device or row.target
        return f"{name} ({row.device_id})" if len(self._ids[name]) > 1 and row.device_id else name

    def runtime(self, entry: Entry) -> str:
        """The runtime, its path by what tells it from the others', with its version where one name stands for several
        versions on one device."""
        row = entry[1]
        several = len(self._versions[row.runtime, row.device_id]) > 1
        name = self._runtimes.get(row.runtime, row.runtime)
        return f"{name} {row.runtime_version}" if several and row.runtime_version else name

    def backend(self, entry: Entry) -> str:
        """The backend, with what tells its files apart where one label stands for several files."""
        label = entry[1].backend
        told = self._files.get((label, _files(entry)), "")
        return f"{label} ({told})" if told else label

    @property
    def levels(self) -> tuple[str, ...]:
        """All columns in order of first appearance."""
        return tuple(dict.fromkeys(map(self.level, self.entries)))

    @cached_property
    def _ids(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for _, row in self.entries:
            found.setdefault(row.device or row.target, set()).add(row.device_id)
        return found

    @cached_property
    def _runtimes(self) -> dict[str, str]:
        """Shorter labels of runtimes: ``litert (old)`` for ``litert (/opt/old/bin/python)``."""
        named: dict[str, list[str]] = {}
        for label in dict.fromkeys(row.runtime for _, row in self.entries):
            named.setdefault(label.partition(" (")[0], []).append(label)
        found: dict[str, str] = {}
        for name, labels in named.items():
            paths = [label.partition(" (")[2].removesuffix(")") for label in labels]
            for label, part in zip(labels, telling_parts(paths), strict=True):
                found[label] = f"{name} ({part})" if part else label
        return found

    @cached_property
    def _files(self) -> dict[tuple[str, tuple[str, ...]], str]:
        """What tells the files of a delegate apart, by label and files, of labels that stand for several."""
        found: dict[str, dict[tuple[str, ...], None]] = {}
        for entry in self.entries:
            found.setdefault(entry[1].backend, {})[_files(entry)] = None
        told: dict[tuple[str, tuple[str, ...]], str] = {}
        for label, several in found.items():
            if len(several) > 1:
                parts = telling_parts([" ".join(files) for files in several])
                told |= {(label, files): part for files, part in zip(several, parts, strict=True)}
        return told

    @cached_property
    def _versions(self) -> dict[tuple[str, str], set[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for _, row in self.entries:
            versions = found.setdefault((row.runtime, row.device_id), set())
            versions.update({row.runtime_version} - {""})
        return found


def default_axis(entries: Sequence[Entry]) -> str:
    """What varies in a run: the first of backend, variant, runtime, threads, device that does; backend if none does."""
    varying = (by for by in _LEVELS if len(Axis(by, tuple(entries)).levels) > 1)
    return next(varying, "backend")


def choose_reference(axis: Axis, wanted: str | None) -> str:
    """The level that all others are compared with.

    Args:
        axis: the rows.
        wanted: a level, or enough of it to tell it from the others; None for the axis's own: the CPU with XNNPACK,
            float32, one thread, or the first there is.

    Raises:
        UsageError: no level, or several, are called so.
    """
    levels = axis.levels
    if wanted is None:
        usual = {"backend": Backend().label, "variant": "float32", "threads": "1 thread"}.get(axis.by, "")
        return usual if usual in levels else levels[0] if levels else ""
    found = _matching(levels, wanted)
    if len(found) == 1:
        return found[0]
    problem = f"the {axis.by} {wanted!r} is not in this run" if not found else f"{wanted!r} can be several"
    known = ", ".join(found or levels) or "none"
    raise UsageError(f"{problem}: {known}", where="--reference", remedy="Name one of these.")


def _matching(levels: Sequence[str], wanted: str) -> list[str]:
    """The levels that `wanted` can mean, by the strictest rule that finds any."""
    asked = wanted.strip().casefold()
    rules: tuple[Callable[[str], bool], ...] = (
        lambda level: level == wanted,
        lambda level: level.casefold() in (asked, f"{asked} thread", f"{asked} threads"),
        lambda level: bool(asked) and level.casefold().startswith(asked),
        lambda level: bool(asked) and asked in level.casefold(),
    )
    return next((found for rule in rules if (found := [level for level in levels if rule(level)])), [])


def _cpu_parts(entry: Entry) -> dict[str, str]:
    """Threads and cores in words, only where the backend has them."""
    case, row = entry
    if case.backend.kind != "cpu":
        return {"threads": "", "cores": ""}
    return {"threads": _threads(case), "cores": f"cores {row.cores}"}


def _files(entry: Entry) -> tuple[str, ...]:
    """The files among the options of a delegate, which its label leaves out."""
    return tuple(value for _, value in entry[0].backend.options if "/" in value)


def _threads(case: Case) -> str:
    return f"{case.backend.threads} thread{'' if case.backend.threads == 1 else 's'}"


_LEVELS: dict[str, Callable[[Axis, Entry], str]] = {
    "backend": Axis.backend,
    "variant": lambda axis, entry: entry[1].variant,
    "runtime": Axis.runtime,
    "threads": lambda axis, entry: _threads(entry[0]),
    "device": Axis.device,
}
