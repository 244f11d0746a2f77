"""What calibrated devices are known to cost, for the estimates of plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.domain import Case, DeviceProfile, Target
from harness.measure.profiles import startup_s


def startup_costs(
    cases: Iterable[Case], profiles: Mapping[Target, DeviceProfile | None]
) -> dict[tuple[Target, str], float]:
    """Seconds that an invocation costs beside its inferences, by target and kind of backend, where it is known.

    `profiles` are those in force, by target.
    """
    kinds = dict.fromkeys((case.target, case.backend.kind) for case in cases)
    known = {(target, kind): startup_s(profiles.get(target), kind) for target, kind in kinds}
    return {key: cost for key, cost in known.items() if cost is not None}
