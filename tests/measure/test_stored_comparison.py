"""Two stored runs side by side: what stands out, and never a verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.measure.stored_comparison import METRICS, StoredComparison, StoredRuns, compare_stored
from harness.measure.stored_rows import Matched
from tests.measure.matrices import RUN
from tests.measure.test_stored_rows import Key


def compared(count: int = 3, **parts: Any) -> StoredComparison:
    keys = parts.pop("keys", None) or [(Key(f"c{place}", place), Key(f"c{place}", place)) for place in range(count)]
    values = {name: (np.array(a, float), np.array(b, float)) for name, (a, b) in parts.pop("values", {}).items()}
    return compare_stored(StoredRuns(RUN, RUN, Matched(tuple(keys)), values, **parts))


def latencies(a: list[float], b: list[float], half: float = 0.005) -> dict[tuple[str, str], Any]:
    ends = {
        end: (np.array(a) * factor, np.array(b) * factor)
        for end, factor in (("ci_low", 1 - half), ("ci_high", 1 + half))
    }
    return {("latency", "p50"): (a, b), **{("latency", end): pair for end, pair in ends.items()}}


def metric(found: StoredComparison, name: str) -> Any:
    return next(column for column in found.columns if column.metric.name == name)


def test_a_latency_stands_out_when_intervals_are_apart_the_largest_first() -> None:
    found = compared(values=latencies([10, 10, 10], [10.5, 10.05, 8]))
    assert found.changed == (2, 0)
    assert found.unchanged == 1
    assert found.compared == 3
    assert found.geometric_mean == pytest.approx((1.05 * 1.005 * 0.8) ** (1 / 3))
    assert compared(values=latencies([10, 10, 10], [10.5, 10.05, 8], half=0.2)).changed == ()


@pytest.mark.parametrize(
    ("name", "stat", "base", "candidate", "apart"),
    [
        ("init", "p50", 100.0, 112.0, True),
        ("init", "p50", 100.0, 108.0, False),
        ("init", "p50", 0.5, 0.9, False),  # less than a millisecond
        ("first_inference", "p50", 1.0, 1.3, True),
        ("peak_rss", "value", 100.0, 106.0, True),
        ("peak_rss", "value", 20.0, 21.5, False),  # less than 2 MiB
        ("peak_rss", "value", 100.0, 104.0, False),
        ("model_size", "value", 4.0, 4.1, True),
        ("model_size", "value", 4.0, 4.01, False),
        ("accuracy", "value", 0.9, 0.9 + 1e-13, False),
        ("accuracy", "value", 0.9, 0.899, True),
    ],
)
def test_each_metric_has_its_own_rule(name: str, stat: str, base: float, candidate: float, apart: bool) -> None:
    found = compared(1, values={(name, stat): ([base], [candidate])})
    assert bool(metric(found, name).apart[0]) is apart
    assert found.changed == ((0,) if apart else ())


def test_what_is_not_comparable_has_no_ratio_of_any_metric() -> None:
    values = latencies([10, 10], [20, 20]) | {("peak_rss", "value"): ([10, 10], [50, 50])}
    found = compared(2, values=values, reasons={1: ("the device differs",)})
    assert np.isnan(metric(found, "latency").ratio[1])
    assert np.isnan(metric(found, "peak_rss").ratio[1])
    assert found.changed == (0,)
    assert found.unchanged == 0


def test_accuracies_of_other_data_are_not_compared() -> None:
    found = compared(2, values={("accuracy", "value"): ([0.9, 0.9], [0.5, 0.5])}, other_data=frozenset({0}))
    assert found.changed == (1,)
    assert np.isnan(metric(found, "accuracy").ratio[0])


def test_rows_that_fail_or_pass_anew_are_told_and_not_compared() -> None:
    keys = [
        (Key("a", 1), Key("a", 1, "CRASHED", "")),
        (Key("b", 2, "FAILED", ""), Key("b", 2)),
        (Key("c", 3), Key("c", 3)),
    ]
    found = compared(keys=keys, values=latencies([10, np.nan, 10], [np.nan, 10, 10]))
    assert (found.newly_failing, found.newly_passing, found.changed, found.unchanged) == ((0,), (1,), (), 1)


def test_the_speed_of_wrong_outputs_means_nothing() -> None:
    keys = [(Key("a", 1), Key("a", 1, verdict="WRONG_OUTPUT"))]
    found = compared(keys=keys, values=latencies([10], [1]) | {("model_size", "value"): ([4.0], [1.0])})
    assert np.isnan(metric(found, "latency").ratio[0])
    assert found.changed == (0,)  # its size is what it is


def test_outputs_that_became_wrong_are_a_failure_and_never_unchanged() -> None:
    wrong = {"verdict": "WRONG_OUTPUT"}
    keys = [
        (Key("a", 1), Key("a", 1, **wrong)),
        (Key("b", 2, **wrong), Key("b", 2)),
        (Key("c", 3, **wrong), Key("c", 3, **wrong)),
    ]
    found = compared(keys=keys, values=latencies([10, 10, 10], [10, 10, 10]))
    assert (found.newly_failing, found.newly_passing, found.unchanged) == ((0,), (1,), 1)


def test_two_runs_without_a_common_row() -> None:
    found = compared(0)
    assert found.pairs == ()
    assert found.compared == 0
    assert np.isnan(found.geometric_mean)
    assert len(found.columns) == len(METRICS)
