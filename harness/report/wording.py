"""How rows are named, counted and written for people: shared by every report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.domain import ResultRow, Status, Verdict
from harness.metric_names import is_fraction

_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)?(?!\w)")
# Control characters, and those that turn the direction of the text around them.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
NOT_RUN = (Status.SKIPPED, Status.UNSUPPORTED)
WORDS = {
    "TRUSTED": "trusted",
    "UNVERIFIED": "unverified",
    "NOISY": "noisy",
    "THROTTLED": "throttled",
    "FELL_BACK": "fell back",
    "WRONG_OUTPUT": "wrong output",
    "DONE": "done, no verdict",
    "FAILED": "failed",
    "UNSUPPORTED": "unsupported",
    "TIMEOUT": "timed out",
    "CRASHED": "crashed",
    "OOM": "out of memory",
    "OFFLINE": "device offline",
    "SKIPPED": "skipped",
    "INTERRUPTED": "interrupted",
}
MEANINGS = {
    "TRUSTED": "The delegate, the outputs, the clock and the spread were all seen and are all in order.",
    "UNVERIFIED": "Nothing wrong was seen, but something that must be seen could not be: no evidence is no pass.",
    "NOISY": "The interval is too wide for the number to be quoted.",
    "THROTTLED": "The clock of the measured core fell: this is the speed of a hot device.",
    "FELL_BACK": "The delegate that was asked for did not do the work, or slow reference kernels did it.",
    "WRONG_OUTPUT": "The outputs are wrong on this device and delegate, so its speed means nothing.",
}


def outcome(row: ResultRow) -> str:
    """The verdict of a finished row, the status of any other: one of the keys of `WORDS`."""
    return row.verdict.value if row.status is Status.DONE and row.verdict is not None else row.status.value


def is_trusted(row: ResultRow) -> bool:
    """True when the row has a latency that may be quoted."""
    return row.status is Status.DONE and row.verdict is Verdict.TRUSTED and row.latency_p50_ms is not None


def order(name: str) -> int:
    """Rank of an outcome for sorting: trusted first, then worse and worse, then what never ran."""
    return list(WORDS).index(name)


def outcome_counts(rows: Sequence[ResultRow]) -> list[tuple[str, int]]:
    """Each outcome that occurs with its count, trusted first."""
    counts = Counter(map(outcome, rows))
    return sorted(counts.items(), key=lambda item: order(item[0]))


def plural(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``, ``1,200 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def verdict_line(rows: Sequence[ResultRow]) -> str:
    """``18 of 24 rows can be quoted: 18 trusted, 2 noisy, 4 failed``."""
    if not rows:
        return "This run has no rows"
    parts = ", ".join(f"{count:,} {WORDS[name]}" for name, count in outcome_counts(rows))
    return f"{sum(map(is_trusted, rows)):,} of {plural(len(rows), 'row')} can be quoted: {parts}"


def visible(text: str) -> str:
    """`text` in which no character can hide, reorder or command: each such one is U+FFFD. Line breaks and tabs stay."""
    return text if text.isprintable() else _INVISIBLE.sub("\ufffd", text)


def split_reasons(reasons: str) -> list[str]:
    """The reasons of a row, the worst first, as `harness.measure` joins them."""
    return reasons.split("; ")


def leading(reasons: str) -> str:
    """The worst of a row's reasons."""
    return split_reasons(reasons)[0]


def shortened(reasons: str) -> str:
    """The worst of a row's reasons and how many others there are."""
    others = len(split_reasons(reasons)) - 1
    return f"{leading(reasons)}; and {others} more" if others > 0 else reasons


def merged(texts: Sequence[str]) -> str:
    """Texts that differ in their numbers only as one, each number that varies as a range: ``8.4 to 12 % wide``."""
    found = [_NUMBER.findall(text) for text in texts]
    first = _NUMBER.split(texts[0])
    if len(set(map(len, found))) > 1:
        return texts[0]
    ranges = []
    for column in zip(*found, strict=True):
        low, high = min(column, key=float), max(column, key=float)
        ranges.append(low if float(low) == float(high) else f"{low} to {high}")
    text = "".join(part + figure for part, figure in zip(first, [*ranges, ""], strict=True))
    return re.sub(r"\b(up to|at most) [0-9.]+ to (?=[0-9])", r"\1 ", text)


