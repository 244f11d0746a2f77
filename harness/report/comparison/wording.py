"""A ratio, a cost and a best choice in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.domain import ComparisonVerdict, ResultRow
from harness.metric_names import is_fraction, metric_label
from harness.report.wording import WORDS, number, outcome, percent, plural
from harness.units import format_latency

if TYPE_CHECKING:
    from harness.measure.matrix_values import Cell, Choice, Costs, Ratio

ANSWERS = {
    ComparisonVerdict.REGRESSION: "slower",
    ComparisonVerdict.IMPROVEMENT: "faster",
    ComparisonVerdict.SAME: "same",
    ComparisonVerdict.INCONCLUSIVE: "inconclusive",
    ComparisonVerdict.CONTINUE: "inconclusive",
    ComparisonVerdict.NOT_COMPARABLE: "not comparable",
}
# Differences below these shares of the other's value are not worth a sentence.
_WORTH_TELLING = {"start": 0.05, "memory": 0.02, "size": 0.005}
_NAMED = 3
NO_INTERVAL = "too few blocks"


def figure(value: float) -> str:
    """A ratio with three significant digits: ``0.440``, ``1.02``, ``12.3``."""
    return number(value, 3, pad=True)


def interval(low: float | None, high: float | None) -> str:
    """``0.43 to 0.45``, empty without one."""
    return "" if low is None or high is None else f"{figure(low)} to {figure(high)}"


def ratio_interval(ratio: Ratio) -> str:
    """The interval of a ratio, or why it has none."""
    return interval(ratio.low, ratio.high) or (NO_INTERVAL if ratio.paired else "—")


def detectable(mde: float | None) -> str:
    """The least relative change that would have been seen nine times in ten: ``2.1 %``; an em dash where unknown."""
    return "—" if mde is None else percent(100 * mde)


def answer(ratio: Ratio) -> str:
    """What a ratio says in one word or two."""
    if ratio.verdict is not None:
        return ANSWERS[ratio.verdict]
    return "few blocks" if ratio.paired else "not paired"


def cell_word(cell: Cell) -> str:
    """What stands in a cell beside its figures: the answer, or why there is none."""
    if cell.is_reference:
        return "reference"
    if cell.ratio is not None:
        return answer(cell.ratio)
    name = outcome(cell.row)
    return WORDS[name] if name in ("WRONG_OUTPUT", "DONE") or cell.row.verdict is None else "not comparable"


def coverage(row: ResultRow) -> str:
    """``60/62 nodes in 2 parts``, else the word that the row has."""
    if row.delegated_nodes is None or row.total_nodes is None:
        return row.coverage or "—"
    parts = f" in {plural(row.partitions, 'part')}" if row.partitions and row.partitions > 1 else ""
    return f"{row.delegated_nodes}/{row.total_nodes}{parts}"


def signed(value: float | None, unit: str, digits: int = 3) -> str:
    """``+412 ms``, ``−20.1 MiB``, an em dash for None."""
    if value is None:
        return "—"
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{number(abs(value), digits)} {unit}".rstrip()


def start_up(costs: Costs) -> str:
    """``+412 ms, paid off after 310``."""
    text = signed(costs.start_ms, "ms")
    if costs.break_even is None or costs.start_ms is None:
        return text
    told = "paid off after" if costs.start_ms > 0 else "ahead for the first"
    return f"{text}, {told} {costs.break_even:,}"


def memory(costs: Costs) -> str:
    """Of the process, and of the GPU where it is known."""
    gpu = f", GPU {signed(costs.gpu_memory_mib, 'MiB')}" if costs.gpu_memory_mib else ""
    return f"{signed(costs.memory_mib, 'MiB')}{gpu}"


def accuracy(costs: Costs) -> str:
    """``−0.80 points top-1 [0.20 to 1.4 lost]``; negative is worse whatever the metric."""
    if costs.accuracy_loss is None:
        return "—"
    text = f"{_loss(-costs.accuracy_loss, costs.metric)} {metric_label(costs.metric)}".rstrip()
    low, high = costs.accuracy_loss_low, costs.accuracy_loss_high
    if low is None or high is None:
        return text
    return f"{text} ({_loss(-high, costs.metric)} to {_loss(-low, costs.metric)})"


def _loss(value: float, metric: str) -> str:
    """A gain of accuracy, negative for a loss, in points for shares."""
    return signed(100 * value, "points", 2) if is_fraction(metric) else signed(value, "", 3)


def title(text: str) -> str:
    """`text` with a capital letter."""
    return text[:1].upper() + text[1:]


# ---- best choices ----------------------------------------------------------------------------------------------------


def choice_sentence(choice: Choice) -> str:
    """Which to take, by how much it wins, what it costs, and what was faster and does not count."""
    where = f"{choice.model} on {choice.device}" if choice.device else choice.model
    barred = _barred(choice.barred)
    if choice.best is None:
        return f"{where}: none can be named, for no row is both trusted and right{barred}."
    latency = f"{choice.best.name}, {format_latency(choice.best.row.latency_p50_ms)} ms"
    if choice.second is None:
        return f"{where}: {latency}, the only row that can be named{barred}."
    return f"{where}: {latency}, {_margin(choice)}{_price(choice)}{barred}."


def _margin(choice: Choice) -> str:
    second, ratio = choice.second, choice.ratio
    assert second is not None
    if ratio is None:
        return f"but it cannot be compared with {second.name}"
    told = interval(ratio.low, ratio.high)
    if not ratio.decided:
        level = [second.name, *(name for name in choice.level_with if name != second.name)]
        more = f" and {len(level) - _NAMED} more" if len(level) > _NAMED else ""
        bounds = f" (their ratio is {told})" if told else f" ({NO_INTERVAL})"
        if ratio.told_apart and ratio.verdict is not None and ratio.verdict is not ComparisonVerdict.SAME:
            bounds = f" (inconclusive{f': {ratio.notes[0]}' if ratio.notes else ''}; their ratio is {told})"
        return f"not told apart from {', '.join(level[:_NAMED])}{more}{bounds}"
    how_sure = f"{ratio.confidence:.0%} interval".replace("%", " %")
    value = ratio.value
    faster = f"{figure(value)} times as fast as" if value >= 1.2 else f"{percent(100 * (value - 1))} faster than"
    return f"{faster} {second.name} ({how_sure} of their ratio: {told})"


def _price(choice: Choice) -> str:
    assert choice.second is not None
    parts = list(_differences(choice.costs, choice.second.row))
    more = [text for worse, text in parts if worse]
    less = [text for worse, text in parts if not worse]
    told = f"; it costs {', '.join(more)}" if more else ""
    return f"{told}; it saves {', '.join(less)}" if less else told


def _differences(costs: Costs, other: ResultRow) -> Sequence[tuple[bool, str]]:
    """(whether it is worse, how much) of what the best differs in from the second."""
    found: list[tuple[bool, str]] = []
    start_ms = (other.init_ms or 0.0) + (other.first_inference_ms or 0.0)
    if _worth(costs.start_ms, start_ms, "start") and costs.start_ms is not None:
        after = f" (paid off after {plural(costs.break_even, 'inference')})" if costs.break_even else ""
        found.append((costs.start_ms > 0, f"{format_latency(abs(costs.start_ms))} ms of start-up{after}"))
    if _worth(costs.memory_mib, other.peak_rss_mib, "memory") and costs.memory_mib is not None:
        found.append((costs.memory_mib > 0, f"{number(abs(costs.memory_mib))} MiB of memory"))
    if _worth(costs.size_mb, other.model_size_mb, "size") and costs.size_mb is not None:
        found.append((costs.size_mb > 0, f"{number(abs(costs.size_mb))} MB of file"))
    if costs.accuracy_loss:
        lost = abs(costs.accuracy_loss)
        text = f"{percent(100 * lost)[:-2]} points" if is_fraction(costs.metric) else number(lost)
        found.append((costs.accuracy_loss > 0, f"{text} of {metric_label(costs.metric)}"))
    return found


def _worth(value: float | None, other: float | None, kind: str) -> bool:
    return value is not None and abs(value) > _WORTH_TELLING[kind] * (other or 0.0)


def _barred(barred: Sequence[tuple[str, str]]) -> str:
    if not barred:
        return ""
    named = ", ".join(f"{name} ({why})" for name, why in barred[:_NAMED])
    more = f" and {len(barred) - _NAMED} more" if len(barred) > _NAMED else ""
    return f"; measured faster, but not to be believed: {named}{more}"
