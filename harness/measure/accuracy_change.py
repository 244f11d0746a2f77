"""How the accuracy of a pair changed, on the same samples only.

The best of three ways to an interval is taken: samples compared one by one; both builds' known differences from float32
put together; two shares as if they were of different samples, which is wider than the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from harness.domain import AccuracyDifference, AccuracyResult, ComparisonVerdict, MetricChange
from harness.measure.arm import Arm
from harness.measure.comparability import data_reasons, is_same_data
from harness.measure.latency_change import failures, wrong_outputs
from harness.metric_names import metric_label, metric_unit

CONFIDENCE = 0.95
POWER = 0.9
# What MLPerf Inference lets a submission lose: 99 % of the reference model's figure is its target.
MARGIN_SHARE = 0.01
# Means over samples of values in [0, 1]: none varies more than that of a coin with the same mean.
_MEANS_OF_SHARES = frozenset({"accuracy", "exact_match", "f1", "sentence_error_rate", "failure_rate"})


@dataclass(frozen=True)
class Loss:
    """How much worse the candidate is (positive), with a 95 % interval where there is a way to one.

    `unchanged` says that it is known of every sample.
    """

    loss: float
    low: float | None
    high: float | None
    p: float | None
    how: str
    unchanged: bool = False


def judge_accuracy(base: Arm, candidate: Arm, difference: AccuracyDifference | None) -> MetricChange | None:
    """The change of the leading metric; None when neither arm was scored and neither alone gives wrong outputs.

    A loss is a REGRESSION when it exceeds what the sweep allows or its interval excludes 0, and always when the
    candidate gives wrong outputs and the base does not.

    Args:
        base: the base.
        candidate: the candidate.
        difference: of the candidate from the base, sample by sample; None where the samples were not compared.
    """
    scored = _judge_scores(base, candidate, difference)
    if not (base.is_done and candidate.is_done) or base.is_wrong == candidate.is_wrong:
        return scored
    verdict = ComparisonVerdict.REGRESSION if candidate.is_wrong else ComparisonVerdict.IMPROVEMENT
    change = scored or MetricChange("accuracy", verdict)
    if change.verdict is ComparisonVerdict.REGRESSION:  # better outputs do not excuse a worse score
        verdict = change.verdict
    note = "; ".join(part for part in (wrong_outputs(base, candidate), change.note) if part)
    return replace(change, verdict=verdict, note=note)


def newcombe_interval(one: float, other: float, count_one: int, count_other: int) -> tuple[float, float]:
    """A 95 % interval of `other` - `one`, shares of independent samples, from Wilson's intervals of the two.

    Source: Newcombe, Statistics in Medicine 17 (1998) 873, method 10.
    """
    (low_one, high_one), (low_other, high_other) = wilson_interval(one, count_one), wilson_interval(other, count_other)
    difference = other - one
    return (
        difference - math.hypot(other - low_other, high_one - one),
        difference + math.hypot(high_other - other, one - low_one),
    )


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share of `count` samples (Wilson, JASA 22 (1927) 209)."""
    z = _normal_quantile(0.5 + CONFIDENCE / 2)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return min(middle - reach, share), max(middle + reach, share)


def _judge_scores(base: Arm, candidate: Arm, difference: AccuracyDifference | None) -> MetricChange | None:
    ours, theirs = (_scored(arm) for arm in (base, candidate))
    known = ours or theirs
    if known is None:
        return None
    blank = MetricChange(
        "accuracy",
        ComparisonVerdict.NOT_COMPARABLE,
        None if ours is None else ours.value,
        None if theirs is None else theirs.value,
        metric_unit(known.metric),
    )
    label = metric_label(known.metric)
    if reason := failures(base, candidate) or "; ".join(data_reasons(base, candidate)):
        return replace(blank, note=f"{label}: {reason}")
    if ours is None or theirs is None:
        note = f"{label}: the {'base' if ours is None else 'candidate'} has no score"
        return replace(blank, verdict=ComparisonVerdict.INCONCLUSIVE, note=note)
    found = _loss(base, candidate, ours, theirs, difference)
    if isinstance(found, str):
        return replace(blank, verdict=ComparisonVerdict.INCONCLUSIVE, note=f"{label}: {found}")
    return _judged(replace(blank, blocks=ours.samples), ours, theirs, found, _allowed(base, candidate))


def _judged(
    blank: MetricChange, ours: AccuracyResult, theirs: AccuracyResult, found: Loss, allowed: float | None
) -> MetricChange:
    margin = MARGIN_SHARE * max(abs(ours.value), abs(theirs.value)) if allowed is None else allowed
    verdict, why = _verdict(found, allowed, margin)
    ends = (found.low, found.high)
    if ours.higher_is_better:  # the interval is that of the difference, of which a loss is the negative
        ends = tuple(None if end is None else 0.0 - end for end in (found.high, found.low))  # type: ignore[assignment]
    note = f"{metric_label(ours.metric)} of {ours.samples:,} samples: {found.how}"
    return replace(
        blank,
        verdict=verdict,
        ci_low=ends[0],
        ci_high=ends[1],
        p=found.p,
        mde=_detectable(found),
        min_effect=margin,
        note=f"{note}; {why}" if why else note,
    )


