"""Which row of one stored run belongs to which of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

# The columns that tell rows of different series apart, and why they may not be compared.
CONTEXT = (
    *("model", "variant", "backend", "threads", "cores", "target", "device", "device_id", "runtime"),
    *("runtime_version", "model_sha256", "timed", "weights", "reasons", "latency_p50_ms"),
    *("accuracy_metric", "accuracy_samples", "accuracy_direction"),
)
Fields = Mapping[str, Mapping[str, Any]]


class StoredKey(Protocol):
    """What is known of every row of a stored run."""

    @property
    def case_id(self) -> str:
        """Of the case."""

    @property
    def series_key(self) -> int:
        """Equal for rows that measure the same: see `harness.figures.series_key`."""

    @property
    def status(self) -> str:
        """How it ended."""

    @property
    def verdict(self) -> str:
        """How far it can be believed, empty without one."""

    @property
    def device_id(self) -> str:
        """Where it ran."""


@dataclass(frozen=True)
class Matched:
    """Pairs of rows (base, candidate). `alike` are of one series; `other` are the same case by name, and something that
    is part of the series differs."""

    alike: tuple[tuple[StoredKey, StoredKey], ...]
    other: tuple[tuple[StoredKey, StoredKey], ...] = ()
    only_base: tuple[StoredKey, ...] = ()
    only_candidate: tuple[StoredKey, ...] = ()


def match_series(base: Sequence[StoredKey], candidate: Sequence[StoredKey]) -> Matched:
    """Pair by series and case, then what is alone in its series (a phone and its twin), then by case."""
    alike, left, right = _paired(base, candidate, lambda key: (key.series_key, key.case_id))
    twins, left, right = _paired(left, right, lambda key: key.series_key)
    other, left, right = _paired(left, right, lambda key: key.case_id)
    return Matched((*alike, *twins), tuple(other), tuple(left), tuple(right))


def match_by_name(found: Matched, base: Fields, candidate: Fields) -> Matched:
    """Pair what is left by what people call it: model, variant, backend, threads, cores, target and runtime.

    The file of a model and the interpreter of a runtime are part of a case, and differ between two builds.
    """
    names = {id(key): _name(base[key.case_id]) for key in found.only_base}
    names |= {id(key): _name(candidate[key.case_id]) for key in found.only_candidate}
    more, left, right = _paired(found.only_base, found.only_candidate, lambda key: names[id(key)])
    return Matched(found.alike, (*found.other, *more), tuple(left), tuple(right))


def _name(row: Mapping[str, Any]) -> Hashable:
    runtime = str(row["runtime"]).partition(" (")[0]
    return (*(row[name] for name in ("model", "variant", "backend", "threads", "cores", "target")), runtime)


def _paired(
    base: Sequence[StoredKey], candidate: Sequence[StoredKey], key: Callable[[StoredKey], Hashable]
) -> tuple[list[tuple[StoredKey, StoredKey]], list[StoredKey], list[StoredKey]]:
    """The pairs whose key is the only one of its kind on both sides, and what is left of each side."""
    keys_a, keys_b = [key(row) for row in base], [key(row) for row in candidate]
    often_a, often_b = Counter(keys_a), Counter(keys_b)
    by_key = {found: row for found, row in zip(keys_b, candidate, strict=True) if often_b[found] == 1}
    pairs: list[tuple[StoredKey, StoredKey]] = []
    left: list[StoredKey] = []
    taken = set()
    for found, row in zip(keys_a, base, strict=True):
        if found in by_key and often_a[found] == 1:
            pairs.append((row, by_key[found]))
            taken.add(found)
        else:
            left.append(row)
    return pairs, left, [row for found, row in zip(keys_b, candidate, strict=True) if found not in taken]
