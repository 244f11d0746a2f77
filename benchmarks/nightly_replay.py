"""Sixty nights on a phone with drift, throttling, wild nights, a system update and one real step: what is told?

`python -m benchmarks.nightly_replay [--nights 60] [--years 25]`

Each night is what `harness nightly` makes, on the virtual phone: a pinned build, real adb, the store, the decision with
its history. A stand-in for benchmark_model reads from files how long an inference takes. The noise is that of
`harness.measure.simulator`: 10 to 20 % of drift in a session, 1.5 % between processes, throttling bursts of 30 % in
some 6 % of the time. The level swings by 15 % over the nights, and some nights are wild: 10 to 30 % slower with three
times the spread. From night 12 on an update of the system makes everything 8 % slower, the sentinel too; from night
31 on the candidate of one of four series is 5 % slower.

Expected: nobody is called before night 31; the step is, on night 31 to 33, and nothing else ever; the update is told
on night 12 to 14 as one DEVICE event about all series, and never as a regression.

Sixty nights of four series say little about rare false alarms. So the same decisions are made for years of nights
without a phone. Targets, each for the upper end of a 95 % interval: at most 0.3 false calls a series and year, and
at most 0.3 false changes in its history.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks._simulated_farm import Farm, season, upper_bound
from benchmarks._stand_in_phone import StandInPhone, factors, model_file, stand_in_phone
from harness.content import file_digest
from harness.devices.android.telemetry import Telemetry
from harness.domain import Night
from harness.lab.around import Around
from harness.lab.baseline import PinRequest, pin_baseline
from harness.lab.history import stored_histories, stored_nights
from harness.lab.interrupt import Interrupt
from harness.lab.nightly import NightRequest, run_night
from harness.lab.pairs import PairsRequest, PairsResult, run_pairs
from harness.measure.history_series import SeriesHistory
from harness.measure.simulator import SimulatedDevice
from harness.store import LeaseBook, Store
from harness.sweep import Sweep, parse_sweep
from tests.phone.debian import UnavailableError

NIGHTS, YEARS, SEED, TARGET = 60, 25, 31, 0.3
UPDATE_NIGHT, TOLD_BY, UPDATE = 12, 14, 0.08
STEP_NIGHT, STEP, STEPPED = 31, 0.05, "detector"
PAGED_BY = STEP_NIGHT + 2
WILD_NIGHTS = (7, 23, 40, 52)
INVOCATIONS = 1000  # more than a night has
LATENCIES_US = {"classifier": 4000, "detector": 9000, "segmenter": 15000, "speech": 2500}
SENTINEL_US = 1200
DEVICE = SimulatedDevice().drifting()
AT_ITS_PLACE = replace(DEVICE, drift=(0.14, 0.16))  # a phone warms up much the same every night
SWEEP = """\
name: replay
adb_server: {server}
models: [{models}]
variants: [float32]
targets: [{{adb: {{serial: "{serial}"}}}}]
runtime: {{benchmark_model: {{binary: "{tool}"}}}}
measure: {{min_s: 0.01, max_s: 0.1, warmup_min_s: 0, warmup_max_s: 0.1, memory: false, profile: false}}
settings: {{stay_awake: null}}
"""


# ---- the nights ------------------------------------------------------------------------------------------------------


def level(night: int) -> float:
    """How much slower than at first the phone is on a night that is not wild: a season, and the system update."""
    return season(night) * (1.0 + (UPDATE if night >= UPDATE_NIGHT else 0.0))


def conditions(rng: np.random.Generator, night: int) -> list[float]:
    """The factor of every invocation of a night."""
    slower, device = level(night), AT_ITS_PLACE
    if night in WILD_NIGHTS:
        slower *= 1.0 + rng.uniform(0.10, 0.30)
        device = replace(device, process_sd=3 * device.process_sd)
    return [slower * factor for factor in factors(rng, device, INVOCATIONS)]


class Replay:
    """A farm of one phone."""

    def __init__(self, folder: Path, place: StandInPhone, around: Around) -> None:
        self._folder, self._place, self._around = folder, place, around
        self._rng = np.random.default_rng(SEED)
        self._files = {name: model_file(folder / f"{name}.tflite", f"{name}, before") for name in LATENCIES_US}
        self._sweep = self._read_sweep()
        self._tell_latencies(LATENCIES_US)

    def pin(self) -> None:
        """Pin the build of the first night."""
        places = (self._folder / "baselines", self._folder / "reports", self._folder / "cache")
        request = PinRequest(self._sweep, self._sweep.name, *places, 1)
        pinned = pin_baseline(request, store=self._around.store, measure=_no_link, say=lambda text: None)
        if pinned.baseline is None or pinned.failed:
            raise SystemExit(f"the build could not be pinned: {[file.reason for file in pinned.failed]}")
        self._baseline = pinned.baseline

    def night(self, number: int) -> Night:
        """Measure and decide one night."""
        if number == STEP_NIGHT:
            model_file(self._files[STEPPED], f"{STEPPED}, after.")
            self._tell_latencies({STEPPED: round(LATENCIES_US[STEPPED] * (1.0 + STEP))})
        self._place.set_factors(conditions(self._rng, number))
        places = (self._folder / "reports", self._folder / "cache")
        request = NightRequest(self._read_sweep(), self._baseline, *places, 1)
        result = run_night(request, self._around, run=run_pairs, clock=time.monotonic, sleep=time.sleep)
        return result.night

    def histories(self) -> tuple[SeriesHistory, ...]:
        """What `harness history` says after the last night."""
        store = self._around.store
        return stored_histories(store, stored_nights(store))

    def _tell_latencies(self, latencies_us: Mapping[str, int]) -> None:
        self._place.set_latencies({file_digest(self._files[name]): us for name, us in latencies_us.items()})
        sentinel = Path(__file__).parent.parent / "models" / "sentinel.tflite"
        self._place.set_latencies({file_digest(sentinel): SENTINEL_US})

    def _read_sweep(self) -> Sweep:
        models = ", ".join(f'{{name: {name}, file: "{path}"}}' for name, path in self._files.items())
        serial, tool = self._place.phone.serial, self._place.tool
        text = SWEEP.format(server=self._place.server, models=models, serial=serial, tool=tool)
        return parse_sweep(text, str(self._folder / "replay.yaml"), known_models=())


def _no_link(request: PairsRequest) -> PairsResult:
    raise SystemExit("there is no baseline before the first")


@contextmanager
def replaying() -> Iterator[Replay]:
    """A phone and a store, while the block lasts.

    An invocation that takes no time would wait half a second for what the phone was like at its end: that is told ten
    times as often here.
    """
    hasty = partial(Telemetry, interval_s=0.05, slow_every=100)
    with patch("harness.devices.android.watcher.Telemetry", hasty), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            stand_in_phone(folder) as place,
            Store.open(folder / "results.sqlite") as store,
            LeaseBook.open(folder / "leases.sqlite") as leases,
        ):
            interrupt = Interrupt(threading.Event(), threading.Event())
            around = Around(store, leases, lambda event: None, interrupt, lambda run_id, directory: None)
            yield Replay(folder, place, around)


# ---- what was told ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """The nights by their numbers, from 1, as the decision told them."""

    nights: Sequence[Night]

    def numbers(self, kind: str) -> list[int]:
        """Nights with an event of that kind."""
        return [number for number, night in enumerate(self.nights, 1) if any(one.kind == kind for one in night.events)]

    def paged(self, model: str) -> list[int]:
        """Nights that call somebody about a model."""
        return [
            number
            for number, night in enumerate(self.nights, 1)
            for event in night.events
            if event.kind in ("REGRESSION", "NEWLY_FAILING")
            if any(outcome.model == model for outcome in event.outcomes)
        ]

    def false_pages(self) -> int:
        """Calls, of a series on a night, about nothing."""
        others = sum(len(self.paged(model)) for model in LATENCIES_US if model != STEPPED)
        return others + sum(number < STEP_NIGHT for number in self.paged(STEPPED))

    def problems(self) -> Iterator[str]:
        """What is not as it should be."""
        if self.false_pages():
            yield f"{self.false_pages()} false calls"
        first = next((number for number in self.paged(STEPPED) if number >= STEP_NIGHT), None)
        if len(self.nights) >= PAGED_BY and (first is None or first > PAGED_BY):
            yield f"the step of night {STEP_NIGHT} was first paged on {first or 'no night'}"
        if len(self.nights) >= TOLD_BY and not any(map(self._is_update, range(UPDATE_NIGHT, TOLD_BY + 1))):
            yield f"the system update of night {UPDATE_NIGHT} was not told as one DEVICE event"
        failed = sum(not night.outcomes or any(one.latency is None for one in night.outcomes) for night in self.nights)
        if failed:
            yield f"{failed} nights were not measured"

    def _is_update(self, number: int) -> bool:
        """Whether that night tells one event of the device, about all series."""
        events = [event for event in self.nights[number - 1].events if event.kind == "DEVICE"]
        return len(events) == 1 and len(events[0].series) == len(LATENCIES_US)


def replay(nights: int) -> bool:
    """Make the nights on the phone and tell them; whether all is as it should be."""
    begin = time.monotonic()
    with replaying() as farm:
        farm.pin()
        made: list[Night] = []
        for number in range(1, nights + 1):
            made.append(farm.night(number))
            print(f"  night {number}: {line(made[-1])}", flush=True)
        histories = farm.histories()
    told = Told(made)
    print(f"{nights} nights in {time.monotonic() - begin:.0f} s, load average {os.getloadavg()[0]:.2f}")
    verdicts = [night.verdict for night in made]
    print(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts)))
    paged = [number for number in told.paged(STEPPED) if number >= STEP_NIGHT]
    if nights >= STEP_NIGHT:
        first = f"first paged on night {paged[0]}" if paged else "never paged"
        print(
            f"step of night {STEP_NIGHT}: {first}, on {len(paged)} of the {nights - STEP_NIGHT + 1} nights from it on"
        )
    print(f"DEVICE events on nights {told.numbers('DEVICE')}: update on {UPDATE_NIGHT}, wild ones {list(WILD_NIGHTS)}")
    years = (len(LATENCIES_US) * nights - max(0, nights - STEP_NIGHT + 1)) / 365
    bound = upper_bound(told.false_pages()) / years
    print(
        f"false calls: {told.false_pages()} in {years:.2f} series-years, at most {bound:.1f} a series and year (95 %)"
    )
    for one in histories:
        print(f"history of {one.model}: {one.words()}")
    problems = list(told.problems())
    print("as expected" if not problems else f"NOT as expected: {'; '.join(problems)}")
    return not problems


def line(night: Night) -> str:
    """``REGRESSION: REGRESSION detector; DEVICE …``."""
    events = [f"{event.kind} {', '.join(dict.fromkeys(one.model for one in event.outcomes))}" for event in night.events]
    return "; ".join([night.verdict, *events])


# ---- years -----------------------------------------------------------------------------------------------------------


def simulate(years: int) -> bool:
    """Years of nights of four series without a phone, then a step; whether the targets are met."""
    begin = time.monotonic()
    rng = np.random.default_rng(SEED)
    models = tuple(LATENCIES_US)
    farms = [Farm(rng, models, DEVICE) for _ in range(years)]
    found: list[int | None] = []
    for number, farm in enumerate(farms):
        farm.quiet_year()
        found.append(farm.step(models[number % len(models)], STEP))
    series_years = years * len(LATENCIES_US)
    print(f"{series_years} simulated series-years in {time.monotonic() - begin:.0f} s")
    met = True
    for what, count in (
        ("false calls", sum(farm.paged for farm in farms)),
        ("false changes in the history", sum(farm.changes for farm in farms)),
    ):
        bound = upper_bound(count) / series_years
        met &= bound <= TARGET
        print(f"  {what}: {count}, {count / series_years:.3f} a series and year, at most {bound:.3f} (95 %)")
    awaiting = sum(farm.awaiting for farm in farms) / series_years
    print(f"  one night's suspicion, which calls nobody: {awaiting:.2f} a series and year")
    events = [
        sum(getattr(farm, name) for farm in farms) / years for name in ("device_events", "device_events_of_nothing")
    ]
    print(f"  DEVICE events: {events[0]:.1f} a phone and year, {events[1]:.1f} of them on nights like those before")
    updates, updates_told = sum(farm.updates for farm in farms), sum(farm.updates_told for farm in farms)
    print(f"  a system update of {UPDATE:.0%} is told on its night in {updates_told} of {updates}")
    delays = sorted(number for number in found if number is not None)
    told = f"on night {int(np.median(delays))} in the median, {delays[-1]} at the latest" if delays else "never"
    print(f"  a step of {STEP:.0%} is paged in {len(delays)} of {years}, {told}")
    print(f"target, at most {TARGET}: {'met' if met else 'MISSED'}")
    return met


def main() -> int:
    """Both replays; 1 when one is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=NIGHTS, help="on the phone; 0 for none")
    parser.add_argument("--years", type=int, default=YEARS, help="of four simulated series; 0 for none")
    options = parser.parse_args()
    good = True
    if options.nights:
        try:
            good &= replay(options.nights)
        except UnavailableError as reason:
            print(f"no virtual phone: {reason}")
            good = False
    if options.years:
        good &= simulate(options.years)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
