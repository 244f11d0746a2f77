"""What the profile passes saw: the operators of a model, its cases side by side, and which of them grew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.domain import InvocationRecord, OperatorTime, Purpose, ResultRow, Status
from harness.operator_names import operator_of
from harness.report.plots.series import Series, by_model
from harness.report.plots.svg import canvas, marker
from harness.report.wording import number, percent, plural
from harness.units import format_latency, us_to_ms

CASES_SHOWN = 6  # side by side
OPERATORS_SHOWN = 10
PROFILES_SHOWN = 24
WORTH_TELLING = 0.02  # of the time of the case compared with
WORTH_SHOWING = 0.001  # of the time of the slowest case
_DENSE = ("CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class OperatorBar:
    """One operator in one case: its time, its bar in % of the longest beside it, and what it took more or less.

    `grew` is empty in the case that the others are compared with; `most` marks what explains most of the difference.
    """

    time: str
    share: str
    width_pct: int
    kernels: str
    grew: str
    most: bool


@dataclass(frozen=True)
class OperatorLine:
    """One operator of the model file, a bar for each case; None where the case had none of it."""

    name: str
    bars: tuple[OperatorBar | None, ...]


@dataclass(frozen=True)
class ProfiledCase:
    """A column: the case, the time of all its operators beside its latency, and who computed them."""

    mark: Markup
    variant: str
    setup: str
    total: str
    latency: str
    kernels: str
    outcome: str


@dataclass(frozen=True)
class ModelProfile:
    """The profiles of one model on one device. `kernels` lists every kernel by the name that the profile gives it."""

    title: str
    cases: tuple[ProfiledCase, ...]
    lines: tuple[OperatorLine, ...]
    kernels: tuple[tuple[str, ...], ...]
    note: str


Profiles = Mapping[str, tuple[OperatorTime, ...]]


def model_profiles(
    rows: Sequence[ResultRow], records: Sequence[InvocationRecord], series: Series
) -> tuple[list[ModelProfile], int]:
    """The profiles of each model and device that has some, and how many models are left out.

    The first case, with which the others are compared, is that of the float model on the CPU where there is one.
    """
    profiles = _profiles(records)
    groups = []
    for title, group in by_model(rows, series.labels):
        found = [row for row in group if row.case_id in profiles]
        if found:
            groups.append((title, found))
    shown = [_model_profile(title, group, profiles, series) for title, group in groups[:PROFILES_SHOWN]]
    return shown, len(groups) - len(shown)


def _profiles(records: Sequence[InvocationRecord]) -> dict[str, tuple[OperatorTime, ...]]:
    return {
        record.case_id: record.result.operators
        for record in records
        if record.purpose is Purpose.PROFILE
        and record.result.status is Status.DONE
        and any(one.total_us > 0 for one in record.result.operators)
    }


def _model_profile(title: str, rows: Sequence[ResultRow], profiles: Profiles, series: Series) -> ModelProfile:
    shown = _chosen(rows)
    operators = _patterns([profiles[row.case_id] for row in shown])
    times = [{name: sum(one.total_us for one in ones) for name, ones in case.items()} for case in operators]
    names = _leading(times)
    longest_us = max(us for case in times for us in case.values())
    lines = tuple(_line(name, times, operators, longest_us) for name in names)
    others = len({name for case in times for name in case}) - len(names)
    parts = [f"{plural(len(rows) - len(shown), 'more case')} with a profile" if len(rows) > len(shown) else ""]
    parts += [f"{plural(others, 'more operator')}, each shorter" if others else ""]
    kernels = [kernel for row in shown for kernel in _kernel_lines(row, profiles[row.case_id], series)]
    cases = tuple(_case(row, profiles[row.case_id], series) for row in shown)
    return ModelProfile(title, cases, lines, tuple(kernels), "; ".join(part for part in parts if part))


def _chosen(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """The cases to set side by side: the one to compare with, then one of each variant and backend, in their order."""
    ranked = sorted(rows, key=lambda row: (row.variant != "float32", not row.backend.startswith("cpu"), row.threads))
    base = ranked[0]
    once: dict[tuple[str, str], ResultRow] = {(base.variant, base.backend): base}
    for row in rows:
        once.setdefault((row.variant, row.backend), row)
    rest = [row for row in rows if row.case_id not in {one.case_id for one in once.values()}]
    return [*once.values(), *rest][:CASES_SHOWN]


def _patterns(profiles: Sequence[Sequence[OperatorTime]]) -> list[dict[str, list[OperatorTime]]]:
    """The operators of each case under the operator of the file that they compute.

    A delegate may compute a 1x1 convolution as a dense layer. Where the cases have as many of the two together, but not
    of each, they are one line: else one would seem to grow and the other to shrink.
    """
    found: list[dict[str, list[OperatorTime]]] = []
    for operators in profiles:
        found.append({})
        for one in operators:
            found[-1].setdefault(operator_of(one.name), []).append(one)
    counts = [[sum(one.count for one in case.get(name, ())) for name in _DENSE] for case in found]
    if len({sum(count) for count in counts}) > 1 or len({tuple(count) for count in counts}) == 1:
        return found
    both = " and ".join(_DENSE)
    return [
        {
            both: [one for name in _DENSE for one in case.get(name, ())],
            **{name: ones for name, ones in case.items() if name not in _DENSE},
        }
        for case in found
    ]


def _leading(times: Sequence[Mapping[str, float]]) -> list[str]:
    """The operators that take longest in any of the cases; those that take no time to speak of are left out."""
    longest: dict[str, float] = {}
    for case in times:
        for name, us in case.items():
            longest[name] = max(longest.get(name, 0.0), us)
    least_us = WORTH_SHOWING * max(sum(case.values()) for case in times)
    ranked = sorted((name for name, us in longest.items() if us >= least_us), key=lambda name: -longest[name])
    return ranked[:OPERATORS_SHOWN]


def _line(
    name: str,
    times: Sequence[Mapping[str, float]],
    operators: Sequence[Mapping[str, Sequence[OperatorTime]]],
    longest_us: float,
) -> OperatorLine:
    bars = (
        _bar(name, case, times[0] if index else {}, operators[index][name], longest_us) if name in case else None
        for index, case in enumerate(times)
    )
    return OperatorLine(name, tuple(bars))


def _bar(
    name: str, case: Mapping[str, float], base: Mapping[str, float], own: Sequence[OperatorTime], longest_us: float
) -> OperatorBar:
    kernels = ", ".join(dict.fromkeys(one.kernel for one in own if one.kernel))
    change_us = case[name] - base.get(name, 0.0)
    return OperatorBar(
        time=f"{number(us_to_ms(case[name]))} ms",
        share=f"{percent(100 * case[name] / (sum(case.values()) or 1.0))}, {sum(one.count for one in own)} ×",
        width_pct=max(1, round(100 * case[name] / (longest_us or 1.0))),
        kernels=kernels,
        grew=_change(change_us, base),
        most=bool(base) and change_us >= _largest_growth(case, base),
    )


def _change(change_us: float, base: Mapping[str, float]) -> str:
    """``+0.42 ms``; empty without a base and for what is not worth telling."""
    if not base or abs(change_us) < WORTH_TELLING * sum(base.values()):
        return ""
    return f"{'+' if change_us > 0 else '−'}{number(abs(us_to_ms(change_us)), 2)} ms"


def _largest_growth(case: Mapping[str, float], base: Mapping[str, float]) -> float:
    least_us = WORTH_TELLING * sum(base.values())
    return max(least_us, *(us - base.get(name, 0.0) for name, us in case.items()))


def _case(row: ResultRow, operators: Sequence[OperatorTime], series: Series) -> ProfiledCase:
    total_us = sum(one.total_us for one in operators)
    return ProfiledCase(
        mark=canvas(16, 16, marker(series.style(row), 8, 8, "m"), label=""),
        variant=row.variant,
        setup=series.labels.setup(row),
        total=f"{number(us_to_ms(total_us))} ms",
        latency=f"{format_latency(row.latency_p50_ms)} ms" if row.latency_p50_ms else "not timed",
        kernels=_who(operators, total_us),
        outcome=row.verdict.value if row.verdict is not None else row.status.value,
    )


def _who(operators: Sequence[OperatorTime], total_us: float) -> str:
    """``XNNPACK 96 %, built-in 4.0 %``."""
    kernels: dict[str, float] = {}
    for one in operators:
        kernels[one.kernel or "unnamed"] = kernels.get(one.kernel or "unnamed", 0.0) + one.total_us
    ranked = sorted(kernels.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {percent(100 * us / (total_us or 1.0))}" for name, us in ranked)


def _kernel_lines(row: ResultRow, operators: Sequence[OperatorTime], series: Series) -> list[tuple[str, ...]]:
    name = f"{row.variant}, {series.labels.setup(row)}"
    return [
        (name, one.name, one.kernel or "—", str(one.count), f"{us_to_ms(one.total_us):.4f}", percent(100 * one.share))
        for one in sorted(operators, key=lambda one: -one.total_us)[:OPERATORS_SHOWN]
    ]
