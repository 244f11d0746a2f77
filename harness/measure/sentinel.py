"""Did the device change, or the build? The sentinel and the pinned reference answer together.

Neither changes from night to night. When both are slower than on the nights before, the device is; the ratio of the
candidate to the reference, measured seconds apart, stays what it is and excuses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from harness.domain import PairOutcome
from harness.measure.past_nights import PastNights, is_level

MOVED = 0.03
NIGHTS = 10  # that make the level before
MIN_SERIES = 3  # of the reference, to accuse a device without a sentinel
LEAST_NIGHTS = 5  # before anybody knows how far a device strays by itself
_SPREADS = 3.0
_NORMAL = 1.4826  # median absolute deviation to standard deviation


@dataclass(frozen=True)
class SentinelLevels:
    """Latencies of one device's sentinel in ms: tonight's, None when it did not run, and those before, oldest first."""

    tonight_ms: float | None
    before_ms: tuple[float, ...] = ()


@dataclass(frozen=True)
class DeviceDrift:
    """How a device stands against the nights before. Ratios are tonight over before, None where nothing is known.

    `moved` says that the device changed; `outcomes` are those whose reference moved with it.
    """

    device_id: str
    sentinel: float | None
    reference: float | None
    moved: bool
    text: str
    outcomes: tuple[PairOutcome, ...] = ()


def sentinel_ratio(levels: SentinelLevels) -> float | None:
    """Tonight's level over the median of the last nights; None where one of them is missing."""
    before = _levels(levels.before_ms)
    if levels.tonight_ms is None or not is_level(levels.tonight_ms) or not before:
        return None
    return levels.tonight_ms / median(before)


def device_drifts(
    outcomes: Sequence[PairOutcome], past: PastNights, sentinel: Mapping[str, SentinelLevels]
) -> tuple[DeviceDrift, ...]:
    """What is to be told of the devices of a night: those that changed, and signs that do not agree."""
    devices = dict.fromkeys([*(outcome.device_id for outcome in outcomes), *sentinel])
    found = (_drift(device, outcomes, past, sentinel.get(device, SentinelLevels(None))) for device in devices)
    return tuple(drift for drift in found if drift is not None)


def _drift(
    device: str, outcomes: Sequence[PairOutcome], past: PastNights, levels: SentinelLevels
) -> DeviceDrift | None:
    ratios = [(one, ratio) for one in outcomes if one.device_id == device and (ratio := _reference_ratio(one, past))]
    reference = median(ratio for _, ratio in ratios) if ratios else None
    before = [past.base_levels(one)[::-1] for one, _ in ratios]
    usual = median(map(_threshold, before)) if before else MOVED
    ratio = sentinel_ratio(levels)
    by_sentinel = _has_moved(ratio, _threshold(levels.before_ms))
    by_reference = _has_moved(reference, usual)
    if not by_sentinel and not (by_reference and len(ratios) >= MIN_SERIES):
        return None
    with_it = tuple(one for one, moved in ratios if _has_moved(moved, MOVED))
    signs = f"its sentinel {_change(ratio)}, the reference build {_change(reference)} ({len(ratios)} series)"
    of_the_sentinel = len(_levels(levels.before_ms)) if by_sentinel else 0
    nights = max(of_the_sentinel, round(median(map(len, before))) if by_reference else 0)
    if nights < LEAST_NIGHTS:
        few = f"too few nights to tell the device from the build ({nights} of {LEAST_NIGHTS})"
        return DeviceDrift(device, ratio, reference, False, f"{device}: {signs}: {few}")
    if ratio is not None and by_sentinel and _agree(ratio, reference):
        text = f"{device} is {_words(reference or ratio)} than on the nights before: {signs}"
        return DeviceDrift(device, ratio, reference, True, text, with_it)
    if reference is not None and not by_sentinel and len(with_it) * 2 > len(ratios):
        text = f"the reference build is {_words(reference)} on {device} than on the nights before: {signs}"
        return DeviceDrift(device, ratio, reference, True, text, with_it)
    return DeviceDrift(device, ratio, reference, False, f"{device}: {signs}: they do not agree, so none is accused")


def _agree(sentinel: float, reference: float | None) -> bool:
    """Whether the reference moved with the sentinel; where no reference is known the fixed workload says it alone."""
    return reference is None or (_has_moved(reference, MOVED) and (sentinel > 1.0) is (reference > 1.0))


def _reference_ratio(outcome: PairOutcome, past: PastNights) -> float | None:
    change = outcome.latency
    if change is None or change.base is None or not is_level(change.base):
        return None
    before = past.base_levels(outcome)[:NIGHTS]
    return change.base / median(before) if before else None


def _threshold(before_ms: Sequence[float]) -> float:
    """3 %, or three spreads of the nights before where they vary more."""
    last = _levels(before_ms)
    if len(last) < LEAST_NIGHTS:
        return MOVED
    middle = median(last)
    return max(MOVED, _SPREADS * _NORMAL * median(abs(value / middle - 1.0) for value in last))


def _levels(before_ms: Sequence[float]) -> list[float]:
    """What of the nights before counts."""
    return [value for value in before_ms if is_level(value)][-NIGHTS:]


def _has_moved(ratio: float | None, threshold: float) -> bool:
    return ratio is not None and abs(ratio - 1.0) >= threshold


def _change(ratio: float | None) -> str:
    return "unknown" if ratio is None else f"{100 * (ratio - 1.0):+.1f} %"


def _words(ratio: float) -> str:
    return f"{100 * abs(ratio - 1.0):.1f} % {'slower' if ratio > 1.0 else 'faster'}"