def skeleton(text: str) -> str:
    """`text` without its numbers: what texts that `merged` can join have in common."""
    return _NUMBER.sub("0", text)


def clip(text: str, length: int) -> str:
    """`text` on one line, at most `length` characters, cut at a word where possible."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    head = line[: length - 1]
    return (head.rsplit(" ", 1)[0] if " " in head[length // 2 :] else head).rstrip(" ,;:.") + "…"


def number(value: float | None, digits: int = 3, pad: bool = False) -> str:
    """`value` with `digits` significant digits (also trailing zeros when `pad`), an em dash for None."""
    if value is None:
        return "—"
    if value != 0 and abs(value) < 1e-3:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    text = f"{value:#.{digits}g}".rstrip(".") if pad else f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e" in text and abs(value) < 1e9 else text


def percent(value_pct: float) -> str:
    """A percentage with two significant digits below ten: ``0.80 %``, ``3.1 %``, ``14 %``."""
    if abs(value_pct) >= 9.95:
        return f"{value_pct:,.0f} %"
    return f"{value_pct:#.2g} %" if abs(value_pct) >= 0.01 else "0.00 %" if value_pct == 0 else "< 0.01 %"


def score(metric: str, value: float | None) -> str:
    """An accuracy for people. Fractions in [0, 1] are written as percentages."""
    if value is None:
        return "—"
    return f"{100 * value:.2f} %" if is_fraction(metric) else number(value, 4)


def half_width_pct(row: ResultRow) -> float | None:
    """The larger distance from the latency to an end of its interval, as a percentage; None without an interval."""
    low, high, middle = row.latency_ci_low_ms, row.latency_ci_high_ms, row.latency_p50_ms
    if low is None or high is None or not middle:
        return None
    return 100 * max(high - middle, middle - low) / middle


@dataclass(frozen=True)
class Labels:
    """Short names of rows that still tell them apart: only what varies in the run is part of a name.

    `setup`, `case`, `place` and `full` take a row of the run. `places_vary` is False in a run on one device.
    """

    threads: bool
    cores: bool
    runtime: bool
    places_vary: bool
    twins: frozenset[str]
    ambiguous: frozenset[str]

    @classmethod
    def of(cls, rows: Sequence[ResultRow]) -> Labels:
        """The labels of a run's rows."""
        targets: dict[str, set[str]] = {}
        for row in rows:
            targets.setdefault(row.device, set()).add(row.target)
        labels = cls(
            threads=len({row.threads for row in rows}) > 1,
            cores=len({row.cores for row in rows}) > 1,
            runtime=len({row.runtime for row in rows}) > 1,
            places_vary=len({(row.device, row.target) for row in rows}) > 1,
            twins=frozenset(device for device, found in targets.items() if len(found) > 1),
            ambiguous=frozenset(),
        )
        seen = Counter((labels.place(row), labels.case(row)) for row in rows)
        twice = frozenset(row.case_id for row in rows if seen[labels.place(row), labels.case(row)] > 1)
        return replace(labels, ambiguous=twice)

    def place(self, row: ResultRow) -> str:
        """The device; with its target where two targets are devices of one name (two phones of a model)."""
        if not row.device:
            return row.target
        return f"{row.device} ({row.target})" if row.device in self.twins else row.device

    def setup(self, row: ResultRow) -> str:
        """Backend and what varies with it: ``cpu xnnpack, 4 threads``."""
        parts = [row.backend or "—"]
        if self.threads:
            parts.append(plural(row.threads, "thread"))
        if self.cores:
            parts.append(f"cores {row.cores}")
        if self.runtime:
            parts.append(row.runtime)
        if row.case_id in self.ambiguous:
            parts.append(row.case_id[:6])
        return ", ".join(parts)

    def case(self, row: ResultRow) -> str:
        """``mobilenet_v2 int8 on cpu xnnpack``."""
        return f"{row.model} {row.variant} on {self.setup(row)}"

    def full(self, row: ResultRow) -> str:
        """As `case`, with the device when the run had several."""
        return f"{self.case(row)}, {self.place(row)}" if self.places_vary else self.case(row)
