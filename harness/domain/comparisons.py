"""What is compared with what, what came of it, and what is known of a device's noise.

A *pair* is one case in two builds: the arm ``base`` and the arm ``candidate``. A *series* is what a pair measures,
whatever the builds: it is the same in every run, so that a history can be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from harness.content import content_id
from harness.domain.cases import Case

BASE, CANDIDATE = "base", "candidate"


class ComparisonVerdict(str, Enum):
    """What a comparison of two arms says. CONTINUE asks for more blocks and becomes INCONCLUSIVE when there are
    none; NOT_COMPARABLE means that no ratio was formed at all."""

    REGRESSION = "REGRESSION"
    IMPROVEMENT = "IMPROVEMENT"
    SAME = "SAME"
    CONTINUE = "CONTINUE"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_COMPARABLE = "NOT_COMPARABLE"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Pair:
    """One case in two builds. `series` is its name for people, such as ``mobilenet_v2 int8 · cpu xnnpack 1 thread ·
    host``: what both arms have in common, and the base's word where they differ."""

    base: Case
    candidate: Case
    series: str

    @cached_property
    def series_id(self) -> str:
        """Stable across runs and builds, 16 hex digits; of the series, not of the device."""
        return series_id_of(self.series)


def series_id_of(series: str) -> str:
    """The id of a series by its name: 16 hex digits."""
    return content_id({"series": series}, 16)


@dataclass(frozen=True)
class ContextDifference:
    """Something that was stamped on both arms and differs. `likelihood` in [0, 1] orders the causes of a change;
    `explains` says in a sentence why it may be one, empty where it cannot be."""

    name: str
    base: str
    candidate: str
    likelihood: float = 0.0
    explains: str = ""


@dataclass(frozen=True)
class MetricChange:
    """One metric of a pair, judged by its own rule.

    Attributes:
        metric: ``latency``, ``init``, ``first_inference``, ``peak_rss``, ``pss``, ``model_size`` or ``accuracy``.
        unit: of `base` and `candidate`.
        ratio: candidate over base; None where a difference is the measure (accuracy) or nothing could be formed.
        ci_low, ci_high: the interval of the ratio (of the difference for accuracy), None where the rule has none.
        p: two-sided p value, None where the rule has none.
        mde: the smallest relative change (difference for accuracy) that would have been seen; None where unknown.
        min_effect: the smallest relative change (difference for accuracy) that counts.
        blocks: how many blocks (samples for accuracy) it rests on.
        note: why, in a sentence: what was held back, or what the rule was.
    """

    metric: str
    verdict: ComparisonVerdict
    base: float | None = None
    candidate: float | None = None
    unit: str = ""
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    mde: float | None = None
    min_effect: float | None = None
    blocks: int = 0
    note: str = ""


@dataclass(frozen=True)
class PairOutcome:
    """What a pair showed on one device.

    `series` and `series_id` are the pair's; `device_model` groups phones of one kind. `changes` has latency first.
    `differs` is everything that was stamped on the arms and differs, the likeliest cause first. `interleaved` is False
    for stored rows of two runs. `base_status` and `candidate_status` are statuses of the rows, empty for an arm that
    is missing. `stage` is ``screen`` for a pair that no screen sent on to its confirmation. `same_build` says that both
    arms are one build, so that whatever changed is noise.
    """

    series_id: str
    series: str
    model: str
    variant: str
    backend: str
    device_id: str
    device_model: str
    base_case_id: str
    candidate_case_id: str
    changes: tuple[MetricChange, ...] = ()
    differs: tuple[ContextDifference, ...] = ()
    interleaved: bool = True
    base_status: str = ""
    candidate_status: str = ""
    stage: str = ""
    notes: tuple[str, ...] = ()
    same_build: bool = False

    @property
    def latency(self) -> MetricChange | None:
        """The change of the latency, if it was judged."""
        return next((change for change in self.changes if change.metric == "latency"), None)

    @property
    def verdict(self) -> ComparisonVerdict:
        """REGRESSION if any metric has one, else what the latency says: blocks are added until that is known, and
        whether they sufficed for the start-up too is told beside it."""
        if any(change.verdict is ComparisonVerdict.REGRESSION for change in self.changes):
            return ComparisonVerdict.REGRESSION
        return ComparisonVerdict.NOT_COMPARABLE if self.latency is None else self.latency.verdict


@dataclass(frozen=True)
class DatedOutcome:
    """An outcome as a history keeps it. `at` is ISO 8601 UTC, when its run began."""

    run_id: str
    at: str
    outcome: PairOutcome


@dataclass(frozen=True)
class NoiseRecord:
    """One A/A comparison: the same build in both arms. `effect` is candidate over base less 1.

    `origin` is ``calibrate``, ``nightly`` (the set that every night makes) or ``same files`` (a comparison whose arms
    turned out to be the same build).
    """

    device_id: str
    model_class: str
    at: str
    run_id: str
    series: str
    effect: float
    verdict: ComparisonVerdict
    blocks: int
    origin: str


@dataclass(frozen=True)
class ClassProfile:
    """The noise of one device for one class of models (backend and size of the latency).

    Attributes:
        comparisons: how many A/A comparisons it rests on; `false_alarms` of them gave a verdict of a change.
        noise_floor: the relative change that A/A stays under, 0.03 for 3 %.
        process_sd: spread between processes, within_sd: long-run spread inside one; standard deviations of logarithms.
        correlation: of neighbouring inferences, in [-1, 1].
        iterations: the best number of inferences in one invocation, invocations: of blocks for a 5 % change.
        inference_s, invocation_s: what one inference and one invocation beside its inferences cost.
        seconds_for: expected device time to settle a relative change, as (change, seconds).
    """

    model_class: str
    comparisons: int
    false_alarms: int
    noise_floor: float
    process_sd: float | None = None
    within_sd: float | None = None
    correlation: float | None = None
    iterations: int | None = None
    invocations: int | None = None
    inference_s: float | None = None
    invocation_s: float | None = None
    seconds_for: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class DeviceProfile:
    """What calibration found out about a device. `quarantine` is the reason why its verdicts are not believed, empty
    for a device in good standing."""

    device_id: str
    at: str
    os_build: str = ""
    classes: tuple[ClassProfile, ...] = ()
    quarantine: str = ""


@dataclass(frozen=True)
class BaselineLink:
    """The measured step from the former reference build to this one: new over old."""

    series_id: str
    series: str
    device_id: str
    ratio: float
    ci_low: float | None
    ci_high: float | None
    run_id: str


@dataclass(frozen=True)
class Baseline:
    """A pinned reference build: a resolved sweep (`settings_json`) whose files were copied to where nobody builds.

    `files` are (path, SHA-256) of the copies. `links` lead to the baseline `before` it.
    """

    name: str
    pinned_at: str
    sweep_name: str
    settings_json: str
    files: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    before: str = ""
    links: tuple[BaselineLink, ...] = field(default=())
