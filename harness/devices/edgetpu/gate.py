"""May the next block begin on a PCIe module, and was the last one throttled? Pure.

The driver of a module lowers its clock in steps, each at a trip point, and tells nobody. So a block begins well below
the first one, and as cool as at the start: the twin of `harness.devices.android.gate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain import Gate

MARGIN_C = 5.0  # below the first trip point: what a block adds
# Once it waits, a module has to be this much better than the gate, or the next block would end what has just begun.
RELEASE_C = 1.0


@dataclass(frozen=True)
class Heat:
    """A module's temperature and the points at which its clock falls, in C; None and empty where they are not told."""

    temp_c: float | None = None
    trip_points_c: tuple[float, ...] = ()

    @property
    def first_trip_c(self) -> float | None:
        """Where the clock falls first."""
        return min(self.trip_points_c, default=None)


def wait_reason(gate: Gate, start_c: float | None, now: Heat, *, waiting: bool = False) -> str:
    """Why the block should not begin, or an empty text when it may.

    A temperature that is not known does not hold a block up: no waiting would make it known.

    Args:
        gate: what the sweep asks for.
        start_c: the temperature before the first block.
        now: the module as it is.
        waiting: this gate was closed at the last look; it opens a little below where it closes.
    """
    limits = [limit for limit in _limits_c(gate, start_c, now) if limit is not None]
    if now.temp_c is None or not limits:
        return ""
    limit_c = min(limits) - (min(RELEASE_C, gate.rise_c / 2.0) if waiting else 0.0)
    return f"cooling: {now.temp_c:.1f} C, gate {limit_c:.1f} C (Edge TPU)" if now.temp_c > limit_c else ""


def _limits_c(gate: Gate, start_c: float | None, now: Heat) -> tuple[float | None, ...]:
    trip_c = now.first_trip_c
    return (
        None if start_c is None else start_c + gate.rise_c,
        gate.max_temp_c,
        None if trip_c is None else trip_c - MARGIN_C,
    )


def throttled_reason(heat: Heat) -> str:
    """What shows that an invocation which ended with `heat` was throttled, or an empty text."""
    trip_c = heat.first_trip_c
    if heat.temp_c is None or trip_c is None or heat.temp_c < trip_c:
        return ""
    return f"the Edge TPU was at {heat.temp_c:.1f} C, and lowers its clock at {trip_c:.1f} C"
