"""Two stored runs with the names of their rows, and what can be said of them in a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.measure.stored_comparison import WRONG, StoredComparison
from harness.measure.stored_rows import Fields, StoredKey
from harness.report.comparison.wording import detectable, figure
from harness.report.wording import merged, plural, skeleton

NOT_INTERLEAVED = "not interleaved"
COMMAND = "harness compare BASE.yaml CANDIDATE.yaml"


@dataclass(frozen=True)
class StoredView:
    """A comparison with the columns that name its rows, by case id, of the base and the candidate."""

    found: StoredComparison
    names: tuple[Fields, Fields]

    def name(self, key: StoredKey, side: int) -> str:
        """``mobilenet_v2 int8 · cpu xnnpack 1 thread · Pixel 8``."""
        row = self.names[side].get(key.case_id)
        if row is None:
            return key.case_id
        threads = plural(int(row["threads"]), "thread")
        parts = (f"{row['model']} {row['variant']}", f"{row['backend']} {threads}", row["device"] or row["target"])
        return " · ".join(map(str, filter(None, parts)))

    def pair(self, place: int) -> str:
        """The name of a pair: the base's."""
        return self.name(self.found.pairs[place][0], 0)

    @property
    def refused(self) -> list[tuple[str, list[int]]]:
        """Why pairs are not comparable, the most frequent reason first, with their places."""
        groups: dict[str, dict[int, str]] = {}
        for place, reasons in self.found.runs.reasons.items():
            for reason in reasons:
                groups.setdefault(skeleton(reason), {})[place] = reason
        told = [(merged(list(dict.fromkeys(group.values()))), list(group)) for group in groups.values()]
        return sorted(told, key=lambda one: -len(one[1]))


def answer_line(found: StoredComparison) -> str:
    """What can be said, in a sentence."""
    if not found.pairs:
        return "The two runs have no row in common: nothing can be compared."
    if not found.compared:
        return f"None of the {plural(len(found.pairs), 'common row')} can be compared."
    mean, moved = figure(found.geometric_mean), len(found.changed)
    out = f"{plural(moved, 'row')} {'stands' if moved == 1 else 'stand'} out"
    return (
        f"INCONCLUSIVE, {NOT_INTERLEAVED}: the latency of {plural(found.compared, 'row')} compared, the geometric mean "
        f"of the ratios is {mean}; {out}, {found.unchanged:,} {'does' if found.unchanged == 1 else 'do'} not. "
        f"{_seen(found)}"
    )


def _seen(found: StoredComparison) -> str:
    """The minimum detectable effect: of one row, or of the typical and the worst one."""
    effects = sorted(float(value) for value in found.mde if math.isfinite(value))
    if not effects:
        return "What change could have been seen is not known: the rows do not say it."
    middle, worst = detectable(effects[len(effects) // 2]), detectable(effects[-1])
    return f"Could be seen: {middle}." if len(effects) == 1 else f"Could be seen: {middle} typically, {worst} at worst."


def remedy(found: StoredComparison) -> str:
    """How to measure it interleaved. Where the files are is not stored, so that they are named by their sweeps."""
    base, candidate = (run.name for run in (found.runs.base, found.runs.candidate))
    if base == candidate:
        files = f"the sweep file of {base} as it was for the base and as it was for the candidate"
    else:
        files = f"the sweep files of {base} and {candidate}"
    return f"{COMMAND}, with {files}"


def known(value: float) -> float | None:
    """`value`, None for NaN."""
    return float(value) if math.isfinite(value) else None


def ending_of(key: StoredKey) -> str:
    """How a row ended; wrong outputs are a failure of their own."""
    return WRONG if key.verdict == WRONG else key.status


def reason_of(view: StoredView, place: int) -> str:
    """Why the failed side of a pair failed."""
    for side in (1, 0):
        key = view.found.pairs[place][side]
        if ending_of(key) != "DONE":
            return str((view.names[side].get(key.case_id) or {}).get("reasons") or "").split("; ")[0]
    return ""
