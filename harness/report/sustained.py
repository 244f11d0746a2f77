"""What the sustained passes showed, for the page and for summary.md: figures, sentences, who leads when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.domain import THERMAL_STATUSES, InvocationRecord, Purpose, ResultRow, RunView
from harness.measure.clock_rules import CLOCK_HELD
from harness.measure.sustained import Sustained, sustained_of
from harness.measure.sustained_ranking import SustainedRanking, first_ms, ranking, settled_ms
from harness.report.plots.series import Series
from harness.report.plots.sustained import sustained_panel
from harness.report.wording import Labels, number, percent, plural
from harness.units import format_duration, format_latency

PANELS_SHOWN = 24
LINES_SHOWN = 200
HEADS = (
    *("Case", "First minute, ms", "Settled, ms", "Ratio", "95 % interval", "Slower after", "Settled after"),
    *("Hottest, °C", "Under load", "Slices"),
)
RANKING_HEADS = ("", "First minute", "ms", "Settled", "ms")


def sustained_parts(view: RunView, series: Series) -> dict[str, Any] | None:
    """What the template ``sustained.html`` shows as ``sustained``; None for a run without sustained passes."""
    passes = sustained_passes(view)
    rows = [row for row in view.rows if row.case_id in passes]
    if not rows:
        return None
    panels = _panels(rows, passes, series)
    return {
        "panels": panels[:PANELS_SHOWN],
        "panels_left": max(0, len(panels) - PANELS_SHOWN),
        "legend": series.legend(rows),
        "heads": HEADS,
        "lines": [_line(row, passes[row.case_id], series.labels) for row in rows[:LINES_SHOWN]],
        "words": [f"{series.labels.full(row)}: {pass_sentence(passes[row.case_id])}" for row in rows[:LINES_SHOWN]],
        "lines_left": max(0, len(rows) - LINES_SHOWN),
        "length": _lengths(passes),
        "short": any(one.first_s < 59.5 for one in passes.values()),
        "rankings": [_ranking_parts(one, series.labels) for one in _contests(rows, passes)],
        "ranking_heads": RANKING_HEADS,
    }


def sustained_lines(view: RunView) -> list[str]:
    """Sentences for summary.md: who leads when, then each case; none for a run without sustained passes."""
    passes, labels = sustained_passes(view), Labels.of(view.rows)
    rows = [row for row in view.rows if row.case_id in passes]
    told = [f"{_title(one, labels)}: {ranking_sentence(one, labels)}" for one in _contests(rows, passes)]
    return told + [f"{labels.full(row)}: {pass_sentence(passes[row.case_id])}" for row in rows]


def sustained_passes(view: RunView) -> dict[str, Sustained]:
    """The whole sustained passes of a run, by case id."""
    slices: dict[str, list[InvocationRecord]] = {}
    for record in view.invocations:
        if record.purpose is Purpose.SUSTAINED:
            slices.setdefault(record.case_id, []).append(record)
    found = ((case_id, sustained_of(records)) for case_id, records in slices.items())
    return {case_id: one for case_id, one in found if one is not None}


# ---- one pass --------------------------------------------------------------------------------------------------------


def pass_sentence(found: Sustained) -> str:
    """``12.31 ms in the first minute, settled at 14.82 ms (1.20 times, 1.17 to 1.24) after 6 min 10 s: the clock fell
    to 78 % of the first minute's``."""
    first = f"{format_latency(found.first.ms)} ms in the first {_first_word(found)}"
    times = f"{found.ratio:.2f} times, {found.ratio_low:.2f} to {found.ratio_high:.2f}"
    if not found.settled:
        text = (
            f"{first}, not settled within {format_duration(found.wanted_s)}: {format_latency(found.last.ms)} ms in the "
            f"last third ({times}), which itself changed by {_signed_pct(found.drift)}"
        )
    else:
        after = f" after {format_duration(found.settled_after_s)}" if found.settled_after_s else ""
        text = f"{first}, settled at {format_latency(found.last.ms)} ms ({times}){after}"
    seen = evidence_sentence(found)
    return f"{text}: {seen}" if seen else text


def _signed_pct(share: float) -> str:
    return f"{'+' if share >= 0 else '−'}{percent(100 * abs(share))}"


def _first_word(found: Sustained) -> str:
    return "minute" if found.first_s >= 59.5 else format_duration(found.first_s)


def evidence_sentence(found: Sustained) -> str:
    """What the device said of heat; empty when it said nothing, or nothing of note."""
    parts = []
    clock = found.clock_ratio
    if clock is not None and clock < CLOCK_HELD:
        parts.append(f"the clock fell to {percent(100 * clock)} of the first {_first_word(found)}'s")
    elif clock is not None and found.ratio_low > 1:
        parts.append("the clock of its core held, so something else slowed it")
    if found.hot_after_s is not None and found.thermal_status:
        worst = THERMAL_STATUSES[min(found.thermal_status, len(THERMAL_STATUSES) - 1)]
        parts.append(f"thermal status up to {worst}, first after {format_duration(found.hot_after_s)}")
    return "; ".join([*parts, *(note for note in found.notes if note.startswith("begun although"))])


