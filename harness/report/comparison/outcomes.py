"""The outcomes of an interleaved comparison: the verdict of each pair, what changed, and what else differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from harness.domain import ComparisonVerdict, MetricChange, PairOutcome
from harness.report.comparison.wording import NO_INTERVAL, figure, interval
from harness.report.tables.model import EMPTY, Cell, Table, words
from harness.report.tables.render import render
from harness.report.wording import number, percent, plural, visible

_SETTLED = (ComparisonVerdict.SAME,)
_CHANGED = (ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT)
_CAUSES_SHOWN = 3
_TESTED = ("latency", "init", "first_inference")


def outcomes_table(
    outcomes: Sequence[PairOutcome], notes: Sequence[str] = (), builds: tuple[str, str] | None = None
) -> Table:
    """A row for each metric of each pair; metrics other than the latency only where they changed or are not known.

    Args:
        outcomes: of all pairs.
        notes: sentences for below the table, before those on each pair.
        builds: what the base and the candidate are called, for the heading.
    """
    heads = ("Pair", "Metric", "Verdict", "Ratio", "99 % interval", "p", "Could be seen", "Blocks", "Base → candidate")
    rows = tuple(
        (words(_series(outcome)), words(change.metric), words(change.verdict.value), *_figures(change))
        for outcome in outcomes
        for change in outcome.changes
        if change.metric == "latency" or change.verdict not in _SETTLED
    )
    title = f"{builds[0]} → {builds[1]}. {verdict_line(outcomes)}" if builds else verdict_line(outcomes)
    return Table("outcomes", title, heads, rows, (*notes, *_told(outcomes)), names=2)


def verdict_line(outcomes: Sequence[PairOutcome]) -> str:
    """``REGRESSION: 12 pairs: 1 REGRESSION, 11 SAME``."""
    if not outcomes:
        return "INCONCLUSIVE: no pair was measured"
    counts = Counter(outcome.verdict for outcome in outcomes)
    parts = ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in ComparisonVerdict if counts[verdict])
    return f"{overall(outcomes)}: {plural(len(outcomes), 'pair')}: {parts}"


def overall(outcomes: Sequence[PairOutcome]) -> ComparisonVerdict:
    """The worst verdict; INCONCLUSIVE without any pair, or where one is not comparable."""
    found = {outcome.verdict for outcome in outcomes}
    if ComparisonVerdict.REGRESSION in found:
        return ComparisonVerdict.REGRESSION
    open_ones = {ComparisonVerdict.INCONCLUSIVE, ComparisonVerdict.NOT_COMPARABLE, ComparisonVerdict.CONTINUE}
    if not found or found & open_ones:
        return ComparisonVerdict.INCONCLUSIVE
    return ComparisonVerdict.IMPROVEMENT if ComparisonVerdict.IMPROVEMENT in found else ComparisonVerdict.SAME


def render_outcomes(
    outcomes: Sequence[PairOutcome],
    notes: Sequence[str],
    form: str,
    width: int = 120,
    *,
    builds: tuple[str, str] | None = None,
) -> str:
    """The outcomes as text of one of FORMATS; `width` is the terminal's in cells, `builds` as for `outcomes_table`."""
    if form == "csv":
        from harness.report.comparison.outcome_csv import outcomes_csv

        return outcomes_csv(outcomes)
    return render(outcomes_table(outcomes, notes, builds), form, width)


def outcomes_json(
    outcomes: Sequence[PairOutcome], notes: Sequence[str], *, builds: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Plain values for `--json`; `base` and `candidate` are what the builds are called, null where it is not known."""
    pairs = [{**asdict(outcome), "verdict": outcome.verdict.value} for outcome in outcomes]
    names = builds or (None, None)
    return {
        "verdict": overall(outcomes).value,
        "base": names[0],
        "candidate": names[1],
        "notes": list(notes),
        "pairs": pairs,
    }


def _series(outcome: PairOutcome) -> str:
    return f"{outcome.series} · {outcome.device_id}" if outcome.device_id else outcome.series


def _figures(change: MetricChange) -> Iterator[Cell]:
    yield EMPTY if change.ratio is None else Cell(figure(change.ratio), change.ratio)
    yield words(_interval(change))
    yield EMPTY if change.p is None else Cell(number(change.p, 2), change.p)
    yield EMPTY if change.mde is None else Cell(_effect(change), change.mde)
    yield Cell(f"{change.blocks}", change.blocks) if change.blocks else EMPTY
    yield words(f"{number(change.base, 4)} → {number(change.candidate, 4)} {change.unit}".rstrip())


def _interval(change: MetricChange) -> str:
    """The interval of the accuracy has another confidence than its column says."""
    text = interval(change.ci_low, change.ci_high)
    if not text and change.metric in _TESTED and change.ratio is not None and change.blocks:
        return NO_INTERVAL
    return f"{text} (95 %)" if text and change.metric == "accuracy" else text or "—"


def _effect(change: MetricChange) -> str:
    """The least change that would have been seen; a difference in its own unit for the accuracy."""
    assert change.mde is not None
    return number(change.mde, 2) if change.metric == "accuracy" else percent(100 * change.mde)


def _told(outcomes: Sequence[PairOutcome]) -> Iterator[str]:
    """Why a verdict is what it is, and what else differs, the likeliest cause first; of pairs that are not SAME."""
    for outcome in outcomes:
        if outcome.verdict in _SETTLED:
            continue
        open_changes = [change for change in outcome.changes if change.note and change.verdict not in _SETTLED]
        notes = [f"{change.metric.replace('_', ' ')}: {change.note}" for change in open_changes]
        # Of equal files anything that differs would look like a reason; only a change has causes.
        differs = outcome.differs[:_CAUSES_SHOWN] if outcome.verdict in _CHANGED else ()
        causes = [one.explains or f"{one.name}: {one.base} → {one.candidate}" for one in differs]
        told = [*dict.fromkeys([*notes, *outcome.notes]), *causes]
        if told:
            yield visible(f"{_series(outcome)}: {'; '.join(told)}")
