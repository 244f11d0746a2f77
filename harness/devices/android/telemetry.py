"""What a phone does while something is measured on it: runs `device_scripts/telemetry.sh` and keeps its samples."""

from __future__ import annotations

import re
import time
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Condition
from typing import Protocol

from harness.assets import folder
from harness.devices.android.sample import Sample, parse_line
from harness.errors import UsageError
from harness.units import ticks_to_s

INTERVAL_S = 0.5
SLOW_EVERY = 10
KEPT = 7200  # an hour at the usual interval
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


class Stream(Protocol):
    """One long-lived shell on the phone."""

    @property
    def alive(self) -> bool:
        """Whether its lines still come."""

    def close(self) -> None:
        """End it."""


class Streaming(Protocol):
    """What telemetry needs of a connection."""

    def stream(self, script: str, on_line: Callable[[str], None]) -> Stream:
        """Run `script`; `on_line` gets each line, from a thread of the connection."""


def script_text(
    cpus: Iterable[int], *, observer_cpu: int | None, interval_s: float = INTERVAL_S, slow_every: int = SLOW_EVERY
) -> str:
    """The telemetry loop for one shell on the phone, pinned to `observer_cpu` (None: not pinned).

    Where the phone has no taskset the loop runs unpinned; each sample says on which core it was.

    Raises:
        UsageError: the interval or the period cannot be used.
    """
    interval = f"{interval_s:.3f}"
    if _NUMBER.fullmatch(interval) is None or float(interval) <= 0 or slow_every < 1:
        raise UsageError(f"telemetry cannot be taken every {interval_s} s, services every {slow_every} ticks")
    pin = "" if observer_cpu is None else f"taskset -p {1 << observer_cpu:x} $$ >/dev/null 2>&1\n"
    listed = " ".join(str(int(cpu)) for cpu in cpus)
    body = (folder("device_scripts") / "telemetry.sh").read_text(encoding="utf-8")
    return f"{pin}set -- {interval} {slow_every} {listed}\n{body}"


class Telemetry:
    """The last samples of one phone. Thread-safe: lines come from the connection's thread.

    Args:
        phone: the connection.
        cpus: the cores that are measured; their counters and clocks are in each sample.
        observer_cpu: the core the loop is pinned to, one that is not measured; None does not pin.
        interval_s: between two samples.
        slow_every: ticks between two questions to Android's thermal and battery services.
        kept: samples in memory.
        monotonic: the host's clock in seconds.
    """

    def __init__(
        self,
        phone: Streaming,
        cpus: Sequence[int],
        *,
        observer_cpu: int | None = None,
        interval_s: float = INTERVAL_S,
        slow_every: int = SLOW_EVERY,
        kept: int = KEPT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._phone = phone
        self._script = script_text(cpus, observer_cpu=observer_cpu, interval_s=interval_s, slow_every=slow_every)
        self._samples: deque[Sample] = deque(maxlen=kept)
        self._changed = Condition()
        self._stream: Stream | None = None
        self._monotonic = monotonic
        self._heard_s: float | None = None
        self._first: Sample | None = None
        self._unread = 0

    def start(self) -> None:
        """Start the loop if it does not run: at first, or again after the phone was away.

        The samples of before stay, unless the phone was rebooted. Raises what the connection raises.
        """
        if self.alive:
            return
        self.close()
        with self._changed:
            self._first = None
        self._stream = self._phone.stream(self._script, self._take)

    @property
    def alive(self) -> bool:
        """Whether the loop's lines still come, as far as the connection knows; `age_s` tells of a phone that hangs."""
        return self._stream is not None and self._stream.alive

    def close(self) -> None:
        """End the loop; the samples stay."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def latest(self) -> Sample | None:
        """The last sample, None before the first."""
        with self._changed:
            return self._samples[-1] if self._samples else None

    def samples(self) -> tuple[Sample, ...]:
        """All that are kept, in order of time."""
        with self._changed:
            return tuple(self._samples)

    def window(self, start_uptime_s: float, end_uptime_s: float) -> tuple[Sample, ...]:
        """The samples between two times of the phone's clock, with the last one before and the first one after."""
        samples = self.samples()
        first = bisect_right(samples, start_uptime_s, key=_uptime_s)
        last = bisect_left(samples, end_uptime_s, key=_uptime_s)
        return samples[max(first - 1, 0) : last + 1]

    def wait_past(self, uptime_s: float, timeout_s: float) -> bool:
        """Wait for a sample of `uptime_s` or later: what ends a window comes up to an interval after it."""
        with self._changed:
            return self._changed.wait_for(
                lambda: bool(self._samples) and self._samples[-1].uptime_s >= uptime_s, timeout_s
            )

    def age_s(self) -> float | None:
        """Seconds of the host since the last sample came, None before the first."""
        with self._changed:
            return None if self._heard_s is None else max(0.0, self._monotonic() - self._heard_s)

    def own_load(self) -> float | None:
        """What the loop and its children took since it was started, as a share of one core; None before two samples.

        Work that Android's services do to answer is not in it.
        """
        with self._changed:
            first, last = self._first, self._samples[-1] if self._samples else None
        return None if first is None or last is None else own_load(first, last)

    @property
    def unread_lines(self) -> int:
        """Lines that were no whole sample."""
        with self._changed:
            return self._unread

    def _take(self, line: str) -> None:
        sample = parse_line(line)
        with self._changed:
            if sample is None:
                self._unread += bool(line.strip())
                return
            if self._samples and sample.uptime_s < self._samples[-1].uptime_s:
                self._samples.clear()  # the phone was rebooted: its clock began again
                self._first = None
            self._first = self._first or sample
            self._samples.append(sample)
            self._heard_s = self._monotonic()
            self._changed.notify_all()


def own_load(first: Sample, last: Sample) -> float | None:
    """The share of one core that the loop itself took between two of its samples, None where it cannot be told."""
    passed_s = last.uptime_s - first.uptime_s
    if first.own_ticks is None or last.own_ticks is None or passed_s <= 0 or last.own_ticks < first.own_ticks:
        return None
    return ticks_to_s(last.own_ticks - first.own_ticks) / passed_s


def _uptime_s(sample: Sample) -> float:
    return sample.uptime_s