def _line(row: ResultRow, found: Sustained, labels: Labels) -> list[str]:
    temps = [point.temp_c for point in found.points if point.temp_c is not None]
    return [
        labels.full(row),
        format_latency(found.first.ms),
        format_latency(found.last.ms) if found.settled else "not settled",
        f"{found.ratio:.3f}" if found.settled else f"({found.ratio:.3f})",
        f"{found.ratio_low:.3f} to {found.ratio_high:.3f}",
        "—" if found.slowed_after_s is None else format_duration(found.slowed_after_s),
        _settled_after(found),
        number(max(temps, default=None)),
        percent(100 * found.duty),
        str(len(found.points)),
    ]


def _settled_after(found: Sustained) -> str:
    if found.settled_after_s is None:
        return "—"
    return format_duration(found.settled_after_s) if found.settled_after_s else "from the start"


def _lengths(passes: Mapping[str, Sustained]) -> str:
    return " or ".join(map(format_duration, sorted({one.wanted_s for one in passes.values()})))


def _panels(rows: Sequence[ResultRow], passes: Mapping[str, Sustained], series: Series) -> list[Any]:
    """One for each model, variant and device."""
    groups: dict[tuple[str, str, str], list[ResultRow]] = {}
    for row in rows:
        groups.setdefault((row.model, row.variant, series.labels.place(row)), []).append(row)
    several = series.labels.places_vary
    return [
        sustained_panel(f"{model} {variant}{f' on {place}' if several else ''}", group, passes, series)
        for (model, variant, place), group in groups.items()
    ]


# ---- who leads -------------------------------------------------------------------------------------------------------


def _contests(rows: Sequence[ResultRow], passes: Mapping[str, Sustained]) -> list[SustainedRanking]:
    return [one for one in ranking(rows, passes) if len(one.first) > 1]


def _title(found: SustainedRanking, labels: Labels) -> str:
    return f"{found.model} on {labels.place(found.first[0])}" if labels.places_vary else found.model


def _name(row: ResultRow, found: SustainedRanking, labels: Labels) -> str:
    one_variant = len({other.variant for other in found.first}) == 1
    return labels.setup(row) if one_variant else f"{row.variant} on {labels.setup(row)}"


def ranking_sentence(found: SustainedRanking, labels: Labels) -> str:
    """Who is fastest in the first minute and who settled, and how many pairs change places."""
    first, settled = found.first_leaders, found.settled_leaders
    winner, verb = _names(first, found, labels), "is" if len(first) == 1 else "are"
    if not settled:
        return f"{winner} {verb} fastest in the first minute; nothing settled, so nobody leads later."
    unsettled = f" {_unsettled(found)}" if found.unsettled else ""
    if {row.case_id for row in first} == {row.case_id for row in settled}:
        others = (
            f"; behind, {plural(len(found.swaps), 'pair')} {'changes' if len(found.swaps) == 1 else 'change'} places"
            if found.swaps
            else ""
        )
        return f"{winner} {verb} fastest in the first minute and when hot{others}.{unsettled}"
    wins = "wins" if len(first) == 1 else "win"
    hot = f"{_names(settled, found, labels)} when hot ({_hot_figures(found, labels)})"
    return f"{winner} {wins} the first minute ({format_latency(first[0].sustained_first_ms)} ms), {hot}.{unsettled}"


def _hot_figures(found: SustainedRanking, labels: Labels) -> str:
    best, former = found.settled_leaders[0], min(found.first_leaders, key=settled_ms)
    told = f"{format_latency(best.sustained_settled_ms)} ms"
    if former.sustained_settled_ms is None or former in found.settled_leaders:
        return told
    return f"{told}, against {format_latency(former.sustained_settled_ms)} ms of {_name(former, found, labels)}"


def _names(rows: Sequence[ResultRow], found: SustainedRanking, labels: Labels) -> str:
    names = [_name(row, found, labels) for row in rows]
    shown = names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}, level,"


def _unsettled(found: SustainedRanking) -> str:
    count = len(found.unsettled)
    return f"{plural(count, 'case')} did not settle and {'is' if count == 1 else 'are'} not ranked when hot."


def _ranking_parts(found: SustainedRanking, labels: Labels) -> dict[str, Any]:
    lines = []
    for place, row in enumerate(found.first):
        hot = found.settled[place] if place < len(found.settled) else None
        lines.append(
            (
                str(place + 1),
                _name(row, found, labels),
                format_latency(first_ms(row)),
                "—" if hot is None else _name(hot, found, labels),
                "—" if hot is None else format_latency(settled_ms(hot)),
            )
        )
    told = len(found.swaps) == 1 and found.leader_changes  # the sentence has said it
    swaps = (
        [] if told else [f"{_name(one, found, labels)} and {_name(other, found, labels)}" for one, other in found.swaps]
    )
    left = [_name(row, found, labels) for row in found.left_out]
    return {
        "title": _title(found, labels),
        "sentence": ranking_sentence(found, labels),
        "lines": lines,
        "swaps": swaps[:12],
        "swaps_left": max(0, len(swaps) - 12),
        "left_out": left,
    }
