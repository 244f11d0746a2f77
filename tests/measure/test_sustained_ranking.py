"""Who leads first, and who when hot."""

from __future__ import annotations

from dataclasses import replace

from harness.domain import ResultRow, Verdict
from harness.measure.sustained import sustained_of
from harness.measure.sustained_ranking import SustainedRanking, ranking
from tests.measure.test_sustained import noisy, slices
from tests.report.factory import row


def hot(name: str, first_ms: float | None, settled_ms: float | None, **changes: object) -> ResultRow:
    return row(case_id=name, backend=name, sustained_first_ms=first_ms, sustained_settled_ms=settled_ms, **changes)


def only(*rows: ResultRow) -> SustainedRanking:
    (found,) = ranking(rows)
    return found


def names(rows: tuple[ResultRow, ...]) -> list[str]:
    return [one.case_id for one in rows]


def test_the_gpu_wins_the_first_minute_and_the_dsp_wins_settled() -> None:
    found = only(hot("cpu", 20.0, 26.0), hot("gpu", 10.0, 18.0), hot("dsp", 14.0, 14.2))
    assert names(found.first) == ["gpu", "dsp", "cpu"]
    assert names(found.settled) == ["dsp", "gpu", "cpu"]
    assert (names(found.first_leaders), names(found.settled_leaders)) == (["gpu"], ["dsp"])
    assert found.leader_changes
    assert [names(pair) for pair in found.swaps] == [["gpu", "dsp"]]


def test_what_lies_within_two_percent_is_level_and_changes_no_place() -> None:
    found = only(hot("a", 10.0, 12.0), hot("b", 10.1, 11.9))
    assert names(found.first_leaders) == ["a", "b"]
    assert set(names(found.settled_leaders)) == {"a", "b"}
    assert (found.swaps, found.leader_changes) == ((), False)


def test_a_lead_that_the_scatter_explains_is_none() -> None:
    passes = {
        "a": sustained_of(slices(noisy([10.0] * 12, 0.2, 1))),
        "b": sustained_of(slices(noisy([10.5] * 12, 0.2, 2))),
    }
    known = {name: one for name, one in passes.items() if one is not None}
    (found,) = ranking([hot("a", 10.0, 12.0), hot("b", 10.5, 11.0)], known)
    assert set(names(found.first_leaders)) == {"a", "b"}
    assert found.swaps == ()
    assert len(only(hot("a", 10.0, 12.0), hot("b", 10.5, 11.0)).swaps) == 1, "without intervals 2 % decide"


def test_what_did_not_settle_is_not_ranked_hot_and_is_named() -> None:
    found = only(hot("a", 10.0, None), hot("b", 12.0, 12.5))
    assert (names(found.settled), names(found.unsettled)) == (["b"], ["a"])
    assert found.swaps == ()
    nothing = only(hot("a", 10.0, None), hot("b", 12.0, None))
    assert (nothing.settled_leaders, nothing.leader_changes) == ((), False)


def test_fast_and_wrong_leads_nothing() -> None:
    wrong = hot("wrong", 1.0, 1.0, verdict=Verdict.WRONG_OUTPUT)
    fell = hot("fell", 2.0, 2.0, verdict=Verdict.FELL_BACK)
    found = only(wrong, fell, hot("throttled", 10.0, 20.0, verdict=Verdict.THROTTLED))
    assert names(found.first) == ["throttled"]
    assert names(found.left_out) == ["wrong", "fell"]
    assert only(wrong).first_leaders == ()


def test_models_and_devices_are_ranked_apart_and_rows_without_a_pass_not_at_all() -> None:
    phone = replace(hot("p", 10.0, 11.0), device_id="adb-2")
    found = ranking([hot("a", 10.0, 11.0), phone, hot("m", 9.0, 9.0, model="other"), hot("none", None, None)])
    assert [(one.model, names(one.first)) for one in found] == [
        ("digits_cnn", ["a"]),
        ("digits_cnn", ["p"]),
        ("other", ["m"]),
    ]
