"""First minute, settled, and what lies between: on passes whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness.domain import Evidence, InvocationRecord, InvocationResult, Purpose, Status, SustainedSlice, ToolTiming
from harness.measure.sustained import (
    FIRST_S,
    is_complete,
    last_pass,
    pass_failure,
    sustained_of,
    unsettled_note,
)

STEP_S, BUSY_S = 10.0, 9.5


def slices(
    medians_ms: Sequence[float],
    *,
    step_s: float = STEP_S,
    busy_s: float = BUSY_S,
    wanted_s: float | None = None,
    attempt: int = 0,
    seen: Callable[[int], Evidence] = lambda index: Evidence(),
) -> list[InvocationRecord]:
    """One pass: a slice of `step_s` for each median; it is complete unless more is wanted."""
    wanted_s = step_s * len(medians_ms) if wanted_s is None else wanted_s
    made = []
    for index, median_ms in enumerate(medians_ms):
        place = SustainedSlice(index * step_s, (index + 1) * step_s, busy_s, 900, wanted_s)
        samples = np.full(40, round(median_ms * 1e6), np.int64)
        result = InvocationResult(Status.DONE, samples_ns=samples, evidence=seen(index), sustained=place)
        made.append(InvocationRecord("c", Purpose.SUSTAINED, index, 0, attempt, "2026-01-01T00:00:00Z", result))
    return made


def noisy(levels_ms: Sequence[float], spread: float = 0.005, seed: int = 1) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(level * np.exp(rng.normal(0.0, spread))) for level in levels_ms]


def heating(slow: float = 1.3, from_slice: int = 30, to_slice: int = 60, count: int = 120) -> list[float]:
    """10 ms, then a rise between two slices, then `slow` times that."""
    shares = np.clip((np.arange(count) - from_slice) / (to_slice - from_slice), 0.0, 1.0)
    return [float(10.0 * slow**share) for share in shares]


def test_a_pass_that_slows_and_settles_says_from_what_to_what_and_when() -> None:
    found = sustained_of(slices(noisy(heating())))
    assert found is not None
    assert (found.wanted_s, found.duration_s, found.first_s) == (1200.0, 1200.0, FIRST_S)
    assert found.first.ms == pytest.approx(10.0, rel=0.01)
    assert found.settled_ms == pytest.approx(13.0, rel=0.01)
    assert found.ratio == pytest.approx(1.3, rel=0.01)
    assert found.ratio_low < 1.3 < found.ratio_high < 1.02 * found.ratio_low
    assert found.first.slices == 6
    assert found.last.slices == 40
    assert 310 <= (found.slowed_after_s or 0) <= 350, "the rise begins at 300 s and has passed 2 % by 330 s"
    assert 550 <= (found.settled_after_s or 0) <= 600, "it is within 2 % of its end at 580 s"
    assert found.duty == pytest.approx(0.95)
    assert unsettled_note(found) == ""


def test_a_flat_pass_never_slowed_and_is_settled_from_the_start() -> None:
    found = sustained_of(slices(noisy([10.0] * 60, 0.01)))
    assert found is not None
    assert found.settled
    assert (found.slowed_after_s, found.settled_after_s) == (None, 0.0)


@pytest.mark.slow
def test_the_interval_of_the_ratio_holds_the_truth_as_often_as_it_says() -> None:
    made = [sustained_of(slices(noisy(heating(1.3, 20, 21, 60), 0.02, seed))) for seed in range(200)]
    assert 180 <= sum(one is not None and one.ratio_low < 1.3 < one.ratio_high for one in made) <= 199


def test_flat_passes_are_called_settled_and_rising_ones_are_not() -> None:
    flat = [sustained_of(slices(noisy([10.0] * count, 0.015, seed))) for seed in range(40) for count in (12, 60)]
    assert sum(one is not None and one.settled for one in flat) >= 75
    rises = [sustained_of(slices(noisy(heating(1.5, 0, 60, 60), 0.015, seed))) for seed in range(40)]
    assert not any(one is not None and one.settled for one in rises)


def test_what_still_changes_at_the_end_is_not_settled_and_gives_no_settled_figure() -> None:
    found = sustained_of(slices(noisy(heating(1.4, 10, 120))))
    assert found is not None
    assert not found.settled
    assert (found.settled_ms, found.settled_after_s) == (None, None)
    assert found.drift == pytest.approx(0.13, abs=0.03)
    note = unsettled_note(found)
    assert note.startswith("sustained: not settled within 20 min 00 s: the last third changed by +1")
    assert "times the first 1 min 00 s" in note


def test_a_step_late_in_a_short_pass_is_not_settled() -> None:
    found = sustained_of(slices([10.0] * 10 + [13.0] * 2, step_s=3.3))
    assert found is not None
    assert not found.settled


def test_noise_alone_does_not_unsettle_but_widens_the_interval() -> None:
    found = sustained_of(slices(noisy([10.0] * 12, 0.08, seed=3), step_s=3.3))
    assert found is not None
    assert found.ratio_high / found.ratio_low > 1.1


def test_a_short_pass_takes_its_first_quarter_for_the_first_minute() -> None:
    found = sustained_of(slices(heating(1.3, 3, 5, 12), step_s=4.0))
    assert found is not None
    assert (found.first_s, found.first.slices, found.last.slices) == (12.0, 3, 4)
    assert found.ratio == pytest.approx(1.3)


def test_one_wild_slice_moves_nothing() -> None:
    medians = noisy([10.0] * 60)
    calm, wild = sustained_of(slices(medians)), sustained_of(slices([*medians[:50], 40.0, *medians[51:]]))
    assert calm is not None
    assert wild is not None
    assert wild.settled
    assert wild.last.ms == pytest.approx(calm.last.ms, rel=0.005)


def test_clock_temperature_and_thermal_status_are_told_of_both_ends() -> None:
    def seen(index: int) -> Evidence:
        hot = index >= 30
        return Evidence(
            clock_start_ghz=2.0 if hot else 3.0,
            clock_end_ghz=2.0 if hot else 3.0,
            clock_share=0.6 if hot else 0.9,
            temp_end_c=30.0 + index / 2,
            thermal_status=2 if index >= 40 else 0,
            notes=("the temperature is that of cpu0", f"busy for {index} %"),
        )

    found = sustained_of(slices(heating(1.5, 29, 30, 60), seen=seen))
    assert found is not None
    assert (found.first.clock_ghz, found.last.clock_ghz) == (3.0, 2.0)
    assert found.clock_ratio == pytest.approx(0.6 / 0.9)
    assert (found.first.temp_c, found.last.temp_c) == (31.25, 54.75)
    assert (found.thermal_status, found.hot_after_s) == (2, 400.0)
    assert set(found.notes) == {"the temperature is that of cpu0", "busy for 0 %"}
    silent = sustained_of(slices([10.0] * 12))
    assert silent is not None
    assert (silent.clock_ratio, silent.thermal_status, silent.hot_after_s) == (None, None, None)


def test_a_tool_that_keeps_its_samples_counts_by_its_own_figures() -> None:
    records = [
        replace(one, result=replace(one.result, samples_ns=None, tool=ToolTiming(50, 12_000.0, median_us=11_000.0)))
        for one in slices([10.0] * 12)
    ]
    found = sustained_of(records)
    assert found is not None
    assert found.first.ms == pytest.approx(11.0)
    assert found.first.p90_ms is None


# ---- which slices count ----------------------------------------------------------------------------------------------


def test_only_the_last_pass_counts() -> None:
    broken, whole = slices([99.0] * 5, wanted_s=1200.0), slices(noisy([10.0] * 12), attempt=1)
    found = sustained_of([*whole[6:], *broken, *whole[:6]])
    assert found is not None
    assert len(found.points) == 12
    assert found.first.ms == pytest.approx(10.0, rel=0.02)
    assert [record.block for record in last_pass([*whole, *broken])] == list(range(12))


def test_a_pass_that_was_broken_off_gives_nothing_and_says_so() -> None:
    broken = slices([10.0] * 20, wanted_s=1200.0)
    assert not is_complete(broken)
    assert sustained_of(broken) is None
    assert pass_failure(broken) == "the sustained pass was broken off after 3 min 20 s and does not count"


def test_a_pass_that_failed_says_how() -> None:
    made = slices([10.0] * 20)
    crashed = replace(made[-1].result, status=Status.CRASHED, error="ended by\nSIGSEGV", samples_ns=None)
    failed = [*made[:-1], replace(made[-1], result=crashed)]
    assert sustained_of(failed) is None
    assert pass_failure(failed) == "the sustained pass failed after 3 min 20 s (CRASHED): ended by SIGSEGV"


def test_too_few_slices_say_nothing() -> None:
    few = slices([10.0] * 5, step_s=30.0)
    assert sustained_of(few) is None
    assert "5 slices, 6 are the least" in pass_failure(few)


def test_nothing_is_made_of_nothing() -> None:
    timing = [replace(one, purpose=Purpose.TIMING) for one in slices([10.0] * 12)]
    assert (sustained_of([]), sustained_of(timing), pass_failure(timing), last_pass(timing)) == (None, None, "", ())
    assert pass_failure(slices([10.0] * 12)) == ""
