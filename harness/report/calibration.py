"""A device's profile as text for a terminal: what its noise makes of nothing, and what a verdict costs on it."""

from __future__ import annotations

from harness.domain import ClassProfile, DeviceProfile
from harness.measure.calibration import noise_method
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
