"""What A/A comparisons say of a device: the change that its noise makes of nothing, how often it cries wolf, and how
long a verdict takes on it.

In an A/A comparison both arms are the same build, so whatever it shows is noise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.domain import ClassProfile, ComparisonVerdict, DeviceProfile, NoiseRecord
from harness.measure.comparison import ALPHA_PLANNED, MIN_EFFECT
from harness.measure.profiles import (
    class_order,
    in_force,
    model_class,
    quarantine_reason,
    startup_s,
    threshold_for,
    usable,
)
from harness.measure.resampling import blocks_for, expected_seconds
from harness.measure.variance import (
    MAD_TO_SD,
    ProcessSpread,
    VarianceComponents,
    best_iterations,
    variance_components,
)

__all__ = [
    "ALARMS",
    "TYPICAL_CHANGE",
    "Begun",
    "ClassEvidence",
    "NoiseFloor",
    "VarianceComponents",
    "blocks_for",
    "expected_seconds",
    "false_positive_check",
    "in_force",
    "model_class",
    "noise_floor",
    "noise_method",
    "profile_of",
    "quarantine_reason",
    "series_classes",
    "startup_s",
    "threshold_for",
    "usable",
    "variance_components",
]

CHANGES = (0.0, 0.02, 0.03, 0.05, 0.10)
TYPICAL_CHANGE = 0.05
FEW, MANY = 10, 100
NORMAL_99 = 2.576
TIMES_NOMINAL, CHECK_ALPHA = 3.0, 0.01
ALARMS = (ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT)


# ---- the noise floor -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoiseFloor:
    """`value` is the relative change that counts at least, 0.03 for 3 %; `measured` what the noise alone makes (None
    without a comparison), and `method` says how it was found."""

    value: float
    measured: float | None
    comparisons: int
    method: str


def noise_floor(effects: Sequence[float], *, minimum: float = MIN_EFFECT) -> NoiseFloor:
    """The change that A/A comparisons stay under, from their effects (candidate over base less 1); at least `minimum`.

    From 100 comparisons on it is the 99th percentile of the sizes; from 10 on 2.576 * 1.4826 * the median of the sizes:
    as the effects of equal builds lie around zero, that is their median absolute deviation. Of fewer than 10 it is the
    largest one seen.

    Raises:
        ValueError: an effect is not a number above -1.
    """
    if not all(math.isfinite(effect) and effect > -1.0 for effect in effects):
        raise ValueError("an effect of an A/A comparison is not a number above -1")
    count, method = len(effects), noise_method(len(effects))
    if not count:
        return NoiseFloor(minimum, None, 0, method)
    sizes = np.abs(np.log1p(np.asarray(effects, np.float64)))
    if count >= MANY:
        log_size = float(np.quantile(sizes, 0.99))
    elif count >= FEW:
        log_size = NORMAL_99 * MAD_TO_SD * float(np.median(sizes))
    else:
        log_size = float(sizes.max())
    measured = math.expm1(log_size)
    return NoiseFloor(max(minimum, measured), measured, count, method)


def noise_method(comparisons: int) -> str:
    """How the noise floor comes of so many A/A comparisons, in words."""
    if not comparisons:
        return "no A/A comparison"
    if comparisons >= MANY:
        return f"the 99th percentile of {comparisons} A/A comparisons"
    if comparisons >= FEW:
        return f"2.576 robust standard deviations of {comparisons} A/A comparisons"
    return f"the largest of {comparisons} A/A comparison{'s' if comparisons > 1 else ''}, too few to judge"


# ---- the check -------------------------------------------------------------------------------------------------------


def false_positive_check(records: Iterable[NoiseRecord], *, nominal: float = ALPHA_PLANNED) -> str:
    """Why the verdicts of a device are not believed, or an empty text.

    Of its last 100 A/A comparisons too many gave a verdict of a change: a binomial test rejects, at 1 %, that they come
    at no more than three times the nominal rate.
    """
    from scipy.stats import binomtest

    last = sorted(records, key=lambda record: record.at)[-MANY:]
    alarms = sum(record.verdict in ALARMS for record in last)
    most = TIMES_NOMINAL * nominal
    if not alarms or binomtest(alarms, len(last), most, alternative="greater").pvalue >= CHECK_ALPHA:
        return ""
    return (
        f"{alarms} of its last {len(last)} comparisons of a build with itself said that it changed, where "
        f"{nominal:.0%} may: what disturbs the device has to be found first"
    )


# ---- what was begun -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Begun:
    """The comparisons of a device since its last profile.

    Attributes:
        finished, broken_off: how many.
        last_at: when the last one began, ISO 8601.
        blocks: of each comparison.
        recipes: the models, where all of them are known by their names; empty where some came from files.
        noise: what the finished ones showed.
    """

    finished: int
    broken_off: int
    last_at: str
    blocks: int
    recipes: tuple[str, ...]
    noise: tuple[NoiseRecord, ...]


# ---- the profile -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClassEvidence:
    """What the invocations of A/A comparisons of one class showed.

    Attributes:
        blocks: the two invocations of each complete block.
        differences: of each such block, the log of the candidate's median over the base's.
        inference_s: a typical inference.
        invocation_s: a typical invocation without its inferences: starting, loading, initialising.
        warmup_s, window_s: its typical warm-up and timed window.
    """

    blocks: tuple[tuple[ProcessSpread, ProcessSpread], ...]
    differences: tuple[float, ...]
    inference_s: float
    invocation_s: float
    warmup_s: float
    window_s: float

    @property
    def block_s(self) -> float:
        """Device time of one block of two invocations."""
        return 2.0 * (self.invocation_s + self.warmup_s + self.window_s)


def series_classes(noise: Iterable[NoiseRecord]) -> dict[str, str]:
    """The class of each series, the one that most of its comparisons had: a latency at the border of two would
    otherwise be counted now here, now there."""
    counts: dict[str, Counter[str]] = {}
    for record in noise:
        counts.setdefault(record.series, Counter())[record.model_class] += 1
    return {series: max(sorted(found), key=lambda name: found[name]) for series, found in counts.items()}


def profile_of(
    device_id: str,
    os_build: str,
    noise: Sequence[NoiseRecord],
    evidence: Mapping[str, ClassEvidence],
    at: str,
) -> DeviceProfile:
    """The profile of a device.

    Args:
        device_id: the device.
        os_build: the system that it ran.
        noise: its A/A comparisons on that system; those of other devices are left out.
        evidence: what is known beyond that, by model class; the classes of series are those of `series_classes`.
        at: when, ISO 8601 UTC.
    """
    own = [record for record in noise if record.device_id == device_id]
    class_of = series_classes(own)
    names = sorted({*class_of.values(), *evidence}, key=class_order)
    classes = tuple(
        _class_profile(name, [record for record in own if class_of[record.series] == name], evidence.get(name))
        for name in names
    )
    return DeviceProfile(device_id, at, os_build, classes, false_positive_check(own))


def _class_profile(name: str, records: Sequence[NoiseRecord], evidence: ClassEvidence | None) -> ClassProfile:
    floor = noise_floor([record.effect for record in records]).value
    alarms = sum(record.verdict in ALARMS for record in records)
    if evidence is None:
        return ClassProfile(name, len(records), alarms, floor)
    components = variance_components(evidence.blocks)
    iterations = best_iterations(components, evidence.inference_s, max(1e-6, evidence.invocation_s + evidence.warmup_s))
    return ClassProfile(
        name,
        len(records),
        alarms,
        floor,
        process_sd=components.process_sd,
        within_sd=components.within_sd,
        correlation=components.correlation,
        iterations=iterations,
        invocations=blocks_for(evidence.differences, TYPICAL_CHANGE, floor),
        inference_s=evidence.inference_s,
        invocation_s=evidence.invocation_s,
        seconds_for=tuple(
            (change, seconds)
            for change in CHANGES
            if (seconds := expected_seconds(evidence.differences, evidence.block_s, change, floor)) is not None
        ),
    )
