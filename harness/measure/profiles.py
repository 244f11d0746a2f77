"""What calibration knew of a device, put to use while it still holds."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np

from harness.domain import ClassProfile, DeviceFacts, DeviceProfile
from harness.units import parse_moment

_BANDS = ((0.1, "under 0.1 ms"), (1.0, "0.1 to 1 ms"), (10.0, "1 to 10 ms"), (100.0, "10 to 100 ms"))
_SLOWEST = "over 100 ms"
BAND_NAMES = (*(name for _, name in _BANDS), _SLOWEST)
LONGEST_AGE = timedelta(days=90)
CLOCK_SLACK = timedelta(days=1)


def model_class(backend_kind: str, latency_ms: float) -> str:
    """The models that share a noise floor: the kind of backend and the decade of the latency, ``cpu 1 to 10 ms``.

    Raises:
        ValueError: the latency is not a positive number.
    """
    if not (math.isfinite(latency_ms) and latency_ms > 0):
        raise ValueError(f"a latency of {latency_ms} ms")
    band = next((name for limit_ms, name in _BANDS if latency_ms < limit_ms), _SLOWEST)
    return f"{backend_kind} {band}"


def class_order(name: str) -> tuple[str, int]:
    """Backend and place among the bands, to sort by and to measure distances with."""
    kind, _, band = name.partition(" ")
    return kind, BAND_NAMES.index(band) if band in BAND_NAMES else len(BAND_NAMES)


def usable(profile: DeviceProfile | None, facts: DeviceFacts, now: str) -> tuple[bool, str]:
    """Whether `profile` still says something of the device that `facts` describe, and if not, why.

    Not that of another device, of another build of its system, older than 90 days, or from the future. `now` is ISO
    8601 UTC.
    """
    reason = _why_unusable(profile, facts, now)
    return not reason, reason


def _why_unusable(profile: DeviceProfile | None, facts: DeviceFacts, now: str) -> str:
    if profile is None:
        return "it was never calibrated"
    if profile.device_id != facts.device_id:
        return f"the profile is that of {profile.device_id}"
    if profile.os_build != facts.os_build:
        return f"it was calibrated with another system: {profile.os_build or 'an unknown one'}"
    made, today = parse_moment(profile.at), parse_moment(now)
    if made is None or today is None:
        return f"the profile has no date: {profile.at!r}"
    if made - today > CLOCK_SLACK:
        return f"the profile is from the future ({profile.at}): a clock was wrong"
    if today - made > LONGEST_AGE:
        return f"it was calibrated {(today - made).days} days ago, more than {LONGEST_AGE.days}"
    return ""


def in_force(profile: DeviceProfile | None, facts: DeviceFacts, now: str) -> DeviceProfile | None:
    """`profile` where it is `usable`, else None: a device with an aged profile is an unknown one."""
    return profile if usable(profile, facts, now)[0] else None


def threshold_for(profile: DeviceProfile | None, backend_kind: str, latency_ms: float) -> float:
    """The noise floor for a model with that latency, as a relative change; 0.0 where nothing is known.

    A class that was not calibrated has that of the nearest one of the same backend, the noisier of two.
    """
    nearest = _nearest(profile, backend_kind, latency_ms)
    return 0.0 if nearest is None else nearest.noise_floor


def _nearest(profile: DeviceProfile | None, backend_kind: str, latency_ms: float) -> ClassProfile | None:
    if profile is None or not latency_ms > 0:
        return None
    _, wanted = class_order(model_class(backend_kind, latency_ms))
    known = [one for one in profile.classes if class_order(one.model_class)[0] == backend_kind]
    return min(
        known,
        key=lambda one: (abs(class_order(one.model_class)[1] - wanted), -one.noise_floor),
        default=None,
    )


def quarantine_reason(profile: DeviceProfile | None) -> str:
    """Why the verdicts of a device are not believed; empty for one in good standing, or of which nothing is known."""
    return "" if profile is None else profile.quarantine


def startup_s(profile: DeviceProfile | None, backend_kind: str) -> float | None:
    """What an invocation on that backend costs beside its inferences, the median of the classes; None where it was not
    measured."""
    if profile is None:
        return None
    costs = [
        one.invocation_s
        for one in profile.classes
        if class_order(one.model_class)[0] == backend_kind and one.invocation_s is not None
    ]
    return float(np.median(costs)) if costs else None
