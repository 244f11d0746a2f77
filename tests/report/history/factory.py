"""A farm's year: steady series, a step, a creep, a change that was undone, a new system, a re-pinned reference."""

from __future__ import annotations

import numpy as np

from harness.domain import Baseline, BaselineLink, ComparisonVerdict, ContextDifference, DatedOutcome
from harness.domain.comparisons import series_id_of
from harness.measure.history import series_histories
from harness.measure.history_series import Contexts, NightContext, SeriesHistory
from tests.measure.histories import at, nights, noise, outcome
from tests.report.hostile import NAMES

MODELS = ("mobilenet_v2", "deeplab", "yolo", "wav2letter")
VARIANTS = ("float32", "int8")


def series_name(model: str, variant: str) -> str:
    return f"{model} {variant} · cpu xnnpack 1 thread · adb"


def farm(nights_count: int = 180) -> tuple[SeriesHistory, ...]:
    """Two phones, eight series each."""
    return series_histories(outcomes(nights_count), [pinned(nights_count)], contexts(nights_count))


def outcomes(count: int) -> list[DatedOutcome]:
    rng, found = np.random.default_rng(3), list[DatedOutcome]()
    for device in ("phone-a", "phone-b"):
        for model in MODELS:
            for variant in VARIANTS:
                ratios = noise(rng, count, "outlier" if variant == "float32" else "gauss", 0.008)
                told = [value * level(model, variant, night, count) for night, value in enumerate(ratios)]
                for night in nights(told, series=series_name(model, variant), device_id=device):
                    found.append(regressed(night) if model == "yolo" else night)
    return found


def level(model: str, variant: str, night: int, count: int) -> float:
    if (model, variant) == ("mobilenet_v2", "int8"):
        return 1.055 if night >= count - 9 else 1.0
    if (model, variant) == ("deeplab", "int8"):
        return 1.0 + 0.0015 * max(0, night - (count - 35))
    if (model, variant) == ("yolo", "int8"):
        return 1.08 if count // 2 <= night < count // 2 + 11 else 1.0
    return 0.93 if (model, variant) == ("wav2letter", "float32") and night >= 100 else 1.0


def regressed(night: DatedOutcome) -> DatedOutcome:
    """A night that says what differs, where it is slow."""
    ratio = night.outcome.changes[0].ratio or 1.0
    if ratio < 1.05:
        return night
    differs = [ContextDifference("coverage", "62 of 62 nodes", "58 of 62 nodes", 0.9, "Four nodes left.")]
    told = outcome(
        ratio,
        series=night.outcome.series,
        device_id=night.outcome.device_id,
        verdict=ComparisonVerdict.REGRESSION,
        differs=differs,
    )
    return DatedOutcome(night.run_id, night.at, told)


def contexts(count: int) -> Contexts:
    """A new system build on every phone at a third of the year; a new runtime nine nights before its end."""
    return {
        (f"run-{night}", "candidate-1"): NightContext(
            os_build="BP1A.250305" if night < count // 3 else "BP2A.250605",
            protocol="2 s windows",
            reference_runtime="2.20",
            candidate_runtime="2.20" if night < count - 9 else "2.21",
            candidate_file="a1b2c3d4e5f6",
            harness_version="0.1.0",
            git_commit=f"c{night:06x}",
        )
        for night in range(count)
    }


def pinned(count: int) -> Baseline:
    return Baseline("release-41", at(0)[:11] + "01:00:00+00:00", "farm", "{}")


def link(series: str, device_id: str, ratio: float) -> BaselineLink:
    return BaselineLink(series_id_of(series), series, device_id, ratio, None, None, "link")


def large(series: int = 100, count: int = 365) -> tuple[SeriesHistory, ...]:
    """As many series and nights as a large farm has in a year."""
    rng, found = np.random.default_rng(5), list[DatedOutcome]()
    for index in range(series):
        name = series_name(f"model_{index % 25}", VARIANTS[index % 2])
        found += nights(
            noise(rng, count, spread=0.01), series=name, device_id=f"phone-{index // 50}-{index % 50 // 25}"
        )
    return series_histories(found, (), contexts(count))


def hostile() -> tuple[SeriesHistory, ...]:
    """Every text that somebody else controls is one of the hostile names."""
    found: list[DatedOutcome] = []
    for index, name in enumerate(NAMES):
        differs = [ContextDifference(name, name, name, 1.0, name)]
        told = nights(
            [1.0] * 40 + [1.1] * 10,
            series=name,
            device_id=NAMES[index % 3],
            differs=differs,
            verdict=ComparisonVerdict.REGRESSION,
        )
        found += [DatedOutcome(f"{NAMES[1]}{place}", one.at, one.outcome) for place, one in enumerate(told)]
    stamps = {
        (f"{NAMES[1]}{place}", "candidate-1"): NightContext(*([NAMES[0] if place < 40 else NAMES[2]] * 8))
        for place in range(50)
    }
    return series_histories(found, (), stamps)
