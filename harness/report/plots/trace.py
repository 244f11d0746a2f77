"""Clock, temperature and foreign load over the run: the evidence that the device was the same all along."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from harness.domain import Evidence, InvocationRecord, Purpose
from harness.report.plots.svg import Axis, canvas, element, linear_axis, polyline
from harness.report.wording import number
from harness.units import format_duration, parse_moment

WIDTH, HEIGHT = 1000, 100
SEGMENTS_SHOWN = 320  # of all devices of a strip

Timed = tuple[float, InvocationRecord]  # seconds since the run began


class Segment(NamedTuple):
    """One quantity over one invocation: seconds since the run began, and the value at both ends."""

    start_s: float
    end_s: float
    first: float
    last: float


@dataclass(frozen=True)
class Quantity:
    """What a strip shows: where it comes from, the least range it is drawn over, and its unit."""

    title: str
    ends: Callable[[Evidence], tuple[float | None, float | None]]
    least_span: float
    unit: str
    digits: int = 3
    from_zero: bool = False


QUANTITIES = (
    Quantity("Effective clock", lambda seen: (seen.clock_start_ghz, seen.clock_end_ghz), 0.1, "GHz", 4),
    Quantity("Temperature", lambda seen: (seen.temp_start_c, seen.temp_end_c), 4.0, "°C"),
    Quantity("Foreign load", lambda seen: (_pct(seen.foreign_load), _pct(seen.foreign_load)), 5.0, "%", from_zero=True),
)


def traces(records: Sequence[InvocationRecord], devices: Mapping[str, str]) -> list[tuple[str, list[Markup]]]:
    """(device, strips) for each device that ran something; `devices` says by case id where a case ran.

    A device that offers no evidence has no strips.
    """
    timing = [record for record in records if record.purpose is Purpose.TIMING]
    timed = [(at_s, record) for record in timing if (at_s := _at_s(record)) is not None]
    if not timed:
        return []
    begin_s = min(at_s for at_s, _ in timed)
    found: dict[str, list[Timed]] = {}
    for at_s, record in sorted(timed, key=lambda one: one[0]):
        found.setdefault(devices.get(record.case_id, ""), []).append((at_s - begin_s, record))
    most = max(40, SEGMENTS_SHOWN // len(found))
    return [(device, _strips(group, most)) for device, group in found.items()]


def _pct(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _at_s(record: InvocationRecord) -> float | None:
    started = parse_moment(record.started_at)
    return None if started is None else started.timestamp()


def _strips(records: Sequence[Timed], most: int) -> list[Markup]:
    strips = []
    for quantity in QUANTITIES:
        segments = [found for start_s, record in records if (found := _segment(start_s, record, quantity)) is not None]
        if segments:
            strips.append(_strip(quantity, segments, most))
    return strips


def _segment(start_s: float, record: InvocationRecord, quantity: Quantity) -> Segment | None:
    first, last = quantity.ends(record.result.evidence)
    first, last = (last if first is None else first), (first if last is None else last)
    if first is None or last is None or not (math.isfinite(first) and math.isfinite(last)):
        return None
    return Segment(start_s, start_s + record.result.wall_s, first, last)


def _strip(quantity: Quantity, segments: Sequence[Segment], most: int) -> Markup:
    values = [value for segment in segments for value in (segment.first, segment.last)]
    least = max(quantity.least_span, 0.05 * max(map(abs, values)))
    y = (
        Axis(0.0, max(least, *values), HEIGHT - 4, 4)
        if quantity.from_zero
        else (linear_axis(values, HEIGHT - 4, 4, least))
    )
    end_s = max(segment.end_s for segment in segments) or 1.0
    x = Axis(0.0, end_s, 0, WIDTH)
    drawn = "".join(
        polyline(((x.at(one.start_s), y.at(one.first)), (x.at(one.end_s), y.at(one.last))))
        for one in _reduced(segments, most)
    )
    grid = "".join(f"M0 {y.at(tick):.1f}H{WIDTH}" for tick in y.ticks(4))
    svg = canvas(
        WIDTH,
        HEIGHT,
        element("path", class_="g", d=grid),
        element("path", class_="trace", d=drawn),
        label=f"{quantity.title} over the run",
        stretch=True,
    )
    ticks = [element("span", number(tick, 4), style=f"top:{100 * y.at(tick) / HEIGHT:.1f}%") for tick in y.ticks(4)]
    spread = f"{number(min(values), quantity.digits)} to {number(max(values), quantity.digits)} {quantity.unit}"
    caption = element("figcaption", element("b", quantity.title), " ", element("span", spread))
    times = element("div", element("span", "0"), element("span", format_duration(end_s)), class_="times")
    plot = element("div", element("div", *ticks, class_="ticks"), svg, class_="strip")
    return element("figure", caption, plot, times, class_="trace")


def _reduced(segments: Sequence[Segment], most: int) -> Sequence[Segment]:
    """At most twice `most`: past that, each slice of time keeps its lowest and its highest segment."""
    if len(segments) <= most:
        return segments
    kept: list[Segment] = []
    for chunk in np.array_split(np.arange(len(segments)), most):
        part = [segments[index] for index in chunk]
        low, high = (
            min(part, key=lambda one: min(one.first, one.last)),
            max(part, key=lambda one: max(one.first, one.last)),
        )
        kept += [low] if low is high else sorted((low, high), key=lambda one: one.start_s)
    return kept
