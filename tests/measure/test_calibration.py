"""What A/A comparisons say of a device."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.domain import ComparisonVerdict, NoiseRecord
from harness.measure.calibration import (
    ClassEvidence,
    blocks_for,
    expected_seconds,
    false_positive_check,
    noise_floor,
    profile_of,
)
from harness.measure.simulator import SimulatedDevice, simulate_session, verdict_counts
from harness.measure.stopping import FixedBlocks
from harness.measure.variance import ProcessSpread

REGRESSION, IMPROVEMENT, SAME = ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT, ComparisonVerdict.SAME
AT = "2026-07-01T00:00:00+00:00"


def record(
    number: int,
    effect: float = 0.0,
    verdict: ComparisonVerdict = SAME,
    *,
    device_id: str = "phone",
    model_class: str = "cpu 1 to 10 ms",
    series: str = "",
) -> NoiseRecord:
    at = f"2026-06-{number // 24 + 1:02}T{number % 24:02}:00:00+00:00"
    return NoiseRecord(
        device_id, model_class, at, f"run{number}", series or model_class, effect, verdict, 8, "calibrate"
    )


# ---- the noise floor -------------------------------------------------------------------------------------------------


def test_of_many_comparisons_it_is_the_99th_percentile_of_either_direction() -> None:
    effects = np.random.default_rng(1).normal(0.0, 0.02, 5000)
    found = noise_floor(effects.tolist())
    assert found.value == found.measured == pytest.approx(2.576 * 0.02, rel=0.1)
    assert "99th percentile of 5000" in found.method
    assert noise_floor([-effect for effect in [0.0] * 95 + [0.3] * 5]).value == pytest.approx(1 / 0.7 - 1)


def test_of_fewer_than_100_it_is_robust_against_single_ones() -> None:
    effects = [*np.random.default_rng(2).normal(0.0, 0.02, 97).tolist(), 0.9, 1.5]
    found = noise_floor(effects)
    assert found.measured == pytest.approx(2.576 * 0.02, rel=0.25)
    assert "99 A/A comparisons" in found.method
    assert "robust" in found.method
    assert noise_floor([*effects, 0.9]).value > 0.3, "from 100 on the percentile tells them"


def test_a_shift_of_all_comparisons_is_noise_too() -> None:
    assert noise_floor([0.05] * 30).value > 0.1


def test_of_very_few_it_is_the_largest_seen() -> None:
    found = noise_floor([0.01, -0.05, 0.02])
    assert found.value == pytest.approx(1 / 0.95 - 1)
    assert "too few" in found.method


def test_it_never_falls_below_the_least_change_that_counts() -> None:
    quiet = noise_floor([0.001] * 50)
    assert quiet.value == 0.02
    assert quiet.measured == pytest.approx(2.576 * 1.4826 * 0.001, rel=0.01)
    assert noise_floor([]).value == 0.02
    assert noise_floor([]).measured is None
    assert noise_floor([0.001] * 50, minimum=0.01).value == 0.01


@pytest.mark.parametrize("effect", [float("nan"), float("inf"), -1.0])
def test_what_is_no_effect_is_refused(effect: float) -> None:
    with pytest.raises(ValueError, match="effect"):
        noise_floor([0.01, effect])


# ---- the check -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alarms", "count", "quarantined"), [(0, 100, False), (8, 100, False), (9, 100, True)])
def test_a_device_that_cries_wolf_is_quarantined(alarms: int, count: int, quarantined: bool) -> None:
    """scipy.stats.binomtest(8, 100, 0.03, "greater") is 0.0106, of 9 it is 0.0032."""
    verdicts = [REGRESSION if number % 2 else IMPROVEMENT for number in range(alarms)] + [SAME] * (count - alarms)
    reason = false_positive_check([record(number, verdict=verdict) for number, verdict in enumerate(verdicts)])
    assert bool(reason) is quarantined
    if reason:
        assert f"{alarms} of its last {count}" in reason


def test_few_comparisons_need_more_than_one_alarm() -> None:
    assert not false_positive_check([])
    assert not false_positive_check([record(0, verdict=REGRESSION)])
    assert false_positive_check([record(number, verdict=REGRESSION) for number in range(2)])


def test_only_the_last_100_comparisons_count() -> None:
    old = [record(number, verdict=REGRESSION) for number in range(50)]
    new = [record(50 + number) for number in range(100)]
    assert not false_positive_check([*new, *old])
    assert false_positive_check([*new[:90], *old])


# ---- the profile -----------------------------------------------------------------------------------------------------


def evidence(process_sd: float = 0.015, blocks: int = 240) -> ClassEvidence:
    levels = np.random.default_rng(4).normal(0.0, process_sd, (blocks, 2))
    pairs = tuple(
        (ProcessSpread(100, float(a), 0.0, 0.0, 1.0), ProcessSpread(100, float(b), 0.0, 0.0, 1.0)) for a, b in levels
    )
    return ClassEvidence(pairs, tuple((levels[:, 1] - levels[:, 0]).tolist()), 0.020, 3.0, 1.0, 2.0)


def test_a_profile_has_the_classes_of_its_device_alone() -> None:
    noise = [
        *(record(number, 0.03) for number in range(20)),
        *(record(number, 0.01, REGRESSION, model_class="gpu 1 to 10 ms") for number in range(1)),
        *(record(number, 9.0, device_id="other") for number in range(20)),
    ]
    profile = profile_of("phone", "build 7", noise, {"cpu 1 to 10 ms": evidence()}, AT)
    assert (profile.device_id, profile.os_build, profile.at, profile.quarantine) == ("phone", "build 7", AT, "")
    cpu, gpu = profile.classes
    assert (cpu.model_class, cpu.comparisons, cpu.false_alarms) == ("cpu 1 to 10 ms", 20, 0)
    assert cpu.noise_floor == pytest.approx(noise_floor([0.03] * 20).value)
    assert cpu.process_sd == pytest.approx(0.015, rel=0.15)
    assert (cpu.inference_s, cpu.invocation_s) == (0.020, 3.0)
    assert (gpu.model_class, gpu.comparisons, gpu.false_alarms, gpu.process_sd) == ("gpu 1 to 10 ms", 1, 1, None)
    assert gpu.seconds_for == ()


def test_classes_are_ordered_by_backend_and_latency() -> None:
    names = ("cpu 10 to 100 ms", "cpu under 0.1 ms", "gpu 1 to 10 ms", "cpu 1 to 10 ms")
    profile = profile_of("phone", "", [record(0, model_class=name) for name in names], {}, AT)
    assert [one.model_class for one in profile.classes] == [names[1], names[3], names[0], names[2]]


def test_a_series_has_one_class_that_of_most_of_its_comparisons() -> None:
    names = ["cpu 1 to 10 ms"] * 3 + ["cpu 0.1 to 1 ms"] * 2
    noise = [record(number, model_class=name, series="m") for number, name in enumerate(names)]
    (one,) = profile_of("phone", "", noise, {}, AT).classes
    assert (one.model_class, one.comparisons) == ("cpu 1 to 10 ms", 5)


def test_a_device_that_cries_wolf_has_it_in_its_profile() -> None:
    noise = [record(number, 0.1, REGRESSION) for number in range(10)]
    assert "10 of its last 10" in profile_of("phone", "", noise, {}, AT).quarantine


def test_device_time_falls_with_the_effect_and_grows_with_the_noise() -> None:
    """A block is two invocations of 6 s: 8 blocks at least are 96 s, 30 at most 360 s."""
    profile = profile_of("phone", "", [record(0)], {"cpu 1 to 10 ms": evidence()}, AT)
    times = dict(profile.classes[0].seconds_for)
    assert set(times) == {0.0, 0.02, 0.03, 0.05, 0.10}
    assert 96.0 <= times[0.10] < times[0.05] < times[0.03] <= 360.0
    noisy = dict(profile_of("phone", "", [], {"cpu 1 to 10 ms": evidence(0.03)}, AT).classes[0].seconds_for)
    assert noisy[0.05] > times[0.05]
    assert noisy[0.0] > times[0.0]


def test_device_time_needs_some_blocks() -> None:
    assert expected_seconds([0.01] * 7, 12.0, 0.05) is None
    quiet = np.linspace(-0.001, 0.001, 100).tolist()
    assert expected_seconds(quiet, 12.0, 0.10) == pytest.approx(8 * 12.0)
    assert expected_seconds(quiet[:8], 12.0, 0.10) == expected_seconds(quiet[:8], 12.0, 0.10)


def test_a_higher_floor_asks_for_more_or_fewer_blocks() -> None:
    spread = evidence(0.02).differences
    assert expected_seconds(spread, 12.0, 0.0, 0.06) < expected_seconds(spread, 12.0, 0.0, 0.02)  # type: ignore[operator]


def test_blocks_that_find_a_change_are_enough_on_the_simulated_device() -> None:
    """On a device with bursts: of other sessions as many as nine in ten, less what 100 draws may miss."""
    differences = simulated_differences(SimulatedDevice())
    blocks = blocks_for(differences, 0.05)
    assert blocks is not None
    assert 9 <= blocks <= 18
    counts = verdict_counts(3, SimulatedDevice(), 200, blocks, 0.05, FixedBlocks(blocks))
    assert 0.82 <= counts[REGRESSION] / 200 <= 0.98


def test_blocks_grow_with_the_noise_and_fall_with_the_change() -> None:
    quiet, noisy = simulated_differences(SimulatedDevice()), simulated_differences(SimulatedDevice().noisy())
    assert blocks_for(quiet, 0.10) == 8
    usual = blocks_for(quiet, 0.05)
    assert usual is not None
    assert (blocks_for(noisy, 0.05) or 0) > 1.5 * usual
    assert (blocks_for(quiet, 0.05, 0.04) or 999) > usual


def test_a_change_that_does_not_exceed_the_least_that_counts_is_never_found() -> None:
    quiet = np.linspace(-0.001, 0.001, 100).tolist()
    assert blocks_for(quiet, 0.02) is None
    assert blocks_for(quiet, 0.05, 0.05) is None
    assert blocks_for(quiet[:7], 0.05) is None
    assert blocks_for(np.linspace(-1.0, 1.0, 100).tolist(), 0.03) is None


def simulated_differences(device: SimulatedDevice) -> list[float]:
    rng = np.random.default_rng(6)
    sessions = [simulate_session(rng, device, 8) for _ in range(30)]
    return [math.log(b.median_ms / a.median_ms) for one in sessions for a, b in zip(one.arm_a, one.arm_b, strict=True)]
