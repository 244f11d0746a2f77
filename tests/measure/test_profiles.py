"""A device's profile put to use while it still holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.domain import ClassProfile, DeviceFacts, DeviceProfile
from harness.measure.profiles import in_force, model_class, quarantine_reason, startup_s, threshold_for, usable

FACTS = DeviceFacts("phone", "adb", "Phone", os_build="build 7")
CLASSES = (
    ClassProfile("cpu 1 to 10 ms", 30, 0, 0.03, invocation_s=2.0),
    ClassProfile("cpu over 100 ms", 30, 0, 0.05, invocation_s=4.0),
    ClassProfile("gpu 1 to 10 ms", 30, 0, 0.08),
)
PROFILE = DeviceProfile("phone", "2026-07-01T00:00:00.000+00:00", "build 7", CLASSES)
NOW = "2026-07-20T00:00:00+00:00"


@pytest.mark.parametrize(
    ("latency_ms", "name"),
    [
        (0.0163, "cpu under 0.1 ms"),
        (0.1, "cpu 0.1 to 1 ms"),
        (1.0, "cpu 1 to 10 ms"),
        (9.999, "cpu 1 to 10 ms"),
        (10.0, "cpu 10 to 100 ms"),
        (1e5, "cpu over 100 ms"),
    ],
)
def test_classes_are_decades_of_latency(latency_ms: float, name: str) -> None:
    assert model_class("cpu", latency_ms) == name


@pytest.mark.parametrize("latency_ms", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_latency_has_no_class(latency_ms: float) -> None:
    with pytest.raises(ValueError, match="latency"):
        model_class("cpu", latency_ms)


def test_a_fresh_profile_of_the_same_system_is_used() -> None:
    assert usable(PROFILE, FACTS, NOW) == (True, "")
    assert in_force(PROFILE, FACTS, NOW) is PROFILE


@pytest.mark.parametrize(
    ("profile", "now", "words"),
    [
        (None, NOW, "never calibrated"),
        (replace(PROFILE, device_id="other"), NOW, "other"),
        (replace(PROFILE, os_build="build 6"), NOW, "another system: build 6"),
        (replace(PROFILE, os_build=""), NOW, "unknown"),
        (PROFILE, "2026-09-29T00:00:01+00:00", "90 days ago"),
        (PROFILE, "2026-06-29T00:00:00+00:00", "future"),
        (replace(PROFILE, at="yesterday"), NOW, "no date"),
        (PROFILE, "", "no date"),
    ],
)
def test_an_aged_or_foreign_profile_is_an_unknown_device(profile: DeviceProfile | None, now: str, words: str) -> None:
    is_usable, reason = usable(profile, FACTS, now)
    assert not is_usable
    assert words in reason
    assert in_force(profile, FACTS, now) is None


def test_dates_of_every_spelling() -> None:
    assert usable(replace(PROFILE, at="2026-07-01T00:00:00Z"), FACTS, "2026-07-20T00:00:00")[0]
    assert usable(PROFILE, FACTS, "2026-09-29T00:00:00+00:00")[0], "90 days to the second"


def test_the_threshold_is_that_of_the_class() -> None:
    assert threshold_for(PROFILE, "cpu", 3.0) == 0.03
    assert threshold_for(PROFILE, "cpu", 300.0) == 0.05
    assert threshold_for(PROFILE, "gpu", 3.0) == 0.08


def test_the_nearest_class_of_the_backend_stands_in_the_noisier_of_two() -> None:
    assert threshold_for(PROFILE, "cpu", 0.01) == 0.03
    assert threshold_for(PROFILE, "cpu", 30.0) == 0.05, "as far from both"
    assert threshold_for(PROFILE, "gpu", 3000.0) == 0.08


def test_nothing_is_known_of_other_backends_devices_and_latencies() -> None:
    assert threshold_for(PROFILE, "hexagon", 3.0) == 0.0
    assert threshold_for(None, "cpu", 3.0) == 0.0
    assert threshold_for(PROFILE, "cpu", 0.0) == 0.0


def test_quarantine_and_costs() -> None:
    assert quarantine_reason(PROFILE) == quarantine_reason(None) == ""
    assert quarantine_reason(replace(PROFILE, quarantine="it cries wolf")) == "it cries wolf"
    assert startup_s(PROFILE, "cpu") == 3.0
    assert startup_s(PROFILE, "gpu") is None
    assert startup_s(None, "cpu") is None
