"""All rules together: what a pair showed, and what must hold whatever the arms are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.domain import CANDIDATE, InvocationRecord, MeasureSettings, MetricChange, Purpose, Status, Verdict
from harness.domain import ComparisonVerdict as Word
from harness.measure.changes import Arm, judge_changes, outcome_of
from tests.measure.arms import FILE, arm, pair, score, settled, spread

METRICS = ("latency", "init", "first_inference", "peak_rss", "pss", "model_size", "accuracy")
SERIES = "mobilenet_v2 int8 · cpu xnnpack 1 thread · host"
OPPOSITE = {Word.REGRESSION: Word.IMPROVEMENT, Word.IMPROVEMENT: Word.REGRESSION}


def changes(base: Arm, candidate: Arm, **options):  # type: ignore[no-untyped-def]
    made = judge_changes(base, candidate, settled(base, candidate), **options)
    return {change.metric: change for change in made}


def outcome(base: Arm | None, candidate: Arm | None, **options):  # type: ignore[no-untyped-def]
    comparison = settled(base, candidate) if base is not None and candidate is not None else None
    return outcome_of(SERIES, base, candidate, comparison, options.pop("stage", ""), series_id="77", **options)


def test_one_build_against_itself_is_known() -> None:
    assert outcome(arm(), arm(CANDIDATE)).same_build
    other = arm(CANDIDATE)
    assert not outcome(arm(), replace(other, row=replace(other.row, model_sha256="cd" * 32))).same_build
    assert not outcome(arm(), None).same_build


def test_every_metric_is_judged_the_latency_first() -> None:
    base = arm(accuracy=score(0.70))
    candidate = arm(
        CANDIDATE,
        [1.06 * value for value in spread(12, 20.0, 0.003, seed=1)],
        init_ms=spread(12, 45.0),
        first_ms=spread(12, 20.0),
        rss_mib=60.0,
        file=replace(FILE, size_bytes=3_000_000),
        accuracy=score(0.50),
    )
    found = changes(base, candidate)
    assert tuple(found) == METRICS
    assert {name: change.verdict for name, change in found.items()} == {
        "latency": Word.REGRESSION,
        "init": Word.REGRESSION,
        "first_inference": Word.IMPROVEMENT,
        "peak_rss": Word.REGRESSION,
        "pss": Word.SAME,
        "model_size": Word.IMPROVEMENT,
        "accuracy": Word.REGRESSION,
    }
    tested = ("latency", "init", "first_inference", "accuracy")
    assert all(found[name].mde > 0 for name in tested)


def test_stored_rows_get_verdicts_on_nothing_that_drifts() -> None:
    base, candidate = pair(1.5, init_ms=spread(12, 90.0), rss_mib=60.0)
    found = changes(base, candidate, interleaved=False)
    assert {name for name, change in found.items() if change.verdict is Word.INCONCLUSIVE} == {
        "latency",
        "init",
        "first_inference",
    }
    assert found["peak_rss"].verdict is Word.REGRESSION
    assert judge_changes(base, candidate, None, interleaved=False) == tuple(found.values())


def test_what_neither_arm_has_is_no_metric() -> None:
    nothing = {"rss_mib": None, "pss_mib": None, "init_ms": [None] * 12, "first_ms": [None] * 12, "file": None}
    assert tuple(changes(arm(**nothing), arm(CANDIDATE, **nothing))) == ("latency",)


def test_a_wrong_row_loses_on_every_time_and_on_accuracy() -> None:
    wrong = {"verdict": Verdict.WRONG_OUTPUT, "reasons": "the cosine is 0.2"}
    found = changes(*pair(0.5, init_ms=[1.0] * 12, first_ms=[1.0] * 12, row=wrong))
    assert {found[name].verdict for name in METRICS[:3]} == {Word.NOT_COMPARABLE}
    assert found["accuracy"].verdict is Word.REGRESSION
    assert outcome(*pair(0.5, row=wrong)).verdict is Word.REGRESSION


def test_an_outcome_tells_all() -> None:
    base, candidate = pair(1.08, row={"model_sha256": "cd" * 32})
    found = outcome(base, candidate, stage="confirmation")
    assert (found.series, found.series_id, found.stage) == (SERIES, "77", "confirmation")
    assert (found.model, found.variant, found.backend) == ("mobilenet_v2", "int8", "cpu xnnpack")
    assert (found.device_id, found.device_model) == ("adb-1", "Pixel 8")
    assert (found.base_case_id, found.candidate_case_id) == (base.case.case_id, candidate.case.case_id)
    assert (found.base_status, found.candidate_status, found.interleaved) == ("DONE", "DONE", True)
    assert found.latency is not None
    assert found.latency.verdict is Word.REGRESSION
    assert [difference.name for difference in found.differs] == ["model file"]
    assert (found.verdict, found.notes) == (Word.REGRESSION, ())


def test_causes_are_weighed_by_the_paired_ratio_and_not_by_that_of_the_rows() -> None:
    base, candidate = pair(1.08, row={"partitions": 5, "latency_p50_ms": 15.0})
    (partitions,) = outcome(base, candidate).differs
    assert partitions.likelihood > 0


def test_a_device_in_quarantine_has_no_verdicts_on_its_times() -> None:
    base, candidate = pair(1.08, init_ms=spread(12, 90.0), rss_mib=60.0)
    found = outcome(base, candidate, quarantine="4 of 20 A/A comparisons raised a false alarm")
    held = {change.metric: change for change in found.changes}
    for name in METRICS[:3]:
        assert held[name].verdict is Word.INCONCLUSIVE
        assert held[name].note.startswith("the device is in quarantine: 4 of 20 A/A comparisons raised a false alarm")
    assert "it would be REGRESSION" in held["latency"].note
    assert "it would be SAME" in held["first_inference"].note
    assert held["latency"].ratio == pytest.approx(1.08, rel=0.01)
    assert held["peak_rss"].verdict is Word.REGRESSION
    assert found.notes == ("the device is in quarantine: 4 of 20 A/A comparisons raised a false alarm",)


def test_a_failed_and_a_missing_arm() -> None:
    failed = {"status": Status.TIMEOUT, "verdict": None, "reasons": "no answer", "latency_p50_ms": None}
    found = outcome(*pair(row=failed))
    assert (found.base_status, found.candidate_status, found.verdict) == ("DONE", "TIMEOUT", Word.NOT_COMPARABLE)
    base, candidate = pair()
    gone = outcome(base, None)
    assert (gone.base_status, gone.candidate_status, gone.candidate_case_id) == ("DONE", "", "")
    assert (gone.verdict, gone.notes) == (Word.NOT_COMPARABLE, ("the candidate has no row",))
    new = outcome(None, candidate)
    assert (new.base_case_id, new.candidate_status, new.notes) == ("", "DONE", ("the base has no row",))
    with pytest.raises(ValueError, match="neither a base nor a candidate"):
        outcome(None, None)


def test_what_makes_arms_unlike_is_among_the_notes() -> None:
    base, candidate = pair()
    base = replace(base, measure=MeasureSettings())
    candidate = replace(candidate, measure=MeasureSettings(max_s=1.0))
    assert outcome(base, candidate).notes == ("the protocol's max_s differs: 10 and 1",)


# ---- what must hold for any pair -------------------------------------------------------------------------------------

RATIOS = st.sampled_from([0.7, 0.9, 0.97, 1.0, 1.03, 1.1, 1.4])
NOISE = st.sampled_from([0.001, 0.01, 0.05])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Arm, Arm]:
    """Two arms of one device, whose every metric may have changed, or be missing."""
    blocks = draw(st.sampled_from([2, 5, 8, 12, 13]))
    noise, seed = draw(NOISE), draw(st.integers(0, 99))

    def values(level: float, number: int, missing: bool) -> list[float | None]:
        return [None] * blocks if missing else list(spread(blocks, level, noise, seed=10 * seed + number))

    made = []
    for number, name in enumerate(("base", CANDIDATE)):
        ratio = [1.0] * 6 if number == 0 else [draw(RATIOS) for _ in range(6)]
        missing = [draw(st.integers(0, 9)) == 0 for _ in range(5)]
        accuracy = score(0.7 / ratio[5] if ratio[5] > 1 else 0.7 * ratio[5])
        made.append(
            arm(
                name,
                [ratio[0] * value for value in spread(blocks, 20.0, noise, seed=10 * seed + number)],
                init_ms=values(30.0 * ratio[1], 2 + number, missing[0]),
                first_ms=values(1.5 * ratio[2], 4 + number, missing[1]),
                rss_mib=None if missing[2] else 40.0 * ratio[3],
                file=None if missing[3] else replace(FILE, size_bytes=round(3_500_000 * ratio[4])),
                accuracy=None if missing[4] else accuracy,
            )
        )
    return made[0], made[1]


@settings(max_examples=150, deadline=None)
@given(pairs())
def test_swapping_the_arms_turns_every_verdict_round(both: tuple[Arm, Arm]) -> None:
    there, back = changes(*both), changes(*reversed(both))
    assert there.keys() == back.keys()
    for name, change in there.items():
        other = back[name]
        assert on_the_edge(change) or other.verdict is OPPOSITE.get(change.verdict, change.verdict), name
        assert (other.base, other.candidate) == (change.candidate, change.base)
        if change.ratio is not None:
            assert other.ratio == pytest.approx(1 / change.ratio)
        if change.ci_low is not None and change.ci_high is not None:
            ends = (-change.ci_high, -change.ci_low) if name == "accuracy" else (1 / change.ci_high, 1 / change.ci_low)
            assert (other.ci_low, other.ci_high) == pytest.approx(ends, rel=1e-9, abs=1e-12)
        assert other.mde == (None if change.mde is None else pytest.approx(change.mde))


@settings(max_examples=60, deadline=None)
@given(pairs(), st.sampled_from([2.0, 7.5, 40.0]))
def test_a_slower_device_changes_no_verdict(both: tuple[Arm, Arm], factor: float) -> None:
    """Both arms scaled alike; upwards, where nothing that counts becomes too short to count."""
    before, after = changes(*both), changes(*(scaled(one, factor) for one in both))
    for name, change in before.items():
        if name in ("init", "first_inference") and "never counts" in change.note:
            continue
        assert after[name].verdict is change.verdict, name
        assert after[name].ratio == (None if change.ratio is None else pytest.approx(change.ratio))


@settings(max_examples=100, deadline=None)
@given(pairs(), st.booleans())
def test_what_is_missing_is_never_a_zero(both: tuple[Arm, Arm], interleaved: bool) -> None:
    for name, change in changes(*both, interleaved=interleaved).items():
        figures = (change.base, change.candidate, change.ratio, change.mde, change.min_effect)
        assert all(value is None or (value > 0 and math.isfinite(value)) for value in figures), name
        known = change.base is not None and change.candidate is not None
        if not known:
            assert change.verdict is Word.INCONCLUSIVE, name
            assert change.ratio is None
            assert change.note
        assert change.verdict in (Word.REGRESSION, Word.IMPROVEMENT, Word.SAME) or change.note or change.mde


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.03, 0.1]))
def test_an_arm_against_itself_never_changed(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    medians = [float(value) for value in 20.0 * np.exp(rng.normal(0.0, noise, 12))]
    base, candidate = arm(medians_ms=medians, accuracy=score(0.7)), arm(CANDIDATE, medians, accuracy=score(0.7))
    for name, change in changes(base, candidate).items():
        assert change.verdict in (Word.SAME, Word.INCONCLUSIVE), name
    assert outcome(base, candidate).differs == ()


def on_the_edge(change: MetricChange) -> bool:
    """Whether the test's limits of +m and -m, which are no reciprocals, lie on both sides of the change."""
    if change.ratio is None or change.min_effect is None or change.p is None:
        return False
    return 1 + change.min_effect <= max(change.ratio, 1 / change.ratio) <= 1 / (1 - change.min_effect)


def scaled(one: Arm, factor: float) -> Arm:
    """The same on a device that is slower by `factor`."""

    def record(found: InvocationRecord) -> InvocationRecord:
        if found.purpose is not Purpose.TIMING:
            return found
        result = found.result
        assert result.tool is not None
        tool = replace(result.tool, avg_us=factor * result.tool.avg_us, median_us=factor * (result.tool.median_us or 0))
        times = {
            name: None if getattr(result, name) is None else factor * getattr(result, name)
            for name in ("init_us", "first_inference_us")
        }
        return replace(found, result=replace(result, tool=tool, **times))

    columns = ("latency_p50_ms", "latency_ci_low_ms", "latency_ci_high_ms", "init_ms", "first_inference_ms")
    row = {name: None if getattr(one.row, name) is None else factor * getattr(one.row, name) for name in columns}
    return replace(one, row=replace(one.row, **row), records=tuple(map(record, one.records)))
