from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from harness.domain import Baseline, BaselineLink, ContextDifference, DatedOutcome
from harness.measure.creep import LEAST_NIGHTS
from harness.measure.history import series_histories
from harness.measure.history_series import NightContext, SeriesHistory
from tests.measure.histories import SERIES, at, nights, noise, outcome


def only(found: Sequence[SeriesHistory]) -> SeriesHistory:
    assert len(found) == 1
    return found[0]


def steady(count: int, seed: int = 1, spread: float = 0.01) -> list[float]:
    return noise(np.random.default_rng(seed), count, spread=spread)


def pinned(night: int, ratio: float | None, name: str = "farm", sweep: str = "farm") -> Baseline:
    found = outcome()
    links = () if ratio is None else (BaselineLink(found.series_id, SERIES, "phone-a", ratio, None, None, "link"),)
    return Baseline(name, at(night).replace("T02", "T01"), sweep, "{}", links=links)


# ---- states ----------------------------------------------------------------------------------------------------------


def test_a_steady_series_is_steady() -> None:
    found = only(series_histories(nights(steady(100))))
    assert (found.state, found.changes, len(found.points), found.words()) == ("steady", (), 100, "steady")
    assert (found.series, found.device_id, found.without_ratio) == (SERIES, "phone-a", 0)


def test_too_few_nights_say_how_many_there_are() -> None:
    found = only(series_histories(nights(steady(LEAST_NIGHTS - 1))))
    assert found.state == "too few nights"
    assert found.words() == f"{LEAST_NIGHTS - 1} of {LEAST_NIGHTS} nights"
    assert only(series_histories(nights(steady(LEAST_NIGHTS)))).state == "steady"


def test_a_step_is_told_with_its_range_of_nights() -> None:
    found = only(series_histories(nights([*steady(80), *(1.06 * one for one in steady(8, 2))])))
    (change,) = found.changes
    assert (found.state, change.current, found.slower) == ("stepped", True, True)
    assert change.first <= 80 <= change.last
    assert change.last - change.first <= 3
    assert 82 <= change.found <= 87
    assert change.shift == pytest.approx(0.06, abs=0.012)
    assert found.words().startswith("stepped +")
    assert "2026-03-2" in found.words()


def test_a_creep_is_told_from_a_step() -> None:
    ratios = [*steady(80), *((1 + 0.002 * index) * one for index, one in enumerate(steady(60, 2)))]
    found = only(series_histories(nights(ratios)))
    assert (found.state, found.slower) == ("creeping", True)
    assert "since about 2026-03" in found.words()


def test_getting_faster_is_a_change_but_not_slower() -> None:
    found = only(series_histories(nights([*steady(80), *(0.93 * one for one in steady(10, 2))])))
    assert (found.state, found.slower) == ("stepped", False)


def test_a_change_that_was_undone_says_from_when() -> None:
    ratios = [*steady(80), *(1.08 * one for one in steady(12, 2)), *steady(40, 3)]
    found = only(series_histories(nights(ratios)))
    (change,) = found.changes
    assert found.state == "steady"
    assert not change.current
    assert change.returned is not None
    assert abs(change.returned - 92) <= 1


def test_a_step_becomes_the_level_in_time_and_stays_in_the_record() -> None:
    found = only(series_histories(nights([*steady(80), *(1.06 * one for one in steady(80, 2))])))
    (change,) = found.changes
    assert (found.state, change.current, change.returned) == ("steady", False, None)


def test_nights_without_a_ratio_are_counted_and_left_out() -> None:
    ratios: list[float | None] = [*steady(40)]
    ratios[5] = ratios[9] = None
    ratios[7] = float("nan")
    found = only(series_histories(nights(ratios)))
    assert (len(found.points), found.without_ratio) == (37, 3)
    nothing = only(series_histories(nights([None] * 3)))
    assert (nothing.points, nothing.segments, nothing.state) == ((), (), "too few nights")
    assert nothing.words() == f"0 of {LEAST_NIGHTS} nights"


def test_series_and_devices_are_apart_and_nights_are_in_order() -> None:
    mixed = [*nights(steady(5)), *nights(steady(5), device_id="phone-b"), *nights(steady(5), series="m int8 · gpu")]
    found = series_histories(mixed[::-1])
    assert sorted((one.series, one.device_id) for one in found) == sorted(
        [(SERIES, "phone-a"), (SERIES, "phone-b"), ("m int8 · gpu", "phone-a")]
    )
    assert all([point.at for point in one.points] == [at(night) for night in range(5)] for one in found)


def test_the_record_of_a_night_does_not_depend_on_later_ones() -> None:
    """Stateless: what was steady up to a night stays so whatever follows."""
    ratios = [*steady(90), *(1.06 * one for one in steady(10, 2))]
    assert only(series_histories(nights(ratios[:90]))).changes == ()


# ---- references ------------------------------------------------------------------------------------------------------


