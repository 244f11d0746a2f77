"""A device's profile as text for a terminal: what its noise makes of nothing, and what a verdict costs on it."""

from __future__ import annotations

from harness.domain import ClassProfile, DeviceProfile
from harness.measure.calibration import ALARMS, TYPICAL_CHANGE, Begun, noise_method
from harness.measure.comparison import MIN_EFFECT
from harness.report.wording import visible
from harness.units import format_duration, format_latency, ns_to_us, s_to_ns, us_to_ms

UNKNOWN = "not known"


def profile_text(profile: DeviceProfile, doubt: str = "") -> str:
    """The profile, line by line. `doubt` says why it does not count any more, empty where it does."""
    lines = [f"{profile.device_id}, calibrated {profile.at}", f"  system  {profile.os_build or UNKNOWN}"]
    if doubt:
        lines.append(f"  not used: {doubt}")
    if profile.quarantine:
        lines.append(f"  QUARANTINED, its verdicts are INCONCLUSIVE: {profile.quarantine}")
    if not profile.classes:
        lines.append("  no comparison")
    for one in profile.classes:
        lines += ["", f"  {one.model_class}", *(f"    {name:<25} {text}" for name, text in class_lines(one))]
    return "\n".join(visible(line) for line in lines)


SUMMARY_HEADS = ("model class", "noise floor", "false A/A", "inferences", "blocks", "time")


def summary_text(profile: DeviceProfile) -> str:
    """One line a class: what counts as a change on the device, how often it cried wolf, and what a verdict on 5 %
    costs."""
    if not profile.classes:
        return f"{visible(profile.device_id)}: no comparison gave a figure."
    rows = [SUMMARY_HEADS, *map(_summary_line, profile.classes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(SUMMARY_HEADS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    under = "Inferences in an invocation, and blocks and device time of a comparison that finds a change of 5 %."
    quarantined = f"QUARANTINED: {profile.quarantine}" if profile.quarantine else ""
    return "\n".join(visible(line) for line in (*lines, "", under, *filter(None, [quarantined])))


def _summary_line(one: ClassProfile) -> tuple[str, ...]:
    time_s = dict(one.seconds_for).get(TYPICAL_CHANGE)
    return (
        one.model_class,
        f"{one.noise_floor:.1%}",
        f"{one.false_alarms} of {one.comparisons}",
        UNKNOWN if one.iterations is None else f"{one.iterations:,}",
        _blocks(one),
        UNKNOWN if time_s is None else format_duration(time_s),
    )


def begun_text(device: str, begun: Begun, command: str) -> str:
    """A calibration that was left before it had a profile: what is there, and how to go on."""
    broken = f", {begun.broken_off} broken off" if begun.broken_off else ""
    lines = [
        f"{device}: a calibration was begun and has no profile yet",
        f"  comparisons  {begun.finished} finished{broken}; the last one began {begun.last_at}",
    ]
    if begun.noise:
        largest = max(abs(record.effect) for record in begun.noise)
        alarms = sum(record.verdict in ALARMS for record in begun.noise)
        series = len({record.series for record in begun.noise})
        lines.append(
            f"  so far       {len(begun.noise)} times a build against itself in {series} series: {largest:.1%} at "
            f"most, {alarms} of them called a change"
        )
    lines.append(f"Go on with the command that began it, such as: {command}")
    return "\n".join(visible(line) for line in lines)


def class_lines(one: ClassProfile) -> list[tuple[str, str]]:
    """The figures of one class of models, by what they are."""
    alarms = f"{one.false_alarms} of them called a change"
    floor = f"{one.noise_floor:.1%}; from {noise_method(one.comparisons)}, at least {MIN_EFFECT:.0%}"
    return [
        ("comparisons with itself", f"{one.comparisons}, {alarms}"),
        ("least change that counts", floor),
        ("spread between processes", _share(one.process_sd)),
        ("spread inside (long run)", _inside(one)),
        ("one inference", UNKNOWN if one.inference_s is None else _seconds(one.inference_s)),
        ("starting an invocation", UNKNOWN if one.invocation_s is None else _seconds(one.invocation_s)),
        ("best inferences", UNKNOWN if one.iterations is None else f"{one.iterations:,} an invocation"),
        ("blocks that find 5 %", _blocks(one)),
        ("device time of a verdict", _times(one)),
    ]


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2%}"


def _inside(one: ClassProfile) -> str:
    if one.within_sd is None:
        return UNKNOWN
    neighbours = "" if one.correlation is None else f", neighbours correlated {one.correlation:.2f}"
    return f"{one.within_sd:.2%}{neighbours}"


def _blocks(one: ClassProfile) -> str:
    if one.process_sd is None:
        return UNKNOWN
    return "more than 200" if one.invocations is None else str(one.invocations)


def _seconds(value_s: float) -> str:
    return f"{format_latency(us_to_ms(ns_to_us(s_to_ns(value_s))))} ms"


def _times(one: ClassProfile) -> str:
    if not one.seconds_for:
        return UNKNOWN
    return ", ".join(
        f"{format_duration(seconds)} ({f'{change:+.0%}' if change else 'nothing changed'})"
        for change, seconds in one.seconds_for
    )
