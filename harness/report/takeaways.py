"""The three sentences a reader should take away: what is fastest, what not to believe, how sure all this is.

Each is computed from the rows, so it is true of a run with no rows, with one, and of a run in which everything failed.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from harness.domain import InvocationRecord, Purpose, ResultRow, RunView, Status, Verdict
from harness.metric_names import metric_label
from harness.report.wording import (
    NOT_RUN,
    WORDS,
    Labels,
    clip,
    half_width_pct,
    is_trusted,
    leading,
    number,
    order,
    outcome,
    percent,
    plural,
    score,
    visible,
)
from harness.units import format_latency

_MODELS_NAMED = 4
_KINDS_NAMED = 4


def takeaways(source: RunView | Sequence[ResultRow]) -> tuple[str, str, str]:
    """The three sentences: fastest, what not to believe, how sure.

    Args:
        source: a run, or its rows alone (the clock is then judged by what the rows say of it).
    """
    rows = source.rows if isinstance(source, RunView) else tuple(source)
    invocations = source.invocations if isinstance(source, RunView) else ()
    labels = Labels.of(rows)
    return visible(fastest(rows, labels)), visible(doubtful(rows, labels)), visible(certainty(rows, invocations))


# ---- what is fastest -------------------------------------------------------------------------------------------------


def fastest(rows: Sequence[ResultRow], labels: Labels) -> str:
    """What is fastest per model and device among the rows that can be quoted, by how much, at what accuracy cost."""
    if not rows:
        return "No case was run, so nothing is known about speed."
    if not any(map(is_trusted, rows)):
        return "No row can be quoted, so nothing is known about what is fastest."
    groups = _by_model(rows, labels)
    clauses = [_fastest_clause(group, labels) for group in groups.values()]
    rest = len(clauses) - _MODELS_NAMED
    more = f"; {plural(rest, 'more group')} of model and device in the table" if rest > 0 else ""
    return "; ".join(clauses[:_MODELS_NAMED]) + more + "."


def _by_model(rows: Sequence[ResultRow], labels: Labels) -> dict[tuple[str, str], list[ResultRow]]:
    groups: dict[tuple[str, str], list[ResultRow]] = {}
    for row in rows:
        groups.setdefault((row.model, labels.place(row)), []).append(row)
    return groups


def _fastest_clause(group: Sequence[ResultRow], labels: Labels) -> str:
    trusted = sorted(filter(is_trusted, group), key=_latency_ms)
    where = f" on {labels.place(group[0])}" if labels.places_vary else ""
    if not trusted:
        return f"{group[0].model} has no row{where} that can be quoted"
    best = trusted[0]
    level = [row for row in trusted[1:] if not told_apart(best, row)]
    beaten = [row for row in group if row.verdict is Verdict.NOISY and told_apart(row, best)]
    limit = " of what can be quoted" if beaten else ""
    name = f"{best.model} is fastest{where} as {best.variant} on {labels.setup(best)}{limit}"
    clause = f"{name}: {format_latency(best.latency_p50_ms)} ms"
    if beaten:
        clause += f" ({_faster_but_noisy(beaten, labels)})"
    if level:
        others = ", ".join(f"{row.variant} on {labels.setup(row)}" for row in level[:2])
        more = f" and {len(level) - 2} more" if len(level) > 2 else ""
        clause += f", level with {others}{more} (the intervals overlap or are missing)"
    reference = _float32_beside(best, group, labels) or _compared_with(best, trusted, level)
    if reference is None:
        return clause + _accuracy_alone(best)
    about = "" if is_trusted(reference) else "about "
    faster = faster_by(_latency_ms(reference) / _latency_ms(best))
    return f"{clause}, {about}{faster} {_reference_name(best, reference, labels)}{_accuracy_cost(best, reference)}"


def _faster_but_noisy(rows: Sequence[ResultRow], labels: Labels) -> str:
    """A wide interval leaves open how much faster a row is, not that it is."""
    least = min(rows, key=_latency_ms)
    more = f", and so {'is' if len(rows) == 2 else 'are'} {plural(len(rows) - 1, 'other row')}" if len(rows) > 1 else ""
    setup = f"{least.variant} on {labels.setup(least)}"
    return f"{setup} is faster ({format_latency(least.latency_p50_ms)} ms) but noisy{more}"


def _latency_ms(row: ResultRow) -> float:
    return row.latency_p50_ms if row.latency_p50_ms is not None else float("inf")


def told_apart(fast: ResultRow, slow: ResultRow) -> bool:
    """True when the interval of `fast` ends before that of `slow` begins; False when one of them has none."""
    if fast.latency_ci_high_ms is None or slow.latency_ci_low_ms is None:
        return False
    return fast.latency_ci_high_ms < slow.latency_ci_low_ms


def _float32_beside(best: ResultRow, group: Sequence[ResultRow], labels: Labels) -> ResultRow | None:
    """The float32 row of the same backend and runtime, when it is slower for certain; it may be a noisy one."""
    for row in group:
        beside = row.variant == "float32" and labels.setup(row) == labels.setup(best)
        if beside and (is_trusted(row) or row.verdict is Verdict.NOISY) and told_apart(best, row):
            return row
    return None


def _compared_with(best: ResultRow, trusted: Sequence[ResultRow], level: Sequence[ResultRow]) -> ResultRow | None:
    """The fastest float32 row, or the next best when float32 itself is fastest; never one that is level."""
    slower = [row for row in trusted if row is not best and row not in level]
    floats = [row for row in slower if row.variant == "float32"]
    if best.variant != "float32" and floats:
        return floats[0]
    return slower[0] if slower else None


def _reference_name(best: ResultRow, reference: ResultRow, labels: Labels) -> str:
    setup = "" if labels.setup(best) == labels.setup(reference) else f" on {labels.setup(reference)}"
    noisy = "" if is_trusted(reference) else ", noisy"
    return f"{reference.variant}{setup} ({format_latency(reference.latency_p50_ms)} ms{noisy})"


def faster_by(ratio: float) -> str:
    """``2.4 times as fast as`` or, for small ratios, ``4.2 % faster than``."""
    return (
        f"{number(ratio, 2 if ratio < 10 else 3)} times as fast as"
        if ratio >= 1.2
        else (f"{percent(100 * (ratio - 1))} faster than")
    )


def _accuracy_cost(best: ResultRow, reference: ResultRow) -> str:
    same_metric = bool(best.accuracy_metric) and best.accuracy_metric == reference.accuracy_metric
    if not same_metric or best.accuracy is None or reference.accuracy is None:
        return _accuracy_alone(best)
    metric, ours, theirs = best.accuracy_metric, best.accuracy, reference.accuracy
    if ours == theirs:
        return f", at the same {metric_label(metric)} of {score(metric, ours)}"
    return f", at a {metric_label(metric)} of {score(metric, ours)} against {score(metric, theirs)}"


def _accuracy_alone(row: ResultRow) -> str:
    if row.accuracy is not None:
        return f", at a {metric_label(row.accuracy_metric)} of {score(row.accuracy_metric, row.accuracy)}"
    if row.reference_error is not None:
        return f", with outputs {number(row.reference_error, 2)} RMSE off the float reference"
    return ", with its accuracy unknown"


# ---- what not to believe ---------------------------------------------------------------------------------------------


def doubtful(rows: Sequence[ResultRow], labels: Labels) -> str:
    """Which rows must not be quoted and why, with one example of each kind."""
    if not rows:
        return "There is no row to doubt."
    bad = [row for row in rows if not is_trusted(row) and row.status not in NOT_RUN]
    absent = sum(row.status in NOT_RUN for row in rows)
    not_run = f"{plural(absent, 'case')} did not run ({_why_absent(rows)})" if absent else ""
    if not bad:
        if absent == len(rows):
            return f"There is no row to doubt: {not_run}."
        finished = len(rows) - absent
        held = "The row that finished passed" if finished == 1 else f"All {finished:,} rows that finished passed"
        return f"{held} every check" + (f"; {not_run}" if not_run else "") + "."
    kinds: dict[str, list[ResultRow]] = {}
    for row in sorted(bad, key=lambda row: order(outcome(row)), reverse=True):
        kinds.setdefault(outcome(row), []).append(row)
    clauses = [_kind_clause(name, group, labels) for name, group in list(kinds.items())[:_KINDS_NAMED]]
    rest = sum(map(len, list(kinds.values())[_KINDS_NAMED:]))
    clauses += [f"{rest} more for other reasons"] if rest else []
    clauses += [not_run] if not_run else []
    who = "the only row" if len(rows) == 1 else f"{len(bad):,} of {plural(len(rows), 'row')}"
    return f"Do not quote {who}: {'; '.join(clauses)}."


def _kind_clause(name: str, group: Sequence[ResultRow], labels: Labels) -> str:
    first = group[0]
    why = clip(leading(first.reasons), 140).rstrip(".") if first.reasons else ""
    example = f"{'for example ' if len(group) > 1 else ''}{labels.full(first)}"
    return f"{len(group):,} {WORDS[name]} ({example}{': ' + why if why else ''})"


def _why_absent(rows: Sequence[ResultRow]) -> str:
    reasons = [leading(row.reasons) for row in rows if row.status in NOT_RUN and row.reasons]
    if not reasons:
        return "unsupported or excluded"
    common = statistics.mode(reasons)
    return clip(common, 100).rstrip(".") + (" and other reasons" if len(set(reasons)) > 1 else "")


# ---- how sure --------------------------------------------------------------------------------------------------------


def certainty(rows: Sequence[ResultRow], invocations: Sequence[InvocationRecord] = ()) -> str:
    """Intervals, clock evidence, the smallest change the run could have seen, and models with random weights."""
    timed = [row for row in rows if row.latency_p50_ms is not None]
    if not timed:
        return "Nothing was timed, so there is nothing to be sure of."
    parts = [_interval_part(timed), _clock_part(timed, invocations), _effect_part(timed), _weights_part(rows)]
    text = "; ".join(part for part in parts if part)
    return text[0].upper() + text[1:] + "."


def _interval_part(timed: Sequence[ResultRow]) -> str:
    widths = [width for width in map(half_width_pct, timed) if width is not None]
    counts = sorted({row.invocations for row in timed})
    each = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    processes = f"{each} {'invocation' if counts[-1] == 1 else 'invocations'}"
    if not widths:
        return f"no row has an interval, since one needs several invocations and each case had {processes}"
    spread = f"±{percent(statistics.median(widths))}"
    if len(widths) > 1:
        spread = f"typically {spread} and at worst ±{percent(max(widths))}"
    missing = len(timed) - len(widths)
    without = f" ({plural(missing, 'row')} without one)" if missing else ""
    return f"the 95 % intervals over {processes} a case are {spread}{without}"


def _clock_part(timed: Sequence[ResultRow], invocations: Sequence[InvocationRecord]) -> str:
    seen = [row for row in timed if row.clock_source]
    if not seen:
        return "no clock was seen, so a slow clock cannot be ruled out"
    sources = " and ".join(sorted({row.clock_source for row in seen}))
    where = "on every row" if len(seen) == len(timed) else f"on {len(seen):,} of {plural(len(timed), 'row')}"
    drifts = list(_drifts_pct(invocations))
    if not drifts:
        return f"the clock was watched {where} by {sources}"
    return f"the clock was watched {where} by {sources} and moved at most {percent(max(drifts))} within an invocation"


def _drifts_pct(invocations: Iterable[InvocationRecord]) -> Iterable[float]:
    for record in invocations:
        start, end = record.result.evidence.clock_start_ghz, record.result.evidence.clock_end_ghz
        usable = record.purpose is Purpose.TIMING and record.result.status is Status.DONE
        if usable and start and end is not None:
            yield 100 * abs(end - start) / start


def _effect_part(timed: Sequence[ResultRow]) -> str:
    effects = [row.minimum_detectable_effect_pct for row in timed if row.minimum_detectable_effect_pct is not None]
    if not effects:
        return "the smallest change it could have seen is unknown"
    worst = f", or {percent(max(effects))} in the noisiest row" if max(effects) > statistics.median(effects) else ""
    return f"the run could have seen a change of {percent(statistics.median(effects))}{worst}"


def _weights_part(rows: Sequence[ResultRow]) -> str:
    models = sorted({row.model for row in rows if row.weights == "random"})
    if not models:
        return ""
    named = " and ".join(models) if len(models) <= 2 else f"{', '.join(models[:2])} and {len(models) - 2} more"
    return f"the weights of {named} are random, so no accuracy is claimed there"