def test_a_pinned_reference_with_a_link_carries_the_chain_on() -> None:
    """The candidate creeps up by 10 %, is pinned, and is 1.0 against itself: the level is still 1.1."""
    ratios = [*(1.10 * one for one in steady(50)), *steady(50, 2)]
    found = only(series_histories(nights(ratios), [pinned(0, None), pinned(50, 1.10)]))
    assert len(found.segments) == 1
    assert (found.state, found.changes) == ("steady", ())
    assert found.points[60].ratio == pytest.approx(1.10 * found.points[60].measured)
    assert found.points[60].ci_low == pytest.approx(0.99 * found.points[60].ratio)
    assert found.points[40].reference == f"farm of {at(0)[:10]}"
    assert found.points[60].reference == f"farm of {at(50)[:10]}"


def test_several_links_between_two_nights_are_multiplied() -> None:
    told = nights([1.0, 1.0])
    late = [told[0], DatedOutcome("later", at(9), told[1].outcome)]
    found = only(series_histories(late, [pinned(0, None), pinned(3, 1.1), pinned(5, 1.2)]))
    assert found.points[1].ratio == pytest.approx(1.32)


def test_a_reference_without_a_link_begins_a_segment() -> None:
    ratios = [*(1.10 * one for one in steady(50)), *steady(50, 2)]
    found = only(series_histories(nights(ratios), [pinned(0, None), pinned(50, None)]))
    assert [(one.start, one.end) for one in found.segments] == [(0, 50), (50, 100)]
    assert found.segments[1].reason == f"reference pinned anew on {at(50)[:10]} without a measured link"
    assert found.points[60].ratio == found.points[60].measured
    assert found.changes == ()


def test_references_of_other_sweeps_are_left_out() -> None:
    contexts = {(f"run-{index}", "candidate-1"): NightContext(sweep="farm") for index in range(100)}
    found = only(series_histories(nights(steady(100)), [pinned(50, None, "other", "other")], contexts))
    assert len(found.segments) == 1


def test_a_night_that_names_its_baseline_is_chained_over_that_one() -> None:
    contexts = {(f"run-{index}", "candidate-1"): NightContext(sweep="x", baseline="farm") for index in range(100)}
    found = only(
        series_histories(nights(steady(100)), [pinned(0, None), pinned(50, 1.2), pinned(60, None, "b")], contexts)
    )
    assert len(found.segments) == 1
    assert found.points[99].ratio == pytest.approx(1.2 * found.points[99].measured)


# ---- surroundings ----------------------------------------------------------------------------------------------------


def contexts_of(**changes: tuple[str, str]) -> dict[tuple[str, str], NightContext]:
    """100 nights in which these fields change at night 50."""
    return {
        (f"run-{index}", "candidate-1"): NightContext(**{name: pair[index >= 50] for name, pair in changes.items()})
        for index in range(100)
    }


@pytest.mark.parametrize("field", ["os_build", "protocol", "reference_runtime"])
def test_a_new_system_protocol_or_runtime_begins_a_segment(field: str) -> None:
    ratios = [*steady(50), *(1.06 * one for one in steady(50, 2))]
    found = only(series_histories(nights(ratios), (), contexts_of(**{field: ("one", "two")})))
    assert [one.start for one in found.segments] == [0, 50]
    assert found.segments[1].reason.endswith("one → two")
    assert found.points[49].segment == 0
    assert found.points[50].segment == 1
    assert (found.changes, found.state) == ((), "steady")


def test_what_is_not_known_begins_no_segment() -> None:
    found = only(series_histories(nights(steady(100)), (), contexts_of(os_build=("one", ""))))
    assert len(found.segments) == 1


def test_a_new_runtime_of_a_linked_reference_begins_no_segment() -> None:
    links = [pinned(0, None), pinned(50, 1.0)]
    found = only(series_histories(nights(steady(100)), links, contexts_of(reference_runtime=("one", "two"))))
    assert len(found.segments) == 1


def test_what_changed_in_the_candidate_is_the_cause_and_begins_no_segment() -> None:
    ratios = [*steady(50), *(1.06 * one for one in steady(50, 2))]
    stamps = contexts_of(candidate_runtime=("2.1", "2.2"), candidate_file=("aaa", "bbb"))
    found = only(series_histories(nights(ratios), (), stamps))
    assert len(found.segments) == 1
    assert found.changes[0].causes == ("model file aaa → bbb", "runtime 2.1 → 2.2")


def test_the_likeliest_difference_goes_with_each_night() -> None:
    differs = [ContextDifference("coverage", "full", "partial", 0.9), ContextDifference("clock", "1", "2", 0.1)]
    found = only(series_histories(nights([1.0], differs=differs)))
    assert found.points[0].cause == "coverage: full → partial"


def test_too_few_nights_of_a_segment_are_said() -> None:
    ratios = steady(60)
    found = only(series_histories(nights(ratios), (), contexts_of(os_build=("one", "two"))))
    assert found.words() == f"10 of {LEAST_NIGHTS} nights of the segment"


def test_other_metrics_have_a_history_of_their_own() -> None:
    found = only(series_histories(nights(steady(5), metric="init"), metric="init"))
    assert (found.metric, len(found.points)) == ("init", 5)
    assert only(series_histories(nights(steady(5), metric="init"))).points == ()


def test_a_link_of_the_latency_does_not_carry_other_metrics() -> None:
    found = only(series_histories(nights(steady(100), metric="init"), [pinned(0, 1.0), pinned(50, 1.1)], metric="init"))
    assert len(found.segments) == 2