def _verdict(found: Loss, allowed: float | None, margin: float) -> tuple[ComparisonVerdict, str]:
    if allowed is not None and found.loss > allowed:
        return ComparisonVerdict.REGRESSION, f"it lost {found.loss:.4g} where the sweep allows {allowed:.4g}"
    if found.unchanged:
        return ComparisonVerdict.SAME, ""
    if found.low is None or found.high is None:
        return ComparisonVerdict.INCONCLUSIVE, ""
    if found.low > 0:
        return ComparisonVerdict.REGRESSION, ""
    if found.high < 0:
        return ComparisonVerdict.IMPROVEMENT, ""
    if -margin <= found.low and found.high <= margin:
        return ComparisonVerdict.SAME, ""
    return ComparisonVerdict.INCONCLUSIVE, f"the interval reaches beyond ±{margin:.3g}: score more samples"


def _loss(
    base: Arm, candidate: Arm, ours: AccuracyResult, theirs: AccuracyResult, difference: AccuracyDifference | None
) -> Loss | str:
    """The loss by the best way there is, or why there is none."""
    if not (math.isfinite(ours.value) and math.isfinite(theirs.value)):
        return "a score is not a number"
    if difference is not None and difference.metric == ours.metric and _is_finite(difference):
        return _by_sample(difference)
    if not is_same_data(base, candidate):
        return "it is not known whether both were scored on the same samples"
    found = _by_rows(base, candidate, ours, theirs)
    if _is_mean_of_shares(ours) or not ours.metrics or dict(ours.metrics) != dict(theirs.metrics):
        return found
    # Equal counts may be chance; equal figures of continuous values are equal outputs.
    return replace(found, how=f"all {len(ours.metrics)} figures are equal", unchanged=True)


def _by_sample(difference: AccuracyDifference) -> Loss:
    changed = difference.better + difference.worse
    how = f"{difference.better} better and {difference.worse} worse of the same samples, {difference.method}"
    unchanged = changed == 0 and difference.loss == 0
    return Loss(difference.loss, difference.low, difference.high, difference.p_value, how, unchanged)


def _by_rows(base: Arm, candidate: Arm, ours: AccuracyResult, theirs: AccuracyResult) -> Loss:
    """From what two rows tell: the scores, and the differences from float32 where both are of one float32."""
    sign = -1.0 if ours.higher_is_better else 1.0
    loss = sign * (theirs.value - ours.value)
    one, other = (arm.check.difference if arm.check is not None else None for arm in (base, candidate))
    if one is not None and other is not None and _of_one_reference(ours, one, theirs, other):
        low, high = _recovered(one, other)
        how = "from both builds' differences from float32, as if independent: wider than the truth for like builds"
        return Loss(loss, low, high, None, how)
    if not _is_mean_of_shares(ours) or not all(0.0 <= each.value <= 1.0 for each in (ours, theirs)):
        return Loss(loss, None, None, None, "no interval can be given without the scores of the samples")
    low, high = newcombe_interval(ours.value, theirs.value, ours.samples, theirs.samples)
    how = "Newcombe's interval as if the samples were different ones: wider than the truth"
    return Loss(loss, *((-high, -low) if ours.higher_is_better else (low, high)), None, how)


def _recovered(one: AccuracyDifference, other: AccuracyDifference) -> tuple[float, float]:
    """An interval of other - one (Zou and Donner, Statistics in Medicine 27 (2008) 1693)."""
    loss = other.loss - one.loss
    return (
        loss - math.hypot(other.loss - other.low, one.high - one.loss),
        loss + math.hypot(other.high - other.loss, one.loss - one.low),
    )


def _of_one_reference(
    ours: AccuracyResult, one: AccuracyDifference, theirs: AccuracyResult, other: AccuracyDifference
) -> bool:
    """Whether both differences are from the same figure of float32."""
    if not (one.metric == other.metric == ours.metric and _is_finite(one) and _is_finite(other)):
        return False
    sign = 1.0 if ours.higher_is_better else -1.0
    return math.isclose(ours.value + sign * one.loss, theirs.value + sign * other.loss, rel_tol=1e-9, abs_tol=1e-9)


def _detectable(found: Loss) -> float | None:
    """The loss that such an interval would exclude from 0 in 90 of 100 cases."""
    if found.low is None or found.high is None or not found.high > found.low:
        return None
    z = _normal_quantile(0.5 + CONFIDENCE / 2)
    return (found.high - found.low) / 2 * (z + _normal_quantile(POWER)) / z


def _allowed(base: Arm, candidate: Arm) -> float | None:
    asked = candidate.allowed.max_loss
    return base.allowed.max_loss if asked is None else asked


def _scored(arm: Arm) -> AccuracyResult | None:
    found = arm.check.accuracy if arm.check is not None else None
    return found if found is not None and found.samples > 0 else None


def _is_mean_of_shares(result: AccuracyResult) -> bool:
    return result.metric in _MEANS_OF_SHARES or (result.metric.startswith("top") and result.metric[3:].isdigit())


def _is_finite(difference: AccuracyDifference) -> bool:
    return all(map(math.isfinite, (difference.loss, difference.low, difference.high)))


def _normal_quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))
